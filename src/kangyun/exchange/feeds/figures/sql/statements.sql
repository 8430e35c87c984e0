-- Figures of a month, as they were counted.

-- name: changed
-- $1 a day. Months before it of which something came, or was declared, since they were published. What was being written
-- while they were is looked at again: it shows afterwards, and says an earlier time.
SELECT DISTINCT date_trunc('month', d.day)::date AS month
FROM feed_day AS d LEFT JOIN feed_reckoned AS k ON k.sheet = d.sheet AND k.month = date_trunc('month', d.day)::date
WHERE d.day < $1 AND d.day >= '0001-02-01' AND d.changed > coalesce(k.at, '-infinity') - interval '5 minutes'
ORDER BY month DESC;

-- name: sheets
-- $1 the first day of the month, $2 of the next, $3 whether all of them or those that changed. Tables of which something came, or was declared, in it. agreeing, either:
-- rows of each day that both sides count, and that the one who counts more does: what is too many of one day makes up for
-- nothing of another.
SELECT clock_timestamp() AS at, s.id, s.name, s.title, f.id AS feed, f.name AS feed_name, f.institution, f.dialect, sum(d.stored)::int8 AS stored,
    sum(d.revoked)::int8 AS revoked, sum(d.refused)::int8 AS refused, sum(d.declared)::int8 AS declared,
    sum(d.stored + d.revoked + d.refused) FILTER (WHERE d.declared IS NOT NULL)::int8 AS compared,
    sum(least(d.declared, d.stored + d.revoked + d.refused)) FILTER (WHERE d.declared IS NOT NULL)::int8 AS agreeing,
    sum(greatest(d.declared, d.stored + d.revoked + d.refused)) FILTER (WHERE d.declared IS NOT NULL)::int8 AS either
FROM feed_day AS d JOIN feed_sheet AS s ON s.id = d.sheet JOIN feed_source AS f ON f.id = s.feed
LEFT JOIN feed_reckoned AS k ON k.sheet = s.id AND k.month = $1
WHERE d.day >= $1 AND d.day < $2
GROUP BY s.id, s.name, s.title, f.id, f.name, f.institution, f.dialect, k.at
HAVING $3::bool OR max(d.changed) > coalesce(k.at, '-infinity') - interval '5 minutes'
ORDER BY f.name, s.name;

-- name: in_time
-- $1 table, $2 and $3 the month, $4 days, $5 the zone. By the delivery that brought what stands. What was due before the
-- feed first was on trial or live is back-fill: it could not come in time, and is not judged.
SELECT count(*) FILTER (WHERE r.day + $4::int4 >= b.day AND (d.received AT TIME ZONE $5)::date - r.day <= $4::int4) AS in_time,
    count(*) FILTER (WHERE r.day + $4::int4 < b.day) AS back_fill
FROM feed_row AS r JOIN feed_sheet AS s ON s.id = r.sheet
JOIN feed_delivery AS d ON d.feed = s.feed AND d.number = r.delivery
CROSS JOIN (
    SELECT coalesce(min(h.at AT TIME ZONE $5)::date, '-infinity') AS day
    FROM feed_sheet AS s JOIN feed_history AS h ON h.feed = s.feed WHERE s.id = $1 AND h.state IN ('trial', 'live')
) AS b
WHERE r.sheet = $1 AND r.day >= $2 AND r.day < $3 AND r.outcome <> 'r';

-- name: fields
SELECT field, rows, filled, valid, left_out, mended FROM feed_field WHERE sheet = $1 AND month = $2 ORDER BY field;

-- name: keep
-- $8 when it was begun: what came since is not in it.
INSERT INTO feed_reckoned (sheet, month, in_time, dated, back_fill, looked_at, linked, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (sheet, month) DO UPDATE SET in_time = excluded.in_time, dated = excluded.dated,
    back_fill = excluded.back_fill, looked_at = excluded.looked_at, linked = excluded.linked, at = excluded.at;

-- Together: $1 is an institution, null for all.

-- name: joined
SELECT count(DISTINCT institution) FILTER (WHERE state IN ('trial', 'live')) AS connected,
    count(DISTINCT institution) AS asked, count(*) FILTER (WHERE state IN ('trial', 'live')) AS feeds
FROM feed_source WHERE $1::text IS NULL OR institution = $1;

-- name: days
-- $2 and $3 the first day and the last. expected: of tables that were declared for the day, `compared` what came of them.
SELECT a.day, count(d.sheet) AS tables, count(d.declared) AS declared, sum(d.declared)::int8 AS expected,
    sum(d.stored + d.revoked + d.refused)::int8 AS received, sum(d.stored + d.revoked)::int8 AS stored,
    sum(d.refused)::int8 AS refused,
    sum(d.stored + d.revoked + d.refused) FILTER (WHERE d.declared IS NOT NULL)::int8 AS compared
FROM (SELECT $2::date + n AS day FROM generate_series(0, $3::date - $2::date) AS n) AS a
LEFT JOIN (
    feed_day AS d JOIN feed_sheet AS s ON s.id = d.sheet
    JOIN feed_source AS f ON f.id = s.feed AND ($1::text IS NULL OR f.institution = $1)
) ON d.day = a.day AND d.day >= $2 AND d.day <= $3
GROUP BY a.day ORDER BY a.day;

-- name: month
-- $2 the first day of the month.
WITH sheet AS (
    SELECT s.id FROM feed_sheet AS s JOIN feed_source AS f ON f.id = s.feed WHERE $1::text IS NULL OR f.institution = $1
)
SELECT r.*, v.* FROM (
    SELECT sum(k.in_time)::int8 AS in_time, sum(k.dated)::int8 AS dated, sum(k.back_fill)::int8 AS back_fill,
        sum(k.looked_at)::int8 AS looked_at,
        sum(k.linked)::int8 AS linked, min(k.at) AS at
    FROM sheet AS s JOIN feed_reckoned AS k ON k.sheet = s.id AND k.month = $2
) AS r CROSS JOIN (
    SELECT sum(v.rows)::int8 AS rows, sum(v.filled)::int8 AS filled
    FROM sheet AS s JOIN feed_field AS v ON v.sheet = s.id AND v.month = $2
) AS v;

-- name: held
-- Rows that stand, of all days.
SELECT coalesce(sum(d.stored), 0)::int8 FROM feed_day AS d JOIN feed_sheet AS s ON s.id = d.sheet
JOIN feed_source AS f ON f.id = s.feed WHERE f.institution = $1;

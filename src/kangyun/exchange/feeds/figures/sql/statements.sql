-- Figures of a month, as they were counted.

-- name: sheets
-- $1 the first day of the month, $2 of the next. Tables of which something came, or was declared, in it.
SELECT s.id, s.name, s.title, f.id AS feed, f.name AS feed_name, f.institution, sum(d.stored)::int8 AS stored,
    sum(d.revoked)::int8 AS revoked, sum(d.refused)::int8 AS refused, sum(d.declared)::int8 AS declared,
    sum(d.stored + d.revoked + d.refused) FILTER (WHERE d.declared IS NOT NULL)::int8 AS compared
FROM feed_day AS d JOIN feed_sheet AS s ON s.id = d.sheet JOIN feed_source AS f ON f.id = s.feed
WHERE d.day >= $1 AND d.day < $2
GROUP BY s.id, s.name, s.title, f.id, f.name, f.institution
ORDER BY f.name, s.name;

-- name: in_time
-- $1 table, $2 and $3 the month, $4 days, $5 the zone. By the delivery that brought what stands.
SELECT count(*) FROM feed_row AS r JOIN feed_sheet AS s ON s.id = r.sheet
JOIN feed_delivery AS d ON d.feed = s.feed AND d.number = r.delivery
WHERE r.sheet = $1 AND r.day >= $2 AND r.day < $3 AND r.outcome <> 'r'
    AND (d.received AT TIME ZONE $5)::date - r.day <= $4;

-- name: fields
SELECT field, rows, filled, valid, left_out, mended FROM feed_field WHERE sheet = $1 AND month = $2 ORDER BY field;

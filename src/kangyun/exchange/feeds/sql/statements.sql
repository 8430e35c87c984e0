-- What is kept of messages.

-- name: known
-- $1 senders, $2 their numbers, $3 digests. Returns the places of those that were stored.
SELECT a.nth FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS a(sender, control, digest, nth)
JOIN feed_message AS m ON m.sender = a.sender AND m.control = a.control AND m.digest = a.digest;

-- name: stored
-- $4 the institution, of which what was kept aside under the same numbers is settled.
WITH settled AS (
    UPDATE feed_message_aside AS w SET state = 'taken', settled = clock_timestamp()
    FROM unnest($1::text[], $2::text[]) AS a(sender, control)
    WHERE w.institution = $4 AND w.state = 'waiting' AND w.sender = a.sender AND w.control = a.control
)
INSERT INTO feed_message (sender, control, digest)
SELECT DISTINCT ON (a.sender, a.control) a.sender, a.control, a.digest
FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS a(sender, control, digest, nth)
ORDER BY a.sender, a.control, a.nth DESC
ON CONFLICT (sender, control) DO UPDATE SET digest = excluded.digest, at = clock_timestamp();

-- name: forget
DELETE FROM feed_message WHERE at < clock_timestamp() - make_interval(days => $1::int4);

-- The register.

-- name: register
INSERT INTO feed_source (name, institution, title, state) VALUES ($1, $2, $3, 'applied') RETURNING id;

-- name: move
UPDATE feed_source SET state = $2, since = clock_timestamp(), why = $3, waits = $4, waits_for = $5,
    waits_since = CASE WHEN $4::text <> '' THEN clock_timestamp() END
WHERE id = $1;

-- name: wait
UPDATE feed_source SET waits = $2, waits_for = $3, waits_since = CASE WHEN $2::text <> '' THEN clock_timestamp() END
WHERE id = $1;

-- name: note
INSERT INTO feed_history (feed, act, state, by, why) VALUES ($1, $2, $3, $4, $5);

-- name: history
SELECT at, act, state, by, why FROM feed_history WHERE feed = $1 ORDER BY at;

-- name: map
INSERT INTO feed_mapping (feed, name, by, content) VALUES ($1, $2, $3, $4);

-- name: mappings
-- The newest of each name.
SELECT DISTINCT ON (name) name, content FROM feed_mapping WHERE feed = $1 ORDER BY name, at DESC;

-- Deliveries.

-- name: standing
SELECT digest FROM feed_delivery WHERE feed = $1 AND number = $2;

-- name: keep
WITH kept AS (
    INSERT INTO feed_delivery (feed, number, digest, source, trial, size, key, content)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
)
UPDATE feed_source SET next = $2 + 1 WHERE id = $1;

-- name: answered
-- In the order of their numbers, up to the first that has not had its turn.
-- fits: whether there are no more than so many refusals up to it.
SELECT d.*, (
    SELECT count(*) FROM feed_refusal AS r WHERE r.feed = $1 AND r.delivery > $2 AND r.delivery <= d.number
) <= $4 AS fits
FROM (
    SELECT number, fate, rows, stored, unchanged, aside, reason, parameters FROM feed_delivery
    WHERE feed = $1 AND number > $2 AND number < coalesce(
        (SELECT min(number) FROM feed_delivery WHERE feed = $1 AND number > $2 AND fate = 'kept'), 9223372036854775807)
    ORDER BY number LIMIT $3
) AS d ORDER BY d.number;

-- name: refusals
SELECT delivery, "row", part, text, parameters, shown, whole, answered FROM feed_refusal
WHERE feed = $1 AND delivery = ANY ($2::int8[]) ORDER BY delivery, nth;

-- Taking in.

-- name: due
-- Feeds that have something to take in. What was delivered is taken in whatever the feed's state is by then.
SELECT DISTINCT s.name FROM feed_delivery AS d JOIN feed_source AS s ON s.id = d.feed WHERE d.fate = 'kept';

-- name: begin
-- The next delivery of a feed; that it was begun is noted, so that one that brings the worker down is parked some time.
UPDATE feed_delivery SET attempts = attempts + 1
WHERE feed = $1 AND number = (SELECT min(number) FROM feed_delivery WHERE feed = $1 AND fate = 'kept')
RETURNING number, trial, key, content, attempts, source;

-- name: sheet
INSERT INTO feed_sheet (feed, name, title) VALUES ($1, $2, $3)
ON CONFLICT (feed, name) DO UPDATE SET title = CASE WHEN excluded.title = '' THEN feed_sheet.title ELSE excluded.title END
RETURNING id, columns, stopped IS NOT NULL AS stopped;

-- name: describe
-- What the mapping calls so, by the source's names.
UPDATE feed_sheet SET columns = $2, keys = $3, day = $4, amounts = $5
WHERE id = $1 AND (columns, keys, day, amounts) IS DISTINCT FROM ($2, $3, $4, $5);

-- name: stop
UPDATE feed_sheet SET stopped = clock_timestamp(), reason = $2, parameters = $3 WHERE id = $1 AND stopped IS NULL;

-- name: known_rows
-- What is known of rows by their keys. anew: whether somebody was erased since they came.
SELECT r.key, r.content, r.delivery, r.outcome, r.delivery < f.anew_before AS anew
FROM feed_row AS r JOIN feed_sheet AS s ON s.id = r.sheet JOIN feed_source AS f ON f.id = s.feed
WHERE r.sheet = $1 AND r.key = ANY ($2::int8[]);

-- name: still_kept
SELECT fate = 'kept' FROM feed_delivery WHERE feed = $1 AND number = $2 FOR UPDATE;

-- name: refuse
INSERT INTO feed_refusal (feed, delivery, nth, "row", part, text, parameters, shown, whole, sheet, key)
SELECT $1, $2, a.nth, a.line, a.part, a.text, a.parameters, a.shown, a.whole, $3, a.key
FROM unnest($4::int4[], $5::text[], $6::text[], $7::text[], $8::text[], $9::bool[], $10::int8[])
    WITH ORDINALITY AS a(line, part, text, parameters, shown, whole, key, nth)
ON CONFLICT (feed, delivery, nth) DO NOTHING;

-- name: forget_refusals
DELETE FROM feed_refusal WHERE feed = $1 AND delivery = $2;

-- name: answer_by_key
-- A row that was kept aside once and is stored now.
UPDATE feed_refusal AS r SET answered = $2
WHERE r.sheet = $1 AND r.key = ANY ($3::int8[]) AND r.whole AND r.answered IS NULL AND r.delivery < $2;

-- name: answer_by_place
-- A row that came back from a workbook says which one it was. Returns the keys under which those are counted.
UPDATE feed_refusal AS r SET answered = $2
FROM unnest($3::int8[], $4::int4[]) AS a(delivery, line)
WHERE r.feed = $1 AND r.delivery = a.delivery AND r."row" = a.line AND r.whole AND r.answered IS NULL AND r.delivery < $2
RETURNING r.sheet, r.key;

-- name: answer_tried
-- A row that was kept aside while testing and would be stored now, by its key or by the workbook that it came back in.
UPDATE feed_refusal AS r SET answered = $3
FROM feed_delivery AS d
WHERE d.feed = r.feed AND d.number = r.delivery AND d.trial
AND r.feed = $1 AND r.whole AND r.answered IS NULL AND r.delivery < $3
AND (
    (r.sheet = $2 AND r.key = ANY ($4::int8[]))
    OR (r.delivery, r."row") IN (SELECT * FROM unnest($5::int8[], $6::int4[]))
);

-- name: uncount
-- Rows that were kept aside under another key than they have now are no rows of their own any more.
WITH gone AS (
    DELETE FROM feed_row WHERE sheet = $1 AND key = ANY ($2::int8[]) AND outcome = 'r' RETURNING day, amounts
), days AS (
    UPDATE feed_day AS d SET refused = d.refused - g.n, changed = clock_timestamp()
    FROM (SELECT day, count(*) AS n FROM gone GROUP BY day) AS g
    WHERE d.sheet = $1 AND d.day = g.day
)
UPDATE feed_sum AS s SET received = s.received - g.amount
FROM (
    SELECT g.day, f.field, coalesce(sum(g.amounts[f.nth]), 0)::int8 AS amount
    FROM gone AS g CROSS JOIN (SELECT * FROM unnest($3::text[]) WITH ORDINALITY AS a(field, nth)) AS f
    GROUP BY g.day, f.field
) AS g
WHERE s.sheet = $1 AND s.day = g.day AND s.field = g.field;

-- name: count
-- $1 sheet, $2 delivery, $3 keys, $4 contents, $5 days, $6 outcomes, $7 amounts as texts, $8 the amounts' names.
-- The last row of a key counts. What a later delivery has brought stays.
WITH sent AS (
    SELECT DISTINCT ON (a.key) a.key, a.content, a.day, a.outcome, a.amounts::int8[] AS amounts
    FROM unnest($3::int8[], $4::int8[], $5::date[], $6::"char"[], $7::text[])
        WITH ORDINALITY AS a(key, content, day, outcome, amounts, nth)
    ORDER BY a.key, a.nth DESC
), before AS (
    SELECT r.day, r.outcome, r.amounts FROM feed_row AS r JOIN sent AS s ON s.key = r.key
    WHERE r.sheet = $1 AND r.delivery <= $2
), written AS (
    INSERT INTO feed_row (key, content, sheet, delivery, day, outcome, amounts)
    SELECT key, content, $1, $2, day, outcome, amounts FROM sent
    ON CONFLICT (sheet, key) DO UPDATE SET content = excluded.content, delivery = excluded.delivery,
        day = excluded.day, outcome = excluded.outcome, amounts = excluded.amounts
    WHERE feed_row.delivery <= excluded.delivery
    RETURNING feed_row.day, feed_row.outcome, feed_row.amounts
), changes AS (
    SELECT day, outcome, amounts, 1 AS sign FROM written UNION ALL SELECT day, outcome, amounts, -1 FROM before
), days AS (
    INSERT INTO feed_day (sheet, day, stored, revoked, refused)
    SELECT $1, day, coalesce(sum(sign) FILTER (WHERE outcome = 's'), 0),
        coalesce(sum(sign) FILTER (WHERE outcome = 'v'), 0), coalesce(sum(sign) FILTER (WHERE outcome = 'r'), 0)
    FROM changes GROUP BY day
    ON CONFLICT (sheet, day) DO UPDATE SET stored = feed_day.stored + excluded.stored,
        revoked = feed_day.revoked + excluded.revoked, refused = feed_day.refused + excluded.refused,
        changed = excluded.changed
)
INSERT INTO feed_sum (sheet, day, field, received, stored)
SELECT $1, c.day, f.field, sum(c.sign * c.amounts[f.nth])::int8,
    coalesce(sum(c.sign * c.amounts[f.nth]) FILTER (WHERE c.outcome = 's'), 0)::int8
FROM changes AS c CROSS JOIN (SELECT * FROM unnest($8::text[]) WITH ORDINALITY AS a(field, nth)) AS f
WHERE c.amounts[f.nth] IS NOT NULL
GROUP BY c.day, f.field
ON CONFLICT (sheet, day, field) DO UPDATE SET received = feed_sum.received + excluded.received,
    stored = feed_sum.stored + excluded.stored;

-- name: fields
INSERT INTO feed_field (sheet, month, field, rows, filled, valid, left_out, mended)
SELECT $1, a.* FROM unnest($2::date[], $3::text[], $4::int8[], $5::int8[], $6::int8[], $7::int8[], $8::int8[])
    AS a(month, field, rows, filled, valid, left_out, mended)
ON CONFLICT (sheet, month, field) DO UPDATE SET rows = feed_field.rows + excluded.rows, filled = feed_field.filled + excluded.filled,
    valid = feed_field.valid + excluded.valid, left_out = feed_field.left_out + excluded.left_out, mended = feed_field.mended + excluded.mended;

-- name: settle
UPDATE feed_delivery SET fate = $3, settled = clock_timestamp(), sheet = $4, rows = $5, stored = $6, unchanged = $7,
    aside = $8, left_out = $9, reason = $10, parameters = $11
WHERE feed = $1 AND number = $2;

-- name: forget_contents
-- What waits for its turn, or was parked, stays.
UPDATE feed_delivery SET content = NULL, key = NULL
WHERE content IS NOT NULL AND fate IN ('taken', 'tried') AND received < clock_timestamp() - make_interval(days => $1::int4);

-- Reconciliation.

-- name: declare
-- $1 sheets, $2 days, $3 rows.
INSERT INTO feed_day (sheet, day, declared, told)
SELECT DISTINCT ON (a.sheet, a.day) a.sheet, a.day, a.rows, clock_timestamp()
FROM unnest($1::int4[], $2::date[], $3::int8[]) WITH ORDINALITY AS a(sheet, day, rows, nth)
ORDER BY a.sheet, a.day, a.nth DESC
ON CONFLICT (sheet, day) DO UPDATE SET declared = excluded.declared, told = excluded.told,
    changed = CASE WHEN feed_day.declared = excluded.declared THEN feed_day.changed ELSE excluded.changed END;

-- name: declare_sums
INSERT INTO feed_sum (sheet, day, field, declared)
SELECT DISTINCT ON (a.sheet, a.day, a.field) a.sheet, a.day, a.field, a.amount
FROM unnest($1::int4[], $2::date[], $3::text[], $4::int8[]) WITH ORDINALITY AS a(sheet, day, field, amount, nth)
ORDER BY a.sheet, a.day, a.field, a.nth DESC
ON CONFLICT (sheet, day, field) DO UPDATE SET declared = excluded.declared;

-- name: days
SELECT t.name, t.title, d.day, d.declared, d.stored, d.revoked, d.refused
FROM feed_sheet AS t JOIN feed_day AS d ON d.sheet = t.id
WHERE t.feed = $1 AND d.day BETWEEN $2 AND $3 ORDER BY d.day, t.name;

-- name: sums
SELECT t.name, s.day, s.field, s.declared, s.received, s.stored
FROM feed_sheet AS t JOIN feed_sum AS s ON s.sheet = t.id
WHERE t.feed = $1 AND s.day BETWEEN $2 AND $3 ORDER BY s.day, t.name, s.field;

-- name: sheets
SELECT id, name, title, columns, keys, day, amounts, stopped, reason, parameters FROM feed_sheet
WHERE feed = $1 ORDER BY name;

-- name: sheet_named
-- A table, by the source's name of it or without its owner's.
SELECT id, name, keys, day, amounts FROM feed_sheet WHERE feed = $1 AND (name = $2 OR name LIKE '%.' || $2)
ORDER BY name = $2 DESC, name LIMIT 1;

-- name: ask
INSERT INTO feed_asked (feed, what, sheet, day, by, key, keys) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id;

-- name: open_asked
SELECT a.id, a.what, t.name, a.day, a.key, a.keys, t.keys AS columns, t.day AS by
FROM feed_asked AS a JOIN feed_sheet AS t ON t.id = a.sheet
WHERE a.feed = $1 AND a.answered IS NULL ORDER BY a.id LIMIT 100;

-- name: all_asked
SELECT a.id, a.what, t.name AS table, a.day, a.at, a.by, a.answered, a.missing, a.surplus
FROM feed_asked AS a JOIN feed_sheet AS t ON t.id = a.sheet WHERE a.feed = $1 ORDER BY a.id DESC LIMIT 200;

-- name: one_asked
SELECT a.id, a.what, a.sheet, t.name, a.day, a.key, a.answered, a.answer
FROM feed_asked AS a JOIN feed_sheet AS t ON t.id = a.sheet WHERE a.feed = $1 AND a.id = $2;

-- name: compare
-- $1 sheet, $2 day, $3 digests of the keys that the hospital has. A row for each key that one side has, that was kept
-- aside, or that we have under another day: its place in the hospital's list, or null; the delivery that brought it, or
-- null; what became of it, and its day.
SELECT a.nth, r.delivery, r.outcome, coalesce(a.key, r.key) AS key, r.day
FROM unnest($3::int8[]) WITH ORDINALITY AS a(key, nth)
FULL JOIN (SELECT key, delivery, outcome, day FROM feed_row WHERE sheet = $1 AND (day = $2 OR key = ANY ($3::int8[]))) AS r
    ON r.key = a.key
WHERE r.key IS NULL OR (r.outcome = 'r') = (a.key IS NOT NULL) OR (a.key IS NOT NULL AND r.day <> $2);

-- name: answer
UPDATE feed_asked SET answered = clock_timestamp(), key = $3, answer = $4, missing = $5, surplus = $6
WHERE feed = $1 AND id = $2;

-- name: close_month
INSERT INTO feed_month (feed, month, by, why, figures) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
RETURNING at;

-- name: closed_months
SELECT month, at, by, why, figures FROM feed_month WHERE feed = $1 ORDER BY month;

-- name: field_figures
SELECT t.name AS table, f.month, f.field, f.rows, f.filled, f.valid, f.left_out, f.mended
FROM feed_sheet AS t JOIN feed_field AS f ON f.sheet = t.id
WHERE t.feed = $1 AND f.month BETWEEN $2 AND $3 ORDER BY f.month, t.name, f.field;

-- What was kept aside.

-- name: open_rows
-- Rows that were kept aside and that no later delivery has answered, by their deliveries. What was only judged (trial)
-- counts while the feed is tested, and no longer.
SELECT r.delivery, r."row", r.text, r.parameters, r.part, r.shown
FROM feed_refusal AS r JOIN feed_sheet AS t ON t.id = r.sheet
JOIN feed_delivery AS d ON d.feed = r.feed AND d.number = r.delivery JOIN feed_source AS s ON s.id = r.feed
WHERE r.feed = $1 AND t.name = $2 AND r.whole AND r.answered IS NULL AND r."row" IS NOT NULL AND d.content IS NOT NULL
AND (NOT d.trial OR s.state = 'testing')
ORDER BY r.delivery, r."row", r.nth LIMIT $3;

-- name: open_tables
-- Rows that can be given back: as many as the workbook has.
SELECT t.name, count(DISTINCT (r.delivery, r."row")) AS rows
FROM feed_refusal AS r JOIN feed_sheet AS t ON t.id = r.sheet
JOIN feed_delivery AS d ON d.feed = r.feed AND d.number = r.delivery JOIN feed_source AS s ON s.id = r.feed
WHERE r.feed = $1 AND r.whole AND r.answered IS NULL AND r."row" IS NOT NULL AND d.content IS NOT NULL
AND (NOT d.trial OR s.state = 'testing')
GROUP BY t.name ORDER BY t.name;

-- name: delivery
SELECT number, trial, key, content, attempts, source FROM feed_delivery WHERE feed = $1 AND number = $2;

-- name: deliveries
SELECT d.number, d.received, d.source, d.trial, d.size, d.fate, d.settled, d.rows, d.stored, d.unchanged, d.aside,
    d.left_out, d.reason, d.parameters, d.content IS NOT NULL AS kept
FROM feed_delivery AS d WHERE d.feed = $1 AND d.number > $2 ORDER BY d.number LIMIT $3;

-- name: resume
UPDATE feed_sheet SET stopped = NULL, reason = '', parameters = '{}', columns = '{}' WHERE feed = $1 AND name = $2
RETURNING id;

-- name: again
-- Parked deliveries have their turn again: all, those of a table, or one. What came later stays.
UPDATE feed_delivery SET fate = 'kept', attempts = 0, reason = '', parameters = '{}'
WHERE feed = $1 AND fate = 'failed' AND content IS NOT NULL
AND ($2::int4 IS NULL OR sheet = $2) AND ($3::int8 IS NULL OR number = $3);

-- name: replayable
-- Deliveries of a table whose content is kept, the last first. $3: whether those count that were only judged, $4 from
-- which number on.
SELECT number FROM feed_delivery
WHERE feed = $1 AND sheet = $2 AND content IS NOT NULL AND number >= $4 AND (fate = 'taken' OR ($3 AND fate = 'tried'))
ORDER BY number DESC;

-- name: replay
UPDATE feed_delivery SET fate = 'kept', trial = false, attempts = 0
WHERE feed = $1 AND sheet = $2 AND content IS NOT NULL AND number >= $4 AND (fate = 'taken' OR ($3 AND fate = 'tried'));

-- The watch.

-- name: vitals
SELECT s.name, w.waiting, w.lag, p.parked, d.rows, d.aside
FROM feed_source AS s
CROSS JOIN LATERAL (
    SELECT count(*)::float8 AS waiting,
        coalesce(extract(epoch FROM clock_timestamp() - min(k.received)), 0)::float8 AS lag
    FROM feed_delivery AS k WHERE k.feed = s.id AND k.fate = 'kept'
) AS w
CROSS JOIN LATERAL (
    SELECT count(*)::float8 AS parked FROM feed_delivery AS k WHERE k.feed = s.id AND k.fate = 'failed'
) AS p
LEFT JOIN (
    SELECT k.feed, sum(k.rows)::float8 AS rows, sum(k.aside)::float8 AS aside
    FROM feed_delivery AS k JOIN feed_source AS f ON f.id = k.feed
    WHERE k.settled > clock_timestamp() - make_interval(days => 1) AND (NOT k.trial OR f.state = 'testing')
    GROUP BY k.feed
) AS l ON l.feed = s.id
CROSS JOIN LATERAL (SELECT coalesce(l.rows, 0) AS rows, coalesce(l.aside, 0) AS aside) AS d
ORDER BY s.name;

-- name: condition
SELECT 'parked' AS what, s.name AS which FROM feed_source AS s
WHERE EXISTS (SELECT FROM feed_delivery AS d WHERE d.feed = s.id AND d.fate = 'failed')
UNION ALL
SELECT 'stopped', concat(s.name, ' ', t.name) FROM feed_source AS s JOIN feed_sheet AS t ON t.feed = s.id
WHERE t.stopped IS NOT NULL
UNION ALL
SELECT 'late', s.name FROM feed_source AS s
WHERE EXISTS (SELECT FROM feed_delivery AS d WHERE d.feed = s.id AND d.fate = 'kept'
    AND d.received < clock_timestamp() - make_interval(secs => $1::float8))
UNION ALL
SELECT 'ending', s.name FROM feed_source AS s
WHERE s.certificate_ends < clock_timestamp() + make_interval(days => $2::int4)
UNION ALL
SELECT 'aside', concat(w.institution, ' (', count(*), ')') FROM feed_message_aside AS w WHERE w.state = 'waiting'
GROUP BY w.institution
ORDER BY 1, 2;
-- name: keep_aside
-- $9 how many of one institution may wait; one that waits already is only counted.
INSERT INTO feed_message_aside (institution, sender, control, digest, reasons, size, key, content)
SELECT $1, $2, $3, $4, $5, $6, $7, $8
WHERE (SELECT count(*) FROM (SELECT FROM feed_message_aside WHERE institution = $1 AND state = 'waiting' LIMIT $9) AS w) < $9
   OR EXISTS (SELECT FROM feed_message_aside WHERE institution = $1 AND digest = $4)
ON CONFLICT (institution, digest) DO UPDATE SET
    times = feed_message_aside.times + 1, reasons = excluded.reasons, key = excluded.key, content = excluded.content,
    state = 'waiting', settled = NULL, received = clock_timestamp();

-- name: aside
-- $1 institution or null, $2 settled ones, too, $3 one by its number or null, $4 how many.
SELECT id, institution, sender, control, received, times, reasons, size, state FROM feed_message_aside
WHERE ($1::text IS NULL OR institution = $1) AND ($2::bool OR state = 'waiting') AND ($3::int8 IS NULL OR id = $3)
ORDER BY id LIMIT $4;

-- name: aside_content
SELECT institution, digest, key, content FROM feed_message_aside WHERE id = $1;

-- name: settle_aside
UPDATE feed_message_aside SET state = $2, settled = clock_timestamp() WHERE id = $1;

-- name: forget_aside
UPDATE feed_message_aside SET content = NULL, key = NULL
WHERE content IS NOT NULL AND received < clock_timestamp() - make_interval(days => $1::int4);

-- For a screen.

-- name: going
-- How feeds go: what waits and since when, was parked, is stopped; rows of a day and of an hour; the last that came.
SELECT s.name, w.waiting, w.since AS waiting_since, p.parked, t.stopped, l.last,
    coalesce(d.rows, 0) AS rows, coalesce(d.aside, 0) AS aside, coalesce(d.hour, 0) AS hour
FROM feed_source AS s
CROSS JOIN LATERAL (
    SELECT count(*) AS waiting, min(k.received) AS since FROM feed_delivery AS k WHERE k.feed = s.id AND k.fate = 'kept'
) AS w
CROSS JOIN LATERAL (SELECT count(*) AS parked FROM feed_delivery AS k WHERE k.feed = s.id AND k.fate = 'failed') AS p
CROSS JOIN LATERAL (
    SELECT count(*) AS stopped FROM feed_sheet AS k WHERE k.feed = s.id AND k.stopped IS NOT NULL
) AS t
CROSS JOIN LATERAL (SELECT max(k.received) AS last FROM feed_delivery AS k WHERE k.feed = s.id) AS l
CROSS JOIN LATERAL (
    SELECT sum(k.rows) AS rows, sum(k.aside) AS aside,
        sum(k.rows) FILTER (WHERE k.settled > clock_timestamp() - make_interval(hours => 1)) AS hour
    FROM feed_delivery AS k WHERE k.feed = s.id AND k.settled > clock_timestamp() - make_interval(days => 1)
    AND (NOT k.trial OR s.state = 'testing')
) AS d
WHERE s.id = ANY ($1::int4[]) ORDER BY s.name;

-- name: rates
SELECT date_trunc('minute', settled) AS minute, sum(rows) AS rows, sum(aside) AS aside FROM feed_delivery
WHERE feed = $1 AND settled > clock_timestamp() - make_interval(hours => 1) GROUP BY 1 ORDER BY 1;

-- name: deliveries_before
SELECT d.number, d.received, d.source, d.trial, d.size, d.fate, d.settled, d.rows, d.stored, d.unchanged, d.aside,
    d.left_out, d.reason, d.parameters, d.content IS NOT NULL AS kept, t.name AS table, t.title
FROM feed_delivery AS d LEFT JOIN feed_sheet AS t ON t.id = d.sheet
WHERE d.feed = $1 AND d.number < $2 ORDER BY d.number DESC LIMIT $3;

-- name: refused_rows
-- $2 table, $3 day, $4 delivery, $5 whole rows only, $6 answered ones, too. What was only judged counts while the feed is
-- tested. Of a day: by the day under which the row counts.
SELECT r.delivery, r."row", r.part, r.text, r.parameters, r.shown, r.whole, r.answered, t.name AS table, w.day, d.received,
    count(*) OVER () AS total
FROM feed_refusal AS r
JOIN feed_source AS s ON s.id = r.feed
JOIN feed_delivery AS d ON d.feed = r.feed AND d.number = r.delivery
LEFT JOIN feed_sheet AS t ON t.id = r.sheet
LEFT JOIN feed_row AS w ON w.sheet = r.sheet AND w.key = r.key
WHERE r.feed = $1 AND ($2::text IS NULL OR t.name = $2) AND ($3::date IS NULL OR w.day = $3 AND w.outcome = 'r')
AND ($4::int8 IS NULL OR r.delivery = $4) AND (r.whole OR NOT $5) AND (r.answered IS NULL OR $6)
AND (NOT d.trial OR s.state = 'testing' OR $4 IS NOT NULL)
ORDER BY r.delivery DESC, r."row", r.nth LIMIT $7 OFFSET $8;

-- name: tested
-- What came of each table, without its owner's name, until the feed first was on trial: as it was delivered.
SELECT substring(t.name FROM '[^.]*$') AS table, max(t.title) AS title, count(*) AS deliveries,
    sum(d.rows)::int8 AS received, sum(d.stored)::int8 AS stored, sum(d.aside)::int8 AS refused,
    (array_agg(d.aside ORDER BY d.number DESC))[1] AS last
FROM feed_delivery AS d JOIN feed_sheet AS t ON t.id = d.sheet
WHERE d.feed = $1 AND d.fate IN ('taken', 'tried') AND d.received < coalesce(
    (SELECT min(h.at) FROM feed_history AS h WHERE h.feed = $1 AND h.act = 'moved' AND h.state = 'trial'), 'infinity')
GROUP BY 1 ORDER BY 1;

-- Erasing.

-- name: mark_all
-- What is kept is looked through by the background work. $1, here and below: institutions, null for all.
UPDATE feed_delivery SET unsearched = true WHERE content IS NOT NULL AND NOT unsearched
AND feed IN (SELECT id FROM feed_source WHERE $1::text[] IS NULL OR institution = ANY ($1::text[]));

-- name: anew
-- What came before is no more taken for stored because it comes as it was.
UPDATE feed_source SET anew_before = next WHERE $1::text[] IS NULL OR institution = ANY ($1::text[]);

-- name: forget_asked
-- Of the serial numbers nobody can say whose they are. A question that is open asks for the whole day.
UPDATE feed_asked SET keys = '', answer = NULL WHERE (keys <> '' OR answer IS NOT NULL)
AND feed IN (SELECT id FROM feed_source WHERE $1::text[] IS NULL OR institution = ANY ($1::text[]));

-- name: forget_settled
UPDATE feed_message_aside SET content = NULL, key = NULL WHERE content IS NOT NULL AND state <> 'waiting'
AND ($1::text[] IS NULL OR institution = ANY ($1::text[]));

-- name: mark_messages
UPDATE feed_message_aside SET unsearched = true WHERE content IS NOT NULL AND NOT unsearched
AND ($1::text[] IS NULL OR institution = ANY ($1::text[]));

-- name: mark_one
UPDATE feed_delivery SET unsearched = true
WHERE feed = $1 AND number = $2 AND content IS NOT NULL AND EXISTS (SELECT FROM erased);

-- name: to_search
-- Feeds of which something is to be looked through. What waits for its turn is taken in before.
SELECT DISTINCT s.name FROM feed_delivery AS d JOIN feed_source AS s ON s.id = d.feed
WHERE d.unsearched AND d.fate IN ('taken', 'tried');

-- name: next_to_search
SELECT number FROM feed_delivery WHERE feed = $1 AND unsearched AND fate IN ('taken', 'tried') ORDER BY number LIMIT 1;

-- name: searched
UPDATE feed_delivery SET unsearched = false WHERE feed = $1 AND number = $2;

-- name: take_out
-- $3 what is left, null for nothing, $4 its key.
UPDATE feed_delivery SET unsearched = false, content = $3, key = $4 WHERE feed = $1 AND number = $2;

-- name: forget_shown
-- $3 rows, null for all. What was wrong with them is told; nothing of it is shown, or asked to be put right.
UPDATE feed_refusal SET shown = '', answered = coalesce(answered, delivery)
WHERE feed = $1 AND delivery = $2 AND ($3::int4[] IS NULL OR "row" = ANY ($3));

-- name: messages_to_search
SELECT id, sender, digest, key, content FROM feed_message_aside
WHERE institution = $1 AND unsearched AND content IS NOT NULL ORDER BY id LIMIT 100;

-- name: message_searched
-- $2: whether it was about somebody who was erased.
UPDATE feed_message_aside SET unsearched = false, content = CASE WHEN $2 THEN NULL ELSE content END,
    key = CASE WHEN $2 THEN NULL ELSE key END, state = CASE WHEN $2 THEN 'dropped' ELSE state END,
    settled = CASE WHEN $2 THEN clock_timestamp() ELSE settled END
WHERE id = $1;

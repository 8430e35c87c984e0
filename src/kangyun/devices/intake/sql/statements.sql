-- name: positions
SELECT source, lane, taken, furthest FROM device_log_position

-- name: new_positions
INSERT INTO device_log_position (source, lane, taken, furthest)
SELECT source, $2, 0, 0 FROM unnest($1::text[]) AS source ON CONFLICT DO NOTHING

-- name: advance
-- Moves each position from where this process read, and not from elsewhere: of two that take in the same, one is refused.
UPDATE device_log_position AS p
SET taken = a.until, furthest = greatest(p.furthest, a.until), records = p.records + a.records, at = clock_timestamp()
FROM unnest($1::text[], $2::int8[], $3::int8[], $4::int8[]) AS a (source, since, until, records)
WHERE p.source = a.source AND p.taken = a.since
RETURNING p.source, p.audited, p.taken, p.records - p.audited_records AS count,
    p.audited_at < clock_timestamp() - make_interval(secs => $5) AS due

-- name: audited
UPDATE device_log_position SET audited = taken, audited_records = records, audited_at = clock_timestamp()
WHERE source = ANY ($1::text[])

-- name: back
-- Begins again: what is taken in then is known, but for what was refused and is understood now.
UPDATE device_log_position AS p SET taken = a.taken
FROM unnest($1::text[], $2::int8[]) AS a (source, taken) WHERE p.source = a.source AND p.taken > a.taken

-- name: told
-- The places of messages that are known: told before by another record, and not long ago. Read again, the record that was
-- told first is itself, and what came after it is known as it was then.
WITH asked AS (
    SELECT * FROM unnest($1::int4[], $2::int8[], $3::int8[], $4::bytea[], $5::timestamptz[], $6::timestamptz[])
        AS a (place, device, sequence, digest, at, until)
), kept AS (
    INSERT INTO device_told AS t (device, sequence, digest, at, until)
    SELECT DISTINCT ON (device, sequence, digest) device, sequence, digest, at, until FROM asked
    ORDER BY device, sequence, digest, at DESC
    ON CONFLICT (device, sequence, digest) DO UPDATE SET at = excluded.at, until = excluded.until
    WHERE t.until < excluded.at
)
SELECT a.place FROM asked AS a JOIN device_told AS t USING (device, sequence, digest)
WHERE t.at < a.at AND a.at <= t.until

-- name: forget_told
-- Not before the log has forgotten them, too.
DELETE FROM device_told WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM device_told WHERE until < clock_timestamp() - interval '7 days' LIMIT 10000
))

-- name: aside
INSERT INTO device_aside (digest, place, device, received, reason, sealed)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::int8[], $4::timestamptz[], $5::text[], $6::bytea[])
ON CONFLICT DO NOTHING

-- name: forget_asides
DELETE FROM device_aside WHERE ctid = ANY (ARRAY (
    SELECT ctid FROM device_aside WHERE at < clock_timestamp() - make_interval(days => $1) LIMIT 10000
))

-- name: asides
SELECT count(*)::float8 AS count FROM device_aside

-- name: happened
-- The places of events that were not known.
WITH fresh AS (
    INSERT INTO device_event (device, kind, at, holder, latitude, longitude)
    SELECT device, kind, at, holder, latitude, longitude
    FROM unnest($1::int8[], $2::text[], $3::int8[], $4::int8[], $5::float8[], $6::float8[])
        AS a (device, kind, at, holder, latitude, longitude)
    ORDER BY device, kind, at
    ON CONFLICT DO NOTHING RETURNING device, kind, at
)
SELECT min(a.place) AS place
FROM unnest($1::int8[], $2::text[], $3::int8[]) WITH ORDINALITY AS a (device, kind, at, place)
JOIN fresh AS f USING (device, kind, at) GROUP BY a.device, a.kind, a.at

-- name: erase_events
DELETE FROM device_event WHERE holder = ANY ($1::int8[])

-- name: erase_asides
DELETE FROM device_aside AS a USING device_user AS u
WHERE u.holder = ANY ($1::int8[]) AND a.device = u.device AND a.received >= u.since
AND (u.until IS NULL OR a.received < u.until)

-- name: questions
-- The questions that were asked of these presses, by place.
SELECT n.place, q.reason, q.answered IS NULL AS open, q.holder
FROM unnest($1::int8[], $2::timestamptz[], $3::text[]) WITH ORDINALITY AS n (device, at, key, place)
JOIN device_question AS q ON q.device = n.device AND q.at = n.at AND q.key = n.key

-- name: state
-- What the intake tells every five seconds (vital), and what it has put aside.
SELECT
    coalesce(max(told) < clock_timestamp() - interval '1 minute', true) AS silent,
    (SELECT count(*) FROM device_log_position) AS sources,
    coalesce(sum(value) FILTER (WHERE name ~ '_event_records$|_live_records$'), 0)::int8 AS records,
    coalesce(max(value) FILTER (WHERE name ~ '_event_seconds$|_live_seconds$'), 0)::float8 AS seconds,
    coalesce(sum(value) FILTER (WHERE name ~ '_backfill_records$'), 0)::int8 AS history,
    (SELECT count(*) FROM device_aside) AS asides
FROM vital WHERE name LIKE 'device\_log\_%'

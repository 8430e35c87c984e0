-- name: series_there
SELECT i, s.id FROM unnest($1::int8[], $2::int2[], $3::int8[]) WITH ORDINALITY AS n(device, metric, holder, i)
JOIN device_series AS s ON s.device = n.device AND s.metric = n.metric AND s.holder IS NOT DISTINCT FROM n.holder;

-- name: make_series
INSERT INTO device_series (device, metric, holder)
SELECT * FROM unnest($1::int8[], $2::int2[], $3::int8[]) ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING;

-- name: insert_samples
-- Says how many are new, and which where not all are.
WITH fresh AS (
    INSERT INTO device_sample (series, at, value, mark)
    SELECT * FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::int2[])
    ON CONFLICT DO NOTHING RETURNING series, at
)
SELECT count(*) AS count, array_agg(series) AS series, array_agg(at) AS at FROM fresh;

-- name: standing_samples
SELECT n.i, s.value FROM unnest($1::int8[], $2::int8[]) WITH ORDINALITY AS n(series, at, i)
JOIN device_sample AS s ON s.series = n.series AND s.at = n.at;

-- name: chunked_upto
SELECT upto FROM device_chunked;

-- name: series_of_device
SELECT id, metric FROM device_series WHERE device = $1 AND holder IS NOT DISTINCT FROM $2 ORDER BY metric;

-- name: take_hot_within
WITH gone AS (
    DELETE FROM device_sample WHERE series = ANY ($1::int8[]) AND at >= $2 AND at < $3
    RETURNING series, at, value, mark
)
SELECT series, array_agg(at) AS at, array_agg(value) AS value, array_agg(mark) AS mark FROM gone GROUP BY series;

-- name: take_back
DELETE FROM device_sample AS s USING unnest($1::int8[], $2::int8[]) AS n(series, at)
WHERE s.series = n.series AND s.at = n.at;

-- name: owners
-- Held: an erasure waits for what is being sealed, or is over and there is no such series.
SELECT s.id, s.metric, s.holder, coalesce(d.institution, 0) AS institution
FROM device_series AS s LEFT JOIN device AS d ON d.id = s.device
WHERE s.id = ANY ($1::int8[]) FOR KEY SHARE OF s;

-- name: chunks_near
-- From the last chunk that begins before the first of new samples to the last that begins before their end.
SELECT c.series, c.since, c.until, c.samples FROM unnest($1::int8[], $2::int8[], $3::int8[]) AS n(series, first, last)
JOIN device_chunk AS c ON c.series = n.series AND c.since <= n.last AND c.since >= coalesce(
    (SELECT max(b.since) FROM device_chunk AS b WHERE b.series = n.series AND b.since <= n.first), n.first
)
ORDER BY c.series, c.since;

-- name: chunks
SELECT c.series, c.since, c.key, c.body FROM unnest($1::int8[], $2::int8[]) AS n(series, since)
JOIN device_chunk AS c ON c.series = n.series AND c.since = n.since;

-- name: chunks_within
SELECT series, since, key, body FROM device_chunk
WHERE series = ANY ($1::int8[]) AND until >= $2 AND since < $3 ORDER BY series, since;

-- name: chunks_holding
-- The chunks that reach over any of these instants.
SELECT c.series, c.since, c.key, c.body FROM (
    SELECT DISTINCT n.series, b.since FROM unnest($1::int8[], $2::int8[]) AS n(series, at)
    CROSS JOIN LATERAL (
        SELECT since, until FROM device_chunk WHERE series = n.series AND since <= n.at ORDER BY since DESC LIMIT 1
    ) AS b
    WHERE b.until >= n.at
) AS h JOIN device_chunk AS c ON c.series = h.series AND c.since = h.since;

-- name: drop_chunks
DELETE FROM device_chunk AS c USING unnest($1::int8[], $2::int8[]) AS n(series, since)
WHERE c.series = n.series AND c.since = n.since;

-- name: write_chunks
INSERT INTO device_chunk (series, since, until, samples, key, hours, body)
SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int4[], $5::int4[], $6::bytea[], $7::bytea[]);

-- name: take_hot
-- Takes a number of samples before an instant out of a table of hot ones, from a place on; in no order.
WITH gone AS (
    DELETE FROM {table} WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM {table} WHERE (series, at) > ($1, $2) AND at < $3 ORDER BY series, at LIMIT $4
    ))
    RETURNING series, at, value, mark
)
SELECT array_agg(series) AS series, array_agg(at) AS at, array_agg(value) AS value, array_agg(mark) AS mark FROM gone;

-- name: put_back
INSERT INTO device_sample (series, at, value, mark)
SELECT * FROM unnest($1::int8[], $2::int8[], $3::int4[], $4::int2[]) ON CONFLICT DO NOTHING;

-- name: chunked
UPDATE device_chunked SET upto = $1 WHERE upto < $1;

-- name: chunked_all
UPDATE device_chunked SET done = $1;

-- name: tell
INSERT INTO device_news (series, at) SELECT * FROM unnest($1::int8[], $2::int8[]);

-- name: hot_tables
SELECT c.relname AS name FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'device_sample'::regclass ORDER BY c.relname;

-- name: move_to_day
WITH gone AS (DELETE FROM device_sample_rest WHERE at >= $1 AND at < $2 RETURNING series, at, value, mark)
INSERT INTO {table} (series, at, value, mark) SELECT * FROM gone;

-- name: series_of_holders
SELECT id, device, metric, holder FROM device_series
WHERE holder = ANY ($1::int8[]) AND ($2::int2[] IS NULL OR metric = ANY ($2::int2[])) ORDER BY id;

-- name: hot_within
SELECT series, array_agg(at) AS at, array_agg(value) AS value, array_agg(mark) AS mark FROM device_sample
WHERE series = ANY ($1::int8[]) AND at >= $2 AND at < $3 GROUP BY series;

-- name: hours_within
-- Hours, and the body where there are none.
SELECT series, since, key, hours, CASE WHEN hours = '' THEN body END AS body FROM device_chunk
WHERE series = ANY ($1::int8[]) AND until >= $2 AND since < $3 ORDER BY series, since;

-- name: last_hot
SELECT n.series, s.at, s.value, s.mark FROM unnest($1::int8[]) AS n(series)
CROSS JOIN LATERAL (
    SELECT at, value, mark FROM device_sample AS h WHERE h.series = n.series ORDER BY at DESC LIMIT 1
) AS s;

-- name: last_chunks
SELECT n.series, c.since, c.key, c.body FROM unnest($1::int8[]) AS n(series)
CROSS JOIN LATERAL (
    SELECT since, key, body FROM device_chunk AS b WHERE b.series = n.series ORDER BY since DESC LIMIT 1
) AS c;

-- name: devices
SELECT id, name, resource, institution FROM device WHERE id = ANY ($1::int8[]);

-- name: tell_of
INSERT INTO device_news (series, at, until, rule) SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::text[]);

-- name: news
SELECT n.id, n.series, n.at, n.until, n.rule, s.device, s.metric, s.holder
FROM device_news AS n LEFT JOIN device_series AS s ON s.id = n.series
WHERE n.refused IS NULL ORDER BY n.id LIMIT $1;

-- name: told
DELETE FROM device_news WHERE id = ANY ($1::int8[]);

-- name: refused
UPDATE device_news AS n SET refused = r.text FROM unnest($1::int8[], $2::text[]) AS r(id, text) WHERE n.id = r.id;

-- name: samples_at
SELECT n.i, s.id AS series, h.value, h.mark
FROM unnest($1::int8[], $2::int2[], $3::int8[], $4::int8[]) WITH ORDINALITY AS n(device, metric, holder, at, i)
JOIN device_series AS s ON s.device = n.device AND s.metric = n.metric AND s.holder = n.holder
LEFT JOIN device_sample AS h ON h.series = s.id AND h.at = n.at;

-- name: forget_series
DELETE FROM device_series WHERE holder = ANY ($1::int8[]) RETURNING id, device;

-- name: forget_nobodys
-- What nobody certain measured with devices that nobody else has used.
DELETE FROM device_series AS s WHERE s.device = ANY ($1::int8[]) AND s.holder IS NULL
    AND NOT EXISTS (SELECT FROM device_series AS o WHERE o.device = s.device AND o.holder IS NOT NULL)
RETURNING s.id;

-- name: write_waves
INSERT INTO device_wave (series, at, period, count, key, body)
SELECT * FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::int4[], $5::int4[], $6::bytea[])
ON CONFLICT DO NOTHING RETURNING series, at;

-- name: weigh_waves
SELECT coalesce(sum(count), 0)::int8 FROM device_wave WHERE series = ANY ($1::int8[]) AND at >= $2 AND at < $3;

-- name: waves
SELECT at, period, count, key, body FROM device_wave WHERE series = $1 AND at >= $2 AND at < $3 ORDER BY at;

-- name: condition
SELECT (
    SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::int8 FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'device_sample'::regclass
) AS hot,
    (SELECT done FROM device_chunked) AS done,
    (SELECT count(*) FROM device_news WHERE refused IS NULL) AS waiting,
    (SELECT count(*) FROM device_news WHERE refused IS NOT NULL) AS refused;

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

-- name: move_samples
WITH gone AS (
    DELETE FROM device_sample AS s USING unnest($1::int8[], $2::int8[]) AS m(old, new)
    WHERE s.series = m.old AND s.at >= $3 AND s.at < $4
    RETURNING m.new, s.at, s.value, s.mark & ~$5::int2 AS mark
), there AS (
    INSERT INTO device_sample (series, at, value, mark) SELECT * FROM gone ON CONFLICT DO NOTHING
)
SELECT count(*) FROM gone;

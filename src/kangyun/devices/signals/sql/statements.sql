-- name: facts
SELECT h.holder, p.born, coalesce(p.conditions, '{}') AS conditions, a.latitude, a.longitude, a.radius,
    (SELECT array_agg(ARRAY[l.metric, CASE l.side WHEN 'high' THEN 1 ELSE 0 END, l.level, l.value])
     FROM signal_limit AS l WHERE l.holder = h.holder AND l.ended IS NULL
     AND (l.until IS NULL OR l.until > clock_timestamp())) AS limits,
    (SELECT min(l.until) FROM signal_limit AS l WHERE l.holder = h.holder AND l.ended IS NULL
     AND l.until > clock_timestamp()) AS expires
FROM unnest($1::int8[]) AS h(holder)
LEFT JOIN signal_person AS p ON p.holder = h.holder
LEFT JOIN signal_area AS a ON a.holder = h.holder;

-- name: rhythms
SELECT holder, metric, days, middle, spread FROM signal_rhythm WHERE holder = ANY ($1::int8[]);

-- name: told
SELECT holder, rule, level, at, calm FROM signal_told WHERE holder = ANY ($1::int8[]);

-- name: keep_told
INSERT INTO signal_told (holder, rule, level, at, calm)
SELECT * FROM unnest($1::int8[], $2::text[], $3::int2[], $4::int8[], $5::bool[]) ORDER BY 1, 2
ON CONFLICT (holder, rule) DO UPDATE SET level = excluded.level, at = excluded.at, calm = excluded.calm
WHERE signal_told.at <= excluded.at;

-- name: recent
-- The newest samples of what is measured on and on, of the hours that are never in chunks yet.
SELECT s.holder, s.id AS series, s.metric, d.at, d.value, d.mark
FROM device_series AS s JOIN device_sample AS d ON d.series = s.id AND d.at >= $3 AND d.at <= $4
WHERE s.holder = ANY ($1::int8[]) AND s.metric = ANY ($2::int2[]);

-- name: changed
SELECT number, holder FROM signal_change WHERE at > clock_timestamp() - make_interval(secs => $1::int4);

-- name: tell_change
INSERT INTO signal_change (holder) SELECT unnest($1::int8[]);

-- name: forget_changes
DELETE FROM signal_change WHERE at < clock_timestamp() - make_interval(secs => $1::int4);

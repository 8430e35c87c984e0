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

-- name: silent
-- Who has ever measured is silent by the time of the last reading: that it still says how full it is is no reading.
SELECT u.holder, u.device, d.kind, d.model, greatest(coalesce(h.reading, h.heard), u.since) AS heard
FROM device_user AS u JOIN device AS d ON d.id = u.device AND d.state = 'claimed'
LEFT JOIN device_health AS h ON h.device = u.device
WHERE u.until IS NULL AND greatest(coalesce(h.reading, h.heard), u.since) < $1;

-- name: gone
-- Since when a sensor has seen nobody, of those sensors that were heard of. metrics: any of them counts.
SELECT s.holder, max(n.at) AS newest, bool_or(coalesce(h.heard, '-infinity') > $3) AS alive
FROM device_series AS s
LEFT JOIN device_health AS h ON h.device = s.device
LEFT JOIN LATERAL (
    SELECT d.at FROM device_sample AS d
    WHERE d.series = s.id AND d.at >= $2 AND d.value >= $4 AND d.mark & $5::int2 = 0 ORDER BY d.at DESC LIMIT 1
) AS n ON true
WHERE s.metric = ANY ($1::int2[]) AND s.holder IS NOT NULL
    AND EXISTS (SELECT FROM device_series AS o WHERE o.holder = s.holder AND o.metric = $6)
GROUP BY s.holder;

-- name: told_of
SELECT holder, rule, level, at, calm FROM signal_told WHERE holder = ANY ($1::int8[]) AND rule = ANY ($2::text[]);

-- name: watched
-- Who has anything to be looked at by night, in pages.
SELECT DISTINCT holder FROM device_series WHERE holder > $1 AND metric = ANY ($2::int2[]) ORDER BY holder LIMIT $3;

-- name: looked
SELECT day FROM signal_looked;

-- name: keep_looked
UPDATE signal_looked SET day = $1;

-- name: keep_rhythm
INSERT INTO signal_rhythm (holder, metric, days, middle, spread) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (holder, metric) DO UPDATE
SET days = excluded.days, middle = excluded.middle, spread = excluded.spread, at = clock_timestamp();

-- name: keep_night
INSERT INTO signal_night (holder, night, rate) VALUES ($1, $2, $3)
ON CONFLICT (holder, night) DO UPDATE SET rate = excluded.rate;

-- name: drop_nights
DELETE FROM signal_night WHERE holder = ANY ($1::int8[]) AND night < $2;

-- name: nights
SELECT holder, night, rate FROM signal_night WHERE holder = ANY ($1::int8[]) ORDER BY holder, night;

-- name: keep_area
INSERT INTO signal_area (holder, latitude, longitude, radius) VALUES ($1, $2, $3, $4)
ON CONFLICT (holder) DO UPDATE
SET latitude = excluded.latitude, longitude = excluded.longitude, radius = excluded.radius, at = clock_timestamp();

-- name: conditions
SELECT holder, conditions FROM signal_person WHERE holder = ANY ($1::int8[]);

-- name: erase
WITH a AS (DELETE FROM signal_person WHERE holder = ANY ($1::int8[])),
    b AS (DELETE FROM signal_limit WHERE holder = ANY ($1::int8[])),
    c AS (DELETE FROM signal_rhythm WHERE holder = ANY ($1::int8[])),
    d AS (DELETE FROM signal_night WHERE holder = ANY ($1::int8[])),
    e AS (DELETE FROM signal_area WHERE holder = ANY ($1::int8[])),
    f AS (DELETE FROM signal_told WHERE holder = ANY ($1::int8[]))
INSERT INTO signal_change (holder) SELECT unnest($1::int8[]);

-- name: standing_limits
SELECT id, metric, side, level, value, by, key, why, since, until FROM signal_limit
WHERE holder = $1 AND ended IS NULL AND (until IS NULL OR until > clock_timestamp()) ORDER BY metric, side, level;

-- name: end_limits
UPDATE signal_limit SET ended = clock_timestamp(), ended_by = $5
WHERE holder = $1 AND metric = $2 AND side = $3 AND level = $4 AND ended IS NULL;

-- name: set_limit
INSERT INTO signal_limit (holder, metric, side, level, value, by, key, why, until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: person
SELECT born, conditions, by, at FROM signal_person WHERE holder = $1;

-- name: set_person
INSERT INTO signal_person (holder, born, conditions, by) VALUES ($1, $2, $3, $4)
ON CONFLICT (holder) DO UPDATE
SET born = excluded.born, conditions = excluded.conditions, by = excluded.by, at = clock_timestamp();

-- name: rhythm
SELECT days, middle, spread, at FROM signal_rhythm WHERE holder = $1 AND metric = $2;

-- Figures of the record and of the trail that cost next to nothing, however large both are.

-- name: looks
-- $1 the day, $2 an institution, null for all. Of staff: who opened whose record, each pair once; as the watch over the trail keeps it.
SELECT coalesce(sum(d.looks), 0)::int8 AS looks, count(*) FILTER (WHERE d.looks > 0) AS people,
    coalesce(sum(d.emergencies), 0)::int8 AS emergencies
FROM audit_day AS d JOIN identity AS i ON i.reference = d.actor AND i.status <> 'left' AND i.kind = 'staff'
WHERE d.day = $1 AND ($2::text IS NULL OR i.institution = $2);

-- name: sizes
-- As the server itself estimates them: what it counted at its last look, or has counted along since.
SELECT coalesce(sum(greatest(c.reltuples, s.n_live_tup, 0)) FILTER (WHERE c.relname <> 'resident_link'), 0)::int8 AS records,
    coalesce(sum(greatest(c.reltuples, s.n_live_tup, 0)) FILTER (WHERE c.relname = 'resident_link'), 0)::int8 AS registrations
FROM pg_class AS c LEFT JOIN pg_stat_all_tables AS s ON s.relid = c.oid
WHERE c.oid = to_regclass('resident_link')
    OR c.oid IN (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = to_regclass('resource'));

-- The statements of the store, by name. `{visible}` is replaced by the condition of store/visible.py.

-- name: locate
-- Resources by name digest ($1) or by res ($2), with their current versions; those never written with version null.
SELECT n.hash, n.res, r.patient, r.at, r.until, r.edition, r.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM (SELECT hash, res FROM name WHERE hash = ANY ($1::uuid[]) UNION ALL SELECT NULL, unnest($2::int8[])) AS n
LEFT JOIN resource AS r ON r.res = n.res AND {visible:r}
LEFT JOIN version AS v ON v.res = r.res AND v.version = r.version;

-- name: names
SELECT hash, res FROM name WHERE hash = ANY ($1::uuid[]);

-- name: numbers
SELECT nextval('res_number') FROM generate_series(1, $1::int4);

-- name: data_keys
SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE id = ANY ($1::int4[]);

-- name: data_keys_for
SELECT id, patient, institution, epoch, wrapped FROM data_key
WHERE patient = ANY ($1::int8[]) OR (patient IS NULL AND institution = $2);

-- name: vread
SELECT v.instant, v.version, v.key, v.dictionary, v.action, v.type, v.body
FROM version AS v JOIN resource AS r ON r.res = v.res
WHERE v.res = $1 AND v.version = $2 AND {visible:r};

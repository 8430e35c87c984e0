-- name: of_types
-- Resources of some types about registrations, the newest first. OFFSET 0: the index of patients gives few rows.
SELECT v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body, r.institution
FROM (
    SELECT m.* FROM resource AS m
    WHERE m.patient = ANY ($1::int8[]) AND m.type = ANY ($2::int2[]) AND NOT m.deleted AND {visible:m} OFFSET 0
) AS r JOIN version AS v ON v.res = r.res AND v.version = r.version
ORDER BY r.at DESC, r.res DESC LIMIT $3;

-- name: counts
-- How many resources of each type an actor sees of registrations.
SELECT r.type, count(*) AS count FROM resource AS r
WHERE r.patient = ANY ($1::int8[]) AND NOT r.deleted AND {visible:r} GROUP BY r.type;

-- name: withheld
-- How many a resident's own word keeps from who has a reason to see them otherwise; nothing that a label closes.
SELECT count(*) FROM resource AS r
WHERE r.patient = ANY ($1::int8[]) AND r.type = ANY ($2::int2[]) AND NOT r.deleted
AND r.labels <> 0 AND (r.labels & {sight.granted_closed}) = 0 AND {visible:r} IS NOT TRUE AND {denied:r}
AND (r.institution = {sight.institution} OR EXISTS (
    SELECT FROM disclosure AS d
    WHERE d.patient = r.patient AND d.party = ANY ({sight.parties}) AND (d.purposes & {sight.purpose}) <> 0
    AND d.relation AND (d.covers & r.labels) <> 0 AND d.low <= now() AND d.high > now() OFFSET 0
));

-- name: references
-- What institutions are called by numbers.
SELECT id, reference FROM institution WHERE id = ANY ($1::int4[]);

-- name: residents_of
-- Whose registrations are, each in the order in which it was given.
SELECT l.patient, l.resident FROM resident_link AS l WHERE l.patient = ANY ($1::int8[]);

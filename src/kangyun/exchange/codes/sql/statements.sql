-- What the desk asks. Nothing of it is about a resident.

-- name: used
-- $1 types, $2 the list that is mapped to, $3 how the names of the asked systems begin, $4 a state, $5 most, $6 skip.
WITH used AS (
    SELECT u.system, u.code, sum(u.count)::int8 AS count, min(u.first) AS first, max(u.last) AS last
    FROM code_use AS u WHERE u.type = ANY ($1::int2[]) AND u.system <> $2 AND starts_with(u.system, $3)
    GROUP BY u.system, u.code
), stated AS (
    SELECT u.*, p.id AS proposed, a.id AS approved, coalesce(p.id, a.id) AS row,
        CASE WHEN p.id IS NOT NULL THEN 'proposed' WHEN a.id IS NULL THEN 'unmapped'
            WHEN a.target = '' THEN 'unneeded' ELSE 'approved' END AS state
    FROM used AS u
    LEFT JOIN code_map AS p ON p.system = u.system AND p.code = u.code AND p.target_system = $2 AND p.state = 'proposed'
    LEFT JOIN code_map AS a ON a.system = u.system AND a.code = u.code AND a.target_system = $2 AND a.state = 'approved'
)
SELECT s.system, s.code, coalesce(n.name, '') AS name, coalesce(n.unit, '') AS unit,
    coalesce(n.specimen, '') AS specimen, s.count, s.first, s.last, s.state, s.row, coalesce(m.target, '') AS target,
    coalesce(m.name, '') AS target_name, coalesce(m.relation, '') AS relation, coalesce(m.proposer, '') AS proposer,
    coalesce(m.remark, '') AS remark,
    CASE m.state WHEN 'approved' THEN coalesce(m.ending, '') ELSE '' END AS ending, s.approved AS standing
FROM stated AS s
LEFT JOIN code_name AS n ON n.system = s.system AND n.code = s.code
LEFT JOIN code_map AS m ON m.id = s.row
WHERE $4::text IS NULL OR s.state = $4
ORDER BY s.count DESC, s.system, s.code LIMIT $5 OFFSET $6;

-- name: totals
-- $1 types, $2 the list that is mapped to, $3 how the names of the asked systems begin.
WITH used AS (
    SELECT u.system, u.code, sum(u.count)::int8 AS count
    FROM code_use AS u WHERE u.type = ANY ($1::int2[]) AND u.system <> $2 AND starts_with(u.system, $3)
    GROUP BY u.system, u.code
), stated AS (
    SELECT u.count, CASE WHEN bool_or(m.state = 'proposed') THEN 'proposed' WHEN count(m.id) = 0 THEN 'unmapped'
        WHEN bool_or(m.target = '') THEN 'unneeded' ELSE 'approved' END AS state
    FROM used AS u LEFT JOIN code_map AS m ON m.system = u.system AND m.code = u.code AND m.target_system = $2
        AND m.state IN ('proposed', 'approved')
    GROUP BY u.system, u.code, u.count
)
SELECT state, count(*) AS codes, sum(count)::int8 AS uses FROM stated GROUP BY state;

-- name: listed
SELECT code, name, unit, specimen, loinc FROM code_list WHERE system = $1;

-- name: proposed
-- $1 the list that is mapped to, $2 how the names of the asked systems begin, $3 who asks.
SELECT m.id FROM code_map AS m
WHERE m.state = 'proposed' AND m.target_system = $1 AND starts_with(m.system, $2) AND m.proposer <> $3 ORDER BY m.id;

-- name: seen
-- $1 systems, $2 codes. Returns the places of those that are in use.
SELECT g.nth FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g(system, code, nth)
WHERE EXISTS (SELECT FROM code_use AS u WHERE u.system = g.system AND u.code = g.code);

-- name: standing
-- $1 numbers of rows. Returns what may be decided of each.
SELECT m.id, m.state, m.proposer, m.ending, m.system, m.code, m.target_system, m.target, m.relation FROM code_map AS m
WHERE m.id = ANY ($1::int8[]);

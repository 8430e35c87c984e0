-- The statements of the store, by name. `{visible:alias}` is replaced by the condition of store/visible.py, and
-- `{versions:version,alias}` by the one on older versions.

-- name: locate
-- Resources by name digest ($1) or by res ($2), with their current versions; those never written with version null,
-- and whether they were erased.
SELECT n.hash, n.res, r.patient, r.at, r.until, r.edition, r.institution, r.labels, r.version, v.instant, v.key, v.dictionary,
    v.action, v.type, v.body, r.res IS NULL AND EXISTS (SELECT FROM erased AS e WHERE e.res = n.res) AS erased
FROM (SELECT hash, res FROM name WHERE hash = ANY ($1::uuid[]) UNION ALL SELECT NULL, unnest($2::int8[])) AS n
LEFT JOIN resource AS r ON r.res = n.res AND {visible:r}
LEFT JOIN version AS v ON v.res = r.res AND v.version = r.version;

-- name: locate_within
-- The same of resources by res ($1) that all lie in one segment, {n}: no other is looked at.
SELECT NULL::uuid AS hash, r.res, r.patient, r.at, r.until, r.edition, r.institution, r.labels, r.version, v.instant, v.key, v.dictionary, v.action, v.type,
    v.body
FROM resource{n} AS r JOIN version{n} AS v ON v.res = r.res AND v.version = r.version
WHERE r.res = ANY ($1::int8[]) AND {visible:r};

-- name: of_residents
-- The same of the registrations of residents ($1), but for those that were deleted; with their data keys, which are hardly
-- ever in memory already where residents are many.
SELECT l.resident, NULL::uuid AS hash, r.res, r.patient, r.at, r.until, r.edition, r.institution, r.labels, r.version, v.instant, v.key, v.dictionary,
    v.action, v.type, v.body, k.id AS key_id, k.patient AS key_patient, k.institution AS key_institution, k.epoch, k.wrapped
FROM resident_link AS l JOIN resource AS r ON r.res = l.patient JOIN version AS v ON v.res = r.res AND v.version = r.version
LEFT JOIN data_key AS k ON k.id = v.key
WHERE l.resident = ANY ($1::int8[]) AND NOT r.deleted AND {visible:r} ORDER BY r.res;

-- name: locate_each
-- The same for several callers at once, each of whom sees by a sight of its own: `who` says whose row it is.
SELECT s.who, NULL::uuid AS hash, r.res, r.patient, r.at, r.until, r.edition, r.institution, r.labels, r.version, v.instant, v.key,
    v.dictionary, v.action, v.type, v.body
FROM unnest($1::int8[], $2::int4[], $3::sight_row[]) AS s(
    res, who, types, open_types, open_closed, institution, all_closed, free, own_closed, selves, selves_closed, parties,
    granted_closed, purpose
)
JOIN resource{n} AS r ON r.res = s.res JOIN version{n} AS v ON v.res = r.res AND v.version = r.version
WHERE {visible:r};

-- name: current
-- The current version of a resource, for the platform itself.
SELECT v.instant, v.version, v.key, v.dictionary, v.action, v.type, v.body
FROM version AS v WHERE v.res = $1 ORDER BY v.version DESC LIMIT 1;

-- name: versions
-- Versions by res ($1) and number ($2), for the platform itself. OFFSET 0: each is looked up.
SELECT v.res, v.instant, v.version, v.key, v.dictionary, v.action, v.type, v.body
FROM unnest($1::int8[], $2::int4[]) AS a(res, version)
CROSS JOIN LATERAL (SELECT * FROM version AS one WHERE one.res = a.res AND one.version = a.version OFFSET 0) AS v;

-- name: exists
-- Whether anything was ever written under a number, seen or not: for who would write there.
SELECT EXISTS (SELECT FROM version AS v WHERE v.res = $1);

-- name: names
SELECT hash, res FROM name WHERE hash = ANY ($1::uuid[]);

-- name: numbers
SELECT nextval('res_number') FROM generate_series(1, $1::int4);

-- name: data_keys
SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE id = ANY ($1::int4[]);

-- name: data_keys_for
SELECT id, patient, institution, epoch, wrapped FROM data_key
WHERE patient = ANY ($1::int8[]) OR (patient IS NULL AND institution = $2);

-- name: destroyed_keys
-- Which of these were destroyed by an erasure.
SELECT k.key FROM unnest($1::int4[]) AS k(key) WHERE EXISTS (SELECT FROM erasure AS e WHERE e.keys && ARRAY[k.key]);

-- name: keys_as_they_stand
-- The newest epoch, the generation of the root key, and the last erasure: what changes when keys do.
SELECT e.id, e.generation, coalesce((SELECT max(id) FROM erasure), 0)
FROM key_epoch AS e ORDER BY e.id DESC LIMIT 1;

-- name: keys_destroyed_since
SELECT keys FROM erasure WHERE id > $1;

-- name: vread
SELECT v.instant, v.version, v.key, v.dictionary, v.action, v.type, v.body
FROM version AS v JOIN resource AS r ON r.res = v.res
WHERE v.res = $1 AND v.version = $2 AND {visible:r} AND {versions:v,r};

-- name: instance_history
SELECT v.res, v.instant, v.version, v.key, v.dictionary, v.action, v.type, v.body
FROM version AS v JOIN resource AS r ON r.res = v.res
WHERE v.res = $1 AND v.version < $2 AND ($3::timestamptz IS NULL OR v.instant >= $3)
    AND ($4::timestamptz IS NULL OR v.instant < $4) AND {visible:r} AND {versions:v,r}
    AND NOT EXISTS (SELECT FROM version AS n WHERE n.res = v.res AND n.version = v.version + 1 AND n.instant <= $6)
ORDER BY v.version DESC LIMIT $5;

-- name: count_versions
SELECT count(*) FROM version AS v JOIN resource AS r ON r.res = v.res
WHERE v.res = $1 AND {visible:r} AND {versions:v,r};

-- name: commits_history
-- One step: the next $7 commits before (commit $1, res $2), newest first. A row without version ends a step that
-- is not the last one, and names the commit to go on from. What was followed by another by $8 is left out.
WITH step AS MATERIALIZED (
    SELECT c.id, c.res, c.versions FROM commit AS c
    WHERE c.id <= $1 AND ($4::timestamptz IS NULL OR c.instant >= $4) AND ($5::timestamptz IS NULL OR c.instant < $5)
    ORDER BY c.id DESC LIMIT $7
), entry AS (
    SELECT step.id AS commit, v.res, v.instant, v.version, v.key, v.dictionary, v.action, v.type, v.body
    FROM step CROSS JOIN LATERAL unnest(step.res, step.versions) AS u(res, version)
    JOIN version AS v ON v.res = u.res AND v.version = u.version
    JOIN resource AS r ON r.res = u.res AND {visible:r} AND {versions:v,r}
    WHERE (step.id < $1 OR u.res < $2) AND ($3::int2 IS NULL OR v.type = $3)
        AND NOT EXISTS (SELECT FROM version AS n WHERE n.res = v.res AND n.version = v.version + 1 AND n.instant <= $8)
    ORDER BY step.id DESC, u.res DESC LIMIT $6
)
SELECT * FROM entry
UNION ALL
SELECT min(id), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM step
HAVING count(*) = $7 AND (SELECT count(*) FROM entry) < $6;

-- name: feed_events
-- The next $2 commits after position $1: the first of them, and as many more as have $3 versions together.
SELECT * FROM (
    SELECT f.epoch, f.position, c.id AS commit, c.instant, c.institution, c.historic, c.depth, c.actor, c.purpose,
        c.origin, sum(cardinality(c.res)) OVER (ORDER BY f.position) - cardinality(c.res) AS before
    FROM (SELECT * FROM feed WHERE position > $1 ORDER BY position LIMIT $2) AS f
    -- One by one: planned while there are few, a join would read all commits for good.
    CROSS JOIN LATERAL (SELECT * FROM commit AS one WHERE one.id = f.commit OFFSET 0) AS c
) AS e
WHERE before < $3
ORDER BY position;

-- name: feed_changes
-- What commits wrote, each in the order in which it did, of the types $2 only where they are given. No resource is shown
-- by this: a reader asks the gate.
SELECT c.id AS commit, v.res, v.version, v.type, v.action, r.patient
FROM commit AS c CROSS JOIN LATERAL unnest(c.res, c.versions) WITH ORDINALITY AS u(res, version, nth)
JOIN version AS v ON v.res = u.res AND v.version = u.version AND ($2::int2[] IS NULL OR v.type = ANY ($2))
JOIN resource AS r ON r.res = u.res AND {visible:r}
WHERE c.id = ANY ($1::int8[]) ORDER BY c.id, u.nth;

-- name: feed_to_come
-- Which of these versions come in events of their own, to readers that want neither historic commits nor loops.
SELECT v.res FROM unnest($1::int8[], $2::int4[]) AS n(res, version)
JOIN version AS v ON v.res = n.res AND v.version = n.version JOIN commit AS c ON c.id = v.commit
WHERE NOT c.historic AND c.depth <= $3;

-- name: feed_place
-- After a restore, a reader that was ahead of where the new epoch began goes back there.
SELECT greatest(k.epoch, s.epoch) AS epoch, CASE WHEN k.epoch < s.epoch THEN
    least(k.position, coalesce((SELECT min(f.position) - 1 FROM feed AS f WHERE f.epoch > k.epoch), s.position))
    ELSE k.position END AS position
FROM feed_cursor AS k CROSS JOIN sequencer AS s WHERE k.name = $1;

-- name: remember_place
INSERT INTO feed_cursor (name, epoch, position) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position, moved = clock_timestamp();

-- name: park_event
INSERT INTO parked_event (name, epoch, position, reason, attempts) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING;

-- name: parked_places
SELECT epoch, position FROM parked_event WHERE name = $1 ORDER BY epoch, position;

-- name: parked_events
SELECT name, reason, epoch, position FROM parked_event ORDER BY name, epoch, position;

-- name: let_go
DELETE FROM parked_event WHERE name = $1 AND epoch = $2 AND position = $3;

-- name: standing
-- Which of these versions are the current ones of their resources.
SELECT r.res, r.version FROM unnest($1::int8[], $2::int4[]) AS n(res, version) JOIN resource AS r USING (res, version);

-- name: search_parameters
SELECT number, type, code, state, definition FROM search_parameter WHERE state <> 'retired';

-- name: lock_editions
-- Waits for the commits that are under way by the edition that stands; see record_commits.
SELECT pg_advisory_xact_lock(1262639, 0);

-- name: parameter
SELECT url, state, definition FROM search_parameter WHERE type = $1 AND code = $2;

-- name: add_parameter
-- $1 is the first number behind R4's own. A code keeps its number for ever.
INSERT INTO search_parameter (number, type, code, url, definition, state, edition)
SELECT $1 + (SELECT count(*) FROM search_parameter WHERE type = $2), $2, $3, $4, $5, 'building', id + 1
FROM index_edition
ON CONFLICT (type, code) DO UPDATE SET
    url = excluded.url, definition = excluded.definition, state = 'building', edition = excluded.edition;

-- name: retire_others
-- What a definition was for before it changed.
UPDATE search_parameter SET state = 'retired'
WHERE url = $1 AND state <> 'retired' AND NOT (code = $2 AND type = ANY ($3::text[]));

-- name: building_parameters
SELECT DISTINCT code, url FROM search_parameter WHERE state = 'building' ORDER BY code, url;

-- name: retire_parameter
UPDATE search_parameter SET state = 'retired' WHERE url = $1;

-- name: activate_parameters
-- What was taken back, or defined anew meanwhile, is not made active by the building that was under way.
UPDATE search_parameter SET state = 'active' WHERE state = 'building' AND type = ANY ($1::text[]) AND edition <= $2;

-- name: raise_edition
UPDATE index_edition SET id = id + 1;

-- name: outdated
-- Resources of the given types, from res $1 on, whose index row is older than the edition $2.
SELECT r.res, r.type FROM resource AS r
WHERE r.res > $1 AND r.res <= $4 AND r.edition < $2 AND r.type = ANY ($3::int2[]) AND NOT r.deleted
ORDER BY r.res LIMIT $5;

-- name: count_outdated
SELECT count(*) FROM resource AS r WHERE r.edition < $1 AND r.type = ANY ($2::int2[]) AND NOT r.deleted;

-- name: to_reindex
SELECT r.res, r.version, r.institution, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version
WHERE r.res = ANY ($1::int8[]) AND NOT r.deleted;

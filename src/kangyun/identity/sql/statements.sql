-- The statements of the resident index, by name. `{visible:alias}` is replaced by the condition of store/visible.py.

-- name: near
-- The registrations of all residents of whom one is found under a key, those of deleted Patients without fields. $1, $2: which question asks for which key;
-- $3: most of a key.
WITH found AS (
    SELECT a.nth, a.key, k.patient FROM unnest($1::int4[], $2::int8[]) AS a(nth, key)
    CROSS JOIN LATERAL (SELECT x.patient FROM registration_key AS x WHERE x.key = a.key LIMIT $3) AS k
), near AS (
    SELECT l.resident, array_agg(DISTINCT f.nth) AS nths FROM found AS f JOIN resident_link AS l ON l.patient = f.patient
    GROUP BY l.resident
)
SELECT n.nths, n.resident, l.patient, g.fields
FROM near AS n JOIN resident_link AS l ON l.resident = n.resident LEFT JOIN registration AS g ON g.patient = l.patient
ORDER BY n.resident, l.patient;

-- name: near_seen
-- The same for one question ($1: its keys, $2: most of a key), of the registrations that the asker sees: of the residents
-- who share most with it ($3: so many), and of them those who share a part ($4) of what the first of the seen does. A key
-- counts the more the fewer have it. What else is near is there by chance, and the more of it the larger the register.
-- With their Patients and the data keys of these, as `of_residents` of the store has them: nearly all are shown.
-- OFFSET 0: each row is looked up, whatever the server believes of how many there are.
WITH found AS (
    SELECT DISTINCT a.key, l.resident, k.weight FROM unnest($1::int8[]) AS a(key)
    CROSS JOIN LATERAL (
        SELECT f.patient, ln(4 * $2::int8::float8 / count(*) OVER ()) AS weight
        FROM (SELECT x.patient FROM registration_key AS x WHERE x.key = a.key LIMIT $2::int8) AS f
    ) AS k
    CROSS JOIN LATERAL (SELECT l.resident FROM resident_link AS l WHERE l.patient = k.patient OFFSET 0) AS l
), near AS (
    SELECT f.resident, sum(f.weight) AS weight FROM found AS f GROUP BY f.resident ORDER BY weight DESC, f.resident LIMIT $3::int8
), seen AS MATERIALIZED (
    SELECT n.resident, n.weight, r.* FROM near AS n
    CROSS JOIN LATERAL (SELECT l.patient FROM resident_link AS l WHERE l.resident = n.resident OFFSET 0) AS l
    CROSS JOIN LATERAL (
        SELECT r.res, r.patient, r.at, r.until, r.edition, r.institution, r.labels, r.version FROM resource AS r
        WHERE r.res = l.patient AND NOT r.deleted AND {visible:r} OFFSET 0
    ) AS r
)
SELECT s.resident, g.fields, s.res, s.patient, s.at, s.until, s.edition, s.institution, s.labels, s.version, v.*, k.*
FROM seen AS s
CROSS JOIN LATERAL (SELECT g.fields FROM registration AS g WHERE g.patient = s.res OFFSET 0) AS g
CROSS JOIN LATERAL (
    SELECT v.instant, v.key, v.dictionary, v.action, v.type, v.body FROM version AS v
    WHERE v.res = s.res AND v.version = s.version OFFSET 0
) AS v
LEFT JOIN LATERAL (
    SELECT k.id AS key_id, k.patient AS key_patient, k.institution AS key_institution, k.epoch, k.wrapped
    FROM data_key AS k WHERE k.id = v.key OFFSET 0
) AS k ON true
WHERE s.weight >= $4::float8 * (SELECT max(b.weight) FROM seen AS b)
ORDER BY s.resident, s.res;

-- name: residents
SELECT l.resident, l.patient, g.fields
FROM resident_link AS l LEFT JOIN registration AS g ON g.patient = l.patient WHERE l.resident = ANY ($1::int8[])
ORDER BY l.resident, l.patient;

-- name: known
-- Registrations as they stand: whose they are, and how that was decided; those that were deleted without fields.
SELECT l.patient, g.edition, g.keys, g.fields, l.resident,
    (SELECT d.kind FROM resident_decision AS d WHERE d.patient = l.patient ORDER BY d.id DESC LIMIT 1) AS kind
FROM resident_link AS l LEFT JOIN registration AS g ON g.patient = l.patient WHERE l.patient = ANY ($1::int8[]);

-- name: of_other_edition
SELECT patient FROM registration WHERE edition <> $1 AND patient > $2 ORDER BY patient LIMIT $3;

-- name: parted
-- What persons said are not one resident's, of these registrations.
SELECT patient, other FROM not_same WHERE unsaid IS NULL AND (patient = ANY ($1::int8[]) OR other = ANY ($1::int8[]));

-- name: numbers
SELECT nextval('resident_number') FROM generate_series(1, $1::int4);

-- name: last_number
SELECT last_value FROM resident_number;

-- name: keep_registrations
-- $1 patient, $2 edition, $3 fields; $4, $5: which of them has which key. What they had before goes, and what they have
-- already is not written again. The keys are grouped once: to look for each one's costs a bundle by the square.
WITH now AS (
    SELECT a.patient, a.edition, a.fields, coalesce(k.keys, '{}') AS keys, g.keys AS before
    FROM unnest($1::int8[], $2::int2[], $3::bytea[]) WITH ORDINALITY AS a(patient, edition, fields, nth)
    LEFT JOIN (
        SELECT k.nth, array_agg(DISTINCT k.key) AS keys FROM unnest($4::int4[], $5::int8[]) AS k(nth, key) GROUP BY k.nth
    ) AS k ON k.nth = a.nth
    LEFT JOIN registration AS g ON g.patient = a.patient
), gone AS (
    DELETE FROM registration_key AS x USING now
    WHERE x.patient = now.patient AND x.key = ANY (now.before) AND x.key <> ALL (now.keys)
), kept AS (
    INSERT INTO registration (patient, edition, keys, fields) SELECT patient, edition, keys, fields FROM now
    ON CONFLICT (patient) DO UPDATE SET edition = excluded.edition, keys = excluded.keys, fields = excluded.fields
)
INSERT INTO registration_key (key, patient)
SELECT k.key, now.patient FROM now CROSS JOIN LATERAL unnest(now.keys) AS k(key)
WHERE now.before IS NULL OR k.key <> ALL (now.before) ON CONFLICT DO NOTHING;

-- name: forget_registrations
WITH gone AS (DELETE FROM registration WHERE patient = ANY ($1::int8[]) RETURNING patient, keys)
DELETE FROM registration_key AS x USING gone WHERE x.patient = gone.patient AND x.key = ANY (gone.keys);

-- name: new_links
INSERT INTO resident_link (patient, resident) SELECT * FROM unnest($1::int8[], $2::int8[]);

-- name: note_decisions
-- $11: whether subscribers are to be told, of what makes registrations one resident's or two's.
WITH noted AS (
    INSERT INTO resident_decision (patient, former, resident, kind, actor, model, bits, act, undoes, evidence)
    SELECT * FROM unnest(
        $1::int8[], $2::int8[], $3::int8[], $4::text[], $5::text[], $6::text[], $7::float8[], $8::int8[], $9::int8[], $10::bytea[]
    ) RETURNING id, patient, kind
)
INSERT INTO resident_untold (decision, patient) SELECT id, patient FROM noted WHERE $11 AND kind <> 'new';

-- name: untold
-- The oldest decisions that subscribers are not told of, with the registration's version and its institution.
SELECT u.decision, u.patient, r.version, d.resident, d.former, d.kind, i.reference AS institution
FROM resident_untold AS u JOIN resident_decision AS d ON d.id = u.decision
LEFT JOIN resource AS r ON r.res = u.patient AND NOT r.deleted AND {visible:r} LEFT JOIN institution AS i ON i.id = r.institution
ORDER BY u.decision LIMIT $1;

-- name: told
DELETE FROM resident_untold WHERE decision = ANY ($1::int8[]);

-- name: ask
-- What a steward has been asked about the same two residents, he is not asked about another of their registrations; nor
-- about a newborn's second registration under the mother's number.
WITH asked AS (
    SELECT a.*, o.resident AS own
    FROM unnest($1::int8[], $2::int8[], $3::text[], $4::float8[], $5::bytea[]) AS a(patient, resident, kind, bits, evidence)
    LEFT JOIN resident_link AS o ON o.patient = a.patient
)
INSERT INTO resident_question (patient, resident, kind, bits, evidence)
SELECT a.patient, a.resident, a.kind, a.bits, a.evidence FROM asked AS a WHERE NOT EXISTS (
    SELECT FROM resident_link AS l JOIN resident_question AS q ON q.patient = l.patient
    WHERE l.resident = a.own AND q.kind = a.kind AND q.answered IS NULL
    AND (
        (q.resident = a.resident AND a.resident <> a.own)
        OR (q.resident IS NULL AND a.resident IS NULL AND a.kind = 'number-of-mother')
    )
) AND NOT EXISTS (
    SELECT FROM resident_question AS q JOIN resident_link AS l ON l.patient = q.patient
    WHERE q.resident = a.own AND l.resident = a.resident AND a.resident <> a.own AND q.kind = a.kind
    AND q.answered IS NULL
)
ON CONFLICT (patient, coalesce(resident, 0), kind) WHERE answered IS NULL DO NOTHING;

-- name: withdraw_questions
-- Those about registrations that are gone.
UPDATE resident_question SET answered = clock_timestamp(), answer = 'void', actor = '', act = NULL
WHERE patient = ANY ($1::int8[]) AND answered IS NULL;

-- name: withdraw_rewritten
-- Those about registrations that were written anew: they are asked anew where there is still reason to. Whom one named
-- before, its next version does not say.
UPDATE resident_question SET answered = clock_timestamp(), answer = 'void', actor = '', act = NULL
WHERE patient = ANY ($1::int8[]) AND kind <> 'overwritten' AND answered IS NULL;

-- name: withdraw_comparisons
-- The same of registrations that found their own later, but for what they say themselves.
UPDATE resident_question SET answered = clock_timestamp(), answer = 'void', actor = '', act = NULL
WHERE patient = ANY ($1::int8[]) AND resident IS NOT NULL AND answered IS NULL;

-- What a person does.

-- name: new_act
SELECT nextval('resident_act');

-- name: residents_of
SELECT patient, resident FROM resident_link WHERE patient = ANY ($1::int8[]);

-- name: of_same
-- All registrations of the residents whose these are.
SELECT l.patient FROM resident_link AS k JOIN resident_link AS l ON l.resident = k.resident
WHERE k.patient = ANY ($1::int8[]);

-- name: say_not_same
INSERT INTO not_same (patient, other, act)
SELECT least(a.patient, o.other), greatest(a.patient, o.other), $3
FROM unnest($1::int8[]) AS a(patient) CROSS JOIN unnest($2::int8[]) AS o(other) WHERE a.patient <> o.other
ON CONFLICT (patient, other) DO UPDATE SET act = excluded.act, unsaid = NULL, again = NULL
WHERE not_same.unsaid IS NOT NULL;

-- name: say_same
-- Between each of one side and each of the other; $3: the act by which it is said.
UPDATE not_same SET unsaid = $3 WHERE unsaid IS NULL AND (
    (patient = ANY ($1::int8[]) AND other = ANY ($2::int8[])) OR (patient = ANY ($2::int8[]) AND other = ANY ($1::int8[]))
);

-- name: unsay_not_same
-- What act $1 said, or had hold again, is taken back by act $2, and what it took back holds again: to be undone likewise.
-- What it said and a later act took back is forgotten.
WITH gone AS (DELETE FROM not_same WHERE act = $1 AND unsaid IS NOT NULL)
UPDATE not_same SET
    unsaid = CASE WHEN unsaid IS NULL THEN $2::int8 END,
    again = CASE WHEN unsaid IS NULL THEN NULL ELSE $2::int8 END
WHERE (unsaid IS NULL AND (act = $1 OR again = $1)) OR (unsaid = $1 AND act <> $1);

-- name: act
-- The decisions of an act, and whether any of its registrations was decided on since.
SELECT d.id, d.patient, d.former, d.resident, d.kind,
    EXISTS (SELECT FROM resident_decision AS n WHERE n.patient = d.patient AND n.id > d.id) AS since
FROM resident_decision AS d WHERE d.id = $1 OR d.act = (SELECT o.act FROM resident_decision AS o WHERE o.id = $1)
ORDER BY d.id;

-- name: question
SELECT id, patient, resident, kind FROM resident_question WHERE id = $1 AND answered IS NULL FOR UPDATE;

-- name: answer
-- $4: the act that it came to, NULL where nothing followed; $5: what was said, sealed.
UPDATE resident_question SET answered = clock_timestamp(), answer = $2, actor = $3, act = $4, said = $5
WHERE id = $1 AND answered IS NULL;

-- name: settle_questions
-- What else was asked of these registrations ($1; $6: what was said, sealed for each) and this resident is answered by the
-- same word.
UPDATE resident_question AS q SET answered = clock_timestamp(), answer = $3, actor = $4, act = $5, said = a.said
FROM unnest($1::int8[], $6::bytea[]) AS a(patient, said)
WHERE q.patient = a.patient AND q.resident = $2 AND q.answered IS NULL;

-- name: ask_of_joined
-- What was asked of a resident ($1) who has no registrations any more is asked of whose they are; $3: by which act, with
-- which it is withdrawn.
WITH gone AS (
    UPDATE resident_question SET answered = clock_timestamp(), answer = 'void', actor = '', act = $3
    WHERE resident = $1 AND answered IS NULL RETURNING opened, patient, kind, bits, evidence
)
INSERT INTO resident_question (opened, patient, resident, kind, bits, evidence, answer, actor, act)
SELECT opened, patient, $2, kind, bits, evidence, 'void', '', $3 FROM gone
ON CONFLICT (patient, coalesce(resident, 0), kind) WHERE answered IS NULL DO NOTHING;

-- name: close_again
-- What act $1 asked, or opened again, is as it was before: withdrawn, or answered as somebody did. $2: the act by which.
UPDATE resident_question SET answered = clock_timestamp(), act = $2 WHERE act = $1 AND answered IS NULL;

-- name: open_again
-- What act $1 had answered is asked again, and keeps what was answered: act $2, by which it is, may be taken back. Not where
-- the same was asked since, nor of a registration that is gone.
UPDATE resident_question AS q SET answered = NULL, act = $2
WHERE q.act = $1 AND q.answered IS NOT NULL AND NOT EXISTS (
    SELECT FROM resident_question AS o WHERE o.patient = q.patient AND coalesce(o.resident, 0) = coalesce(q.resident, 0)
    AND o.kind = q.kind AND o.answered IS NULL
) AND EXISTS (SELECT FROM registration AS g WHERE g.patient = q.patient);

-- name: act_of
SELECT act FROM resident_decision WHERE id = $1;

-- name: resident_of
SELECT resident FROM resident_link WHERE patient = $1;

-- What an erasure takes away.

-- name: forget_decisions
DELETE FROM resident_decision WHERE patient = ANY ($1::int8[]);

-- name: forget_questions
DELETE FROM resident_question WHERE patient = ANY ($1::int8[]);

-- name: forget_not_same
DELETE FROM not_same WHERE patient = ANY ($1::int8[]) OR other = ANY ($1::int8[]);

-- name: forget_untold
DELETE FROM resident_untold WHERE patient = ANY ($1::int8[]);

-- name: devices
-- Who gave these devices out.
SELECT id, institution FROM device WHERE id = ANY ($1::int8[]);

-- name: given_out
-- Who gave out what these registrations wear now, the newest first.
SELECT u.holder, d.institution FROM device_user AS u JOIN device AS d ON d.id = u.device
WHERE u.holder = ANY ($1::int8[]) AND (u.until IS NULL OR u.until > now()) ORDER BY u.since DESC;

-- name: take_evidence
-- Those that were not known. Sorted by the caller, so that two who take the same wait and do not meet crosswise.
INSERT INTO alarm_evidence (holder, rule, at, level, late, key, sealed)
SELECT * FROM unnest($1::int8[], $2::text[], $3::timestamptz[], $4::int2[], $5::bool[], $6::int4[], $7::bytea[])
ON CONFLICT DO NOTHING RETURNING holder, rule, at;

-- name: raise
-- A row a person and rule, sorted by the caller. It pages where it is new, higher than before, or was quiet so far.
INSERT INTO alarm AS a (
    person, holder, rule, level, state, institution, desk, count, quiet, round, since, newest, paged
)
SELECT n.person, n.holder, n.rule, n.level, 'raised', n.institution, n.desk, n.count, n.quiet,
    CASE WHEN n.quiet THEN 0 ELSE 1 END, n.at, n.newest, CASE WHEN n.quiet THEN NULL ELSE $1::timestamptz END
FROM unnest(
    $2::int8[], $3::int8[], $4::text[], $5::int2[], $6::int4[], $7::int4[], $8::int4[], $9::bool[],
    $10::timestamptz[], $11::timestamptz[]
) AS n(person, holder, rule, level, institution, desk, count, quiet, at, newest)
ON CONFLICT (person, rule) WHERE state <> 'closed' DO UPDATE SET
    count = a.count + excluded.count,
    level = CASE
        WHEN excluded.quiet AND NOT a.quiet THEN a.level
        WHEN a.quiet AND NOT excluded.quiet THEN excluded.level
        ELSE greatest(a.level, excluded.level)
    END,
    holder = CASE WHEN excluded.newest >= a.newest THEN excluded.holder ELSE a.holder END,
    newest = greatest(a.newest, excluded.newest),
    since = least(a.since, excluded.since),
    state = CASE WHEN NOT excluded.quiet AND (a.quiet OR excluded.level > a.level) THEN 'raised' ELSE a.state END,
    round = a.round + CASE WHEN NOT excluded.quiet AND (a.quiet OR excluded.level > a.level) THEN 1 ELSE 0 END,
    paged = CASE WHEN NOT excluded.quiet AND (a.quiet OR excluded.level > a.level) THEN $1 ELSE a.paged END,
    quiet = a.quiet AND excluded.quiet,
    version = a.version + 1,
    number = pg_current_xact_id()::text::int8 + moved_by()
RETURNING id, person, rule, level, round, version = 1 AS new, paged IS NOT DISTINCT FROM $1 AS pages;

-- name: give_evidence
UPDATE alarm_evidence AS e SET alarm = n.alarm
FROM unnest($1::int8[], $2::text[], $3::timestamptz[], $4::int8[]) AS n(holder, rule, at, alarm)
WHERE e.holder = n.holder AND e.rule = n.rule AND e.at = n.at;

-- name: note_events
INSERT INTO alarm_event (alarm, what, by, detail) SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::text[]);

-- name: note_event
INSERT INTO alarm_event (alarm, what, by, detail, key, words) VALUES ($1, $2, $3, $4, $5, $6);

-- name: stop_timers
UPDATE alarm_timer SET done = clock_timestamp(), stopped = true WHERE alarm = ANY ($1::int8[]) AND done IS NULL;

-- name: set_timers
INSERT INTO alarm_timer (alarm, round, rung, kind, whom, due)
SELECT * FROM unnest($1::int8[], $2::int4[], $3::int2[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT DO NOTHING;

-- name: ring
SELECT pg_notify('kangyun_alarm', '');

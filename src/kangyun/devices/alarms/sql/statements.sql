-- name: devices
-- Who gave these devices out. What stands for a person's own typing was given out by nobody.
SELECT id, institution FROM device WHERE id = ANY ($1::int8[]) AND format <> 'typed';

-- name: given_out
-- Who gave out what these registrations wear now, the newest first.
SELECT u.holder, d.institution FROM device_user AS u JOIN device AS d ON d.id = u.device
WHERE u.holder = ANY ($1::int8[]) AND (u.until IS NULL OR u.until > now()) AND d.format <> 'typed'
ORDER BY u.since DESC;

-- name: take_evidence
-- Those that were not known. Sorted by the caller, so that two who take the same wait and do not meet crosswise.
INSERT INTO alarm_evidence (holder, rule, at, level, late, key, sealed)
SELECT * FROM unnest($1::int8[], $2::text[], $3::timestamptz[], $4::int2[], $5::bool[], $6::int4[], $7::bytea[])
ON CONFLICT DO NOTHING RETURNING holder, rule, at;

-- name: raise
-- A row a person and rule, sorted by the caller. It pages where it is new, higher than before, or was quiet so far; and
-- of the rules of $12 where it paged longer ago than $13; of any rule where it paged longer ago than $14, as who answered
-- then has not closed it.
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
    (state, round, paged) = (
        SELECT CASE WHEN pages THEN 'raised' ELSE a.state END, a.round + pages::int, CASE WHEN pages THEN $1 ELSE a.paged END
        FROM (SELECT NOT excluded.quiet AND (
            a.quiet OR excluded.level > a.level OR (a.rule = ANY ($12::text[]) AND a.paged < $1 - $13::interval)
            OR (excluded.level = a.level AND a.paged < $1 - $14::interval)
        ) AS pages) AS now
    ),
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

-- name: stop_all_but_promises
UPDATE alarm_timer SET done = clock_timestamp(), stopped = true
WHERE alarm = ANY ($1::int8[]) AND done IS NULL AND kind <> 'promise';

-- name: set_timers
INSERT INTO alarm_timer (alarm, round, rung, kind, whom, due)
SELECT * FROM unnest($1::int8[], $2::int4[], $3::int4[], $4::text[], $5::text[], $6::timestamptz[])
ON CONFLICT DO NOTHING;

-- name: set_repeats
-- Where nothing more of the ladder is to be told: as a further rung, so that each time it is another notice.
INSERT INTO alarm_timer (alarm, round, rung, kind, whom, due)
SELECT $1, $2, 1 + coalesce((
    SELECT max(rung) FROM alarm_timer WHERE alarm = $1 AND round = $2 AND kind IN ('tell', 'repeat')
), 0), 'repeat', n.whom, $4
FROM unnest($3::text[]) AS n(whom)
WHERE NOT EXISTS (SELECT FROM alarm_timer WHERE alarm = $1 AND done IS NULL AND kind IN ('tell', 'repeat'));

-- name: follow
-- Once more the resident and his family, of a further reading: not more often than after $3. They are no rungs, and
-- are numbered as none.
INSERT INTO alarm_timer (alarm, round, rung, kind, whom, due)
SELECT a.id, a.round, 1000 + a.version, 'tell-one', n.whom, $2::timestamptz
FROM alarm AS a CROSS JOIN unnest($4::text[]) AS n(whom)
WHERE a.id = ANY ($1::int8[]) AND a.paged < $2::timestamptz - $3::interval AND NOT EXISTS (
    SELECT FROM alarm_timer AS t
    WHERE t.alarm = a.id AND t.kind = 'tell-one' AND t.whom = n.whom AND t.due > $2::timestamptz - $3::interval
)
ON CONFLICT DO NOTHING;

-- name: tell_back
-- Who was told of it by its ladder hears that somebody has it.
INSERT INTO alarm_timer (alarm, round, rung, kind, whom, due)
SELECT a.id, a.round, 1000 + a.version, 'tell-one', $3, $2::timestamptz FROM alarm AS a
WHERE a.id = $1 AND EXISTS (
    SELECT FROM alarm_timer AS t WHERE t.alarm = a.id AND t.round = a.round AND t.kind = 'tell' AND t.whom = $3
        AND t.done IS NOT NULL AND NOT t.stopped
)
ON CONFLICT DO NOTHING;

-- name: lock
SELECT id, person, holder, rule, level, state, round, version, owner, institution, desk, outcome, quiet, joined
FROM alarm WHERE id = ANY ($1::int8[]) ORDER BY id FOR UPDATE;

-- name: change
-- What a person or the clock did. $6: whose it is now, NULL for no change.
UPDATE alarm SET state = $2, outcome = coalesce($3, outcome), round = round + $4,
    acknowledged = CASE WHEN $2 IN ('acknowledged', 'closed') THEN coalesce(acknowledged, $5) ELSE acknowledged END,
    owner = CASE WHEN $2 = 'escalated' THEN NULL ELSE coalesce($6, owner) END,
    closed = CASE WHEN $2 = 'closed' THEN coalesce(closed, $5) ELSE closed END,
    closed_by = coalesce(closed_by, $7),
    paged = CASE WHEN $4 > 0 THEN $5 ELSE paged END,
    version = version + 1, number = pg_current_xact_id()::text::int8 + moved_by()
WHERE id = $1 RETURNING id, rule, level, round, version, state, owner;

-- name: touch
UPDATE alarm SET version = version + 1, number = pg_current_xact_id()::text::int8 + moved_by() WHERE id = ANY ($1::int8[]);

-- name: next_rung
-- When the next rung is due, of those that nobody has climbed yet.
SELECT min(due) FROM alarm_timer WHERE alarm = $1 AND done IS NULL AND kind = 'tell';

-- name: bring_forward
-- All of the rungs that were due at that instant are due now.
UPDATE alarm_timer SET due = $3 WHERE alarm = $1 AND done IS NULL AND kind = 'tell' AND due <= $2;

-- name: holders_of_open
SELECT a.id, a.person, a.rule, e.holder, count(*) AS count, max(e.at) AS newest
FROM alarm AS a JOIN alarm_evidence AS e ON e.alarm = a.id
WHERE a.state <> 'closed' AND ($1::int8[] IS NULL OR a.id = ANY ($1)) GROUP BY a.id, e.holder ORDER BY a.id, e.holder;

-- name: elsewhere
-- Open alarms of these (registration, rule) that stand under somebody else than whose the registration is now.
SELECT DISTINCT a.id FROM unnest($1::int8[], $2::text[], $3::int8[]) AS n(holder, rule, person)
JOIN alarm_evidence AS e ON e.holder = n.holder AND e.rule = n.rule AND e.at > now() - interval '30 days'
JOIN alarm AS a ON a.id = e.alarm
WHERE a.state <> 'closed' AND a.person <> n.person;

-- name: open_of
SELECT id, person, rule, level FROM alarm WHERE state <> 'closed' AND (person, rule) IN (SELECT * FROM unnest($1::int8[], $2::text[]));

-- name: give_to
UPDATE alarm SET person = $2, version = version + 1, number = pg_current_xact_id()::text::int8 + moved_by() WHERE id = $1;

-- name: join
-- Closes an alarm that became part of another.
UPDATE alarm SET state = 'closed', joined = $2, closed = $3, version = version + 1,
    number = pg_current_xact_id()::text::int8 + moved_by()
WHERE id = $1;

-- name: take_over
-- Adds what another alarm rested on. $4: it pages again.
UPDATE alarm SET count = count + $2, level = CASE WHEN quiet AND $4::bool THEN $3 ELSE greatest(level, $3) END, newest = greatest(newest, $5),
    state = CASE WHEN $4::bool THEN 'raised' ELSE state END, round = round + CASE WHEN $4::bool THEN 1 ELSE 0 END,
    paged = CASE WHEN $4::bool THEN $6 ELSE paged END, quiet = quiet AND NOT $4::bool,
    version = version + 1, number = pg_current_xact_id()::text::int8 + moved_by()
WHERE id = $1 RETURNING id, rule, level, round, $4::bool AS pages;

-- name: lose
UPDATE alarm SET count = count - $2, holder = $3, version = version + 1,
    number = pg_current_xact_id()::text::int8 + moved_by()
WHERE id = $1;

-- name: part
-- A second alarm that stands as the first does, for another person.
INSERT INTO alarm (
    person, holder, rule, level, state, institution, desk, count, quiet, round, since, newest, raised, paged, acknowledged,
    owner
)
SELECT $2, $3, rule, level, state, institution, desk, $4, quiet, round, since, $5, raised, paged, acknowledged, owner
FROM alarm WHERE id = $1 RETURNING id;

-- name: part_timers
INSERT INTO alarm_timer (alarm, round, rung, kind, whom, due)
SELECT $2, round, rung, kind, whom, due FROM alarm_timer WHERE alarm = $1 AND done IS NULL;

-- name: move_evidence
UPDATE alarm_evidence SET alarm = $2 WHERE alarm = $1 AND holder = ANY ($3::int8[]);

-- name: newest_holder
SELECT holder FROM alarm_evidence WHERE alarm = $1 ORDER BY at DESC LIMIT 1;

-- name: shifts
SELECT day, starts, ends, who FROM duty_shift WHERE desk = $1 ORDER BY id;

-- name: stand_ins
SELECT starts, ends, who, instead_of FROM duty_stand_in WHERE desk = $1 AND ends > now() - interval '2 days' ORDER BY id;

-- name: holidays
SELECT day, off, name FROM duty_holiday WHERE desk = $1 ORDER BY day;

-- name: forget_shifts
DELETE FROM duty_shift WHERE desk = $1;

-- name: forget_stand_ins
DELETE FROM duty_stand_in WHERE desk = $1;

-- name: forget_holidays
DELETE FROM duty_holiday WHERE desk = $1;

-- name: put_shift
INSERT INTO duty_shift (desk, day, starts, ends, who, given_by) VALUES ($1, $2, $3, $4, $5, $6);

-- name: put_stand_in
INSERT INTO duty_stand_in (desk, starts, ends, who, instead_of, given_by) VALUES ($1, $2, $3, $4, $5, $6);

-- name: put_holiday
INSERT INTO duty_holiday (desk, day, off, name) VALUES ($1, $2, $3, $4);

-- name: due
SELECT alarm FROM alarm_timer WHERE done IS NULL AND due <= $1 AND alarm <> ALL ($3::int8[])
GROUP BY alarm ORDER BY min(due), alarm LIMIT $2;

-- name: next_due
SELECT min(due) FROM alarm_timer WHERE done IS NULL;

-- name: whose
SELECT person, holder, state FROM alarm WHERE id = $1;

-- name: timers_due
SELECT id, round, rung, kind, whom, due FROM alarm_timer WHERE alarm = $1 AND done IS NULL AND due <= $2
ORDER BY due, rung, id;

-- name: cross_off
UPDATE alarm_timer SET done = $2, stopped = $3 WHERE id = $1 AND done IS NULL;

-- name: first_rung
SELECT min(rung) FROM alarm_timer WHERE alarm = $1 AND round = $2 AND kind = 'tell';

-- name: newest_evidence
SELECT holder, rule, at, level, key, sealed FROM alarm_evidence WHERE alarm = $1 ORDER BY level DESC, at DESC LIMIT 1;

-- name: strays
SELECT id, name, institution FROM device WHERE id = ANY ($1::int8[]);

-- name: institution
SELECT reference FROM institution WHERE id = $1;

-- name: handed
-- Whether it was handed over and not taken yet.
SELECT EXISTS (SELECT FROM alarm_timer WHERE alarm = $1 AND kind = 'hand-over' AND done IS NULL);

-- name: newest_of_each
SELECT DISTINCT ON (alarm) alarm, holder, rule, at, key, sealed FROM alarm_evidence WHERE alarm = ANY ($1::int8[])
ORDER BY alarm, level DESC, at DESC;

-- name: evidence
SELECT holder, rule, at, level, late, key, sealed FROM alarm_evidence WHERE alarm = $1 ORDER BY at DESC LIMIT $2;

-- name: institutions
SELECT id, reference FROM institution WHERE id = ANY ($1::int4[]);

-- name: listed
-- A page of alarms, red first and the newest of a level first, behind a place.
SELECT id, person, holder, rule, level, state, outcome, institution, desk, owner, count, quiet, round, version, since,
    newest, raised, acknowledged, closed, number
FROM alarm
WHERE joined IS NULL AND state = ANY ($1::text[]) AND ($2::int4 IS NULL OR desk = $2) AND ($3::text IS NULL OR owner = $3)
    AND ($4::int8[] IS NULL OR person = ANY ($4)) AND ($5::text IS NULL OR rule = $5)
    AND ($6::int2 IS NULL OR level = $6) AND (level, id) < ($7::int2, $8::int8)
ORDER BY level DESC, id DESC LIMIT $9;

-- name: one
SELECT id, person, holder, rule, level, state, outcome, institution, desk, owner, count, quiet, round, version, since,
    newest, raised, acknowledged, closed, number
FROM alarm WHERE id = $1;

-- name: events
SELECT id, at, what, by, detail, key, words FROM alarm_event WHERE alarm = $1 ORDER BY id;

-- name: institution_named
SELECT id FROM institution WHERE reference = $1;

-- name: patient_days
-- Days on which somebody wore a device between two instants: each person and day once.
SELECT count(*) FROM (
    SELECT DISTINCT u.holder, d.day FROM device_user AS u JOIN device AS v ON v.id = u.device
    CROSS JOIN LATERAL generate_series(
        floor(extract(epoch FROM greatest(u.since, $1) - $1) / 86400)::int4,
        floor(extract(epoch FROM least(coalesce(u.until, $2), $2) - $1 - interval '1 microsecond') / 86400)::int4
    ) AS d(day)
    WHERE u.since < $2 AND (u.until IS NULL OR u.until > $1) AND ($3::int4 IS NULL OR v.institution = $3)
) AS days;

-- name: figures
SELECT a.rule, count(*)::int8 AS alarms, sum(a.count)::int8 AS warnings, count(a.acknowledged)::int8 AS answered,
    count(a.closed)::int8 AS closed, count(*) FILTER (WHERE a.outcome = 'false-alarm')::int8 AS false_alarms,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.acknowledged - a.raised)) AS median,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM a.acknowledged - a.raised)) AS ninety
FROM alarm AS a
WHERE a.raised >= $1 AND a.raised < $2 AND a.joined IS NULL AND ($3::int4 IS NULL OR a.desk = $3)
GROUP BY a.rule ORDER BY count(*) DESC, a.rule;

-- name: horizon
-- What has a lower number is committed, and what is not committed yet has none lower.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::int8 + moved_by();

-- name: changed
SELECT id, person, holder, rule, level, state, outcome, institution, desk, owner, count, quiet, round, version, since,
    newest, raised, acknowledged, closed, number
FROM alarm WHERE number >= $1 ORDER BY number, id LIMIT $2;

-- name: all_open
SELECT id, person, holder, rule, level, state, outcome, institution, desk, owner, count, quiet, round, version, since,
    newest, raised, acknowledged, closed, number
FROM alarm WHERE state <> 'closed' AND joined IS NULL AND (level, id) < ($1::int2, $2::int8)
ORDER BY level DESC, id DESC LIMIT $3;

-- name: unflagged
SELECT id, holder, rule, level, state, since, closed,
    CASE WHEN state = 'closed' THEN 'inactive' ELSE 'active' END || level::text AS flag
FROM alarm WHERE flagged <> (CASE WHEN state = 'closed' THEN 'inactive' ELSE 'active' END || level::text)
ORDER BY id LIMIT $1;

-- name: flagged
UPDATE alarm SET flagged = $2 WHERE id = $1;

-- name: erase_evidence
DELETE FROM alarm_evidence WHERE holder = ANY ($1::int8[]);

-- name: erase_alarms
-- Those that rest on nobody else. The rest is another registration's of the resident, without the words.
DELETE FROM alarm AS a WHERE a.holder = ANY ($1::int8[])
    AND NOT EXISTS (SELECT FROM alarm_evidence AS e WHERE e.alarm = a.id);

-- name: erase_words
UPDATE alarm_event SET words = NULL, key = NULL
WHERE words IS NOT NULL AND alarm IN (SELECT id FROM alarm WHERE holder = ANY ($1::int8[]));

-- name: erase_holders
UPDATE alarm AS a SET holder = (SELECT e.holder FROM alarm_evidence AS e WHERE e.alarm = a.id ORDER BY e.at DESC LIMIT 1)
WHERE a.holder = ANY ($1::int8[]);

-- name: desks
-- Desks that have a roster.
SELECT i.reference, d.desk FROM (SELECT DISTINCT desk FROM duty_shift) AS d JOIN institution AS i ON i.id = d.desk
ORDER BY d.desk;

-- name: vitals
SELECT level, count(*)::int8 AS open, count(*) FILTER (WHERE state <> 'acknowledged')::int8 AS unanswered
FROM alarm WHERE state <> 'closed' GROUP BY level;

-- name: lag
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(due)), 0)::float8 FROM alarm_timer
WHERE done IS NULL AND due < clock_timestamp();

-- name: next_of_each
-- What happens next of each alarm by the clock: whom its ladder tells, or whose promise is over.
SELECT DISTINCT ON (alarm) alarm, kind, whom, due FROM alarm_timer
WHERE alarm = ANY ($1::int8[]) AND done IS NULL ORDER BY alarm, due, id;

-- name: standing
-- $1 the desk's institution, null for all.
SELECT a.level, count(*)::int8 AS open, count(*) FILTER (WHERE a.state <> 'acknowledged')::int8 AS unanswered
FROM alarm AS a WHERE a.state <> 'closed'
    AND ($1::text IS NULL OR a.desk = (SELECT i.id FROM institution AS i WHERE i.reference = $1))
GROUP BY a.level;

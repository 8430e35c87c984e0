"""The SQL of the outbox, by name. Instants come as parameters: a test has a clock of its own."""

PUT = """
INSERT INTO outbox_message (key, urgency, template, reader, holder, asker, sealed, made, not_after, due, state)
SELECT n.key, n.urgency, n.template, n.reader, n.holder, n.asker, n.sealed, $1, n.not_after, n.due,
    CASE WHEN n.urgency = 0 THEN 'climbing' ELSE 'waiting' END
FROM unnest($2::text[], $3::int2[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::bytea[], $9::timestamptz[],
    $10::timestamptz[]) AS n(key, urgency, template, reader, holder, asker, sealed, not_after, due)
ON CONFLICT (key) DO NOTHING RETURNING key
"""
WITHDRAW = """
UPDATE outbox_message SET state = 'withdrawn', ended = $2
WHERE asker = ANY ($1::text[]) AND state IN ('waiting', 'climbing') RETURNING id
"""
AWAIT_NO_MORE = """
UPDATE outbox_attempt SET address = NULL WHERE address IS NOT NULL AND message IN (
    SELECT id FROM outbox_message
    WHERE asker = ANY ($1::text[]) AND urgency = 0 AND state IN ('unanswered', 'not-reached')
)
"""
TAKE = """
DELETE FROM outbox_outcome WHERE id IN (
    SELECT id FROM outbox_outcome WHERE asker >= $1 AND asker < $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING *
"""

# --- the worker

ANYTHING = """
SELECT EXISTS (SELECT FROM outbox_message WHERE state = 'climbing' AND urgency = 0 AND due <= $1),
    EXISTS (SELECT FROM outbox_message WHERE state = 'climbing' AND urgency = 1 AND due <= $1),
    EXISTS (SELECT FROM outbox_message WHERE state = 'climbing' AND urgency = 2 AND due <= $1),
    EXISTS (SELECT FROM outbox_message WHERE state = 'waiting' AND due <= $1)
"""
DUE = """
SELECT id, key, urgency, template, reader, holder, asker, sealed, not_after, turn FROM outbox_message
WHERE state = 'climbing' AND urgency = $3 AND due <= $1 AND id <> ALL ($4::int8[])
ORDER BY due LIMIT $2 FOR UPDATE SKIP LOCKED
"""
ATTEMPTS = """
SELECT message, turn, channel, number, state, made, changed, until FROM outbox_attempt WHERE message = ANY ($1::int8[])
"""
CLAIM = """
INSERT INTO outbox_attempt (message, turn, channel, number, reader, state, token, address, made, changed)
SELECT c.message, c.turn, c.channel, c.number, c.reader, c.state, c.token, c.address, $1, $1
FROM unnest($2::int8[], $3::int2[], $4::text[], $5::int2[], $6::text[], $7::text[], $8::bytea[], $9::bytea[])
    AS c(message, turn, channel, number, reader, state, token, address)
RETURNING id, message, turn, channel
"""
NOTE = """
INSERT INTO outbox_note (reader, message, turn, times, made)
SELECT n.reader, n.message, n.turn, n.times, $1
FROM unnest($2::text[], $3::int8[], $4::int2[], $5::int4[]) AS n(reader, message, turn, times)
ON CONFLICT (message, reader) DO NOTHING
"""
LATER = """
UPDATE outbox_message AS m SET due = w.due, turn = w.turn, reader = w.reader
FROM unnest($1::int8[], $2::timestamptz[], $3::int2[], $4::text[]) AS w(id, due, turn, reader) WHERE m.id = w.id
"""
SETTLE = """
WITH was AS (
    UPDATE outbox_attempt AS a SET reference = coalesce(r.reference, a.reference),
        state = CASE WHEN a.state = 'claimed' THEN r.state ELSE a.state END,
        code = CASE WHEN a.state = 'claimed' THEN r.code ELSE a.code END,
        changed = CASE WHEN a.state = 'claimed' THEN $1 ELSE a.changed END,
        until = CASE WHEN a.state = 'claimed' THEN r.until ELSE a.until END
    FROM unnest($2::int8[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
        AS r(id, state, reference, code, until, due)
    WHERE a.id = r.id RETURNING a.message, r.due, a.state = r.state AND a.changed = $1 AS mine
)
UPDATE outbox_message AS m SET due = CASE WHEN w.mine THEN w.due ELSE $1 END
FROM was AS w WHERE m.id = w.message AND m.state = 'climbing'
"""
END = """
UPDATE outbox_message AS m SET state = e.what, ended = $1
FROM unnest($2::int8[], $3::text[]) AS e(id, what)
WHERE (m.id = e.id AND m.state IN ('waiting', 'climbing')) OR (m.list = e.id AND m.state = 'listed')
RETURNING m.asker, m.key, e.what, m.reader
"""
TELL = """
INSERT INTO outbox_outcome (asker, key, what, reader, channel, person, at)
SELECT o.asker, o.key, o.what, o.reader, o.channel, o.person, $1
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS o(asker, key, what, reader, channel, person)
WHERE o.asker <> ''
"""

# --- what waits for its time

READERS_DUE = """
SELECT reader, min(due) AS since FROM (
    SELECT reader, due FROM outbox_message WHERE state = 'waiting' AND due <= $1 ORDER BY due LIMIT $2
) AS d GROUP BY reader ORDER BY since
"""
WAITING = """
SELECT id, key, urgency, template, holder, asker, sealed, made, not_after FROM outbox_message
WHERE reader = $2 AND state = 'waiting' AND due <= $1 ORDER BY urgency, made, id LIMIT $3 FOR UPDATE SKIP LOCKED
"""
PUT_OFF = "UPDATE outbox_message SET due = $2 WHERE id = ANY ($1::int8[])"
PUT_OFF_ALL = "UPDATE outbox_message SET due = $3 WHERE reader = $1 AND state = 'waiting' AND due <= $2"
CLIMB = "UPDATE outbox_message SET state = 'climbing', due = $2 WHERE id = ANY ($1::int8[])"
DAY = """
INSERT INTO outbox_day (reader, day) VALUES ($1, $2)
ON CONFLICT (reader, day) DO UPDATE SET told = outbox_day.told RETURNING told, held
"""
COUNT = "UPDATE outbox_day SET told = told + $3, held = held + $4 WHERE reader = $1 AND day = $2"
LIST = """
INSERT INTO outbox_message (key, urgency, template, reader, sealed, made, due, state)
VALUES ($1, $2, 'list', $3, $4, $5, $5, 'climbing') RETURNING id
"""
IN_LIST = "UPDATE outbox_message SET state = 'listed', list = $2 WHERE id = ANY ($1::int8[])"
KNOWN = "SELECT reader, sealed FROM outbox_reader WHERE reader = ANY ($1::text[])"
KEEP_KNOWN = """
INSERT INTO outbox_reader (reader, sealed, changed, holder) VALUES ($1, $2, $3, $4)
ON CONFLICT (reader) DO UPDATE SET sealed = $2, changed = $3, holder = coalesce($4, outbox_reader.holder)
"""

# --- what comes back

BY_REFERENCE = "SELECT id FROM outbox_attempt WHERE channel = $1 AND reference = $2"
BY_KEY = """
SELECT id FROM outbox_attempt WHERE message = $1 AND turn = $2 AND channel = $3 ORDER BY number DESC LIMIT 1
"""
ON_ITS_WAY = """
SELECT message, max(id) AS id FROM outbox_attempt
WHERE address = $1 AND channel = $2 AND made > $3 AND state IN ('claimed', 'handed', 'unknown') GROUP BY message LIMIT 2
"""
AWAITED = """
SELECT max(a.id) AS id FROM outbox_attempt AS a JOIN outbox_message AS m ON m.id = a.message
WHERE a.address = $1 AND a.channel = $2 AND a.made > $3 AND a.state IN ('claimed', 'handed', 'received', 'unknown')
    AND m.urgency = 0 AND m.state IN ('climbing', 'unanswered', 'not-reached')
GROUP BY CASE m.asker WHEN '' THEN m.key ELSE m.asker END LIMIT 2
"""
HEAR_ONCE = """
INSERT INTO outbox_receipt AS r (digest, heard) VALUES ($1, $2)
ON CONFLICT (digest) DO UPDATE SET heard = $2 WHERE r.heard < $3 RETURNING digest
"""
# Of what was withdrawn, or answered by somebody, there is nothing more to take.
BY_TOKEN = """
SELECT a.id FROM outbox_attempt AS a JOIN outbox_message AS m ON m.id = a.message
WHERE a.token = $1 AND m.state NOT IN ('answered', 'withdrawn')
"""
USE_TOKEN = "UPDATE outbox_attempt SET token = NULL WHERE token = $1 RETURNING id"
HEARD = """
UPDATE outbox_attempt SET state = $2, code = $3, changed = $4
WHERE id = $1 AND state = ANY ($5::text[]) RETURNING message, reader, channel
"""
LOOK_AGAIN = """
UPDATE outbox_message SET due = CASE WHEN state = 'climbing' THEN $2 ELSE due END,
    state = CASE WHEN state = 'unconfirmed' AND $3 THEN 'reached' ELSE state END
WHERE id = $1 RETURNING asker, key, state
"""
ANSWERED = """
UPDATE outbox_message SET state = 'answered', ended = $2
WHERE id = $1 AND state NOT IN ('answered', 'withdrawn') RETURNING asker, key
"""
READ_NOTES = """
UPDATE outbox_note SET read = coalesce(read, $3), answered = CASE WHEN $4 THEN coalesce(answered, $3) ELSE answered END
WHERE reader = ANY ($1::text[]) AND id = ANY ($2::int8[]) AND (read IS NULL OR ($4 AND answered IS NULL))
RETURNING message, turn, reader
"""
IN_APP = "SELECT id FROM outbox_attempt WHERE message = $1 AND turn = $2 AND channel = 'in-app'"

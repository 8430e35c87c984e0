"""The SQL of the outbox, by name. Instants come as parameters: a test has a clock of its own."""

PUT = """
INSERT INTO outbox_message (key, urgency, template, reader, holder, asker, sealed, made, not_after, due)
SELECT n.key, n.urgency, n.template, n.reader, n.holder, n.asker, n.sealed, $1, n.not_after, n.due
FROM unnest($2::text[], $3::int2[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::bytea[], $9::timestamptz[],
    $10::timestamptz[]) AS n(key, urgency, template, reader, holder, asker, sealed, not_after, due)
ON CONFLICT (key) DO NOTHING RETURNING key
"""
WITHDRAW = """
UPDATE outbox_message SET state = 'withdrawn', ended = $2
WHERE asker = ANY ($1::text[]) AND state IN ('waiting', 'climbing') RETURNING id
"""
TAKE = """
DELETE FROM outbox_outcome WHERE id IN (
    SELECT id FROM outbox_outcome WHERE asker >= $1 AND asker < $2 ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING *
"""

-- What is kept of messages.

-- name: known
-- $1 senders, $2 their numbers, $3 digests. Returns the places of those that were stored.
SELECT a.nth FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS a(sender, control, digest, nth)
JOIN feed_message AS m ON m.sender = a.sender AND m.control = a.control AND m.digest = a.digest;

-- name: stored
INSERT INTO feed_message (sender, control, digest)
SELECT DISTINCT ON (a.sender, a.control) a.sender, a.control, a.digest
FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS a(sender, control, digest, nth)
ORDER BY a.sender, a.control, a.nth DESC
ON CONFLICT (sender, control) DO UPDATE SET digest = excluded.digest, at = clock_timestamp();

-- name: forget
DELETE FROM feed_message WHERE at < clock_timestamp() - make_interval(days => $1::int4);

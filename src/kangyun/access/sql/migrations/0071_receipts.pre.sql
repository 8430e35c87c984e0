-- What a provider has signed and what names nothing but a telephone is heard once: it says not which message it means.
CREATE TABLE outbox_receipt (
    digest bytea PRIMARY KEY,               -- keyed, of the body and the place in it
    heard timestamptz NOT NULL
);
-- What is red and ended without an answer, by who asked: it waits for one until he withdraws it.
CREATE INDEX outbox_message_unanswered ON outbox_message (asker)
    WHERE urgency = 0 AND state IN ('unanswered', 'not-reached');

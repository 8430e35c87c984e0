-- Messages that were stored, by whom they came from and the number that he gave them: what is sent again because the
-- answer was lost is answered as before. What they said stands in the record only.

CREATE TABLE feed_message (
    sender text COLLATE "C" NOT NULL,
    control text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,                  -- of its bytes: another message may have the same number, months later
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sender, control)
);
CREATE INDEX feed_message_at ON feed_message (at);

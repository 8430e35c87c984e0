-- Messages that were refused, kept for repair: with why, and what came sealed by the institution's key. One row for the
-- same bytes, however often they are sent. `content` is dropped after a time; the rest stays.

CREATE TABLE feed_message_aside (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    institution text COLLATE "C" NOT NULL,          -- Organization/…
    sender text COLLATE "C" NOT NULL,
    control text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    received timestamptz NOT NULL DEFAULT clock_timestamp(),
    times int4 NOT NULL DEFAULT 1,
    reasons text NOT NULL,                          -- JSON: text ids, places, masked values
    size int4 NOT NULL,
    key int4,
    content bytea,
    state text COLLATE "C" NOT NULL DEFAULT 'waiting', -- waiting, taken, dropped
    settled timestamptz,
    UNIQUE (institution, digest)
);
ALTER TABLE feed_message_aside ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX feed_message_aside_waiting ON feed_message_aside (institution, sender, control) WHERE state = 'waiting';
CREATE INDEX feed_message_aside_content ON feed_message_aside (received) WHERE content IS NOT NULL;

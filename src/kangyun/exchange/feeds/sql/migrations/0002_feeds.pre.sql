-- The register of feeds, and what was delivered. ADR 31, 32.

-- One institution's one data set. `next` is the number that the next delivery must have; `title`, `why` and the like are
-- words about an agreement, never about a person.
CREATE TABLE feed_source (
    id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text COLLATE "C" NOT NULL UNIQUE,
    institution text COLLATE "C" NOT NULL,      -- Organization/…
    title text NOT NULL,
    state text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    waits text COLLATE "C" NOT NULL DEFAULT '', -- for whom: centre, institution, nobody
    waits_for text NOT NULL DEFAULT '',         -- a text id, or words
    waits_since timestamptz,
    why text NOT NULL DEFAULT '',               -- of the last move
    agreement text NOT NULL DEFAULT '',
    agreed date,
    client text COLLATE "C" NOT NULL DEFAULT '', -- the application that may deliver
    thumbprint text COLLATE "C" NOT NULL DEFAULT '',
    certificate_ends timestamptz,
    code text NOT NULL DEFAULT '',              -- the institution's code in names of systems
    dialect text COLLATE "C" NOT NULL DEFAULT '',
    widths text NOT NULL DEFAULT '{}',
    rate int4 NOT NULL DEFAULT 0,
    next int8 NOT NULL DEFAULT 1
);
CREATE INDEX feed_source_institution ON feed_source (institution);

CREATE TABLE feed_history (
    feed int4 NOT NULL REFERENCES feed_source,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    act text COLLATE "C" NOT NULL,              -- registered, moved, changed
    state text COLLATE "C" NOT NULL,
    by text COLLATE "C" NOT NULL,
    why text NOT NULL
);
CREATE INDEX feed_history_feed ON feed_history (feed, at);

-- Mappings of a feed's own, as TOML; they go before those that are shipped. The newest of a name counts.
CREATE TABLE feed_mapping (
    feed int4 NOT NULL REFERENCES feed_source,
    name text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    by text COLLATE "C" NOT NULL,
    content text NOT NULL,
    PRIMARY KEY (feed, name, at)
);

-- What came at once. `content` is sealed by the institution's key and dropped after a time; the rest stays.
CREATE TABLE feed_delivery (
    feed int4 NOT NULL REFERENCES feed_source,
    number int8 NOT NULL,
    received timestamptz NOT NULL DEFAULT clock_timestamp(),
    digest bytea NOT NULL,                      -- SHA-256 of the body before it was packed
    source text NOT NULL,                       -- the table's name, or the file's
    trial bool NOT NULL,                     -- came while testing: judged, never stored
    size int4 NOT NULL,                         -- bytes, unpacked
    key int4,
    content bytea,
    fate text COLLATE "C" NOT NULL DEFAULT 'kept',
    attempts int2 NOT NULL DEFAULT 0,
    settled timestamptz,
    sheet int4,                                 -- the table that its rows were of
    rows int4 NOT NULL DEFAULT 0,
    stored int4 NOT NULL DEFAULT 0,
    unchanged int4 NOT NULL DEFAULT 0,
    aside int4 NOT NULL DEFAULT 0,
    left_out int4 NOT NULL DEFAULT 0,
    reason text COLLATE "C" NOT NULL DEFAULT '', -- a text id: why it failed as a whole
    parameters text NOT NULL DEFAULT '{}',
    PRIMARY KEY (feed, number)
);
ALTER TABLE feed_delivery ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX feed_delivery_kept ON feed_delivery (feed, number) WHERE fate = 'kept';
CREATE INDEX feed_delivery_content ON feed_delivery (received) WHERE content IS NOT NULL;

-- What of a delivery was not taken, or was put right; `shown` is masked.
CREATE TABLE feed_refusal (
    feed int4 NOT NULL,
    delivery int8 NOT NULL,
    nth int4 NOT NULL,
    "row" int4,
    part text NOT NULL,
    text text COLLATE "C" NOT NULL,
    parameters text NOT NULL,
    shown text NOT NULL,
    whole bool NOT NULL,
    sheet int4,
    key int8,                                   -- of the row, as feed_row has it
    answered int8,                              -- the delivery that brought the row right
    PRIMARY KEY (feed, delivery, nth),
    FOREIGN KEY (feed, delivery) REFERENCES feed_delivery (feed, number)
);
CREATE INDEX feed_refusal_open ON feed_refusal (sheet, key) WHERE whole AND answered IS NULL;

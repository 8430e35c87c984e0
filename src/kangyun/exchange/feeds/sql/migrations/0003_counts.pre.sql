-- What came and what became of it, by business key: what is sent again counts once. docs/feeds.md says what it weighs.

-- A table of a feed. `columns` are those of its last delivery, `keys`, `day` and `amounts` what the mapping calls so,
-- by the names that the source has for them. A stopped one takes nothing until somebody has looked.
CREATE TABLE feed_sheet (
    id int4 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed int4 NOT NULL REFERENCES feed_source,
    name text COLLATE "C" NOT NULL,
    title text NOT NULL DEFAULT '',
    columns text[] NOT NULL DEFAULT '{}',
    keys text[] NOT NULL DEFAULT '{}',
    day text NOT NULL DEFAULT '',
    amounts text[] NOT NULL DEFAULT '{}',
    stopped timestamptz,
    reason text COLLATE "C" NOT NULL DEFAULT '',
    parameters text NOT NULL DEFAULT '{}',
    UNIQUE (feed, name)
);

-- One row for each record that an institution has delivered, whatever came of it last. `key` is a digest of 64 bits of
-- the business key within the table, `content` of the row and its mapping.
CREATE TABLE feed_row (
    key int8 NOT NULL,
    content int8 NOT NULL,
    sheet int4 NOT NULL,
    delivery int4 NOT NULL,                     -- the last that brought it
    day date NOT NULL,                          -- Beijing's, of the business time; 0001-01-01: it says none
    outcome "char" NOT NULL,                    -- s stored, v taken back, r kept aside
    amounts int8[],                             -- of the columns that are added up, in ten-thousandths
    PRIMARY KEY (sheet, key)
);
CREATE INDEX feed_row_day ON feed_row USING brin (sheet, day);

-- Kept in step with feed_row by the statement that writes it. What the hospital declares stands beside.
CREATE TABLE feed_day (
    sheet int4 NOT NULL REFERENCES feed_sheet,
    day date NOT NULL,
    stored int8 NOT NULL DEFAULT 0,
    revoked int8 NOT NULL DEFAULT 0,
    refused int8 NOT NULL DEFAULT 0,
    declared int8,
    told timestamptz,
    PRIMARY KEY (sheet, day)
);
CREATE TABLE feed_sum (
    sheet int4 NOT NULL REFERENCES feed_sheet,
    day date NOT NULL,
    field text COLLATE "C" NOT NULL,
    received int8 NOT NULL DEFAULT 0,           -- ten-thousandths
    stored int8 NOT NULL DEFAULT 0,
    declared int8,
    PRIMARY KEY (sheet, day, field)
);

-- How well a field was filled, by the month of the business time, of rows as they first came or came changed.
CREATE TABLE feed_field (
    sheet int4 NOT NULL REFERENCES feed_sheet,
    month date NOT NULL,
    field text COLLATE "C" NOT NULL,
    rows int8 NOT NULL,
    filled int8 NOT NULL,
    valid int8 NOT NULL,
    left_out int8 NOT NULL,
    mended int8 NOT NULL,
    PRIMARY KEY (sheet, month, field)
);

-- What the centre asks of the hospital; the answer (serial numbers) is sealed by the institution's key.
CREATE TABLE feed_asked (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    feed int4 NOT NULL REFERENCES feed_source,
    what text COLLATE "C" NOT NULL,
    sheet int4 NOT NULL REFERENCES feed_sheet,
    day date NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    by text COLLATE "C" NOT NULL,
    key int4 NOT NULL,
    keys bytea NOT NULL,                        -- sealed: the business keys that are asked for
    answered timestamptz,
    answer bytea,                               -- sealed: the business keys that the hospital has
    missing int4,
    surplus int4
);
CREATE INDEX feed_asked_open ON feed_asked (feed) WHERE answered IS NULL;

-- A month that was closed: the figures as they stood, by table and day.
CREATE TABLE feed_month (
    feed int4 NOT NULL REFERENCES feed_source,
    month date NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    by text COLLATE "C" NOT NULL,
    why text NOT NULL DEFAULT '',
    figures text NOT NULL,
    PRIMARY KEY (feed, month)
);

-- Alerts on odd behaviour, and what they are reckoned from.
CREATE TABLE audit_alert (
    id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    rule text NOT NULL,
    definition text NOT NULL,       -- of the rule, as it was then: JSON
    actor text NOT NULL,            -- whose doing; empty where it is about a patient or an address
    patient int8 NOT NULL,          -- res; 0 for none
    source text NOT NULL,           -- address; empty for none
    began timestamptz NOT NULL,     -- the window
    ended timestamptz NOT NULL,
    role text NOT NULL,
    institution int4 NOT NULL,
    count int4 NOT NULL,            -- what was counted, and from where on that is odd
    ceiling int4 NOT NULL,
    usual int4 NOT NULL,            -- of a baseline
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'looked-at', 'closed')),
    reason text NOT NULL DEFAULT '',
    changed_by text NOT NULL DEFAULT '',
    changed timestamptz,
    UNIQUE (rule, actor, patient, source, began)
);
CREATE INDEX audit_alert_state ON audit_alert (state, id) WHERE state <> 'closed';
-- How much somebody did on a day, of which nothing is asked any more.
CREATE TABLE audit_day (
    actor text NOT NULL,
    day date NOT NULL,
    patients int4 NOT NULL,
    rows int4 NOT NULL,
    refused int4 NOT NULL,
    emergencies int4 NOT NULL,
    PRIMARY KEY (actor, day)
);
-- Up to which row of the sealed trail alerts were looked for.
CREATE TABLE audit_watch (singleton bool PRIMARY KEY DEFAULT true CHECK (singleton), xid int8 NOT NULL, id int8 NOT NULL);

-- Parts of the trail that stand in files: which seals, up to which row, and the digest of the file.
CREATE TABLE audit_archive (
    number int8 PRIMARY KEY,        -- 1, 2, 3, ...
    first_seal int8 NOT NULL,
    last_seal int8 NOT NULL,
    xid int8 NOT NULL,              -- the last row
    id int8 NOT NULL,
    rows int8 NOT NULL,
    oldest timestamptz NOT NULL,
    newest timestamptz NOT NULL,
    seal bytea NOT NULL,            -- the digest of the last seal
    file text NOT NULL,
    digest bytea NOT NULL,          -- SM3 of the file
    made timestamptz NOT NULL DEFAULT clock_timestamp()
);

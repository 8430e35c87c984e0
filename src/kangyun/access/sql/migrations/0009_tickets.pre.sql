-- The doctor's look from inside another system: keys of hospitals' servers, tickets that they draw, and what a ticket
-- opens: a session of one person about one resident. Residents' numbers are sealed; secrets stand as keyed digests.

CREATE TABLE look_key (
    client text COLLATE "C" PRIMARY KEY REFERENCES application,
    sealed bytea NOT NULL,                  -- what its calls are signed with
    made_by text NOT NULL,
    made timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Calls that were made, as long as their time stamp would still do.
CREATE TABLE look_nonce (
    digest bytea PRIMARY KEY,
    expires timestamptz NOT NULL
);
CREATE INDEX look_nonce_expires ON look_nonce (expires);

CREATE TABLE look_ticket (
    digest bytea PRIMARY KEY,
    client text COLLATE "C" NOT NULL REFERENCES application,
    identity int8 NOT NULL REFERENCES identity,
    role text NOT NULL,
    institution text NOT NULL,
    sealed bytea NOT NULL,                  -- the resident's identifier, the encounter
    expires timestamptz NOT NULL,
    used timestamptz
);
CREATE INDEX look_ticket_expires ON look_ticket (expires);

CREATE TABLE look_session (
    id text COLLATE "C" PRIMARY KEY,
    cookie bytea NOT NULL,
    client text COLLATE "C" NOT NULL REFERENCES application,
    identity int8 NOT NULL REFERENCES identity,
    role text NOT NULL,
    institution text NOT NULL,
    sealed bytea NOT NULL,                  -- the resident's identifier
    source text NOT NULL,
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL
);
CREATE INDEX look_session_expires ON look_session (expires);

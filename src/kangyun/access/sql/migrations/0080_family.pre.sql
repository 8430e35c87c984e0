-- Three rights that a family may have, each given or refused alone: to see, to act, to be told of alarms (`hears`).
-- tie: rows of one gift, to one person, for the registrations of one resident.
ALTER TABLE identity_proxy
    ADD COLUMN sees bool NOT NULL DEFAULT true,
    ADD COLUMN acts bool NOT NULL DEFAULT true,
    ADD COLUMN tie text COLLATE "C";

-- What somebody asked of a resident, until it is answered or over.
CREATE TABLE family_ask (
    id text COLLATE "C" PRIMARY KEY,        -- cannot be guessed: it stands in the link of the message
    number int8 GENERATED ALWAYS AS IDENTITY UNIQUE,
    identity int8 NOT NULL,                 -- who asks
    relation text NOT NULL,                 -- what he is to the resident: v3-RoleCode
    rights text[] NOT NULL,
    patients text[] NOT NULL,               -- whose answer it waits for; empty where nobody is such, and at a desk
    way text NOT NULL,                      -- phone, desk
    challenge text COLLATE "C",             -- the one-time code by which it is answered
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    answered timestamptz,
    given text[],
    answered_by text
);
CREATE INDEX family_ask_patients ON family_ask USING gin (patients) WHERE answered IS NULL;
CREATE INDEX family_ask_identity ON family_ask (identity) WHERE answered IS NULL;

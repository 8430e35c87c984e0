-- What people prove themselves by, and what needs a second person. Identities are those of the register (int8); names,
-- numbers, telephones, secrets and reasons are sealed or hashed under keys, nothing of them stands here in clear.

-- What one officer asks and another confirms.
CREATE TABLE approval (
    id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    kind text COLLATE "C" NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'confirmed', 'refused', 'used')),
    asker text COLLATE "C" NOT NULL,
    institution text COLLATE "C" NOT NULL,
    persons int8,                   -- how many it concerns; null where that was not counted
    digest bytea NOT NULL,          -- keyed, of what is to be done: that and nothing else is confirmed
    sealed bytea NOT NULL,          -- what, and why
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends timestamptz NOT NULL,      -- neither confirmed nor used from then on
    decider text COLLATE "C" CHECK (decider <> asker),
    decided timestamptz,
    remark bytea,                   -- sealed: what the decider said
    used timestamptz
);
CREATE UNIQUE INDEX approval_open ON approval (asker, kind, digest) WHERE state = 'open';
CREATE INDEX approval_state ON approval (state, id);

-- What somebody can prove themselves by, beside a password.
CREATE TABLE factor (
    id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    identity int8 NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('usb-key', 'passkey', 'totp', 'sms')),
    lookup bytea NOT NULL,          -- keyed digest of what it is: no key and no passkey is two persons'
    sealed bytea NOT NULL,          -- TOTP secret, telephone, public key
    active bool NOT NULL DEFAULT false,     -- proven once
    counter int8 NOT NULL DEFAULT -1,       -- TOTP step, or signatures of a passkey, used last
    enrolled timestamptz NOT NULL DEFAULT clock_timestamp(),
    used timestamptz
);
CREATE UNIQUE INDEX factor_lookup ON factor (lookup) WHERE active AND kind IN ('usb-key', 'passkey');
CREATE INDEX factor_identity ON factor (identity);

-- What was asked of somebody, to be answered once.
CREATE TABLE factor_challenge (
    id text COLLATE "C" PRIMARY KEY,
    identity int8 NOT NULL,
    kind text COLLATE "C" NOT NULL,
    factor int8 REFERENCES factor ON DELETE CASCADE,        -- the one that is being enrolled
    sealed bytea NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX factor_challenge_expires ON factor_challenge (expires);

-- Leave to enrol, given by a security administrator; the code is handed over by hand. And wrong answers in a row.
CREATE TABLE factor_permit (identity int8 PRIMARY KEY, digest bytea NOT NULL, given_by text NOT NULL, expires timestamptz NOT NULL);
CREATE TABLE factor_failure (identity int8 PRIMARY KEY, failures int4 NOT NULL, locked_until timestamptz NOT NULL);

-- One-time codes that were sent or handed over. Kept for two days, so that they can be counted.
CREATE TABLE one_time_code (
    id text COLLATE "C" PRIMARY KEY,
    purpose text COLLATE "C" NOT NULL,
    target bytea NOT NULL,          -- keyed digest of the telephone, or of whom it is for
    source bytea NOT NULL,          -- keyed digest of the address that asked
    digest bytea NOT NULL,          -- keyed, of the code
    sealed bytea NOT NULL,          -- what it is good for
    tries int4 NOT NULL DEFAULT 0,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    used timestamptz
);
CREATE INDEX one_time_code_target ON one_time_code (target, made);
CREATE INDEX one_time_code_source ON one_time_code (source, made);
CREATE INDEX one_time_code_made ON one_time_code (made);

-- By which telephone or WeChat account a resident is known, and as which Patients.
CREATE TABLE resident_binding (
    id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    channel text COLLATE "C" NOT NULL CHECK (channel IN ('phone', 'wechat')),
    handle bytea NOT NULL,          -- keyed digest of the telephone, or of WeChat's openid
    patients text[] NOT NULL,       -- ids
    bound timestamptz NOT NULL DEFAULT clock_timestamp(),
    bound_by text COLLATE "C" NOT NULL,     -- the Patient, or who saw the identity card
    ended timestamptz,
    ended_by text
);
CREATE UNIQUE INDEX resident_binding_handle ON resident_binding (channel, handle) WHERE ended IS NULL;
CREATE INDEX resident_binding_patients ON resident_binding USING gin (patients) WHERE ended IS NULL;

-- How often somebody said a name and a number, a day.
CREATE TABLE resident_try (subject bytea PRIMARY KEY, began timestamptz NOT NULL, count int4 NOT NULL);

-- Posts that end on a day to come, as institutions' feeds say it.
CREATE TABLE staff_ending (
    res int8 PRIMARY KEY,           -- of the PractitionerRole
    version int4 NOT NULL,
    institution int4 NOT NULL,      -- whose feed says so
    ends timestamptz NOT NULL
);
CREATE INDEX staff_ending_ends ON staff_ending (ends);
-- Their reader begins here, and not when it first runs: who leaves before that is not missed.
INSERT INTO feed_cursor (name, epoch, position) SELECT 'staff-leavers', epoch, position FROM sequencer
ON CONFLICT DO NOTHING;

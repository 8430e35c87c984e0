-- What the register of devices knows beside a device's row. ADR 38; docs/devices/register.md.

-- region: the second part of its topics. kind: as in register/data/kinds.toml. serial: the maker's number, unique within
-- an institution. batch: by whose key it may fetch a secret of its own.
ALTER TABLE device
    ADD COLUMN region text COLLATE "C" NOT NULL DEFAULT 'cn',
    ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'other',
    ADD COLUMN model text NOT NULL DEFAULT '',
    ADD COLUMN serial text COLLATE "C" NOT NULL DEFAULT '',
    ADD COLUMN batch bigint;
CREATE UNIQUE INDEX device_serial ON device (institution, serial) WHERE serial <> '';

-- Authorities whose certificates an institution's devices may show.
CREATE TABLE device_authority (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    institution bigint NOT NULL,
    certificate bytea NOT NULL UNIQUE,          -- DER
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,
    by text COLLATE "C" NOT NULL
);

-- What a device proves itself by: several at once while one takes over from another.
-- digest: of a secret, keyed; of a certificate, its SHA-256; of a subject, the SHA-256 of authority and common name.
CREATE TABLE device_credential (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device bigint NOT NULL REFERENCES device,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('secret', 'certificate', 'subject')),
    digest bytea NOT NULL,
    authority bigint REFERENCES device_authority,
    certificate bytea,                          -- DER, of one that is known by itself
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,
    by text COLLATE "C" NOT NULL,
    UNIQUE (kind, digest)
);
CREATE INDEX device_credential_device ON device_credential (device);

-- Keys that a maker burns into a whole batch: good for nothing but to fetch a secret for a device of that batch, once.
CREATE TABLE device_batch (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    institution bigint NOT NULL,
    name text NOT NULL,
    digest bytea NOT NULL UNIQUE,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL,
    by text COLLATE "C" NOT NULL,
    UNIQUE (institution, name)
);

-- Claim codes: short, once, for a time. used: when, by whom.
CREATE TABLE device_claim (
    digest bytea PRIMARY KEY,
    device bigint NOT NULL REFERENCES device,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz NOT NULL,
    used timestamptz,
    used_by text COLLATE "C"
);
CREATE INDEX device_claim_device ON device_claim (device);

-- Wrong codes, by a digest of who tried.
CREATE TABLE device_try (
    subject bytea PRIMARY KEY,
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    count int4 NOT NULL
);

-- What was done with a device, in the words of a code; why in the words of who did it, never about a person.
CREATE TABLE device_history (
    device bigint NOT NULL REFERENCES device,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    act text COLLATE "C" NOT NULL,
    by text COLLATE "C" NOT NULL,
    why text NOT NULL DEFAULT ''
);
CREATE INDEX device_history_device ON device_history (device, at);

-- What listeners and intakes must read again: written last in the transaction that changes it, looked for all the time.
CREATE TABLE device_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX device_change_at ON device_change (at);

-- No device and key has two users at once: what is open is unique, what is over lies before it (register/users.py).
CREATE UNIQUE INDEX device_user_open ON device_user (device, key) WHERE until IS NULL;

-- Whose a reading is (这次是谁量的？). supposed: who would have been, where the reading does not fit him.
-- holder: who it was, null while it is open and where it was nobody who uses the device.
CREATE TABLE device_question (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device bigint NOT NULL REFERENCES device,
    at timestamptz NOT NULL,                    -- of the reading, by the device's time
    key text NOT NULL DEFAULT '',
    reason text COLLATE "C" NOT NULL CHECK (reason IN ('no-key', 'unknown-key', 'does-not-fit')),
    supposed bigint,
    metrics int2[] NOT NULL DEFAULT '{}',
    asked timestamptz NOT NULL DEFAULT clock_timestamp(),
    answered timestamptz,
    answered_by text COLLATE "C",
    holder bigint,
    UNIQUE (device, at, key)
);
CREATE INDEX device_question_open ON device_question (device) WHERE answered IS NULL;

-- How a device is. heard: when something of it was last stored; a connection alone is not heard of. reading: by its own
-- time. offset_s: its clock before ours, seconds.
CREATE TABLE device_health (
    device bigint PRIMARY KEY REFERENCES device,
    heard timestamptz,
    reading timestamptz,
    battery float8,                             -- per cent
    battery_at timestamptz,
    offset_s float8,
    firmware text,
    refused int8 NOT NULL DEFAULT 0
);

-- What was refused of a device or only taken with a mark, by reason and place, a row a day: its owner can see it.
CREATE TABLE device_refusal (
    device bigint NOT NULL REFERENCES device,
    day date NOT NULL,
    reason text COLLATE "C" NOT NULL,           -- the id of a text
    place text NOT NULL DEFAULT '',
    count int8 NOT NULL,
    first timestamptz NOT NULL,
    last timestamptz NOT NULL,
    PRIMARY KEY (device, day, reason, place)
);

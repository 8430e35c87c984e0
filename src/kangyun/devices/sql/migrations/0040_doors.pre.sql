-- What vendors' clouds pushed, sealed as it came, so that it can be taken in again. ADR 38; docs/devices/formats.md.
-- nonce: a number that is used once. digest: SHA-256 of the body. done: when all of it was in the log.
CREATE TABLE device_push (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    vendor text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    received timestamptz NOT NULL,
    institution bigint NOT NULL,
    key bigint NOT NULL,
    sealed bytea NOT NULL,
    messages int NOT NULL DEFAULT 0,
    taken int NOT NULL DEFAULT 0,
    refused int NOT NULL DEFAULT 0,
    done timestamptz,
    UNIQUE (vendor, digest),
    UNIQUE (vendor, nonce)
);
CREATE INDEX device_push_received ON device_push (received);

-- Certificates: whom the installation believes, and whose certificate is whose. Each row carries an HMAC-SM3 under a key
-- that the database has not: who can write here, but has no root key, can add nobody.
CREATE TABLE trusted_certificate (
    fingerprint bytea PRIMARY KEY,              -- SM3 of the certificate
    root bool NOT NULL,                         -- false: stands between a root and people
    demo bool NOT NULL,                         -- the demonstration's: goes when it ends
    der bytea NOT NULL,
    added timestamptz NOT NULL DEFAULT now(),
    mark bytea NOT NULL
);

CREATE TABLE revocation_list (
    issuer bytea PRIMARY KEY,                   -- SM3 of the issuer's name: the newest list of each is kept
    last timestamptz NOT NULL,                  -- when it was issued
    der bytea NOT NULL                          -- signed by its issuer
);

CREATE TABLE person_certificate (
    fingerprint bytea PRIMARY KEY,
    reference text NOT NULL,                    -- Practitioner/..., Patient/..., Device/...
    demo bool NOT NULL,
    der bytea NOT NULL,
    since timestamptz NOT NULL,
    ended timestamptz,                          -- not theirs any more, or not to be believed any more
    custody bytea,                              -- a demonstration's private key, wrapped by the root key
    mark bytea NOT NULL
);
CREATE INDEX person_certificate_reference ON person_certificate (reference);

-- Digital identities: who was let in, by whom, in which roles, and since when no more. What is personal (name, the name
-- that is signed in with, licence, department, evidence, reasons) is sealed; a handle is found by its keyed digest.

CREATE TABLE identity (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('institution', 'staff', 'resident', 'guardian', 'device', 'application')),
    handle bytea NOT NULL,                  -- keyed digest of the name that is signed in with
    reference text COLLATE "C" NOT NULL,    -- what stands in the record: Practitioner/…, Patient/…
    institution text NOT NULL,              -- the one that it belongs to
    personal bytea NOT NULL,
    vouched_by text NOT NULL,
    admitted timestamptz NOT NULL DEFAULT clock_timestamp(),
    status text NOT NULL DEFAULT 'admitted' CHECK (status IN ('admitted', 'suspended', 'left')),
    demonstration bool NOT NULL DEFAULT false       -- signs in to a demonstration only
);
-- Who has left may come back, as somebody new.
CREATE UNIQUE INDEX identity_handle ON identity (handle) WHERE status <> 'left';
CREATE UNIQUE INDEX identity_reference ON identity (reference) WHERE status <> 'left';

CREATE TABLE identity_role (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity int8 NOT NULL REFERENCES identity,
    role text NOT NULL,
    institution text NOT NULL,              -- at which it is held
    starts timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends timestamptz,
    given_by text NOT NULL,
    taken timestamptz,
    taken_by text
);
CREATE UNIQUE INDEX identity_role_once ON identity_role (identity, role, institution) WHERE taken IS NULL;
-- GB/T 22239-2019 8.1.5 divides the three; an identity that holds one can hold no other.
CREATE UNIQUE INDEX identity_role_officer ON identity_role (identity)
    WHERE taken IS NULL AND role IN ('system-administrator', 'security-administrator', 'audit-administrator');

-- For which Patients somebody may act: a resident's other registrations (ONESELF), a guardian's wards.
CREATE TABLE identity_proxy (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity int8 NOT NULL REFERENCES identity,
    patient text COLLATE "C" NOT NULL,      -- logical id of the Patient
    relation text NOT NULL,                 -- v3-RoleCode: ONESELF, GUARD, PRN, CHILD, …
    mask int8 NOT NULL DEFAULT -1,          -- labels of what may be seen; all bits: everything
    starts timestamptz NOT NULL DEFAULT clock_timestamp(),
    ends timestamptz,
    vouched_by text NOT NULL,
    taken timestamptz,
    taken_by text
);
CREATE UNIQUE INDEX identity_proxy_once ON identity_proxy (identity, patient) WHERE taken IS NULL;
CREATE INDEX identity_proxy_patient ON identity_proxy (patient) WHERE taken IS NULL;

CREATE TABLE identity_password (
    identity int8 PRIMARY KEY REFERENCES identity,
    hash bytea NOT NULL,                    -- Argon2id, sealed
    former bytea[] NOT NULL DEFAULT '{}',   -- those before it, newest first
    changed timestamptz NOT NULL DEFAULT clock_timestamp(),
    initial bool NOT NULL                   -- to be changed at the next sign-in
);

-- What was done about an identity: admission, roles, suspension, exit.
CREATE TABLE identity_event (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity int8 NOT NULL REFERENCES identity,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL,
    by text NOT NULL,
    detail bytea NOT NULL                   -- sealed
);
CREATE INDEX identity_event_identity ON identity_event (identity, id);

-- Wrong sign-ins in a row, of an account and of an address, each as a keyed digest: known or not, all are counted.
CREATE TABLE sign_in_failure (
    subject bytea PRIMARY KEY,
    failures float8 NOT NULL,               -- an address's leak away with time
    last timestamptz NOT NULL DEFAULT clock_timestamp(),
    locked_until timestamptz NOT NULL DEFAULT '-infinity',
    refused bool NOT NULL DEFAULT false     -- the last try, because it came while it was locked
);
CREATE INDEX sign_in_failure_last ON sign_in_failure (last);

CREATE TABLE session (
    id text COLLATE "C" PRIMARY KEY,
    cookie bytea NOT NULL,                  -- digest of what the browser holds
    identity int8 NOT NULL REFERENCES identity,
    role text NOT NULL,                     -- the one that is acted in
    institution text NOT NULL,
    factors text[] NOT NULL,                -- how it was proven who it is: password, totp, …
    source text NOT NULL,
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    ended timestamptz,
    why text
);
CREATE UNIQUE INDEX session_cookie ON session (cookie);
CREATE INDEX session_identity ON session (identity) WHERE ended IS NULL;

-- What is no longer good, told to every process: identity:…, session:…, grant:…, client:…
CREATE TABLE revocation (
    number int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    subject text COLLATE "C" NOT NULL
);
CREATE INDEX revocation_at ON revocation (at);

CREATE TABLE application (
    client text COLLATE "C" PRIMARY KEY,
    identity int8 NOT NULL REFERENCES identity,     -- whose name, owner and status are the application's
    purpose text NOT NULL,                  -- v3-PurposeOfUse
    redirect_uris text[] NOT NULL,
    launch_url text NOT NULL DEFAULT '',
    jwks text NOT NULL DEFAULT '',          -- public keys; or
    jwks_uri text NOT NULL DEFAULT '',
    scopes text[] NOT NULL,                 -- the most that it is given
    rate float8 NOT NULL,                   -- requests a second, 0: as many as it likes
    quota int8 NOT NULL,                    -- requests a day, 0: as many as it likes
    expires timestamptz NOT NULL,
    review text NOT NULL DEFAULT 'asked' CHECK (review IN ('asked', 'passed', 'failed')),
    reviewed_by text NOT NULL DEFAULT '',
    reviewed timestamptz,
    CHECK (jwks = '' OR jwks_uri = '')
);

-- How much an application uses, all processes together.
CREATE TABLE application_use (
    client text COLLATE "C" PRIMARY KEY,
    day date NOT NULL,
    count int8 NOT NULL,                    -- on that day
    level float8 NOT NULL,                  -- of the bucket that leaks `rate` a second
    at timestamptz NOT NULL
);

-- Keys that tokens are signed with.
CREATE TABLE oidc_key (
    kid text COLLATE "C" PRIMARY KEY,
    algorithm text NOT NULL,
    sealed bytea NOT NULL,                  -- the private key as a JWK
    signs_from timestamptz NOT NULL,
    signs_until timestamptz NOT NULL,
    verifies_until timestamptz NOT NULL
);

-- What a person, or nobody, gave an application. Its refresh tokens are one family.
CREATE TABLE oidc_grant (
    id text COLLATE "C" PRIMARY KEY,
    client text COLLATE "C" NOT NULL REFERENCES application,
    session text COLLATE "C" REFERENCES session,    -- it ends with; null where it outlives it, or nobody signed in
    identity int8 REFERENCES identity,      -- null: the application for itself
    role text NOT NULL,
    institution text NOT NULL,
    scopes text[] NOT NULL,
    patient text NOT NULL,
    encounter text NOT NULL,
    nonce text NOT NULL,
    signed_in timestamptz,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires timestamptz NOT NULL,
    revoked timestamptz
);
CREATE INDEX oidc_grant_identity ON oidc_grant (identity) WHERE revoked IS NULL;
CREATE INDEX oidc_grant_session ON oidc_grant (session) WHERE revoked IS NULL;
CREATE INDEX oidc_grant_expires ON oidc_grant (expires);

CREATE TABLE oidc_code (
    digest bytea PRIMARY KEY,
    grant_id text COLLATE "C" NOT NULL REFERENCES oidc_grant ON DELETE CASCADE,
    redirect_uri text NOT NULL,
    challenge text NOT NULL,
    expires timestamptz NOT NULL,
    used timestamptz
);
CREATE INDEX oidc_code_grant ON oidc_code (grant_id);

CREATE TABLE oidc_refresh (
    digest bytea PRIMARY KEY,
    grant_id text COLLATE "C" NOT NULL REFERENCES oidc_grant ON DELETE CASCADE,
    expires timestamptz NOT NULL,
    used timestamptz
);
CREATE INDEX oidc_refresh_grant ON oidc_refresh (grant_id);

-- Assertions that were shown once.
CREATE TABLE oidc_jti (
    digest bytea PRIMARY KEY,
    expires timestamptz NOT NULL
);
CREATE INDEX oidc_jti_expires ON oidc_jti (expires);

-- What an application is launched with from within a page of ours.
CREATE TABLE oidc_launch (
    digest bytea PRIMARY KEY,
    client text COLLATE "C" NOT NULL REFERENCES application,
    identity int8 NOT NULL REFERENCES identity,
    patient text NOT NULL,
    encounter text NOT NULL,
    expires timestamptz NOT NULL,
    used timestamptz
);

-- How far each source of the log was taken in (devices/log). taken: what is before it stands in the tables. furthest: the
-- same, but for a replay, which moves `taken` back: what lies between is known already. audited: up to where the trail
-- has a row.
CREATE TABLE device_log_position (
    source text COLLATE "C" PRIMARY KEY,
    lane smallint NOT NULL,
    taken bigint NOT NULL,
    furthest bigint NOT NULL,
    records bigint NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    audited bigint NOT NULL DEFAULT 0,
    audited_records bigint NOT NULL DEFAULT 0,
    audited_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Messages that have a sequence and no time of their own: sent again, nothing else would tell that they are the same.
-- digest: of the payload. Known until then only: a device that was started anew counts anew, and says the same again.
CREATE TABLE device_told (
    device bigint NOT NULL,
    sequence bigint NOT NULL,
    digest bytea NOT NULL,
    at timestamptz NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (device, sequence, digest)
);
CREATE INDEX device_told_until ON device_told (until);

-- Records that could not be taken in, and places of the log that could not be read. digest: of the record, so that it
-- stands here once. sealed: the record, by a key of the installation; null where there is none.
CREATE TABLE device_aside (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest bytea NOT NULL UNIQUE,
    place text NOT NULL,
    device bigint,
    received timestamptz,
    reason text NOT NULL,
    sealed bytea,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What devices said by themselves. at: microseconds since 1970. holder: the registration of who used the device then.
-- latitude, longitude: degrees, WGS-84.
CREATE TABLE device_event (
    device bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    at bigint NOT NULL,
    holder bigint NOT NULL,
    latitude float8,
    longitude float8,
    PRIMARY KEY (device, kind, at)
);
CREATE INDEX device_event_holder ON device_event (holder, at);

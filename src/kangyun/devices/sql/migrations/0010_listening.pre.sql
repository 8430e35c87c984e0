-- Which session of a device is its last, whichever process has it: the one before is ended. ADR 39.
-- number: counts a device's sessions. process: of the listener.
CREATE TABLE device_session (
    device bigint PRIMARY KEY,
    number bigint NOT NULL DEFAULT 1,
    process text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX device_session_since ON device_session (since);

-- What each listener tells of itself; what is old is of one that has ended.
CREATE TABLE device_listener (
    process text COLLATE "C" NOT NULL,
    figure text COLLATE "C" NOT NULL,
    value float8 NOT NULL,
    told timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (process, figure)
);

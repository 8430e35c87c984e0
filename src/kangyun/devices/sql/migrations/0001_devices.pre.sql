-- One number for each metric and person or device whose samples belong together: samples and chunks carry it alone.
-- holder: the number of the registration (Patient) that wears the device; NULL while it is asked whose a reading is.
CREATE TABLE device_series (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device bigint NOT NULL,
    metric smallint NOT NULL,
    holder bigint,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE NULLS NOT DISTINCT (device, metric, holder)
);
CREATE INDEX device_series_holder ON device_series (holder, metric);

-- A device as the listener and the intake know it. The Device of the record says the rest (maker, model, name).
-- region: as in its topics. resource: the number of the Device. institution: the number of who gave it out.
-- zone: minutes east of UTC for times that come without one.
CREATE TABLE device (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    resource bigint,
    institution bigint NOT NULL,
    format text NOT NULL,
    zone smallint NOT NULL DEFAULT 480,
    state text NOT NULL DEFAULT 'claimed' CHECK (state IN ('made', 'claimed', 'stopped', 'revoked')),
    made timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Who wears or uses a device, by the key that is pressed ('' where there is one user), from when until when.
CREATE TABLE device_user (
    device bigint NOT NULL REFERENCES device,
    key text NOT NULL DEFAULT '',
    holder bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,
    PRIMARY KEY (device, key, since)
);
CREATE INDEX device_user_holder ON device_user (holder);

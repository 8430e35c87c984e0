-- What rules know of a person beside the samples. Numbers beside the number of a registration, as samples are; what a
-- doctor wrote in words is sealed by the person's own key. docs/devices/signals.md.

-- conditions: as devices/signals/limits.py CONDITIONS names them, set by a doctor.
CREATE TABLE signal_person (
    holder bigint PRIMARY KEY,
    born date,
    conditions text[] COLLATE "C" NOT NULL DEFAULT '{}',
    by text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Limits that a doctor has set for one person. until: NULL for no end. ended: taken back or replaced, by whom. why: sealed.
CREATE TABLE signal_limit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    holder bigint NOT NULL,
    metric smallint NOT NULL,
    side text COLLATE "C" NOT NULL CHECK (side IN ('low', 'high')),
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
    value float8 NOT NULL,
    by text COLLATE "C" NOT NULL,
    key integer NOT NULL,
    why bytea NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    until timestamptz,
    ended timestamptz,
    ended_by text COLLATE "C"
);
CREATE INDEX signal_limit_holder ON signal_limit (holder) WHERE ended IS NULL;
CREATE UNIQUE INDEX signal_limit_standing ON signal_limit (holder, metric, side, level) WHERE ended IS NULL;

-- A person's rhythm: for each hour of a working day, then of a day of a weekend, the middle and the spread.
-- days: of which it was learnt.
CREATE TABLE signal_rhythm (
    holder bigint NOT NULL,
    metric smallint NOT NULL,
    days smallint NOT NULL,
    middle real[] NOT NULL,
    spread real[] NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (holder, metric)
);

-- The heart rate at rest of each night, by the day of its morning.
CREATE TABLE signal_night (
    holder bigint NOT NULL,
    night date NOT NULL,
    rate real NOT NULL,
    PRIMARY KEY (holder, night)
);

-- Where a person usually is, of those only for whom a doctor has said that wandering is to be told.
CREATE TABLE signal_area (
    holder bigint PRIMARY KEY,
    latitude float8 NOT NULL,
    longitude float8 NOT NULL,
    radius float8 NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What was told last of a person by a rule. at: microseconds, of the newest sample. calm: it has been well within since.
CREATE TABLE signal_told (
    holder bigint NOT NULL,
    rule text COLLATE "C" NOT NULL,
    level smallint NOT NULL,
    at bigint NOT NULL,
    calm boolean NOT NULL,
    PRIMARY KEY (holder, rule)
);

-- Of whom limits, rhythm or area changed: each process that judges reads them anew.
CREATE TABLE signal_change (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    holder bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX signal_change_at ON signal_change (at);

-- Until which day persons were looked at by night. One row.
CREATE TABLE signal_looked (
    day date NOT NULL
);
INSERT INTO signal_looked (day) VALUES ('-infinity');

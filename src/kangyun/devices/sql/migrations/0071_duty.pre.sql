-- The duty roster of a desk (number of its institution): who is on duty by day and hour, who stands in, which days are
-- holidays. day: 2026-11-23, mon … sun, workday, holiday, daily. ends at or before starts: the day after.
CREATE TABLE duty_shift (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    desk int NOT NULL,
    day text NOT NULL,
    starts time NOT NULL,
    ends time NOT NULL,
    who text COLLATE "C" NOT NULL,
    given_by text NOT NULL,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (desk, day, starts, ends, who)
);

CREATE TABLE duty_stand_in (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    desk int NOT NULL,
    starts timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    who text COLLATE "C" NOT NULL,
    instead_of text COLLATE "C" NOT NULL,
    given_by text NOT NULL,
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK (starts < ends)
);
CREATE INDEX duty_stand_in_desk ON duty_stand_in (desk, ends);

-- off: a holiday on a working day (休); else a day at a weekend that is worked (班).
CREATE TABLE duty_holiday (
    desk int NOT NULL,
    day date NOT NULL,
    off bool NOT NULL,
    name text NOT NULL DEFAULT '',
    PRIMARY KEY (desk, day)
);

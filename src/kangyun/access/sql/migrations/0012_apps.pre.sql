-- What apps do by the clock: `name` is the app's and the schedule's, `done` the time that was due when it was done last.
CREATE TABLE app_schedule (
    name text PRIMARY KEY,
    done timestamptz NOT NULL
);

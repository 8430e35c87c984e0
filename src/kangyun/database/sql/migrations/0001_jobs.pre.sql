-- Durable jobs, and how far each reader of the change feed has come.

CREATE TABLE job (
    id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    owner text NOT NULL,                -- who asked: the actor's reference
    asked bytea NOT NULL,               -- what for, in the job's own form
    state text NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed', 'cancelled')),
    made timestamptz NOT NULL DEFAULT clock_timestamp(),
    due timestamptz NOT NULL DEFAULT clock_timestamp(),     -- not before then; while it runs, the end of its lease
    worker uuid,                        -- who runs it
    attempts int4 NOT NULL DEFAULT 0,   -- since it last got on
    stopping bool NOT NULL DEFAULT false,                   -- somebody wants it cancelled
    progress text NOT NULL DEFAULT '',
    kept bytea,                         -- from where to go on after a stop
    result bytea,
    ended timestamptz
);
CREATE INDEX job_due ON job (due) WHERE state IN ('waiting', 'running');
CREATE INDEX job_ended ON job (ended) WHERE state IN ('done', 'failed', 'cancelled');

CREATE TABLE feed_cursor (
    name text COLLATE "C" PRIMARY KEY,
    epoch int4 NOT NULL,
    position int8 NOT NULL,             -- the last one that was dealt with
    moved timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- An event that a reader could not deal with: it waits here for a person, and the reader goes on.
CREATE TABLE parked_event (
    name text COLLATE "C" NOT NULL,     -- of the cursor
    epoch int4 NOT NULL,
    position int8 NOT NULL,
    reason text NOT NULL,               -- kind of error, without any value
    attempts int4 NOT NULL,
    parked timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (name, epoch, position)
);

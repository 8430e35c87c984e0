-- Alarms. A person's data (what was measured, where, what is noted) is sealed by the person's own key; the rest are
-- numbers and codes.

-- person: number of the resident, or of the registration that is nobody's yet: not two open ones of a rule.
-- holder: the registration that the newest warning was about. institution: who gave the device out, or registered the
-- person; desk: whose duty desk looks after it. round: how often it paged. quiet: only old events so far, nobody is paged.
-- joined: the alarm that it became part of. number: rises with each change, in no order of commits; whoever follows reads
-- from the horizon of its last look on.
CREATE TABLE alarm (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person bigint NOT NULL,
    holder bigint NOT NULL,
    rule text NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 3),
    state text NOT NULL CHECK (state IN ('raised', 'escalated', 'acknowledged', 'closed')),
    outcome text,
    institution int NOT NULL,
    desk int NOT NULL,
    count int NOT NULL,
    quiet bool NOT NULL,
    round int NOT NULL DEFAULT 0,
    version int NOT NULL DEFAULT 1,
    since timestamptz NOT NULL,
    newest timestamptz NOT NULL,
    raised timestamptz NOT NULL DEFAULT clock_timestamp(),
    paged timestamptz,
    acknowledged timestamptz,
    owner text,
    closed timestamptz,
    closed_by text,
    joined bigint REFERENCES alarm ON DELETE SET NULL,
    number int8 NOT NULL DEFAULT pg_current_xact_id()::text::int8 + moved_by(),
    CHECK ((state = 'closed') = (closed IS NOT NULL)),
    CHECK (state <> 'closed' OR outcome IS NOT NULL OR joined IS NOT NULL)
);
CREATE UNIQUE INDEX alarm_open ON alarm (person, rule) WHERE state <> 'closed';
CREATE INDEX alarm_person ON alarm (person, id);
CREATE INDEX alarm_desk ON alarm (desk, level DESC, id DESC) WHERE state <> 'closed';
CREATE INDEX alarm_number ON alarm (number);
CREATE INDEX alarm_raised ON alarm (raised);

-- What an alarm rests on: a warning each, once, however often it comes. It stays when the alarm is closed, so that the
-- same warning raises nothing again. sealed: the warning itself.
CREATE TABLE alarm_evidence (
    holder bigint NOT NULL,
    rule text NOT NULL,
    at timestamptz NOT NULL,
    alarm bigint REFERENCES alarm ON DELETE CASCADE,
    level smallint NOT NULL,
    late bool NOT NULL,
    key int NOT NULL,
    sealed bytea NOT NULL,
    PRIMARY KEY (holder, rule, at)
);
CREATE INDEX alarm_evidence_alarm ON alarm_evidence (alarm, at DESC);

-- What was done about it, in order. Rows are added only; an erasure alone takes away. what: a step, `told`, `raised`.
-- by: a reference, or '' for the platform. words: sealed, of the person; detail: codes and references.
CREATE TABLE alarm_event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm bigint NOT NULL REFERENCES alarm ON DELETE CASCADE,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    what text NOT NULL,
    by text NOT NULL DEFAULT '',
    detail text NOT NULL DEFAULT '',
    key int,
    words bytea
);
CREATE INDEX alarm_event_alarm ON alarm_event (alarm, id);

-- What is to be done about it when its time comes: once each. kind: `tell` (a rung of the ladder), `promise`,
-- `hand-over`. whom: readers of the plan. stopped: it was not needed any more.
CREATE TABLE alarm_timer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alarm bigint NOT NULL REFERENCES alarm ON DELETE CASCADE,
    round int NOT NULL,
    rung int NOT NULL,
    kind text NOT NULL CHECK (kind IN ('tell', 'promise', 'hand-over')),
    whom text NOT NULL,
    due timestamptz NOT NULL,
    done timestamptz,
    stopped bool NOT NULL DEFAULT false,
    UNIQUE (alarm, round, kind, rung, whom)
);
CREATE INDEX alarm_timer_due ON alarm_timer (due, id) WHERE done IS NULL;
CREATE INDEX alarm_timer_alarm ON alarm_timer (alarm) WHERE done IS NULL;

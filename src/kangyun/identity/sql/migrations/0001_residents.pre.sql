-- The resident index: docs/identity.md says why it is so. Which registration is whose stands in `resident_link`.

-- A resident's number is number << 12 | 1: nothing stands under it in `resource`, the golden Patient is made when it is
-- read.
CREATE SEQUENCE resident_number CACHE 1;
CREATE SEQUENCE resident_act CACHE 1;

-- What a registration says of the person, to be compared.
CREATE TABLE registration (
    patient int8 PRIMARY KEY,       -- res of the Patient
    edition int2 NOT NULL,          -- of the rules by which it was read
    keys int8[] NOT NULL,           -- its rows of registration_key
    fields bytea NOT NULL           -- sealed
);
-- Under which keyed hashes it is looked for.
CREATE TABLE registration_key (key int8 NOT NULL, patient int8 NOT NULL, PRIMARY KEY (key, patient));

-- Every decision on who is who, in order. Rows are added only; an erasure alone takes away.
CREATE TABLE resident_decision (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    instant timestamptz NOT NULL DEFAULT clock_timestamp(),
    patient int8 NOT NULL,
    former int8,                    -- whose it was, NULL where it is new
    resident int8 NOT NULL,         -- whose it is from then on
    kind text NOT NULL,             -- new, certain, probable, parted: by rule; steward, undone: by a person
    actor text NOT NULL,
    model text NOT NULL,            -- version of the rules and weights; '' where a person decided
    bits float8,                      -- log2 of the odds that the evidence gives
    act int8,                       -- what a person did at once, and is undone at once
    undoes int8,                    -- the act or decision that this one takes back
    evidence bytea                  -- sealed: the waterfall, or the reason a person gave
);
CREATE INDEX resident_decision_patient ON resident_decision (patient, id);

CREATE INDEX resident_decision_act ON resident_decision (act) WHERE act IS NOT NULL;

-- Registrations that a person said are not one resident's.
CREATE TABLE not_same (
    patient int8 NOT NULL,
    other int8 NOT NULL,
    act int8 NOT NULL,              -- by which it was said
    PRIMARY KEY (patient, other),
    CHECK (patient < other)
);
CREATE INDEX not_same_other ON not_same (other);

-- What a steward is asked: is this registration (also) this resident's?
CREATE TABLE resident_question (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    opened timestamptz NOT NULL DEFAULT clock_timestamp(),
    patient int8 NOT NULL,
    resident int8,                  -- NULL: the question is about the registration alone
    kind text NOT NULL,
    bits float8,
    evidence bytea,                 -- sealed
    answered timestamptz,
    answer text,                    -- same, not-same, corrected, void
    actor text
);
CREATE UNIQUE INDEX resident_question_open ON resident_question (patient, coalesce(resident, 0), kind) WHERE answered IS NULL;
CREATE INDEX resident_question_resident ON resident_question (resident) WHERE answered IS NULL;

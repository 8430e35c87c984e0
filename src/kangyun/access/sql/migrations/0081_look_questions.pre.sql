-- What a resident asks or complains about somebody's look at his record; the audit administrator answers.
CREATE TABLE look_question (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient int8 NOT NULL,                  -- res of the registration
    asked timestamptz NOT NULL DEFAULT clock_timestamp(),
    asker text COLLATE "C" NOT NULL,
    kind text NOT NULL,                     -- ask, complain
    said bytea NOT NULL,                    -- sealed: the words, and the look they are about
    answered timestamptz,
    answered_by text COLLATE "C",
    answer bytea                            -- sealed
);
CREATE INDEX look_question_open ON look_question (id) WHERE answered IS NULL;
CREATE INDEX look_question_patient ON look_question (patient);

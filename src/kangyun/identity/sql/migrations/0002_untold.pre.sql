-- Decisions of which subscribers are not told yet (ADR 29). Rows go when they are.
CREATE TABLE resident_untold (
    decision int8 PRIMARY KEY,      -- id of resident_decision
    patient int8 NOT NULL
);
CREATE INDEX resident_untold_patient ON resident_untold (patient);

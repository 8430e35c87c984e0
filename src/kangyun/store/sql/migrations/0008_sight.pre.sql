-- What is written about whom may see a registration: store/visible.py asks these tables for each row.

-- Registrations of one resident. `resident` is the res of the golden Patient, or of any registration that stands for all.
CREATE TABLE resident_link (patient int8 PRIMARY KEY, resident int8 NOT NULL);
CREATE INDEX resident_link_resident ON resident_link (resident);

-- `about` is the registration that a row was made for; where that is not `patient`, the row was made by spread_rules for
-- another registration of the same resident. party, parties, besides: keyed hashes; purposes, labels, opens: a bit each.
CREATE TABLE disclosure (
    patient int8 NOT NULL,
    party int8 NOT NULL,
    purposes int8 NOT NULL,
    opens int8 NOT NULL,            -- labels that are closed otherwise
    low timestamptz NOT NULL,
    high timestamptz NOT NULL,
    about int8 NOT NULL,
    over bool NOT NULL,             -- denials do not bind it
    relation bool NOT NULL,         -- a reason to see the resident; else it only opens labels to who has one
    ground text NOT NULL,           -- encounter, card, emergency, consent, ...: the word for the audit
    source text NOT NULL            -- what it follows from: Consent/…, Encounter/…, a ticket
);
CREATE INDEX disclosure_patient ON disclosure (patient);
CREATE INDEX disclosure_about ON disclosure (about) WHERE about <> patient;
CREATE INDEX disclosure_source ON disclosure (source);
CREATE INDEX disclosure_high ON disclosure (high);
CREATE TABLE denial (
    patient int8 NOT NULL,
    purposes int8 NOT NULL,
    labels int8 NOT NULL,
    low timestamptz NOT NULL,
    high timestamptz NOT NULL,
    about int8 NOT NULL,
    parties int8[] NOT NULL,        -- whom it binds
    besides int8[] NOT NULL,        -- and whom of these it does not
    source text NOT NULL
);
CREATE INDEX denial_patient ON denial (patient);
CREATE INDEX denial_about ON denial (about) WHERE about <> patient;
CREATE INDEX denial_source ON denial (source);

-- By which edition of the label rules the rows of `resource` are labelled, and what is still to be labelled by it.
CREATE TABLE label_edition (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    digest text NOT NULL,
    done bool NOT NULL
);

-- A sight, for statements that answer several callers: the columns as store/visible.py names them.
CREATE TYPE sight_row AS (
    types int2[], open_types int2[], open_closed int8, institution int4, all_closed int8, free bool, own_closed int8,
    selves int8[], selves_closed int8, parties int8[], granted_closed int8, purpose int8
);

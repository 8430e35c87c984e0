-- Which code of a local list stands for which of a national or regional one: lists, uses, proposals and decisions, and
-- what is still to be applied to what is stored (ADR 35). Nothing here is about a resident.

-- Lists that codes are mapped to, as they were loaded.
CREATE TABLE code_list (
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    name text NOT NULL,
    unit text NOT NULL DEFAULT '',
    specimen text NOT NULL DEFAULT '',
    loinc text NOT NULL DEFAULT '',
    edition text NOT NULL,
    PRIMARY KEY (system, code)
);

-- How often institutions use a code, counted a segment of the record at a time.
CREATE TABLE code_use (
    segment int4 NOT NULL,
    institution int4 NOT NULL,
    type int2 NOT NULL,
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    count int8 NOT NULL,
    first timestamptz,
    last timestamptz,
    PRIMARY KEY (segment, institution, type, system, code)
);
CREATE INDEX code_use_code ON code_use (system, code);
-- What the newest resource with a code calls it.
CREATE TABLE code_name (
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    specimen text NOT NULL,
    PRIMARY KEY (system, code)
);

-- Who proposed that a code stands for another, and who decided. A decision is never changed: the next one ends it.
CREATE TABLE code_map (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    target_system text COLLATE "C" NOT NULL,
    target text COLLATE "C" NOT NULL,       -- '': it needs none
    name text NOT NULL,                     -- of the target, as it was when it was proposed
    relation text NOT NULL,
    state text NOT NULL CHECK (state IN ('proposed', 'approved', 'refused', 'withdrawn', 'replaced')),
    remark text NOT NULL DEFAULT '',
    proposer text NOT NULL,
    proposed timestamptz NOT NULL DEFAULT clock_timestamp(),
    decider text,
    decided timestamptz,
    ender text,
    ended timestamptz
);
CREATE UNIQUE INDEX code_map_proposed ON code_map (system, code, target_system) WHERE state = 'proposed';
CREATE UNIQUE INDEX code_map_approved ON code_map (system, code, target_system) WHERE state = 'approved';
-- Raised by each decision: what processes remember of the map holds for one edition.
CREATE TABLE code_edition (singleton bool PRIMARY KEY DEFAULT true CHECK (singleton), id int8 NOT NULL);
INSERT INTO code_edition (id) VALUES (1);

-- A run applies what was decided to what is stored; it goes on behind the resource that it came to.
CREATE TABLE code_run (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    began timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended timestamptz,
    after int8 NOT NULL DEFAULT 0,          -- res
    looked int8 NOT NULL DEFAULT 0,
    changed int8 NOT NULL DEFAULT 0,
    failed int8 NOT NULL DEFAULT 0
);
CREATE TABLE code_change (
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    changed timestamptz NOT NULL,
    run int8,
    PRIMARY KEY (system, code)
);

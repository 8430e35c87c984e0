-- The nodes that this one tells, or hears of: of ours one or none above, any number below.
CREATE TABLE node (
    name text COLLATE "C" PRIMARY KEY,      -- above: as we call it; below: the id of its application and Organization
    place text NOT NULL CHECK (place IN ('parent', 'child')),
    kind text NOT NULL CHECK (kind IN ('kangyun', 'fhir')),
    base text NOT NULL,                     -- FHIR base of a parent
    own text NOT NULL,                      -- of a parent: what this node is called there
    paused bool NOT NULL DEFAULT false,
    added timestamptz NOT NULL DEFAULT clock_timestamp(),
    added_by text NOT NULL,
    -- A parent: the last mark that we set there, where the walk over all registrations is, and how calls go.
    mark int4 NOT NULL DEFAULT 0,
    batch int8 NOT NULL DEFAULT 0,
    epoch int4 NOT NULL DEFAULT 0,
    walked int8 NOT NULL DEFAULT 0,
    walk_done timestamptz,
    compare bool NOT NULL DEFAULT false,    -- what is there is to be held against what was told
    failures int4 NOT NULL DEFAULT 0,
    next_try timestamptz NOT NULL DEFAULT '-infinity',
    fault text NOT NULL DEFAULT '',
    told timestamptz,                       -- when a call last went well
    heard timestamptz                       -- when a child last asked what is asked of it
);
-- Of ours there is one above: whoever had two would be told of by both, and asked by both.
CREATE UNIQUE INDEX node_above ON node (place) WHERE place = 'parent' AND kind = 'kangyun';

-- What was told of which registration. digest: of what was said; NULL: to be told (again).
CREATE TABLE node_told (
    node text COLLATE "C" NOT NULL REFERENCES node ON DELETE CASCADE,
    patient int8 NOT NULL,
    name bytea NOT NULL,
    digest bytea,
    batch int8 NOT NULL,
    erased bool NOT NULL DEFAULT false,
    refused int4,                           -- the status by which it was refused
    PRIMARY KEY (node, patient)
);
CREATE UNIQUE INDEX node_told_name ON node_told (node, name);
CREATE INDEX node_told_due ON node_told (node, patient) WHERE digest IS NULL AND refused IS NULL;
CREATE INDEX node_told_patient ON node_told (patient);

-- The key by which this node proves itself at others; sealed.
CREATE TABLE node_key (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    kid text NOT NULL,
    sealed bytea NOT NULL,
    made timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- What is asked of a node below, until it fetches it, and its answer, until who asked has it. Both sealed, and gone
-- within a minute.
CREATE TABLE node_request (
    id uuid PRIMARY KEY,
    node text COLLATE "C" NOT NULL REFERENCES node ON DELETE CASCADE,
    asked bytea NOT NULL,
    expires timestamptz NOT NULL,
    taken bool NOT NULL DEFAULT false,
    answer bytea
);
CREATE INDEX node_request_node ON node_request (node) WHERE NOT taken;

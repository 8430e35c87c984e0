-- The record: docs/store.md says why it is so. What stands here is hard to change later.

-- How many numbers of `res` one segment (one partition of every table that is keyed by res) holds.
CREATE FUNCTION segment_numbers() RETURNS int8 LANGUAGE sql IMMUTABLE AS 'SELECT 2097152::int8';

CREATE SEQUENCE res_number CACHE 1;
CREATE SEQUENCE commit_id CACHE 1;
CREATE SEQUENCE data_key_id CACHE 1;

-- One row a resource. `res` is permanent: number << 12 | shard. Nothing that changes with each version is indexed.
CREATE TABLE resource (
    res int8 NOT NULL,
    patient int8,                   -- res of the one Patient that it is about
    at timestamptz NOT NULL,        -- clinical bounds [at, until); both -infinity where there are none
    until timestamptz NOT NULL,
    labels int8 NOT NULL,           -- security labels, a bit each
    present int8 NOT NULL,          -- which search parameters have a value, a bit each: serves :missing
    institution int4 NOT NULL,      -- who wrote it, from the credential
    version int4 NOT NULL,          -- the current one
    type int2 NOT NULL,
    edition int2 NOT NULL,          -- of the search parameters that `tok` and the narrow rows were made by
    links int2 NOT NULL,            -- so many first elements of `tok` are references: target res # salt of parameter
    deleted bool NOT NULL,
    lasting bool NOT NULL,          -- for more than a day: such rows have an index of their own
    tok int8[] NOT NULL             -- keyed hashes of all that is matched by equality
) PARTITION BY RANGE (res);

-- Append-only: every version of every resource.
CREATE TABLE version (
    res int8 NOT NULL,
    commit int8 NOT NULL,
    instant timestamptz NOT NULL,
    version int4 NOT NULL,
    key int4 NOT NULL,              -- data_key.id
    dictionary int2 NOT NULL,       -- of the compression
    edition int2 NOT NULL,          -- of the definitions that it was validated by; 0: not validated
    type int2 NOT NULL,
    action "char" NOT NULL,         -- c created, u updated, d deleted
    body bytea NOT NULL             -- nonce, ciphertext, tag; of a deletion too (it keeps the id)
) PARTITION BY RANGE (res);
ALTER TABLE version ALTER COLUMN body SET STORAGE EXTERNAL;

-- Ordered values. `key` is the salt of the parameter, for a component of a composite XORed with the token it stands by.
CREATE TABLE date_value (
    res int8 NOT NULL,
    key int8 NOT NULL,
    low timestamptz NOT NULL,
    high timestamptz NOT NULL,
    lasting bool NOT NULL           -- for more than a day
) PARTITION BY RANGE (res);
CREATE TABLE quantity_value (
    res int8 NOT NULL,
    key int8 NOT NULL,
    low float8 NOT NULL,
    high float8 NOT NULL,
    unit int4 NOT NULL,             -- 0: a plain number; else unit.hash
    system int4 NOT NULL            -- hash of the system of the code that `key` was made with; 0: none
) PARTITION BY RANGE (res);
CREATE TABLE string_value (res int8 NOT NULL, key int8 NOT NULL, value text COLLATE "C" NOT NULL)
    PARTITION BY RANGE (res);

-- (type, id) -> res for ids that clients chose, and for targets that were referred to before they came.
-- hash: keyed BLAKE2b, 128 bits, of Type/id.
CREATE TABLE name (hash uuid PRIMARY KEY, res int8 NOT NULL);

-- One data key a Patient registration, one an institution for everything about none or several.
CREATE TABLE data_key (
    id int4 PRIMARY KEY,
    patient int8 UNIQUE,            -- null for an institution's key
    institution int4 NOT NULL,
    epoch int4 NOT NULL,            -- of the key that wraps it
    wrapped bytea NOT NULL
);
CREATE UNIQUE INDEX data_key_institution ON data_key (institution) WHERE patient IS NULL;
CREATE TABLE key_epoch (id int4 PRIMARY KEY, wrapped bytea NOT NULL, began timestamptz NOT NULL DEFAULT clock_timestamp());

-- Codings as they were seen, so that :text, system| and hierarchies are answered by few tokens.
CREATE TABLE term (
    token int8 NOT NULL,
    parameter int8 NOT NULL,
    system text COLLATE "C",
    code text COLLATE "C",
    words int8[] NOT NULL,
    PRIMARY KEY (token, parameter)
);
CREATE INDEX term_words ON term USING gin (words);
CREATE INDEX term_system ON term (parameter, system);
-- Units as they were seen. canonical = value * factor + shift, in units of `dimension`.
CREATE TABLE unit (
    hash int4 PRIMARY KEY,
    system text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    dimension text COLLATE "C",     -- null: not UCUM, comparable with itself only
    factor float8 NOT NULL,
    shift float8 NOT NULL
);
CREATE INDEX unit_dimension ON unit (dimension);
CREATE INDEX unit_code ON unit (code);

CREATE TABLE institution (id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY, reference text COLLATE "C" UNIQUE NOT NULL);
CREATE TABLE resource_type (id int2 PRIMARY KEY, name text UNIQUE NOT NULL);

-- One row a transaction. `version` joined to it is the change feed.
CREATE TABLE commit (
    id int8 NOT NULL,
    xid xid8 NOT NULL,
    instant timestamptz NOT NULL,
    institution int4 NOT NULL,
    historic bool NOT NULL,
    depth int2 NOT NULL,            -- 0: a client's; n: written by a reaction to a commit of depth n - 1
    actor text NOT NULL,
    purpose text NOT NULL,
    origin text,                    -- the app whose reaction wrote it
    request text,
    res int8[] NOT NULL,
    versions int4[] NOT NULL,
    digest bytea NOT NULL           -- SM3 over its version rows
) PARTITION BY RANGE (id);
-- The dense order in which everybody reads. A restore starts a new epoch.
CREATE TABLE feed_epoch (id int4 PRIMARY KEY, began timestamptz NOT NULL DEFAULT clock_timestamp(), reason text NOT NULL);
CREATE TABLE feed (position int8 NOT NULL, commit int8 NOT NULL, instant timestamptz NOT NULL, epoch int4 NOT NULL)
    PARTITION BY RANGE (position);
CREATE TABLE sequencer (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    epoch int4 NOT NULL,
    position int8 NOT NULL,         -- the last one given
    upto xid8 NOT NULL,             -- every commit with a smaller xid is in the feed
    instant timestamptz NOT NULL,   -- no commit up to here can still arrive
    ahead xid8 NOT NULL,            -- transactions from this one on began after `ahead_instant`
    ahead_instant timestamptz NOT NULL
);

-- One row a request: a write's in its transaction, a read's before its answer leaves.
CREATE SEQUENCE audit_id CACHE 1;
CREATE TABLE audit (
    id int8 NOT NULL DEFAULT nextval('audit_id'),
    instant timestamptz NOT NULL,
    commit int8,
    institution int4 NOT NULL,
    outcome int2 NOT NULL,          -- HTTP status
    action text NOT NULL,           -- read, search, create, ...
    actor text NOT NULL,
    purpose text NOT NULL,
    shape text NOT NULL,            -- the request without any value of it
    source text NOT NULL,
    request text NOT NULL,
    patients int8[] NOT NULL
) PARTITION BY RANGE (id);

-- Search parameters that this region added, and what state their index is in.
CREATE TABLE search_parameter (
    type text NOT NULL,
    number int4 NOT NULL,           -- among the type's parameters, behind R4's: its bit in resource.present
    code text NOT NULL,
    url text NOT NULL,
    definition bytea NOT NULL,      -- the SearchParameter as canonical JSON
    state text NOT NULL CHECK (state IN ('building', 'active', 'retired')),
    edition int2 NOT NULL,
    PRIMARY KEY (type, number),
    UNIQUE (type, code)
);
CREATE TABLE index_edition (singleton bool PRIMARY KEY DEFAULT true CHECK (singleton), id int2 NOT NULL);
INSERT INTO index_edition (id) VALUES (1);

CREATE TYPE expectation AS (res int8, version int4);
CREATE TYPE narrow_key AS (res int8, key int8);
CREATE TYPE resource_row AS (
    res int8, patient int8, at timestamptz, until timestamptz, labels int8, present int8, institution int4,
    version int4, type int2, edition int2, links int2, deleted bool, lasting bool, tok int8[]
);
CREATE TYPE version_row AS (
    res int8, version int4, key int4, dictionary int2, edition int2, type int2, action "char", body bytea
);
CREATE TYPE date_row AS (res int8, key int8, low timestamptz, high timestamptz, lasting bool);
CREATE TYPE quantity_row AS (res int8, key int8, low float8, high float8, unit int4, system int4);
CREATE TYPE string_row AS (res int8, key int8, value text);
CREATE TYPE name_row AS (hash uuid, res int8);
CREATE TYPE data_key_row AS (id int4, patient int8, institution int4, epoch int4, wrapped bytea);
CREATE TYPE term_row AS (token int8, parameter int8, system text, code text, words int8[]);
CREATE TYPE unit_row AS (hash int4, system text, code text, dimension text, factor float8, shift float8);

-- Makes segment `n` of all tables that are keyed by res.
-- CREATE and ATTACH rather than PARTITION OF: readers and writers of other segments are not stopped.
CREATE FUNCTION make_segment(n int8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    low int8 := n * (segment_numbers() << 12);
    high int8 := (n + 1) * (segment_numbers() << 12);
    made text;
BEGIN
    PERFORM pg_advisory_xact_lock(1262639);
    IF to_regclass('resource_' || n) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE resource_%s (LIKE resource INCLUDING ALL) WITH (fillfactor = 90)', n);
    EXECUTE format('ALTER TABLE resource_%s ADD PRIMARY KEY (res), ALTER COLUMN tok SET STATISTICS 1000', n);
    EXECUTE format('CREATE INDEX resource_%s_tok ON resource_%1$s USING gin (tok)', n);
    EXECUTE format('CREATE INDEX resource_%s_patient ON resource_%1$s (patient, type, at DESC, res DESC)', n);
    EXECUTE format('CREATE INDEX resource_%s_type ON resource_%1$s (type, at DESC, res DESC)', n);
    EXECUTE format('CREATE INDEX resource_%s_newest ON resource_%1$s (type, res)', n);
    EXECUTE format('CREATE INDEX resource_%s_lasting ON resource_%1$s (type, until, res) WHERE lasting', n);
    EXECUTE format('CREATE TABLE version_%s (LIKE version INCLUDING ALL)', n);
    EXECUTE format('ALTER TABLE version_%s ADD PRIMARY KEY (res, version)', n);
    EXECUTE format('CREATE TABLE date_value_%s (LIKE date_value INCLUDING ALL)', n);
    EXECUTE format('CREATE INDEX date_value_%s_key ON date_value_%1$s (key, low, high, res)', n);
    EXECUTE format('CREATE INDEX date_value_%s_lasting ON date_value_%1$s (key, high, res) WHERE lasting', n);
    EXECUTE format('CREATE INDEX date_value_%s_newest ON date_value_%1$s (key, res)', n);
    EXECUTE format('CREATE INDEX date_value_%s_res ON date_value_%1$s USING brin (res) WITH (pages_per_range = 8, autosummarize = on)', n);
    EXECUTE format('CREATE TABLE quantity_value_%s (LIKE quantity_value INCLUDING ALL)', n);
    EXECUTE format('CREATE INDEX quantity_value_%s_key ON quantity_value_%1$s (key, low, res)', n);
    EXECUTE format('CREATE INDEX quantity_value_%s_range ON quantity_value_%1$s (key, high) WHERE low <> high', n);
    EXECUTE format('CREATE INDEX quantity_value_%s_newest ON quantity_value_%1$s (key, res)', n);
    EXECUTE format('CREATE INDEX quantity_value_%s_res ON quantity_value_%1$s USING brin (res) WITH (pages_per_range = 8, autosummarize = on)', n);
    EXECUTE format('CREATE TABLE string_value_%s (LIKE string_value INCLUDING ALL)', n);
    EXECUTE format('CREATE INDEX string_value_%s_key ON string_value_%1$s (key, value, res)', n);
    EXECUTE format('CREATE INDEX string_value_%s_newest ON string_value_%1$s (key, res)', n);
    EXECUTE format('CREATE INDEX string_value_%s_res ON string_value_%1$s USING brin (res) WITH (pages_per_range = 8, autosummarize = on)', n);
    FOREACH made IN ARRAY ARRAY['resource', 'version', 'date_value', 'quantity_value', 'string_value'] LOOP
        -- Frequencies hardly change while a segment grows: looking at 300,000 rows at each twentieth more of it was a
        -- third of the server's work in a load.
        EXECUTE format(
            'ALTER TABLE %s_%s SET (autovacuum_analyze_scale_factor = 0.4, autovacuum_analyze_threshold = 10000, '
            'autovacuum_vacuum_insert_scale_factor = 0.4, autovacuum_vacuum_insert_threshold = 50000)', made, n);
        EXECUTE format('ALTER TABLE %s ATTACH PARTITION %1$s_%s FOR VALUES FROM (%s) TO (%s)', made, n, low, high);
    END LOOP;
    -- The first segments are made before the functions are.
    IF to_regproc('make_record_commit') IS NOT NULL THEN
        PERFORM make_record_commit(n);
    END IF;
END
$$;
SELECT make_segment(0), make_segment(1);

-- Makes segment `n` of the tables that are keyed by a running number of their own: they grow apart from res.
CREATE FUNCTION make_log_segment(n int8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    low int8 := n * segment_numbers() * 4;
    high int8 := (n + 1) * segment_numbers() * 4;
BEGIN
    PERFORM pg_advisory_xact_lock(1262640);
    IF to_regclass('commit_' || n) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE commit_%s (LIKE commit INCLUDING ALL, PRIMARY KEY (id))', n);
    EXECUTE format('CREATE INDEX commit_%s_xid ON commit_%1$s (xid)', n);
    EXECUTE format('CREATE INDEX commit_%s_instant ON commit_%1$s (instant)', n);
    EXECUTE format('CREATE TABLE feed_%s (LIKE feed INCLUDING ALL, PRIMARY KEY (position))', n);
    EXECUTE format('CREATE TABLE audit_%s (LIKE audit INCLUDING ALL, PRIMARY KEY (id))', n);
    EXECUTE format('ALTER TABLE commit ATTACH PARTITION commit_%s FOR VALUES FROM (%s) TO (%s)', n, low, high);
    EXECUTE format('ALTER TABLE feed ATTACH PARTITION feed_%s FOR VALUES FROM (%s) TO (%s)', n, low, high);
    EXECUTE format('ALTER TABLE audit ATTACH PARTITION audit_%s FOR VALUES FROM (%s) TO (%s)', n, low, high);
END
$$;
SELECT make_log_segment(0), make_log_segment(1);

INSERT INTO feed_epoch (id, reason) VALUES (1, 'installed');
INSERT INTO sequencer (epoch, position, upto, instant, ahead, ahead_instant)
VALUES (1, 0, '0', '-infinity', '0', '-infinity');

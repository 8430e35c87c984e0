-- Keys that are renewed and destroyed, and residents that were erased: docs/adr/0020.

-- Of the root key that wraps it: each renewal of the epoch goes one generation on (kangyun.store.root).
ALTER TABLE key_epoch ADD COLUMN generation int4 NOT NULL DEFAULT 0;
-- So that no data key can be written under an epoch that is being destroyed, whoever writes it.
ALTER TABLE data_key ADD CONSTRAINT data_key_epoch FOREIGN KEY (epoch) REFERENCES key_epoch (id);

-- Which root key this database needs, and whether its parts are kept by several persons. No secret.
CREATE TABLE root_key (
    singleton bool PRIMARY KEY DEFAULT true CHECK (singleton),
    check_value text NOT NULL,      -- of the root key at this generation
    generation int4 NOT NULL,
    escrow text,                    -- needed/shares; null: never shared out, or a new root key since
    escrowed timestamptz
);

-- One row an erasure. They are serial, so that who has seen one has seen those before it.
CREATE TABLE erasure (
    id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    instant timestamptz NOT NULL DEFAULT clock_timestamp(),
    request text NOT NULL,          -- of the audit row that says who
    ledger int8 NOT NULL,           -- its entry in the ledger outside the database
    patients int8[] NOT NULL,
    keys int4[] NOT NULL,           -- data_key.id of what was destroyed
    resources int8 NOT NULL,
    versions int8 NOT NULL,
    swept bool NOT NULL DEFAULT false   -- dates, quantities and strings are deleted, too
);
-- What is left of an erased resource: that there was one. Reads answer 410 by it, and nothing is written there again.
CREATE TABLE erased (res int8 PRIMARY KEY, erasure int8 NOT NULL);

-- The audit trail in blocks, each sealed over its rows and the seal before it.
CREATE TABLE audit_seal (
    number int8 PRIMARY KEY CHECK (number > 0),     -- 1, 2, 3, ... without a gap
    xid int8 NOT NULL,              -- its last row: transaction
    id int8 NOT NULL,               -- and number
    ids int8[] NOT NULL,            -- its rows
    marks int4[] NOT NULL,          -- CRC-32 of each: tells which of them was changed
    body bytea NOT NULL,            -- SM3 of its rows
    digest bytea NOT NULL           -- SM3 of all of this, and of the seal before
);

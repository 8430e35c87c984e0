-- What was expunged, so that whoever proves the record against its commits knows why a version is missing.
CREATE TABLE expunged (
    res int8 NOT NULL,
    version int4 NOT NULL,
    instant timestamptz NOT NULL,
    request text NOT NULL,          -- of the audit row that says who and why
    PRIMARY KEY (res, version)
);

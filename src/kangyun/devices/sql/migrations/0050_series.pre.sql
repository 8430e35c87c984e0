-- Samples as they came, until they are in chunks. By day of their instant, since the key has to hold over all of them:
-- days are made ahead and dropped when they are empty, and what is of no such day (old history, a future) is in the rest.
-- at: microseconds since 1970. value: in steps of the metric's resolution. mark: devices.model.Mark.
CREATE TABLE device_sample (
    series bigint NOT NULL,
    at bigint NOT NULL,
    value integer NOT NULL,
    mark smallint NOT NULL,
    PRIMARY KEY (series, at)
) PARTITION BY RANGE (at);
CREATE TABLE device_sample_rest PARTITION OF device_sample DEFAULT;

-- Samples of closed days. since, until: instants of the first and the last; those of a series do not overlap.
-- key: of the person, or of the institution while the series has no holder. body, hours: sealed (series/packing.py).
CREATE TABLE device_chunk (
    series bigint NOT NULL,
    since bigint NOT NULL,
    until bigint NOT NULL,
    samples integer NOT NULL,
    key integer NOT NULL,
    hours bytea NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (series, since)
);
ALTER TABLE device_chunk ALTER COLUMN hours SET STORAGE EXTERNAL;
ALTER TABLE device_chunk ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX device_chunk_until ON device_chunk USING brin (until);

-- Up to which instant chunks hold anything: what is later is looked for among the hot samples only.
CREATE TABLE device_chunked (
    upto bigint NOT NULL
);
INSERT INTO device_chunked (upto) VALUES (-9223372036854775808);

-- What the record is to hear of: samples of an episodic metric by their instant, a day of another by its beginning, and
-- stretches that a rule found (until, rule). refused: why the record did not take it, which is tried no more.
CREATE TABLE device_news (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    series bigint NOT NULL,
    at bigint NOT NULL,
    until bigint,
    rule text COLLATE "C",
    refused text COLLATE "C"
);

-- Waves, each as it came, sealed. count: of its samples.
CREATE TABLE device_wave (
    series bigint NOT NULL,
    at bigint NOT NULL,
    period bigint NOT NULL,
    count integer NOT NULL,
    key integer NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (series, at)
);
ALTER TABLE device_wave ALTER COLUMN body SET STORAGE EXTERNAL;

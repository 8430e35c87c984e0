-- Figures that only one process knows and all may be asked for. Unlogged: after a crash they are told anew.
CREATE UNLOGGED TABLE vital (
    name text COLLATE "C" PRIMARY KEY,
    value float8 NOT NULL,
    told timestamptz NOT NULL DEFAULT clock_timestamp()
);

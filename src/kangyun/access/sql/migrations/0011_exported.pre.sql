-- Whom the exports were about that needed no second officer: who asks for a few again and again asks for many.
CREATE TABLE exported (
    actor text COLLATE "C" NOT NULL,
    instant timestamptz NOT NULL DEFAULT clock_timestamp(),
    persons int8[] NOT NULL
);
CREATE INDEX exported_actor ON exported (actor);
CREATE INDEX exported_instant ON exported (instant);

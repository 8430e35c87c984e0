-- Requests to erase patients: made by one officer, confirmed by another.
CREATE TABLE erasure_request (
    id int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    instant timestamptz NOT NULL DEFAULT clock_timestamp(),
    asked_by text NOT NULL,
    patients int8[] NOT NULL,
    told bytea NOT NULL,            -- why, and by which ids: sealed, for both may name the person
    state text NOT NULL CHECK (state IN ('asked', 'confirmed', 'withdrawn')),
    settled_by text,
    settled timestamptz,
    resources int8                  -- erased by it
);

-- Whom somebody has opened with a reason: who is shown persons masked sees these whole, for a time.
CREATE TABLE opened (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person int8 NOT NULL,           -- the registration; of a Person or Practitioner its own number
    actor text COLLATE "C" NOT NULL,
    institution text NOT NULL,
    role text NOT NULL,             -- that was acted in
    reason bytea NOT NULL,          -- as it was stated, sealed
    began timestamptz NOT NULL,
    ends timestamptz NOT NULL
);
CREATE INDEX opened_actor ON opened (actor, ends);
CREATE INDEX opened_person ON opened (person);
CREATE INDEX opened_ends ON opened (ends);

-- What is long over is removed by these.
CREATE INDEX session_expires ON session (expires);
CREATE INDEX oidc_code_expires ON oidc_code (expires);
CREATE INDEX oidc_refresh_expires ON oidc_refresh (expires);

-- Whose a Subscription is: what he may see is decided each time that something is matched or told. Written with it.
CREATE TABLE subscription_owner (
    res int8 PRIMARY KEY,           -- of the Subscription
    credential bytea NOT NULL       -- the actor that wrote it last, as JSON, without a name
);
ALTER TABLE subscription ADD COLUMN credential bytea;

-- Who broke the glass: emergency access, told to the resident and looked at afterwards.
CREATE TABLE broken_glass (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    patient int8 NOT NULL,          -- the registration that was asked for
    actor text NOT NULL,
    institution text NOT NULL,
    reason bytea NOT NULL,          -- as it was stated, sealed
    began timestamptz NOT NULL,
    ends timestamptz NOT NULL,
    told timestamptz,               -- when the resident was
    reviewed timestamptz,
    reviewed_by text,
    justified bool,
    remark bytea                    -- sealed
);
CREATE INDEX broken_glass_untold ON broken_glass (id) WHERE told IS NULL;
CREATE INDEX broken_glass_unreviewed ON broken_glass (id) WHERE reviewed IS NULL;

-- The reader of relations begins here, and not when it first runs.
INSERT INTO feed_cursor (name, epoch, position) SELECT 'relations', epoch, position FROM sequencer
ON CONFLICT DO NOTHING;

-- Subscriptions: which resources of that type are active, and what is still to be delivered. What a subscription says
-- (criteria, headers) stays in its resource: nothing of it is kept here in clear.

CREATE TABLE subscription (
    res int8 PRIMARY KEY,                   -- of the Subscription
    id text COLLATE "C" NOT NULL,           -- its logical id
    version int4 NOT NULL,                  -- the one that it was taken from
    since int8 NOT NULL,                    -- position of the feed from which on it is told of changes
    channel text NOT NULL CHECK (channel IN ('rest-hook', 'websocket')),
    actor text NOT NULL,                    -- whose it is: who asked for it, and in whose name it is told
    purpose text NOT NULL,
    institution text NOT NULL,
    ends timestamptz,
    matched int8 NOT NULL DEFAULT 0,        -- how many changes so far
    failures int4 NOT NULL DEFAULT 0,       -- of its receiver, one after the other
    failing_since timestamptz,
    told_failing bool NOT NULL DEFAULT false,               -- the resource says so
    due timestamptz NOT NULL DEFAULT clock_timestamp()      -- not before then is its receiver called again
);
CREATE UNIQUE INDEX subscription_id ON subscription (id);

-- What matched and was not delivered yet, in the order of the feed.
CREATE TABLE subscription_delivery (
    subscription int8 NOT NULL REFERENCES subscription ON DELETE CASCADE,
    position int8 NOT NULL,
    res int8 NOT NULL,
    version int4 NOT NULL,
    attempts int4 NOT NULL DEFAULT 0,
    PRIMARY KEY (subscription, position, res)
);

-- What a receiver would not take although it took others: it waits here for a person.
CREATE TABLE subscription_parked (
    subscription int8 NOT NULL,
    position int8 NOT NULL,
    res int8 NOT NULL,
    version int4 NOT NULL,
    status int4 NOT NULL,                   -- what the receiver answered
    parked timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (subscription, position, res)
);

-- Their reader begins here, and not when it first runs: what is asked for before that is not missed.
INSERT INTO feed_cursor (name, epoch, position) SELECT 'subscriptions', epoch, position FROM sequencer
ON CONFLICT DO NOTHING;

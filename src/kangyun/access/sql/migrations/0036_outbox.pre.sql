-- The platform's one outbox: what people are told, by which channels, and what became of it (ADR 44). What is said, and
-- to whom it goes on when nobody answers, is sealed; how far it came is not.
CREATE TABLE outbox_message (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,   -- of who asks: whatever is put under it again is not told again
    urgency int2 NOT NULL,                  -- 0 red, 1 amber, 2 plain
    template text COLLATE "C" NOT NULL,
    reader text COLLATE "C" NOT NULL,       -- whose turn it is: Patient/…, Practitioner/…, RelatedPerson/…, desk/…
    holder int8,                            -- about which registration (Patient), by its number
    asker text COLLATE "C" NOT NULL DEFAULT '',     -- who is told what became of it, such as alarm/17
    sealed bytea NOT NULL,                  -- the readers in their order, and the variables
    made timestamptz NOT NULL,
    not_after timestamptz,
    -- waiting: for its time, to be told with others. climbing: on its way, what is red from the first moment on.
    state text NOT NULL CHECK (state IN (
        'waiting', 'climbing', 'answered', 'reached', 'unconfirmed', 'unanswered', 'not-reached', 'held-back', 'listed',
        'expired', 'withdrawn'
    )),
    due timestamptz NOT NULL,               -- when it is looked at next
    turn int2 NOT NULL DEFAULT 0,           -- which reader
    list int8,                              -- the message that this one is told by, as a line of a list
    ended timestamptz
);
CREATE INDEX outbox_message_climbing ON outbox_message (urgency, due) WHERE state = 'climbing';
CREATE INDEX outbox_message_waiting ON outbox_message (due) WHERE state = 'waiting';
CREATE INDEX outbox_message_waiting_reader ON outbox_message (reader, due) WHERE state = 'waiting';
CREATE INDEX outbox_message_held_back ON outbox_message (reader, made) WHERE state = 'held-back';
CREATE INDEX outbox_message_asker ON outbox_message (asker) WHERE state IN ('waiting', 'climbing', 'listed');
CREATE INDEX outbox_message_holder ON outbox_message (holder);
CREATE INDEX outbox_message_list ON outbox_message (list) WHERE list IS NOT NULL;
CREATE INDEX outbox_message_ended ON outbox_message (ended);

-- One request to one channel. The row is there before anything leaves, so that none leaves twice.
CREATE TABLE outbox_attempt (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message int8 NOT NULL REFERENCES outbox_message ON DELETE CASCADE,
    turn int2 NOT NULL,
    channel text COLLATE "C" NOT NULL,
    number int2 NOT NULL,                   -- of the try on this channel: 1, 2, …
    reader text COLLATE "C" NOT NULL,
    state text NOT NULL DEFAULT 'claimed' CHECK (state IN (
        'claimed', 'handed', 'received', 'answered', 'refused', 'failed', 'throttled', 'unknown', 'no-address'
    )),
    reference text COLLATE "C",             -- the provider's own name of it
    code text NOT NULL DEFAULT '',          -- what the provider said, where it would not
    token bytea,                            -- keyed digest of what the link in it ends in
    address bytea,                          -- keyed digest of the telephone, for who answers by it
    made timestamptz NOT NULL,
    changed timestamptz NOT NULL,
    until timestamptz,                      -- throttled or failed: not again before
    UNIQUE (message, turn, channel, number)
);
CREATE INDEX outbox_attempt_reference ON outbox_attempt (channel, reference) WHERE reference IS NOT NULL;
CREATE UNIQUE INDEX outbox_attempt_token ON outbox_attempt (token) WHERE token IS NOT NULL;
CREATE INDEX outbox_attempt_address ON outbox_attempt (address, made) WHERE address IS NOT NULL;
CREATE INDEX outbox_attempt_changed ON outbox_attempt (changed);

-- What stands in somebody's list in the app.
CREATE TABLE outbox_note (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reader text COLLATE "C" NOT NULL,
    message int8 NOT NULL REFERENCES outbox_message ON DELETE CASCADE,
    turn int2 NOT NULL DEFAULT 0,
    times int4 NOT NULL DEFAULT 1,          -- so many that say the same stand here as one
    made timestamptz NOT NULL,
    read timestamptz,
    answered timestamptz,
    UNIQUE (message, reader)
);
CREATE INDEX outbox_note_reader ON outbox_note (reader, id);

-- What became of a message, for who asked for it: who takes a row removes it, in the transaction in which he acts on it.
CREATE TABLE outbox_outcome (
    id int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asker text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    what text NOT NULL,
    reader text NOT NULL,
    channel text NOT NULL,
    at timestamptz NOT NULL
);
CREATE INDEX outbox_outcome_asker ON outbox_outcome (asker, id);

-- What a reader chose, and where he is found besides what the record says: sealed.
CREATE TABLE outbox_reader (
    reader text COLLATE "C" PRIMARY KEY,
    holder int8,                            -- the reader himself, where he is a Patient: erased with him
    sealed bytea NOT NULL,
    changed timestamptz NOT NULL
);
CREATE INDEX outbox_reader_holder ON outbox_reader (holder);

-- How many lines that are not red a reader was told on a day of the region, and how many were held back.
CREATE TABLE outbox_day (
    reader text COLLATE "C" NOT NULL,
    day date NOT NULL,
    told int4 NOT NULL DEFAULT 0,
    held int4 NOT NULL DEFAULT 0,
    PRIMARY KEY (reader, day)
);

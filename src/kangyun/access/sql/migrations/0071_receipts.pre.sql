-- What a provider has signed and what names nothing but a telephone is heard once: it says not which message it means.
CREATE TABLE outbox_receipt (
    digest bytea PRIMARY KEY,               -- keyed, of the body and the place in it
    heard timestamptz NOT NULL
);

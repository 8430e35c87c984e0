-- Audit rows in the order of their transactions: a row of a finished one can no longer be preceded by another.
-- What is sealed of the trail (kangyun.access.trail) goes by it.
ALTER TABLE audit ADD COLUMN xid int8 NOT NULL DEFAULT pg_current_xact_id()::text::int8;
CREATE INDEX audit_xid ON audit USING brin (xid) WITH (pages_per_range = 16, autosummarize = on);

-- Audit rows in the order of their transactions: a row of a finished one can no longer be preceded by another.
-- What is sealed of the trail (kangyun.access.trail) goes by it.

-- How far the numbers of transactions are ahead of this server's own: another one, that the database was moved from, had
-- counted so much further. Replaced by kangyun.store.moved. STABLE, so that it is inlined and a plan notices.
CREATE FUNCTION moved_by() RETURNS int8 LANGUAGE sql STABLE PARALLEL SAFE AS 'SELECT 0::int8';

ALTER TABLE audit ADD COLUMN xid int8 NOT NULL DEFAULT pg_current_xact_id()::text::int8 + moved_by();
CREATE INDEX audit_xid ON audit USING brin (xid) WITH (pages_per_range = 16, autosummarize = on);

-- The audit trail as people ask it: in which role and by which way of sight somebody saw, what it was about, and by
-- whom it was told where it happened elsewhere. NULL where there is nothing to say: a row that says nothing of it is
-- sealed as it was before.
ALTER TABLE audit
    ADD COLUMN role text,           -- of the policy
    ADD COLUMN way text,            -- of sight: what the policy let somebody in by
    ADD COLUMN client text,         -- the application; of what happened elsewhere: who told
    ADD COLUMN about int8,          -- the one resource that was read
    ADD COLUMN origin text,         -- external: it happened elsewhere
    ADD COLUMN detail bytea;        -- the AuditEvent that told of it, sealed
-- In the order of time, and by patient; what is pending of the latter is sorted in by kangyun.store.sequencer.
CREATE INDEX audit_instant ON audit (instant, id);
CREATE INDEX audit_patients ON audit USING gin (patients) WHERE patients <> '{}';
-- In the order of the trail: the sealer looks for what is new twice a second. The summaries that it went by are made once
-- a minute, and what has none yet was read through each time.
CREATE INDEX audit_place ON audit (xid, id);
DROP INDEX audit_xid;

-- No release has known the type without them.
ALTER TYPE commit_row ADD ATTRIBUTE role text, ADD ATTRIBUTE way text, ADD ATTRIBUTE client text;

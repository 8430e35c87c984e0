-- Residents whose record somebody opened on a day: `patients` also counts whom he met on lists.
ALTER TABLE audit_day ADD COLUMN looks int4 NOT NULL DEFAULT 0;

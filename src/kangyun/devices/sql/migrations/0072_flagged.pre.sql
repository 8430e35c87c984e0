-- What the Flag of the record says of an alarm: it is written again when that is something else.
ALTER TABLE alarm ADD COLUMN flagged text NOT NULL DEFAULT '';
CREATE INDEX alarm_unflagged ON alarm (id)
    WHERE flagged <> (CASE WHEN state = 'closed' THEN 'inactive' ELSE 'active' END || level::text);

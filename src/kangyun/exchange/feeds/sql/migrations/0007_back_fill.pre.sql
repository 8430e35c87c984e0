-- Rows of days before their feed was on trial or live: they could not come in time, and are not among `dated`.
ALTER TABLE feed_reckoned ADD COLUMN back_fill int8 NOT NULL DEFAULT 0;

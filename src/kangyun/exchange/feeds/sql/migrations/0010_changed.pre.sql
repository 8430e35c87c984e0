-- When the counts of a day last changed: the figures of its month are published anew. Of days from before it is when this
-- installation was brought up to it, so that all months are published once more.
ALTER TABLE feed_day ADD COLUMN changed timestamptz NOT NULL DEFAULT now();
ALTER TABLE feed_day ALTER COLUMN changed SET DEFAULT clock_timestamp();

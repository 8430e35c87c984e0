-- Which audit row says why an epoch of the feed began, where it was a restore that did: that row stands in the sealed
-- trail, this one does not (kangyun.access.recovery).
ALTER TABLE feed_epoch ADD COLUMN audit int8;

-- What the watch looks at: the parked, and what was settled lately.
CREATE INDEX feed_delivery_failed ON feed_delivery (feed) WHERE fate = 'failed';
CREATE INDEX feed_delivery_settled ON feed_delivery (settled);

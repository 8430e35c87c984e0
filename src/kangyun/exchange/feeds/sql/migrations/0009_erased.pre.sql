-- What is to be looked through for somebody who was erased, and which rows are not taken for stored any more because they
-- come as they were: those of deliveries below `anew_before`.
ALTER TABLE feed_delivery ADD COLUMN unsearched bool NOT NULL DEFAULT false;
CREATE INDEX feed_delivery_unsearched ON feed_delivery (feed, number) WHERE unsearched;
ALTER TABLE feed_source ADD COLUMN anew_before int8 NOT NULL DEFAULT 0;
ALTER TABLE feed_message_aside ADD COLUMN unsearched bool NOT NULL DEFAULT false;

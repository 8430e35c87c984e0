-- What is dear to reckon of a table's month, kept as it was reckoned last (exchange.feeds.figures): sums of all tables are
-- asked for each minute. in_time of `dated` rows; linked of `looked_at` resources, both 0 where nothing has to lead anywhere.
CREATE TABLE feed_reckoned (
    sheet int4 NOT NULL REFERENCES feed_sheet,
    month date NOT NULL,
    in_time int8 NOT NULL,
    dated int8 NOT NULL,
    looked_at int8 NOT NULL,
    linked int8 NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (sheet, month)
);
-- What came for a day is asked of all tables at once.
CREATE INDEX feed_day_day ON feed_day (day);

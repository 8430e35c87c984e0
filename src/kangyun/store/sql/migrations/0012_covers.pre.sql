-- Of which labels the rows are that a disclosure is a reason to see: a resident may permit somebody one category alone.
ALTER TABLE disclosure ADD COLUMN covers int8 NOT NULL DEFAULT -1;

-- Who answered, where a desk was told: the desk itself is nobody.
ALTER TABLE outbox_outcome ADD COLUMN person text COLLATE "C" NOT NULL DEFAULT '';

-- Up to which instant all days were compacted when it was last done; NULL before the first time.
ALTER TABLE device_chunked ADD COLUMN done bigint;

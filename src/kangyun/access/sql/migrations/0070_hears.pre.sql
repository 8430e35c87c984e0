-- Three rights that a family may have are three: to see (`mask`), to act (the proxy itself), to be told of alarms.
ALTER TABLE identity_proxy ADD COLUMN hears bool NOT NULL DEFAULT false;

-- When somebody who used the device was erased: what the log has from before is not taken in once more by a replay, as
-- nobody could say any more whose of the remaining users it is not.
ALTER TABLE device ADD COLUMN erased timestamptz;

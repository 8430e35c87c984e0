-- A word that two registrations are not one resident's, taken back by a later act, holds again where that act is undone.
ALTER TABLE not_same ADD COLUMN unsaid int8; -- by which act it was taken back; NULL: it holds
CREATE INDEX not_same_unsaid ON not_same (unsaid) WHERE unsaid IS NOT NULL;

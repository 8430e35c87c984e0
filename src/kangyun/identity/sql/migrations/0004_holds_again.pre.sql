-- An undoing may be undone, and so on: what was taken back and holds again is taken back again with what restored it.
ALTER TABLE not_same ADD COLUMN again int8; -- by which act it holds again after it was taken back
CREATE INDEX not_same_act ON not_same (act);
CREATE INDEX not_same_again ON not_same (again) WHERE again IS NOT NULL;

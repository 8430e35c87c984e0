-- Who asked that a decision be withdrawn: it stands until another one withdraws it as well (`ender`), or refuses to.
ALTER TABLE code_map ADD COLUMN ending text;

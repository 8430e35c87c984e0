-- From when on a binding opens the resident's other registrations as well, those that are linked later among them; null:
-- never, what was proven is `patients` and no more. The card was seen at a desk, and the other telephones were told.
ALTER TABLE resident_binding ADD COLUMN whole timestamptz;

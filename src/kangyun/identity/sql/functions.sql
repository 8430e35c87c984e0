-- Functions of the resident index, made anew whenever this file changes.

-- Makes registrations others' than they were, and lets what their residents said follow them. `members`: the registrations
-- of all residents that are left or joined, as they were when this was decided. Returns whether it was done: not where
-- they are others by now, or where somebody holds the lock of one.
CREATE OR REPLACE FUNCTION move_registrations(
    own int8[], residents int8[], members int8[], buckets int4[]
) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE
    joined int8[];
    standing int8[];
BEGIN
    IF NOT (SELECT bool_and(pg_try_advisory_xact_lock(1262638, bucket)) FROM unnest(buckets) AS bucket) THEN
        RETURN false;
    END IF;
    joined := ARRAY(
        SELECT unnest(residents) UNION SELECT l.resident FROM resident_link AS l WHERE l.patient = ANY (own)
    );
    standing := ARRAY(
        SELECT l.patient FROM resident_link AS l WHERE l.resident = ANY (joined) UNION SELECT unnest(own) ORDER BY 1
    );
    IF standing <> ARRAY(SELECT unnest(members) UNION SELECT unnest(own) ORDER BY 1) THEN
        RETURN false;
    END IF;
    INSERT INTO resident_link AS l (patient, resident) SELECT * FROM unnest(own, residents)
    ON CONFLICT (patient) DO UPDATE SET resident = excluded.resident;
    PERFORM spread_rules(standing);
    RETURN true;
END
$$;

-- Makes registrations nobody's, and takes from them what others of their residents said. The caller removes them for good.
CREATE OR REPLACE FUNCTION unlink_registrations(gone int8[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    affected int8[];
BEGIN
    affected := ARRAY(
        SELECT l.patient FROM resident_link AS k JOIN resident_link AS l ON l.resident = k.resident
        WHERE k.patient = ANY (gone)
    );
    DELETE FROM resident_link WHERE patient = ANY (gone);
    PERFORM spread_rules(affected);
END
$$;

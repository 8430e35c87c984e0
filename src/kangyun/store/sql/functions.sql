-- The one way to write the record: one call is one transaction of one commit or several. See docs/store.md, "A write".
--
-- Locks come before anything that assigns a transaction id, so that the order of transaction ids is the order of
-- events for each patient. `locks` are bucket numbers, sorted by the caller. Inside a transaction that has taken them
-- already they are taken again for nothing. Commits that share a transaction wait for a moment only: none is held up by
-- what another of them waits for.
--
-- Errors: KY001 when something that the caller read has changed since (read again, then retry), the detail names the
-- resources that have; KY002 when the index was made by another edition of the search parameters than the one that
-- stands (read them again, then retry); 55P03 when a lock was not free in time, or when one of several commits would date
-- the others ahead; KY003 when a patient that it is about, or a resource that it would make, was erased.
CREATE OR REPLACE FUNCTION record_commits(
    own_edition int2,
    patience text,                  -- how long it waits for a lock; NULL: as long as the connection does
    locks int4[],
    expected expectation[],         -- current version of what is written; 0: does not exist
    names name_row[],
    keys data_key_row[],
    created resource_row[],
    changed resource_row[],
    bumped expectation[],           -- index row unchanged but for its version (the new one is given)
    old_dates narrow_key[],         -- narrow rows to remove before the new ones come, by kind:
    old_quantities narrow_key[],    -- each statement begins by looking at all segments
    old_strings narrow_key[],
    reindexed int8[],               -- made by an older edition of the parameters: what keys they have is not known
    versions version_row[],
    dates date_row[],
    quantities quantity_row[],
    strings string_row[],
    terms term_row[],
    units unit_row[],
    commits commit_row[],
    owners int4[],                  -- of each version, which of the commits; NULL: there is one
    OUT ids int8[],                 -- of the commits
    OUT moment timestamptz
) LANGUAGE plpgsql AS $$
DECLARE
    own_xid xid8;
    stale int8[];
    latest timestamptz;
    done int8;
    usual text := current_setting('lock_timeout');
BEGIN
    IF patience IS NOT NULL THEN
        PERFORM set_config('lock_timeout', patience, true);
    END IF;
    PERFORM pg_advisory_xact_lock(1262638, bucket) FROM unnest(locks) AS bucket;
    PERFORM pg_advisory_xact_lock_shared(1262639, 0);
    IF own_edition <> (SELECT id FROM index_edition) THEN
        RAISE EXCEPTION 'stale' USING ERRCODE = 'KY002';
    END IF;
    own_xid := (pg_current_xact_id()::text::int8 + moved_by())::text::xid8;
    -- After the id is assigned, so that the sequencer can say up to which instant nothing can still arrive.
    moment := date_trunc('milliseconds', clock_timestamp());

    IF cardinality(expected) > 0 THEN
        SELECT array_agg(e.res) FILTER (WHERE coalesce(r.version, 0) <> e.version), max(v.instant) INTO stale, latest
        FROM unnest(expected) AS e
        LEFT JOIN resource AS r ON r.res = e.res
        LEFT JOIN version AS v ON v.res = r.res AND v.version = r.version;
        IF stale IS NOT NULL THEN
            RAISE EXCEPTION 'stale' USING ERRCODE = 'KY001', DETAIL = stale::text;
        END IF;
        -- The clock was set back: only what was written ahead of it goes on from there.
        IF cardinality(commits) > 1 AND latest > moment + interval '1 second' THEN
            RAISE EXCEPTION 'ahead' USING ERRCODE = '55P03';
        END IF;
        moment := greatest(moment, latest + interval '1 millisecond');
    END IF;
    -- An erasure holds the locks of its patients: this sees it whole or not at all. One by one: by the key, always.
    IF EXISTS (
        SELECT FROM (
            SELECT unnest(c.patients) FROM unnest(commits) AS c
            UNION ALL SELECT e.res FROM unnest(expected) AS e WHERE e.version = 0
        ) AS n(res) CROSS JOIN LATERAL (SELECT FROM erased WHERE erased.res = n.res OFFSET 0) AS e
    ) THEN
        RAISE EXCEPTION 'erased' USING ERRCODE = 'KY003';
    END IF;
    IF cardinality(names) > 0 THEN
        INSERT INTO name SELECT n.hash, n.res FROM unnest(names) AS n ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done < cardinality(names) THEN
            RAISE EXCEPTION 'stale' USING ERRCODE = 'KY001';
        END IF;
    END IF;
    IF cardinality(keys) > 0 THEN
        INSERT INTO data_key SELECT k.* FROM unnest(keys) AS k ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done < cardinality(keys) THEN
            RAISE EXCEPTION 'stale' USING ERRCODE = 'KY001';
        END IF;
    END IF;
    IF cardinality(terms) > 0 THEN
        INSERT INTO term SELECT t.* FROM unnest(terms) AS t
        ON CONFLICT (token, parameter) DO UPDATE SET words = (
            SELECT array_agg(DISTINCT w) FROM unnest(term.words || excluded.words) AS w
        ) WHERE NOT term.words @> excluded.words;
    END IF;
    IF cardinality(units) > 0 THEN
        INSERT INTO unit SELECT u.* FROM unnest(units) AS u ON CONFLICT DO NOTHING;
    END IF;

    ids := ARRAY(SELECT nextval('commit_id') FROM unnest(commits));
    IF cardinality(created) > 0 THEN
        INSERT INTO resource SELECT c.* FROM unnest(created) AS c;
    END IF;
    IF cardinality(changed) > 0 THEN
        UPDATE resource AS r SET
            patient = c.patient, at = c.at, until = c.until, labels = c.labels, present = c.present,
            version = c.version, edition = c.edition, links = c.links, deleted = c.deleted, lasting = c.lasting,
            tok = c.tok
        FROM unnest(changed) AS c WHERE r.res = c.res;
    END IF;
    IF cardinality(bumped) > 0 THEN
        UPDATE resource AS r SET version = b.version FROM unnest(bumped) AS b WHERE r.res = b.res;
    END IF;
    INSERT INTO version (res, commit, instant, version, key, dictionary, edition, type, action, body)
    SELECT v.res, ids[coalesce(v.owner, 1)], moment, v.version, v.key, v.dictionary, v.edition, v.type, v.action, v.body
    FROM unnest(versions, owners) AS v(res, version, key, dictionary, edition, type, action, body, owner);

    IF cardinality(old_dates) > 0 THEN
        DELETE FROM date_value AS v USING unnest(old_dates) AS o WHERE v.key = o.key AND v.res = o.res;
    END IF;
    IF cardinality(old_quantities) > 0 THEN
        DELETE FROM quantity_value AS v USING unnest(old_quantities) AS o WHERE v.key = o.key AND v.res = o.res;
    END IF;
    IF cardinality(old_strings) > 0 THEN
        DELETE FROM string_value AS v USING unnest(old_strings) AS o WHERE v.key = o.key AND v.res = o.res;
    END IF;
    IF cardinality(reindexed) > 0 THEN
        DELETE FROM date_value WHERE res = ANY (reindexed);
        DELETE FROM quantity_value WHERE res = ANY (reindexed);
        DELETE FROM string_value WHERE res = ANY (reindexed);
    END IF;
    IF cardinality(dates) > 0 THEN
        INSERT INTO date_value SELECT d.* FROM unnest(dates) AS d;
    END IF;
    IF cardinality(quantities) > 0 THEN
        INSERT INTO quantity_value SELECT q.* FROM unnest(quantities) AS q;
    END IF;
    IF cardinality(strings) > 0 THEN
        INSERT INTO string_value SELECT s.* FROM unnest(strings) AS s;
    END IF;

    INSERT INTO commit (
        id, xid, instant, institution, historic, depth, actor, purpose, origin, request, res, versions, digest
    )
    SELECT ids[c.ordinality], own_xid, moment, c.institution, c.historic, c.depth, c.actor, c.purpose, c.origin, c.request,
        c.res, c.versions, c.digest
    FROM unnest(commits) WITH ORDINALITY AS c;
    INSERT INTO audit (
        instant, commit, institution, outcome, action, actor, purpose, shape, source, request, patients,
        role, way, client
    )
    SELECT moment, ids[c.ordinality], c.institution, c.outcome, c.action, c.actor, c.purpose, c.shape, c.source, c.request,
        c.patients, nullif(c.role, ''), nullif(c.way, ''), nullif(c.client, '')
    FROM unnest(commits) WITH ORDINALITY AS c;
    IF patience IS NOT NULL THEN
        -- What follows in the same transaction waits as the connection does.
        PERFORM set_config('lock_timeout', usual, true);
    END IF;
END
$$;

-- The same for commits that write in one segment only, as nearly all do: its statements name the tables of that segment,
-- so that none begins by looking at all of them, and nothing is routed. Made for each segment, and anew with the one above.
CREATE OR REPLACE FUNCTION make_record_commit(n int8) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE regexp_replace(
        replace(pg_get_functiondef('record_commits'::regproc), '.record_commits(', format('.record_commits_%s(', n)),
        '\m(FROM|JOIN|UPDATE|INTO) (resource|version|date_value|quantity_value|string_value)\M',
        format('\1 \2_%s', n), 'g'
    );
END
$$;
SELECT make_record_commit(substr(relname, 10)::int8) FROM pg_class
WHERE relkind = 'r' AND relname ~ '^resource_[0-9]+$' AND relnamespace = current_schema()::regnamespace;

-- Writes index rows anew, versions untouched: of resources that still stand at the version that they were read at.
CREATE OR REPLACE FUNCTION reindex_rows(
    own_edition int2,
    locks int4[],
    expected expectation[],
    changed resource_row[],
    terms term_row[],
    units unit_row[],
    dates date_row[],
    quantities quantity_row[],
    strings string_row[],
    OUT done int8
) LANGUAGE plpgsql AS $$
DECLARE
    standing int8[];
BEGIN
    PERFORM pg_advisory_xact_lock(1262638, bucket) FROM unnest(locks) AS bucket;
    PERFORM pg_advisory_xact_lock_shared(1262639, 0);
    IF own_edition <> (SELECT id FROM index_edition) THEN
        RAISE EXCEPTION 'stale' USING ERRCODE = 'KY002';
    END IF;
    SELECT array_agg(e.res) INTO standing
    FROM unnest(expected) AS e JOIN resource AS r ON r.res = e.res AND r.version = e.version AND NOT r.deleted;
    INSERT INTO term SELECT t.* FROM unnest(terms) AS t
    ON CONFLICT (token, parameter) DO UPDATE SET words = (
        SELECT array_agg(DISTINCT w) FROM unnest(term.words || excluded.words) AS w
    ) WHERE NOT term.words @> excluded.words;
    INSERT INTO unit SELECT u.* FROM unnest(units) AS u ON CONFLICT DO NOTHING;
    UPDATE resource AS r SET
        patient = c.patient, at = c.at, until = c.until, present = c.present, edition = c.edition, links = c.links,
        lasting = c.lasting, tok = c.tok, labels = r.labels | c.labels
    FROM unnest(changed) AS c WHERE r.res = c.res AND c.res = ANY (standing);
    GET DIAGNOSTICS done = ROW_COUNT;
    DELETE FROM date_value WHERE res = ANY (standing);
    DELETE FROM quantity_value WHERE res = ANY (standing);
    DELETE FROM string_value WHERE res = ANY (standing);
    INSERT INTO date_value SELECT d.* FROM unnest(dates) AS d WHERE d.res = ANY (standing);
    INSERT INTO quantity_value SELECT q.* FROM unnest(quantities) AS q WHERE q.res = ANY (standing);
    INSERT INTO string_value SELECT s.* FROM unnest(strings) AS s WHERE s.res = ANY (standing);
END
$$;

-- Writes what was said about registrations (`about`) for the other registrations of their residents, anew. The caller holds
-- the locks of the patients that it is about.
CREATE OR REPLACE FUNCTION spread_rules(affected int8[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM denial WHERE about <> patient AND about = ANY (affected);
    INSERT INTO denial (patient, purposes, labels, low, high, about, parties, besides, source)
    SELECT l.patient, n.purposes, n.labels, n.low, n.high, n.about, n.parties, n.besides, n.source
    FROM denial AS n JOIN resident_link AS k ON k.patient = n.about JOIN resident_link AS l ON l.resident = k.resident
    WHERE n.patient = n.about AND n.about = ANY (affected) AND l.patient <> n.about;
    DELETE FROM disclosure WHERE about <> patient AND about = ANY (affected);
    INSERT INTO disclosure (patient, party, purposes, opens, covers, low, high, about, over, relation, ground, source)
    SELECT l.patient, d.party, d.purposes, d.opens, d.covers, d.low, d.high, d.about, d.over, d.relation, d.ground, d.source
    FROM disclosure AS d JOIN resident_link AS k ON k.patient = d.about JOIN resident_link AS l ON l.resident = k.resident
    WHERE d.patient = d.about AND d.about = ANY (affected) AND l.patient <> d.about;
END
$$;

-- Gives finished commits their dense positions, at most `most` at once. Only the holder of the sequencer's lease calls
-- it; a second caller fails on the primary key of `feed`.
--
-- A commit whose xid is below the oldest running one can no longer be overtaken; the locks above make transaction ids
-- rise along each patient's events.
--
-- `instant`: a transaction takes its moment after its id, and ids from the snapshot's xmax on are assigned after the
-- snapshot. So once all ids below an xmax are finished, nothing can arrive that is older than that snapshot. (The
-- server's clock must not be set back; moments are cut to milliseconds, hence the one less.)
CREATE OR REPLACE FUNCTION sequence_commits(most int8, OUT given int8, OUT last int8) LANGUAGE plpgsql AS $$
DECLARE
    state sequencer;
    now timestamptz := date_trunc('milliseconds', clock_timestamp()) - interval '1 millisecond';
    seen pg_snapshot := pg_current_snapshot();
    horizon xid8 := (pg_snapshot_xmin(seen)::text::int8 + moved_by())::text::xid8;
    settled bool;
BEGIN
    SELECT * INTO state FROM sequencer;
    settled := horizon >= state.ahead;
    given := 0;
    IF EXISTS (SELECT FROM commit AS c WHERE c.xid >= state.upto AND c.xid < horizon) THEN
        -- The commits of one transaction stay together: up to the end of the last one that is begun.
        SELECT coalesce(max((t.xid::text::int8 + 1)::text::xid8), horizon) INTO horizon FROM (
            SELECT c.xid FROM commit AS c
            WHERE c.xid >= state.upto AND c.xid < horizon ORDER BY c.xid OFFSET most - 1 LIMIT 1
        ) AS t;
        INSERT INTO feed (position, commit, instant, epoch)
        SELECT state.position + row_number() OVER (ORDER BY c.xid, c.id), c.id, c.instant, state.epoch
        FROM commit AS c WHERE c.xid >= state.upto AND c.xid < horizon;
        GET DIAGNOSTICS given = ROW_COUNT;
    END IF;
    last := state.position + given;
    -- Nobody waits for the disk here: what a crash takes back is numbered again in the same order, and whoever has written
    -- down how far he read has that behind it in the log.
    PERFORM set_config('synchronous_commit', 'off', true);
    -- When nothing came, once a second is often enough.
    IF given > 0 OR (settled AND now > state.ahead_instant + interval '1 second') THEN
        UPDATE sequencer SET
            position = last,
            upto = horizon,
            instant = CASE
                WHEN pg_snapshot_xmax(seen) = pg_snapshot_xmin(seen) THEN greatest(state.instant, now)
                WHEN settled THEN greatest(state.instant, state.ahead_instant)
                ELSE state.instant
            END,
            ahead = CASE
                WHEN settled THEN (pg_snapshot_xmax(seen)::text::int8 + moved_by())::text::xid8 ELSE state.ahead
            END,
            ahead_instant = CASE WHEN settled THEN now ELSE state.ahead_instant END;
    END IF;
END
$$;

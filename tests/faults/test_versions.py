"""The record against those who may write to the database: versions that are removed, changed or inserted are found."""

import pytest

from kangyun.access.erasing import detail_of, erased_resources
from kangyun.access.ledger import Ledger
from kangyun.access.trail.verifying import Progress, verify
from kangyun.access.trail.versions import Seen, VersionFault, verify_versions
from kangyun.store.erasure import Eraser
from kangyun.testing.sequencing import seal_all

PATIENT = {"resourceType": "Patient", "birthDate": "1970-01-01"}


@pytest.fixture
async def record(client, platform):
    """A connection to a database in which a Patient has two versions, and two Observations were written together."""
    made = (await client.post("Patient", json=PATIENT)).json()
    await client.put(f"Patient/{made['id']}", json=made | {"birthDate": "1971-01-01"})
    about = {"subject": {"reference": f"Patient/{made['id']}"}, "status": "final", "code": {"text": "x"}}
    entries = [
        {"resource": {"resourceType": "Observation", **about, "valueInteger": n},
         "request": {"method": "POST", "url": "Observation"}} for n in range(2)
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    (await client.post("", json=bundle)).raise_for_status()
    async with platform.pool.connection() as connection:
        await seal_all(connection)
        yield connection


async def found(connection, erased=()):
    trail, seen = Progress(), Seen()

    def of_trail(progress):
        nonlocal trail
        trail = progress

    def of_versions(now):
        nonlocal seen
        seen = now

    assert [fault async for fault in verify(connection, (), of_trail)] == []
    return [fault async for fault in verify_versions(connection, erased, trail, of_versions)], seen


async def commit_of(connection, action):
    return await connection.fetchrow("SELECT commit, res, version FROM version WHERE action = $1 LIMIT 1", action)


async def test_a_record_that_nobody_touched_is_whole(record):
    faults, seen = await found(record)
    assert faults == []
    assert (seen.commits, seen.versions, seen.gone, seen.unproven) == (3, 4, 0, 0)


@pytest.mark.parametrize(
    "change",
    [
        "body = body || '\\x00'", "action = 'd'", "type = type + 1", "instant = instant + interval '1 second'",
        "commit = commit - 1", "key = -1",
    ],
)  # fmt: skip
async def test_a_version_that_was_changed_is_named(record, change):
    commit, res, version = await commit_of(record, b"u")
    await record.execute(f"UPDATE version SET {change} WHERE res = $1 AND version = $2", res, version)
    faults, _ = await found(record)
    assert faults == [VersionFault("version-changed", commit, res, version)]


async def test_one_of_several_that_was_changed_is_told_by_its_commit(record):
    commit = await record.fetchval("SELECT commit FROM version GROUP BY commit HAVING count(*) = 2")
    await record.execute(
        "UPDATE version SET body = body || '\\x00' WHERE res = (SELECT max(res) FROM version WHERE commit = $1)", commit
    )
    assert (await found(record))[0] == [VersionFault("version-changed", commit)]


@pytest.mark.parametrize("hidden", ["", "erased", "expunged"])
async def test_a_version_that_was_removed_is_named(record, hidden):
    """Also where somebody notes in the database that it was erased or expunged: the ledger and the trail say no such
    thing."""
    commit, res, version = await commit_of(record, b"u")
    await record.execute("DELETE FROM version WHERE res = $1 AND version = $2", res, version)
    if hidden == "erased":
        await record.execute("INSERT INTO erased VALUES ($1, 1)", res)
    if hidden == "expunged":
        await record.execute("INSERT INTO expunged VALUES ($1, $2, now(), 'r')", res, version)
    assert (await found(record))[0] == [VersionFault("version-missing", commit, res, version)]


async def test_a_version_that_was_inserted_is_named(record):
    commit, res, version = await commit_of(record, b"u")
    await record.execute(
        "INSERT INTO version SELECT res, commit, instant, version + 1, key, dictionary, edition, type, action, body "
        "FROM version WHERE res = $1 AND version = $2", res, version,
    )  # fmt: skip
    assert (await found(record))[0] == [VersionFault("version-inserted", commit, res, version + 1)]


async def test_a_commit_that_nobody_audited_is_told(record):
    await record.execute(
        "INSERT INTO commit SELECT nextval('commit_id'), xid, instant, institution, historic, depth, actor, purpose, "
        "origin, request, '{}', '{}', digest FROM commit LIMIT 1"
    )
    number = await record.fetchval("SELECT max(id) FROM commit")
    assert (await found(record))[0] == [VersionFault("version-missing", number), VersionFault("commits-inserted", 1)]


async def test_what_the_ledger_says_was_erased_is_no_fault(record):
    commit = await record.fetchval("SELECT commit FROM version GROUP BY commit HAVING count(*) = 2")
    res = await record.fetchval("SELECT max(res) FROM version WHERE commit = $1", commit)
    await record.execute("DELETE FROM version WHERE res = $1", res)
    faults, seen = await found(record, {res})
    assert (faults, seen.gone, seen.unproven) == ([], 1, 1)


async def test_what_was_expunged_is_no_fault(client, record):
    type_ = "Patient"
    order = {"resourceType": "Parameters", "parameter": [{"name": "expungePreviousVersions", "valueBoolean": True}]}
    (await client.post(f"{type_}/$expunge", json=order)).raise_for_status()
    await seal_all(record)
    faults, seen = await found(record)
    assert (faults, seen.gone) == ([], 1)


async def test_a_commit_of_the_first_edition_is_still_proved(record):
    """Its digest was without type and action."""
    from kangyun.base.crypto import sm3

    row = await record.fetchrow(
        "SELECT v.*, k.patient FROM version AS v JOIN data_key AS k ON k.id = v.key WHERE action = 'u'"
    )
    head = b"".join(n.to_bytes(size, "big") for n, size in ((row["res"], 8), (row["version"], 4), (row["patient"], 8)))
    await record.execute("UPDATE commit SET digest = $2 WHERE id = $1", row["commit"], sm3(head, row["body"]))
    await record.execute("TRUNCATE audit_seal")
    await seal_all(record)
    assert (await found(record))[0] == []


async def test_after_an_erasure_what_is_left_is_proved(client, platform, record, tmp_path):
    """A version that was about somebody erased, of what is about another by now, stays: its key is gone, it is not."""
    ids = [(await client.post("Patient", json=PATIENT)).json()["id"] for _ in range(2)]
    about = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    made = (await client.post("Observation", json=about | {"subject": {"reference": f"Patient/{ids[0]}"}})).json()
    moved = made | {"subject": {"reference": f"Patient/{ids[1]}"}}
    (await client.put(f"Observation/{made['id']}", json=moved)).raise_for_status()
    store, ledger = platform.gate.store, Ledger(tmp_path / "ledger.ndjson")

    async def note(extent):
        return ledger.append("erasure", "test", detail_of(extent, "r")).n

    async with platform.pool.connection() as connection, connection.transaction():
        (gone,) = (await store.reader.locate(connection, [("Patient", ids[0])])).values()
        await Eraser(store.reader, store.keys, store.indexer).erase(connection, [gone.res], "r", note)
    await seal_all(record)
    faults, seen = await found(record, erased_resources(ledger))
    assert (faults, seen.gone, seen.unproven) == ([], 1, 0)
    assert (await found(record))[0] != []


@pytest.mark.parametrize(
    "change",
    ["instant = instant - interval '1 year'", "actor = 'Practitioner/wang'", "purpose = 'X'", "institution = 9"],
)
async def test_who_wrote_a_commit_and_when_is_what_its_row_says(record, change):
    commit, *_ = await commit_of(record, b"u")
    await record.execute(f"UPDATE commit SET {change} WHERE id = $1", commit)
    await record.execute("UPDATE version AS v SET instant = c.instant FROM commit AS c WHERE c.id = v.commit")
    assert (await found(record))[0] == [VersionFault("commit-changed", commit)]


async def test_a_commit_that_says_it_wrote_nothing_is_named(record):
    commit, res, version = await commit_of(record, b"u")
    await record.execute("DELETE FROM version WHERE res = $1 AND version = $2", res, version)
    await record.execute("UPDATE commit SET res = '{}', versions = '{}' WHERE id = $1", commit)
    assert (await found(record))[0] == [VersionFault("version-missing", commit)]


@pytest.mark.parametrize("outcome", [200, 403])
async def test_the_row_of_another_expunging_hides_nothing(record, outcome):
    """Nor does a note in the database that it went with that."""
    commit, res, version = await commit_of(record, b"u")
    await record.execute(
        "INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients) "
        "VALUES (now(), 1, $1, 'expunge', 'Device/administrator', 'SYSADMIN', '', '', 'r', '{}')", outcome,
    )  # fmt: skip
    await seal_all(record)
    await record.execute("DELETE FROM version WHERE res = $1 AND version = $2", res, version)
    await record.execute("INSERT INTO expunged VALUES ($1, $2, now(), 'r')", res, version)
    assert (await found(record))[0] == [VersionFault("version-missing", commit, res, version)]


async def test_what_came_back_after_it_was_expunged_is_no_fault(client, record):
    """It has a first version twice, of which one is gone."""
    about = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    named = {"resourceType": "Device", "id": "x-device"}
    (await client.put("Device/x-device", json=named)).raise_for_status()
    (await client.post("Observation", json=about | {"device": {"reference": "Device/x-device"}})).raise_for_status()
    order = {"resourceType": "Parameters", "parameter": [{"name": "expungeEverything", "valueBoolean": True}]}
    (await client.post("Device/x-device/$expunge", json=order)).raise_for_status()
    (await client.put("Device/x-device", json=named)).raise_for_status()
    await seal_all(record)
    faults, seen = await found(record)
    assert (faults, seen.gone) == ([], 1)
    await record.execute("DELETE FROM version WHERE commit = (SELECT max(commit) FROM version)")
    assert [fault.kind for fault in (await found(record))[0]] == ["version-missing"]


async def test_a_key_that_was_destroyed_is_told_whatever_the_database_says_of_an_erasure(record):
    """The versions are there, and nobody can read them any more."""
    commit, res, version = await commit_of(record, b"u")
    key = await record.fetchval("SELECT key FROM version WHERE res = $1 AND version = $2", res, version)
    await record.execute("DELETE FROM data_key WHERE id = $1", key)
    await record.execute(
        "INSERT INTO erasure (request, ledger, patients, keys, resources, versions) "
        "VALUES ('r', 1, $1, $2, 0, 0)", [res], [key],
    )  # fmt: skip
    faults, _ = await found(record)
    assert VersionFault("version-changed", commit, res, version) in faults

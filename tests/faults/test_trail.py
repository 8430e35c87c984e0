"""The audit trail against those who may write to the database: what is changed, removed or inserted is found."""

import asyncio
import os

import pytest

from kangyun.access.trail import sealing
from kangyun.access.trail.chain import Fault, sealed
from kangyun.access.trail.institutions import named
from kangyun.access.trail.roots import Roots
from kangyun.access.trail.rows import between, seals, write
from kangyun.access.trail.sealing import seal_once
from kangyun.access.trail.verifying import Progress, verify
from kangyun.access.trail.vitals import trail_vitals
from kangyun.base import clock
from kangyun.testing.sequencing import seal_all

PATIENT = {"resourceType": "Patient"}
BLOCK = 4


@pytest.fixture
async def trail(client, platform, monkeypatch):
    """A connection to a database with a sealed trail of twelve rows in blocks of four; the last one waits."""
    monkeypatch.setattr(sealing, "BLOCK", BLOCK)
    made = (await client.post("Patient", json=PATIENT)).json()
    for number in range(5):
        await client.get(f"Patient/{made['id']}")
        await client.put(f"Patient/{made['id']}", json=made | {"multipleBirthInteger": number})
    await client.get("Patient?_count=1")
    async with platform.pool.connection() as connection:
        assert len(await seal_all(connection)) == 3
        await client.get(f"Patient/{made['id']}")
        yield connection


async def found(connection, roots=()):
    reached = Progress()

    def tell(progress):
        nonlocal reached
        reached = progress

    return [fault async for fault in verify(connection, roots, tell)], reached


async def ids_of(connection):
    return [row["id"] for row in await connection.fetch("SELECT id FROM audit ORDER BY xid, id")]


async def test_a_trail_that_nobody_touched_is_whole(trail):
    faults, reached = await found(trail)
    assert faults == []
    assert (reached.seals, reached.rows, reached.waiting) == (3, 12, 1)


@pytest.mark.parametrize(
    "change",
    [
        "outcome = 403", "actor = 'Practitioner/other'", "instant = instant + interval '1 microsecond'",
        "patients = patients || 1::int8", "patients = '{}'", "purpose = ''", "commit = NULL", "source = source || ' '",
    ],
)  # fmt: skip
async def test_a_row_that_was_changed_is_named(trail, change):
    number = await trail.fetchval("SELECT max(id) FROM audit WHERE commit IS NOT NULL")
    await trail.execute(f"UPDATE audit SET {change} WHERE id = $1", number)
    faults, _ = await found(trail)
    assert [(fault.kind, fault.id) for fault in faults] == [("changed", number)]


async def test_a_row_that_was_removed_is_named(trail):
    number = (await ids_of(trail))[5]
    await trail.execute("DELETE FROM audit WHERE id = $1", number)
    assert (await found(trail))[0] == [Fault("removed", 2, number)]


async def test_a_row_that_was_inserted_is_named(trail):
    like = (await ids_of(trail))[9]
    number = await trail.fetchval(
        "INSERT INTO audit SELECT nextval('audit_id'), instant, commit, institution, outcome, action, actor, purpose, "
        "shape, source, request, patients, xid FROM audit WHERE id = $1 RETURNING id",
        like,
    )
    ((kind, _, id_),) = (await found(trail))[0]
    assert (kind, id_) == ("inserted", number)


async def test_rows_that_changed_places_are_named(trail):
    one, other = (await ids_of(trail))[1], (await ids_of(trail))[10]
    for mine, theirs in ((one, 10_000), (other, one), (10_000, other)):
        await trail.execute("UPDATE audit SET id = $2 WHERE id = $1", mine, theirs)
    assert {fault.id for fault in (await found(trail))[0]} == {one, other}


async def test_what_a_commit_wrote_is_sealed_with_its_row(trail):
    commit = await trail.fetchval(
        "UPDATE commit SET digest = sha256('other') WHERE id = (SELECT max(id) FROM commit) RETURNING id"
    )
    number = await trail.fetchval("SELECT id FROM audit WHERE commit = $1", commit)
    faults, _ = await found(trail)
    assert [(fault.kind, fault.id) for fault in faults] == [("changed", number)]


async def test_a_seal_that_was_changed_or_removed_is_named(trail):
    await trail.execute("UPDATE audit_seal SET digest = sha256('other') WHERE number = 2")
    assert (await found(trail))[0] == [Fault("seal-broken", 2), Fault("seal-broken", 3)]
    await trail.execute("DELETE FROM audit_seal WHERE number = 2")
    assert Fault("seal-missing", 2, 2) in (await found(trail))[0]
    await trail.execute("UPDATE audit_seal SET number = 9000000000000000000 WHERE number = 3")
    assert Fault("seal-missing", 2, 8999999999999999999) in (await found(trail))[0]


@pytest.mark.parametrize("ids", ["{}", "{{1,2},{3,4}}", "{NULL,2,3,4}", "{1,2,3,99}"])
async def test_a_seal_whose_lists_were_changed_blames_nobody(trail, ids):
    await trail.execute("UPDATE audit_seal SET ids = $1::text::int8[] WHERE number = 1", ids)
    await trail.execute("UPDATE audit SET actor = 'Practitioner/other' WHERE id = $1", (await ids_of(trail))[8])
    faults = (await found(trail))[0]
    assert faults[0] == Fault("seal-broken", 1)
    assert faults[-1] == Fault("changed", 3, (await ids_of(trail))[8])


async def test_rows_that_no_seal_holds_are_not_called_whole(trail):
    _, reached = await found(trail)
    assert (reached.waiting, reached.late) == (1, 0)
    await trail.execute(
        "UPDATE audit SET instant = instant - interval '1 minute' WHERE id = $1", (await ids_of(trail))[-1]
    )
    assert (await found(trail))[1].late == 1
    await trail.execute("DELETE FROM audit_seal")
    await trail.execute("UPDATE audit SET instant = now()")
    await trail.execute("UPDATE audit SET xid = 900000000000000000 WHERE id = $1", (await ids_of(trail))[3])
    assert (await found(trail))[1].late == 1


@pytest.mark.parametrize("xid", [-5, 0, 1])
async def test_a_row_before_the_first_is_named(trail, xid):
    number = await trail.fetchval(
        "INSERT INTO audit SELECT nextval('audit_id'), instant, commit, institution, outcome, action, actor, purpose, "
        "shape, source, request, patients, $1 FROM audit LIMIT 1 RETURNING id",
        xid,
    )
    assert (await found(trail))[0] == [Fault("inserted", 1, number)]


async def test_a_root_is_not_told_otherwise(trail, platform, tmp_path):
    """Who seals everything anew and has the sealer begin again does not get his own root into the file."""
    roots = Roots(tmp_path / "roots.ndjson")
    (*_, last) = await seals(trail, 0, 10)
    roots.add(clock.now(), last.number, last.digest)
    await trail.execute("UPDATE audit_seal SET digest = sha256('other') WHERE number = $1", last.number)
    await trail.execute("DELETE FROM audit WHERE id = $1", (await ids_of(trail))[-1])
    stop = asyncio.Event()
    going = asyncio.ensure_future(sealing.seal(platform.pool, roots, stop))
    await asyncio.sleep(0.3)
    stop.set()
    await going
    assert [root.seal for root in roots.read()[0]] == [last.number]
    roots.add(clock.now(), last.number, bytes(32))  # However it came there: the file says two things.
    assert Fault("root-differs", last.number) in (await found(trail, roots.read()[0]))[0]


def test_a_broken_line_costs_no_other(tmp_path):
    roots = Roots(tmp_path / "roots.ndjson")
    roots.add(clock.now(), 1, bytes(32))
    with roots.path.open("ab") as file:
        file.write(b'{"instant":"2026-')
    roots.add(clock.now(), 2, bytes(32))
    found_, unreadable = roots.read()
    assert ([root.seal for root in found_], unreadable) == ([1, 2], [2])


def test_a_line_that_does_not_fit_leaves_none(tmp_path, monkeypatch):
    roots = Roots(tmp_path / "roots.ndjson")
    roots.add(clock.now(), 1, bytes(32))
    before = roots.path.read_bytes()
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, line, end: whole(file, line[:10], end))
    with pytest.raises(OSError, match="full"):
        roots.add(clock.now(), 2, bytes(32))
    assert roots.path.read_bytes() == before


async def test_a_trail_that_was_sealed_anew_is_told_by_its_root(trail, tmp_path):
    roots = Roots(tmp_path / "trail" / "roots.ndjson")
    for one in await seals(trail, 0, 10):
        roots.add(clock.now(), one.number, one.digest)
    assert (await found(trail, roots.read()[0]))[0] == []
    # Whoever may write to the database can make all seals again, but for those that were told elsewhere.
    await trail.execute("UPDATE audit SET actor = 'Practitioner/other' WHERE id = $1", (await ids_of(trail))[0])
    old, made = await seals(trail, 0, 10), []
    place, before = (0, 0), bytes(32)
    for one in old:
        rows = await between(trail, place, one.last)
        made.append(sealed(one.number, before, rows))
        place, before = one.last, made[-1].digest
    await trail.execute("DELETE FROM audit_seal")
    await write(trail, made)
    assert (await found(trail))[0] == []
    assert (await found(trail, roots.read()[0]))[0] == [Fault("root-differs", number) for number in (1, 2, 3)]
    await trail.execute("DELETE FROM audit_seal WHERE number = 3")
    assert Fault("seal-missing", 3, 3) in (await found(trail, roots.read()[0]))[0]


async def test_how_far_the_seal_is_behind_is_told(trail):
    async def told():
        return {name: value for name, _, value in await trail_vitals(trail)}

    assert (await told())["kangyun_audit_seal_lag_seconds"] > 0
    await seal_all(trail)
    assert await told() == {"kangyun_audit_seals": 4, "kangyun_audit_seal_lag_seconds": 0}
    await trail.execute("DELETE FROM audit_seal")
    assert (await told())["kangyun_audit_seal_lag_seconds"] > 0


async def test_rows_of_a_transaction_that_has_not_ended_are_not_passed_over(trail, platform, client):
    """A row that was numbered first and comes last is sealed behind those that came meanwhile."""
    (*_, last) = await seals(trail, 0, 10)
    async with platform.pool.connection() as slow:
        async with slow.transaction():
            held = await slow.fetchval(
                "INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, "
                "patients) VALUES (now(), 1, 200, 'read', 'a', 'TREAT', '', '', '', '{}') RETURNING id"
            )
            await client.get("Patient?_count=1")
            made, _ = await seal_once(trail, last)
            assert held not in {id_ for one in made for id_ in one.ids}
        made += await seal_all(trail)
    assert held in {id_ for one in made for id_ in one.ids}
    assert (await found(trail))[0] == []


async def test_the_work_seals_and_tells_the_root(platform, client, tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "EVERY", 0.02)
    stop, roots = asyncio.Event(), Roots(tmp_path / "roots.ndjson")
    sealing_ = asyncio.ensure_future(sealing.seal(platform.pool, roots, stop))
    try:
        await client.post("Patient", json=PATIENT)
        async with asyncio.timeout(20), platform.pool.connection() as connection:
            while (await found(connection))[1].waiting or not roots.read()[0]:
                await asyncio.sleep(0.02)
            assert (await found(connection, roots.read()[0]))[0] == []
    finally:
        stop.set()
        await sealing_


async def test_institutions_that_were_swapped_are_found(trail, tmp_path):
    for nth in range(1, 4):
        await trail.execute("INSERT INTO institution (reference) VALUES ($1)", f"Organization/house-{nth}")
    (last,) = await seals(trail, 2, 1)
    before = await named(trail)
    roots = Roots(tmp_path / "roots")
    roots.add(clock.now(), last.number, last.digest, 0, 0, *before)
    await trail.execute("INSERT INTO institution (reference) VALUES ('Organization/house-4')")
    roots.add(clock.now(), last.number, last.digest, 0, 0, *await named(trail))
    told, _ = roots.read()
    assert (await found(trail, told))[0] == []
    for one, other in (("house-1", "x"), ("house-2", "house-1"), ("x", "house-2")):
        names = f"Organization/{one}", f"Organization/{other}"
        await trail.execute("UPDATE institution SET reference = $2 WHERE reference = $1", *names)
    assert (await found(trail, told))[0] == [Fault("institutions-differ", last.number)]


async def test_the_sealer_tells_which_institution_is_which(trail, platform, tmp_path):
    stop = asyncio.Event()
    roots = Roots(tmp_path / "roots")
    sealer = asyncio.ensure_future(sealing.seal(platform.pool, roots, stop))
    while not roots.path.exists():
        await asyncio.sleep(0.01)
    stop.set()
    await sealer
    now = await named(trail)
    assert (roots.read()[0][0].institutions, roots.read()[0][0].named) == (now.highest, now.digest.hex())

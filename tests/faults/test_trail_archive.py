"""Old parts of the audit trail in files: one chain with what is in the database, and found out when it is changed."""

import asyncio
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import zstandard

from kangyun.access.alerts.reading import Reading
from kangyun.access.trail import archive, archiving, sealing
from kangyun.access.trail.archiving import archive_next
from kangyun.access.trail.chain import Fault
from kangyun.access.trail.register_events import verify_events
from kangyun.access.trail.roots import FILE, Roots
from kangyun.access.trail.rows import seals
from kangyun.access.trail.verifying import Progress, verify
from kangyun.base import clock
from kangyun.base.errors import RuleBroken, Unavailable
from kangyun.cli.audit import archive_trail, verify_trail
from kangyun.testing.sequencing import seal_all

PATIENT = {"resourceType": "Patient"}
YEAR_AGO = "".join(
    f"UPDATE {table} SET instant = instant - interval '400 days';" for table in ("audit", "commit", "version")
)
PARTITION = 8_388_608
LONG_AGO = datetime.now(UTC) - timedelta(days=200)


async def watched(connection, platform):
    reading = Reading(platform.gate.store, ())
    await reading.begin(connection)
    while await reading.go_on(connection):
        pass


async def busy(client, made, times):
    for number in range(times):
        await client.get(f"Patient/{made['id']}")
        await client.put(f"Patient/{made['id']}", json=made | {"multipleBirthInteger": number})


@pytest.fixture
async def trail(client, platform, monkeypatch):
    """A connection to a trail whose first partition is full and old; a seal holds rows of both partitions."""
    monkeypatch.setattr(sealing, "BLOCK", 4)
    made = (await client.post("Patient", json=PATIENT)).json()
    async with platform.pool.connection() as connection:
        await busy(client, made, 3)
        await connection.execute("SELECT setval('audit_id', $1)", PARTITION - 4)
        await busy(client, made, 3)
        await connection.execute(YEAR_AGO)
        await seal_all(connection)
        await busy(client, made, 3)
        await seal_all(connection)
        await watched(connection, platform)
        yield connection


async def found(connection, folder, roots=()):
    reached = Progress()

    def tell(progress):
        nonlocal reached
        reached = progress

    return [fault async for fault in verify(connection, roots, tell, folder)], reached


async def whole(connection):
    return [row["id"] for row in await connection.fetch("SELECT id FROM audit ORDER BY xid, id")]


async def test_a_part_goes_to_a_file_and_the_chain_stays_one(trail, tmp_path):
    rows = await whole(trail)
    part = await archive_next(trail, tmp_path, LONG_AGO)
    assert part.file.name == f"trail-000001-{archive.sm3_of(part.file).hex()}.zst"
    kept = [row.id for block in archive.read(part.file) if isinstance(block, archive.Block) for row in block.rows]
    assert kept + await whole(trail) == rows
    assert any(id_ >= PARTITION for id_ in kept)  # of the next partition, in the last seal
    assert await trail.fetchval("SELECT to_regclass('audit_0') IS NULL")
    assert not {block.seal.number for block in archive.read(part.file) if isinstance(block, archive.Block)} & {
        one.number for one in await seals(trail, 0, 100)
    }
    faults, reached = await found(trail, tmp_path)
    assert faults == []
    assert (reached.rows + reached.waiting, reached.archives) == (len(rows), 1)
    assert await archive_next(trail, tmp_path, LONG_AGO) is None


async def test_the_chain_goes_on_and_a_second_part_follows(trail, client, platform, tmp_path):
    await archive_next(trail, tmp_path, LONG_AGO)
    made = (await client.post("Patient", json=PATIENT)).json()
    await trail.execute("SELECT make_log_segment(2)")
    await trail.execute("SELECT setval('audit_id', $1)", 2 * PARTITION - 2)
    await busy(client, made, 3)
    await seal_all(trail)
    await watched(trail, platform)
    part = await archive_next(trail, tmp_path, datetime.now(UTC) + timedelta(days=1))
    assert part.number == 2
    faults, reached = await found(trail, tmp_path)
    assert (faults, reached.archives) == ([], 2)


async def test_events_of_the_register_are_held_against_archived_rows(client, platform, trail, tmp_path):
    identities = platform.sign_in.identities
    given = {"roles": ["doctor"], "vouched_by": "x", "evidence": "x", "handle": "li"}
    await identities.admit("staff", "Practitioner/li", "Organization/a", "Li", **given)
    await trail.execute("SELECT make_log_segment(2)")
    await trail.execute("SELECT setval('audit_id', $1)", 2 * PARTITION - 2)
    made = (await client.post("Patient", json=PATIENT)).json()
    await busy(client, made, 3)
    await seal_all(trail)
    await watched(trail, platform)
    for _ in range(2):
        assert await archive_next(trail, tmp_path, datetime.now(UTC) + timedelta(days=1)) is not None
    faults, reached = await found(trail, tmp_path)
    assert faults == [] and reached.registered
    assert await trail.fetchval("SELECT count(*) FROM audit WHERE action LIKE 'identity-%'") == 0
    assert [fault async for fault in verify_events(trail, reached.registered)] == []
    await trail.execute("UPDATE identity_event SET by = 'Practitioner/other' WHERE by = 'x'")
    assert {fault.row async for fault in verify_events(trail, reached.registered)} <= dict(reached.registered).keys()
    assert [fault async for fault in verify_events(trail, reached.registered)] != []


async def test_what_is_young_or_not_sealed_stays(trail, tmp_path):
    assert await archive_next(trail, tmp_path, datetime.now(UTC) - timedelta(days=500)) is None
    await trail.execute("DELETE FROM audit_seal WHERE number > 1")
    assert await archive_next(trail, tmp_path, LONG_AGO) is None
    assert list(tmp_path.glob("*.zst")) == []


async def test_what_no_alert_was_looked_for_in_stays(trail, tmp_path):
    await trail.execute("DELETE FROM audit_watch")
    with pytest.raises(RuleBroken, match="not-watched"):
        await archive_next(trail, tmp_path, LONG_AGO)


async def test_what_is_not_whole_is_not_archived(trail, tmp_path):
    rows = await whole(trail)
    await trail.execute("UPDATE audit SET actor = 'Practitioner/other' WHERE id = $1", rows[2])
    with pytest.raises(RuleBroken, match="not-whole"):
        await archive_next(trail, tmp_path, LONG_AGO)
    assert await whole(trail) == rows
    assert [path for path in tmp_path.iterdir() if "trail-" in path.name] == []


async def test_a_file_that_does_not_hold_takes_nothing_out(trail, tmp_path, monkeypatch):
    rows = await whole(trail)
    finish = archive.Writing.finish

    def spoilt(self):
        path, digest = finish(self)
        path.write_bytes(path.read_bytes()[:-10])
        return path, digest

    monkeypatch.setattr(archive.Writing, "finish", spoilt)
    with pytest.raises(Unavailable, match="unreadable"):
        await archive_next(trail, tmp_path, LONG_AGO)
    assert await whole(trail) == rows


async def test_killed_before_the_rows_are_out_it_is_done_again(trail, tmp_path, monkeypatch):
    async def killed(*_):
        raise asyncio.CancelledError

    rows = await whole(trail)
    with monkeypatch.context() as patched:
        patched.setattr(archiving, "_remove", killed)
        with pytest.raises(asyncio.CancelledError):
            await archive_next(trail, tmp_path, LONG_AGO)
    assert await whole(trail) == rows
    assert (await archive_next(trail, tmp_path, LONG_AGO)).number == 1
    assert len(list(tmp_path.glob("*.zst"))) == 1  # the same rows make the same file
    assert (await found(trail, tmp_path))[0] == []


async def test_who_reads_the_trail_for_long_is_not_waited_for(trail, platform, tmp_path, monkeypatch):
    monkeypatch.setattr(archiving, "PATIENCE", "50ms")
    rows = await whole(trail)
    async with platform.pool.connection() as other, other.transaction():
        await other.execute("SELECT 1 FROM audit LIMIT 1")
        with pytest.raises(Unavailable, match="busy"):
            await archive_next(trail, tmp_path, LONG_AGO)
    assert await whole(trail) == rows


def rewritten(path, change):
    """Writes an archive anew with one of its frames changed, under its old name."""
    frames, place = [], 0
    plain = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read()
    while place < len(plain):
        size = int.from_bytes(plain[place : place + 4], "big")
        frames.append(msgspec.msgpack.decode(plain[place + 4 : place + 4 + size]))
        place += 4 + size
    change(frames)
    packed = [msgspec.msgpack.encode(frame) for frame in frames]
    data = b"".join(len(one).to_bytes(4, "big") + one for one in packed)
    path.write_bytes(zstandard.ZstdCompressor(9, write_checksum=True).compress(data))


def in_row(frames):
    row = frames[2][7][1]
    row[2] = row[2].replace(b"Device/administrator", b"Device/administratoR")


def without_row(frames):
    del frames[2][7][1]


def without_seal(frames):
    del frames[2]


def other_seal(frames):
    frames[2][5] = bytes(32)


@pytest.mark.parametrize(
    ("change", "kind"),
    [(in_row, "changed"), (without_row, "removed"), (without_seal, "seal-missing"), (other_seal, "seal-broken")],
)
async def test_a_change_in_an_archive_is_named(trail, tmp_path, change, kind):
    part = await archive_next(trail, tmp_path, LONG_AGO)
    rewritten(part.file, change)
    kinds = [fault.kind for fault in (await found(trail, tmp_path))[0]]
    assert kinds[0] == "archive-changed"
    assert kind in kinds


async def test_a_lost_or_broken_archive_is_named_and_the_rest_verified(trail, tmp_path):
    part = await archive_next(trail, tmp_path, LONG_AGO)
    data = part.file.read_bytes()
    for spoilt in (data[:100], data[:-20], b"", b"no archive"):
        part.file.write_bytes(spoilt)
        assert {"archive-changed", "archive-broken"} <= {fault.kind for fault in (await found(trail, tmp_path))[0]} | (
            {"archive-broken"} if spoilt == data[:-20] else set()
        )
    part.file.unlink()
    await trail.execute("UPDATE audit SET actor = 'x' WHERE id = (SELECT max(id) - 2 FROM audit)")
    faults = (await found(trail, tmp_path))[0]
    assert faults[0] == Fault("archive-missing", 1, 1)
    assert [fault.kind for fault in faults[1:]] == ["changed"]


async def test_what_an_archived_row_wrote_is_still_proven(trail, tmp_path):
    await archive_next(trail, tmp_path, LONG_AGO)
    await trail.execute("UPDATE commit SET digest = sha256('other') WHERE id = (SELECT min(id) FROM commit)")
    assert [fault.kind for fault in (await found(trail, tmp_path))[0]] == ["commit-differs"]


async def test_a_row_put_where_all_is_archived_is_named(trail, tmp_path):
    await archive_next(trail, tmp_path, LONG_AGO)
    number = await trail.fetchval(
        "INSERT INTO audit SELECT nextval('audit_id'), instant, commit, institution, outcome, action, actor, purpose, "
        "shape, source, request, patients, 1 FROM audit LIMIT 1 RETURNING id"
    )
    assert (await found(trail, tmp_path))[0][0] == Fault("rows-before", 3, number)


async def test_an_archive_that_is_denied_is_missed(trail, tmp_path):
    """Who takes the note of an archive out, or moves where it ends, is told."""
    await archive_next(trail, tmp_path, LONG_AGO)
    await trail.execute("UPDATE audit_archive SET seal = sha256('other')")
    assert {"archive-differs", "seal-broken"} <= {fault.kind for fault in (await found(trail, tmp_path))[0]}
    await trail.execute("DELETE FROM audit_archive")
    assert (await found(trail, tmp_path))[0][0].kind == "seal-missing"


async def test_roots_hold_for_archives_too(trail, tmp_path):
    roots = Roots(tmp_path / "roots.ndjson")
    for one in await seals(trail, 0, 100):
        roots.add(clock.now(), one.number, one.digest if one.number != 2 else bytes(32))
    await archive_next(trail, tmp_path, LONG_AGO)
    assert (await found(trail, tmp_path, roots.read()[0]))[0] == [Fault("root-differs", 2)]


async def test_a_search_says_what_it_does_not_see(trail, client, tmp_path):
    before = (await client.get("AuditEvent?_count=1000")).json()
    await archive_next(trail, tmp_path, LONG_AGO)
    after = (await client.get("AuditEvent?_count=1000")).json()
    (said,) = [one["resource"] for one in after["entry"] if one["search"]["mode"] == "outcome"]
    assert said["issue"][0]["details"]["coding"][0]["code"] == "access.archived"
    assert len(after["entry"]) < len(before["entry"])


async def test_from_the_terminal(trail, fresh_database, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KANGYUN_DATABASE", fresh_database)
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path))
    monkeypatch.setenv("KANGYUN_LANG", "en")
    assert await asyncio.to_thread(archive_trail, None) == 0
    assert await asyncio.to_thread(archive_trail, None) == 0
    assert "there is nothing to archive" in capsys.readouterr().out
    number, digest = await trail.fetchrow("SELECT number, digest FROM audit_seal ORDER BY number DESC LIMIT 1")
    Roots(tmp_path / FILE).add(clock.now(), number, digest)
    assert await asyncio.to_thread(verify_trail, None, None) == 0
    assert "archives: 1" in capsys.readouterr().out
    assert await asyncio.to_thread(verify_trail, None, None, archives=tmp_path / "elsewhere") == 1
    monkeypatch.setenv("KANGYUN_AUDIT_MONTHS", "3")
    assert await asyncio.to_thread(archive_trail, None) == 2

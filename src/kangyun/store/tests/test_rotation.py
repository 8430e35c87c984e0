"""Epoch keys are renewed while everybody goes on, and what a backup holds of the old ones is opened by nothing."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from kangyun.base.errors import Unavailable
from kangyun.store import keys as key_ring
from kangyun.store import rotation
from kangyun.store.root import root_key

PATIENT = {"resourceType": "Patient", "active": True}


@pytest.fixture
async def connection(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


async def renewed(platform, **given):
    return await rotation.renew(platform.pool, platform.gate.store.keys, by="test", **given)


async def made(client, count=1):
    answers = [await client.post("Patient", json=PATIENT) for _ in range(count)]
    return [answer.raise_for_status().json()["id"] for answer in answers]


async def test_all_keys_move_and_the_old_epoch_is_gone(open_client, platform, connection):
    client = await open_client()
    ids = await made(client, 5)
    assert await renewed(platform) >= 5
    assert await connection.fetchval("SELECT array_agg(id ORDER BY id) FROM key_epoch") == [0, 2]
    assert await connection.fetchval("SELECT count(*) FROM data_key WHERE epoch <> 2") == 0
    for id_ in ids:
        assert (await client.get(f"Patient/{id_}")).status_code == 200
    late = await open_client()  # Its root key is that of the file, as it stands now.
    assert (await late.get(f"Patient/{ids[0]}")).status_code == 200


async def test_a_process_that_knows_nothing_of_it_reads_and_writes_on(open_client, platform, tmp_path):
    before, other = await open_client(), await open_client()
    ids = await made(other, 3)
    await renewed(platform)
    # It holds none of these keys yet, and makes one of the epoch that has ended.
    assert [(await before.get(f"Patient/{id_}")).status_code for id_ in ids] == [200] * 3
    await made(before, 2)
    assert (await other.get(f"Patient/{(await made(before))[0]}")).status_code == 200
    assert root_key(tmp_path / "root.key", may_make=False).generation == 1


async def test_writers_go_on_while_keys_move(open_client, platform, connection, monkeypatch):
    monkeypatch.setattr(rotation, "CHUNK", 7)
    clients = [await open_client() for _ in range(2)]
    await made(clients[0], 20)
    stop = asyncio.Event()
    written = []

    async def write(client):
        while not stop.is_set():
            written.extend(await made(client))

    writers = [asyncio.ensure_future(write(client)) for client in clients]
    for _ in range(3):
        await renewed(platform)
    stop.set()
    await asyncio.gather(*writers)
    assert len(written) > 2
    left = await connection.fetch(
        "SELECT k.id FROM data_key AS k LEFT JOIN key_epoch AS e ON e.id = k.epoch WHERE e.id IS NULL"
    )
    assert left == []
    reader = await open_client()
    assert [(await reader.get(f"Patient/{id_}")).status_code for id_ in written] == [200] * len(written)


async def test_a_renewal_that_stopped_goes_on(open_client, platform, connection):
    client = await open_client()
    (id_,) = await made(client)

    class Stopped(Exception):
        pass

    def stop(moved, total):
        raise Stopped

    with pytest.raises(Stopped):
        await renewed(platform, tell=stop)
    assert (await client.get(f"Patient/{id_}")).status_code == 200
    assert (await rotation.epochs(connection)).epochs == 2
    # Not due by its age, but begun: it is ended.
    await renewed(platform, after=timedelta(days=30))
    assert (await rotation.epochs(connection)).epochs == 1
    assert await renewed(platform, after=timedelta(days=30)) == 0


async def test_a_copy_of_the_keys_from_before_is_opened_by_nothing(open_client, platform, connection, tmp_path):
    """What a base backup has: all rows of the key tables; and the root key as it stands now."""
    client = await open_client()
    await made(client)
    copied = await connection.fetch("SELECT id, wrapped, generation FROM key_epoch ORDER BY id")
    before = root_key(tmp_path / "root.key", may_make=False)
    _, epochs = key_ring.opened_epochs(before, "sm4", copied)
    assert sorted(epochs) == [0, 1]
    await renewed(platform)
    now = root_key(tmp_path / "root.key", may_make=False)
    assert before.key.hex() not in (tmp_path / "root.key").read_text()
    with pytest.raises(Unavailable, match="root-key-ahead"):
        key_ring.opened_epochs(now, "sm4", copied)
    # Nor does it as if it were of the generation before: the way back is not open.
    with pytest.raises(Unavailable, match="other-root-key"):
        key_ring.opened_epochs(type(now)(now.file, now.key, 0), "sm4", copied)
    # Whoever put the root key of that time away can still reckon forward to the data of today.
    rows = await connection.fetch("SELECT id, wrapped, generation FROM key_epoch ORDER BY id")
    assert sorted(key_ring.opened_epochs(before, "sm4", rows)[1]) == [0, 2]


async def test_a_root_key_of_other_data_is_refused_and_both_are_named(
    fresh_database, make_settings, open_client, tmp_path
):
    client = await open_client()
    await made(client)
    (tmp_path / "root.key").write_text("ab" * 32 + "\n")
    with pytest.raises(Unavailable) as refused:
        await open_client()
    (issue,) = refused.value.issues
    assert issue.text == "store.wrong-root-key"
    assert len(str(issue.parameters["needed"])) == 8 and issue.parameters["needed"] != issue.parameters["found"]


async def test_a_root_key_file_that_cannot_be_read_is_refused(open_client, tmp_path):
    await open_client()
    for text in ("", "zz" * 32, "00" * 32, "ab" * 31, "ab" * 32 + " x", "ab" * 32 + " -1"):
        (tmp_path / "root.key").write_text(text)
        with pytest.raises(Unavailable, match="wrong-key"):
            await open_client()

"""An erasure beside everything else that goes on: writers, other processes' memory, backups, a restore."""

import asyncio
import time

import asyncpg
import pytest

from kangyun.access import replaying
from kangyun.access.erasing import detail_of
from kangyun.access.ledger import Ledger, LedgerBroken
from kangyun.access.replaying import replay
from kangyun.base.crypto import Unreadable
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.store import rotation
from kangyun.store.erasure import Eraser, sweep
from kangyun.store.keys import KeyRing, opened_epochs
from kangyun.store.reindex import Reindexer
from kangyun.store.root import root_key

PATIENT = {"resourceType": "Patient", "name": [{"family": "张"}]}
KEY_TABLES = ("key_epoch", "data_key")


def observation(patient, value=1):
    return {
        "resourceType": "Observation", "status": "final", "code": {"text": "weight"},
        "valueQuantity": {"value": value, "unit": "kg"},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": "2024-03-01",
    }  # fmt: skip


@pytest.fixture
async def connection(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def erase(platform, tmp_path):
    """Erases patients by their ids, as the operation does once it is confirmed."""
    store, ledger = platform.gate.store, Ledger(tmp_path / "ledger" / "ledger.ndjson")
    eraser = Eraser(store.reader, store.keys, store.indexer)

    async def erase_(*ids, before_commit=None, swept=True):
        async with platform.pool.connection() as connection, connection.transaction():
            located = await store.reader.locate(connection, [("Patient", id_) for id_ in ids])
            patients = [current.res for current in located.values()]

            async def note(extent):
                if before_commit is not None:
                    await before_commit()
                return ledger.append("erasure", "test", detail_of(extent, "r1")).n

            extent = await eraser.erase(connection, patients, "r1", note)
        eraser.forget(extent)
        if swept:
            async with platform.pool.connection() as connection:
                await sweep(connection)
        return extent

    erase_.ledger = ledger
    return erase_


async def made(client, resource):
    return (await client.post(resource["resourceType"], json=resource)).raise_for_status().json()["id"]


async def left(connection):
    counts = [
        await connection.fetchval(f"SELECT count(*) FROM {table}")
        for table in ("resource", "version", "date_value", "quantity_value", "string_value", "data_key")
    ]
    return sum(counts)


async def test_writers_who_race_with_it_leave_nothing(open_client, erase, connection):
    clients = [await open_client() for _ in range(3)]
    for _ in range(5):
        patient = await made(clients[0], PATIENT)
        seen = []

        async def write(client, patient=patient, seen=seen):
            for _ in range(500):
                answer = await client.post("Observation", json=observation(patient))
                seen.append(answer.status_code)
                if answer.status_code != 201:
                    return
                changed = observation(patient, 2) | {"id": answer.json()["id"]}
                seen.append((await client.put(f"Observation/{changed['id']}", json=changed)).status_code)

        writers = [asyncio.ensure_future(write(client)) for client in clients for _ in range(2)]
        while len(seen) < 8:
            await asyncio.sleep(0.005)
        await erase(patient)
        await asyncio.gather(*writers)
        assert set(seen) <= {200, 201, 410, 409} and seen.count(410) >= len(clients)
        assert await left(connection) == 0


async def test_readers_who_race_with_it_see_all_or_nothing(open_client, erase):
    clients = [await open_client() for _ in range(3)]
    for _ in range(4):
        patient = await made(clients[0], PATIENT)
        results = [await made(clients[0], observation(patient)) for _ in range(5)]
        seen, ended = [], asyncio.Event()

        async def read(client, patient=patient, results=results, seen=seen, ended=ended):
            while not ended.is_set():
                for path in (
                    f"Patient/{patient}", f"Patient/{patient}/_history", f"Observation?subject=Patient/{patient}",
                    f"Observation/{results[0]}", "_history?_count=50", f"Patient/{patient}/$everything",
                ):  # fmt: skip
                    answer = await client.get(path)
                    seen.append((answer.status_code, answer.text))

        late = await open_client()  # Its keys are not in memory yet.
        readers = [asyncio.ensure_future(read(client)) for client in (*clients, late)]
        while len(seen) < 30:
            await asyncio.sleep(0.005)
        await erase(patient)
        before = len(seen)
        while len(seen) < before + 30:
            await asyncio.sleep(0.005)
        ended.set()
        await asyncio.gather(*readers)
        assert {status for status, _ in seen} <= {200, 410, 503}
        assert patient not in seen[-1][1]


async def test_an_indexing_that_races_with_it_leaves_nothing(client, erase, platform, connection):
    patient = await made(client, PATIENT)
    for _ in range(40):
        await made(client, observation(patient))
    store = platform.gate.store
    await store.registry.make_anew(connection)
    indexing = Reindexer(platform.pool, store.reader, store.indexer, store.registry, store.bases)

    async def told(progress):
        await asyncio.sleep(0)

    running = []

    async def index_now():
        running.append(asyncio.ensure_future(indexing.run(["Observation"], told)))
        async with asyncio.timeout(30):
            while not await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                await asyncio.sleep(0.01)

    await erase(patient, before_commit=index_now)
    await running[0]
    assert await left(connection) == 0


async def test_the_keys_leave_the_memory_of_other_processes_within_a_second(open_client, erase, platform):
    other = await open_client()
    patient = await made(other, PATIENT)
    keys = other._transport.app._platform.gate.store.keys
    extent = None
    for _ in range(3):
        assert (await other.get(f"Patient/{patient}")).status_code == 200
    (key,) = [key for key in range(1, 20) if keys.sealer(key) is not None]
    extent = await erase(patient)
    began = time.monotonic()
    assert extent.keys == (key,)
    # At once for whoever asks, whatever is in memory.
    assert (await other.get(f"Patient/{patient}")).status_code == 410
    while keys.sealer(key) is not None:
        await asyncio.sleep(0.01)
    assert time.monotonic() - began < 1.0


async def test_versions_from_when_it_was_about_them_are_unreadable(client, open_client, erase):
    """A result that was first filed under another: its former version went by the key that is destroyed."""
    wrong, right = await made(client, PATIENT), await made(client, PATIENT)
    filed = await made(client, observation(wrong, 1))
    corrected = observation(right, 2) | {"id": filed}
    assert (await client.put(f"Observation/{filed}", json=corrected)).status_code == 200
    await erase(wrong)
    for one in (await open_client(), await open_client()):
        assert (await one.get(f"Observation/{filed}")).json()["valueQuantity"]["value"] == 2
        history = (await one.get(f"Observation/{filed}/_history")).json()
        assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2"]
        assert (await one.get(f"Observation/{filed}/_history/1")).status_code == 404
        assert (await one.get("_history")).status_code == 200


async def test_a_key_that_is_gone_though_nobody_destroyed_it_is_told(client, open_client, connection):
    patient = await made(client, PATIENT)
    await connection.execute("DELETE FROM data_key WHERE patient IS NOT NULL")
    answer = await (await open_client()).get(f"Patient/{patient}")
    assert answer.status_code == 500 and "张" not in answer.text


async def test_what_a_killed_process_left_is_swept(client, erase, connection, start_background):
    patient = await made(client, PATIENT)
    for _ in range(3):
        await made(client, observation(patient))
    await erase(patient, swept=False)  # The process ends here.
    assert await left(connection) > 0
    assert "entry" not in (await client.get("Patient?name=张")).json()
    assert "entry" not in (await client.get("Observation?value-quantity=1")).json()
    start_background()
    async with asyncio.timeout(30):
        while await left(connection):
            await asyncio.sleep(0.02)


# --- backups


async def test_a_backup_from_before_is_unreadable_once_its_epoch_is_over(client, erase, platform, connection, tmp_path):
    """All rows of keys and bodies as they were, and the root key as it is."""
    erased, alive = await made(client, PATIENT), await made(client, PATIENT)
    epochs = await connection.fetch("SELECT id, wrapped, generation FROM key_epoch ORDER BY id")
    data_keys = await connection.fetch("SELECT id, patient, institution, epoch, wrapped FROM data_key")
    extent = await erase(erased)
    root = root_key(tmp_path / "root.key", may_make=False)
    copied = KeyRing("sm4", *opened_epochs(root, "sm4", epochs))
    assert [copied.plain(tuple(row)) for row in data_keys]  # Until then the backup is as readable as it was.
    await rotation.renew(platform.pool, platform.gate.store.keys, by="test")
    root = root_key(tmp_path / "root.key", may_make=False)
    with pytest.raises(Unavailable):
        opened_epochs(root, "sm4", epochs)
    # Nor do the epochs of today open the data keys of then.
    now = await connection.fetch("SELECT id, wrapped, generation FROM key_epoch ORDER BY id")
    ring = KeyRing("sm4", *opened_epochs(root, "sm4", now))
    for row in data_keys:
        with pytest.raises(Unreadable):
            ring.plain((*tuple(row)[:3], ring.newest_epoch, row["wrapped"]))
    assert extent.keys[0] not in {row["id"] for row in await connection.fetch("SELECT id FROM data_key")}
    assert (await client.get(f"Patient/{alive}")).status_code == 200


@pytest.fixture
async def copy(database_server, fresh_database, connection):
    """Copies the database as it stands, as a backup does; nobody may be connected to it meanwhile."""
    name = f"{fresh_database.rpartition('@/')[2].partition('?')[0]}_copy"
    admin = await asyncpg.connect(database_server.replace("{database}", "postgres"))
    opened = []

    async def copy_():
        await connection.close()
        source = name.removesuffix("_copy")
        await admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            source,
        )
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        opened.append(await asyncpg.connect(database_server.replace("{database}", name)))
        return opened[0]

    yield copy_
    for one in opened:
        await one.close()
    await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await admin.close()


async def test_a_restore_does_not_bring_them_back(client, erase, copy, database_server, make_settings):
    erased, alive = await made(client, PATIENT), await made(client, PATIENT)
    result = await made(client, observation(erased))
    restored = await copy()
    await made(client, observation(erased))  # After the backup: known to the ledger only.
    extent = await erase(erased)
    assert len(extent.resources) == 3
    assert await replay(restored, erase.ledger) == {"erasure": 1}
    assert await replay(restored, erase.ledger) == {}
    assert await restored.fetchval("SELECT count(*) FROM data_key WHERE patient IS NOT NULL") == 1
    # A number that was given after the backup, and erased, is not given to somebody else.
    assert await restored.fetchval("SELECT nextval('res_number')") > max(extent.resources) >> 12
    from kangyun.testing.plugin import ADMIN_TOKEN, _client
    from kangyun.web.app import Application

    name = await restored.fetchval("SELECT current_database()")
    application = Application(make_settings(), database_server.replace("{database}", name))
    await application.open()
    async with _client(application, ADMIN_TOKEN) as there:
        assert (await there.get(f"Patient/{erased}")).status_code == 410
        assert (await there.get(f"Observation/{result}")).status_code == 410
        assert (await there.get(f"Patient/{alive}")).status_code == 200
        assert (await there.get("Patient")).json()["total"] == 1
        assert (await there.post("Observation", json=observation(erased))).status_code == 410
        assert (await there.post("Patient", json=PATIENT)).status_code == 201
    await application.close()


async def test_what_nobody_can_carry_out_again_keeps_the_gate_shut(connection, tmp_path, monkeypatch):
    ledger = Ledger(tmp_path / "ledger.ndjson")
    ledger.append("withdrawal", "Consent/1", {"state": "inactive"})
    known = {kind: one for kind, one in replaying._replayers.items() if kind != "withdrawal"}
    monkeypatch.setattr(replaying, "_replayers", known)
    with pytest.raises(Unavailable, match="ledger-kind"):
        await replay(connection, ledger)
    seen = []

    async def again(connection, entry):
        seen.append(entry.subject)
        return True

    replaying.register("withdrawal", again)
    assert await replay(connection, ledger) == {"withdrawal": 1}
    assert await replay(connection, ledger, after=1) == {}
    assert seen == ["Consent/1"]
    ledger.append("erasure", "test", {"patients": "none"})
    with pytest.raises(LedgerBroken):
        await replay(connection, ledger)


async def test_a_crash_between_ledger_and_commit_loses_no_erasure(client, platform, erase, connection):
    patient = await made(client, PATIENT)
    store = platform.gate.store
    eraser = Eraser(store.reader, store.keys, store.indexer)

    async def note(extent):
        erase.ledger.append("erasure", "test", detail_of(extent, "r1"))
        raise PlatformError  # The power fails here.

    res = store.ids.res_of(patient)
    with pytest.raises(PlatformError):
        async with platform.pool.connection() as own, own.transaction():
            await eraser.erase(own, [res], "r1", note)
    assert (await client.get(f"Patient/{patient}")).status_code == 200
    assert await replay(connection, erase.ledger) == {"erasure": 1}
    assert (await client.get(f"Patient/{patient}")).status_code == 410

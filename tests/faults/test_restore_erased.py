"""A restore to before an erasure and a renewal of keys: what was erased stays erased, everything else is read."""

import asyncio
import json
from datetime import UTC, datetime

from kangyun.access.erasing import detail_of
from kangyun.access.ledger import Ledger
from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.store.erasure import Eraser, sweep
from kangyun.testing.installation import kangyun

PATIENT = {"resourceType": "Patient", "name": [{"text": "张"}]}


async def erase(installation, id_):
    """Erases a patient, as the operation does once it is confirmed."""
    settings = Settings(data=installation.data)
    platform = await open_platform(settings, installation.database)
    store, ledger = platform.gate.store, Ledger.of(settings)
    eraser = Eraser(store.reader, store.keys, store.indexer)

    async def note(extent):
        return ledger.append("erasure", "test", detail_of(extent, "r1")).n

    async with platform.pool.connection() as connection, connection.transaction():
        located = await store.reader.locate(connection, [("Patient", id_)])
        await eraser.erase(connection, [current.res for current in located.values()], "r1", note)
    async with platform.pool.connection() as connection:
        await sweep(connection)
    await platform.close()


async def test_what_was_erased_stays_erased_and_the_rest_is_read_by_the_newest_keys(new_installation, tmp_path):
    medium = tmp_path / "backups"
    installation = new_installation(backup_folder=medium, workers=1)
    await asyncio.to_thread(installation.start)
    file = installation.data / "backup.json"
    await asyncio.to_thread(installation.until, lambda: file.exists() and '"copied":"' in file.read_text())
    async with installation.client() as client:
        erased, alive = [(await client.post("Patient", json=PATIENT)).json()["id"] for _ in range(2)]
    await asyncio.sleep(0.1)
    instant = datetime.now(UTC)
    await asyncio.sleep(0.1)
    await erase(installation, erased)
    rotated = await asyncio.to_thread(kangyun, "keys", "rotate", "--data", installation.data)
    assert rotated.returncode == 0, rotated.stderr
    now = datetime.now(UTC).isoformat()
    await asyncio.to_thread(installation.until, lambda: json.loads(file.read_text())["archived"] > now)
    await asyncio.to_thread(
        installation.until,
        lambda: (
            all(json.loads(one.read_text())["generation"] == 1 for one in (medium / "keys").glob("*.json"))
            and datetime.fromtimestamp((medium / "key-tables").stat().st_mtime, UTC).isoformat() > now
        ),
    )
    drilled = await asyncio.to_thread(kangyun, "drill", "--data", installation.data, "--from", medium)
    assert drilled.returncode == 0, drilled.stdout + drilled.stderr
    await asyncio.to_thread(installation.stop)

    fresh = new_installation(workers=1)
    words = ["--data", fresh.data, "--from", medium, "--root-key", installation.data / "root.key"]
    done = await asyncio.to_thread(kangyun, "restore", *words, "--at", instant.isoformat())
    assert done.returncode == 0, done.stderr
    await asyncio.to_thread(fresh.start)
    async with fresh.client() as client:
        assert (await client.get(f"Patient/{erased}")).status_code == 410
        assert (await client.get(f"Patient/{alive}")).json()["name"] == PATIENT["name"]
    checked = await asyncio.to_thread(kangyun, "keys", "check", "--data", fresh.data)
    assert checked.returncode == 0, checked.stdout

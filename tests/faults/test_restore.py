"""A restore: everything that was committed up to an instant is back, and the record says that there was one."""

import asyncio
import json
import shutil
from datetime import UTC, datetime

import asyncpg
import pytest

from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.database.embedded import EmbeddedServer
from kangyun.testing.inspection import faults_of
from kangyun.testing.installation import kangyun

NAME = "欧阳备份"
PATIENT = {"resourceType": "Patient", "name": [{"text": NAME}]}


async def made(client, count):
    answers = [await client.post("Patient", json=PATIENT) for _ in range(count)]
    return [answer.json()["id"] for answer in answers]


def told_by(installation):
    file = installation.data / "backup.json"
    told = json.loads(file.read_text()) if file.exists() else {}
    return {name: datetime.fromisoformat(told[name]) for name in ("copied", "archived") if told.get(name)}


def until_archived(installation, moment):
    installation.until(lambda: told_by(installation).get("archived", datetime.min.replace(tzinfo=UTC)) > moment)


@pytest.fixture
def archived(new_installation, tmp_path_factory):
    """Starts an installation that archives; its first copy is there. Gives it and its medium."""
    medium = tmp_path_factory.mktemp("medium") / "backups"

    def start():
        installation = new_installation(backup_folder=medium, workers=1)
        installation.start()
        installation.until(lambda: "copied" in told_by(installation))
        return installation, medium

    return start


async def test_back_to_an_instant_with_all_that_follows_from_it(archived, new_installation):
    installation, medium = await asyncio.to_thread(archived)
    async with installation.client() as client:
        before = await made(client, 3)
        await asyncio.sleep(0.1)
        instant = datetime.now(UTC)
        await asyncio.sleep(0.1)
        lost = await made(client, 2)
    await asyncio.to_thread(until_archived, installation, datetime.now(UTC))
    await asyncio.to_thread(installation.stop)
    key = (installation.data / "root.key").read_bytes().strip()
    for path in medium.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert NAME.encode() not in content and key not in content and bytes.fromhex(key.decode()) not in content

    fresh = new_installation(workers=1)
    words = ["restore", "--data", fresh.data, "--from", medium, "--root-key", installation.data / "root.key"]
    done = await asyncio.to_thread(kangyun, *words, "--at", instant.isoformat())
    assert done.returncode == 0, done.stderr
    again = await asyncio.to_thread(kangyun, *words)
    assert again.returncode == 1 and "not overwritten" in again.stderr

    await asyncio.to_thread(fresh.start)
    async with fresh.client() as client:
        assert [(await client.get(f"Patient/{id_}")).status_code for id_ in before] == [200] * 3
        assert [(await client.get(f"Patient/{id_}")).status_code for id_ in lost] == [404] * 2
        # An id that somebody still holds never becomes another person's.
        assert not set(await made(client, 100)) & set(lost)
    connection = await asyncpg.connect(fresh.database)
    assert await connection.fetchval("SELECT epoch FROM sequencer") == 2
    assert await connection.fetchval("SELECT count(*) FROM audit WHERE action = 'restore'") == 1
    await connection.close()
    platform = await open_platform(Settings(data=fresh.data), fresh.database)
    assert await faults_of(platform) == []
    await platform.close()
    # The other timeline's seal stands in the roots, and is explained.
    verified = await asyncio.to_thread(kangyun, "audit", "verify", "--data", fresh.data)
    assert verified.returncode == 0 and "Restored here" in verified.stdout, verified.stdout
    # Nor is the row that says so taken away unseen.
    connection = await asyncpg.connect(fresh.database)
    await connection.execute("UPDATE feed_epoch SET audit = NULL")
    await connection.close()
    verified = await asyncio.to_thread(kangyun, "audit", "verify", "--data", fresh.data)
    assert verified.returncode == 1 and "the audit trail does not" in verified.stdout


@pytest.mark.soak
async def test_a_cut_log_or_a_foreign_key_is_told(archived, tmp_path):
    installation, medium = await asyncio.to_thread(archived)
    async with installation.client() as client:
        await made(client, 1)
    await asyncio.to_thread(until_archived, installation, datetime.now(UTC))
    await asyncio.to_thread(installation.stop)
    words = ["restore", "--from", medium, "--root-key"]
    (tmp_path / "other.key").write_text("00" * 32)
    foreign = await asyncio.to_thread(kangyun, *words, tmp_path / "other.key", "--data", tmp_path / "a")
    assert foreign.returncode == 1 and "not the one of this data" in foreign.stderr
    root = installation.data / "root.key"
    late = await asyncio.to_thread(kangyun, *words, root, "--data", tmp_path / "b", "--at", "2100-01-01T00:00:00Z")
    assert late.returncode == 1 and "nothing later" in late.stderr
    early = await asyncio.to_thread(kangyun, *words, root, "--data", tmp_path / "b", "--at", "2000-01-01T00:00:00Z")
    assert early.returncode == 1 and "reach back" in early.stderr
    newest = max((medium / "wal").iterdir())
    kept = newest.read_bytes()
    newest.write_bytes(kept[:200] + bytes([kept[200] ^ 1]) + kept[201:])
    damaged = await asyncio.to_thread(kangyun, *words, root, "--data", tmp_path / "c")
    assert damaged.returncode == 1 and "damaged" in damaged.stderr
    # What was begun and not finished is not opened, and can be begun again.
    refused = await asyncio.to_thread(kangyun, "up", "--data", tmp_path / "c", "--empty")
    assert refused.returncode == 1 and "not finished" in refused.stderr
    newest.unlink()
    gap = await asyncio.to_thread(kangyun, *words, root, "--data", tmp_path / "c")
    assert gap.returncode == 1 and "missing from" in gap.stderr
    newest.write_bytes(kept)
    done = await asyncio.to_thread(kangyun, *words, root, "--data", tmp_path / "c")
    assert done.returncode == 0, done.stderr


@pytest.mark.soak
async def test_an_older_database_is_not_opened_until_somebody_says_so(new_installation, tmp_path):
    installation = new_installation(workers=1)
    await asyncio.to_thread(installation.start)
    async with installation.client() as client:
        before = await made(client, 1)
    await asyncio.to_thread(installation.stop)
    shutil.copytree(installation.data / "postgresql", tmp_path / "cold", symlinks=True)
    await asyncio.to_thread(installation.start)
    async with installation.client() as client:
        lost = await made(client, 1)
    roots = installation.data / "trail" / "roots.ndjson"
    await asyncio.to_thread(installation.until, lambda: len(roots.read_text().splitlines()) > 1)
    await asyncio.to_thread(installation.stop)
    owner = EmbeddedServer(installation.data)
    shutil.rmtree(installation.data / "postgresql")
    shutil.copytree(tmp_path / "cold", installation.data / "postgresql", symlinks=True)
    for path in (installation.data / "postgresql", *(installation.data / "postgresql").rglob("*")):
        owner.give(path)

    refused = await asyncio.to_thread(kangyun, "up", "--data", installation.data, "--port", installation.port)
    assert refused.returncode == 1 and "older" in refused.stderr
    accepted = await asyncio.to_thread(kangyun, "restore", "--accept", "--data", installation.data)
    assert accepted.returncode == 0, accepted.stderr
    await asyncio.to_thread(installation.start)
    async with installation.client() as client:
        assert (await client.get(f"Patient/{before[0]}")).status_code == 200
        assert (await client.get(f"Patient/{lost[0]}")).status_code == 404
    verified = await asyncio.to_thread(kangyun, "audit", "verify", "--data", installation.data)
    assert verified.returncode == 0 and "Restored here" in verified.stdout, verified.stdout

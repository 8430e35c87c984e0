"""A drill says whether the backups can be relied on, and how much and how long a loss would cost."""

import asyncio
import json
import shutil
from datetime import UTC, datetime

import asyncpg

from kangyun.catalog import catalog
from kangyun.testing.installation import kangyun

PATIENT = {"resourceType": "Patient", "name": [{"text": "演练"}]}


async def test_it_restores_compares_and_measures(new_installation, tmp_path):
    medium, kept = tmp_path / "backups", tmp_path / "kept.key"
    installation = new_installation(backup_folder=medium, workers=1)
    await asyncio.to_thread(installation.start)
    shutil.copy(installation.data / "root.key", kept)
    archived = installation.data / "backup.json"
    async with installation.client() as client:
        for _ in range(10):
            await client.post("Patient", json=PATIENT)
    now = datetime.now(UTC).isoformat()
    await asyncio.to_thread(
        installation.until,
        lambda: archived.exists() and '"copied":"' in archived.read_text()
        and (json.loads(archived.read_text())["archived"] or "") > now,
    )  # fmt: skip
    words = ["drill", "--data", installation.data, "--from", medium, "--root-key", kept, "--json"]
    done = await asyncio.to_thread(kangyun, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads((installation.data / "drill.json").read_text())
    assert json.loads(done.stdout.splitlines()[-1]) == told
    assert told["passed"] and told["compared"] and told["differ"] == []
    # The platform writes the definitions of its apps, in one commit; of each commit one body is opened.
    assert told["versions"] == 10 + len(catalog().definitions)
    assert told["bodies"] == 11 and told["bodies_differ"] == 0
    assert told["lost"] == 0 and told["rpo"] == 0 and 0 < told["rto"] < 60
    assert told["faults"] == 0 and told["trail_rows"] > 0
    assert not (installation.data / "drill").exists()

    assert "kangyun_archive_lag_seconds" in installation.metrics
    another = await asyncio.to_thread(
        kangyun, "backup", "--data", installation.data, "--to", medium, "--keep", 1, backup_folder=medium
    )
    assert another.returncode == 0, another.stderr
    listed = await asyncio.to_thread(kangyun, "backup", "list", "--data", installation.data, "--from", medium)
    assert (
        "can be restored" in listed.stdout
        and listed.stdout.count("feed position 11") == 1
        and "feed position 0" not in listed.stdout
    )
    examined = await asyncio.to_thread(
        kangyun, "doctor", "--data", installation.data, "--port", installation.port, backup_folder=medium
    )
    assert "The log is archived" in examined.stdout and "passed: recovery point 0 s" in examined.stdout

    # Bodies that no key opens come back as such, and the drill says so.
    connection = await asyncpg.connect(installation.database)
    await connection.execute("UPDATE version SET body = (SELECT body FROM version ORDER BY res LIMIT 1)")
    await connection.close()
    now = datetime.now(UTC).isoformat()
    await asyncio.to_thread(installation.until, lambda: json.loads(archived.read_text())["archived"] > now)
    differs = await asyncio.to_thread(kangyun, *words)
    assert differs.returncode == 1 and "cannot be opened" in differs.stdout

    await asyncio.to_thread(installation.stop)
    alone = await asyncio.to_thread(kangyun, *words)
    assert alone.returncode == 1 and "no recovery point" in alone.stdout

"""A drill says whether the backups can be relied on, and how much and how long a loss would cost."""

import asyncio
import json
import shutil
from datetime import UTC, datetime

import asyncpg

from kangyun.catalog import catalog
from kangyun.cli.drill import lost_rows
from kangyun.testing.installation import kangyun
from kangyun.testing.sequencing import seal_all

PATIENT = {"resourceType": "Patient", "name": [{"text": "演练"}]}


async def test_rows_of_the_trail_that_the_backup_has_not_are_counted(client, platform, fresh_database):
    for _ in range(3):
        await client.get("Patient?_count=1")
    restored = await asyncpg.connect(fresh_database)
    async with platform.pool.connection() as living:
        await seal_all(living)
        seal, last = await living.fetchrow("SELECT max(number), (SELECT max(id) FROM audit) FROM audit_seal")
        for _ in range(2):  # As a backup that has these rows, the first of them not sealed yet, would be read.
            await client.get("Patient?_count=2")
        oldest = await living.fetchval("SELECT min(instant) FROM audit WHERE id > $1 + 1", last)
        await seal_all(living)
        await restored.execute(f"CREATE TEMP VIEW audit_seal AS SELECT * FROM public.audit_seal WHERE number <= {seal}")
        await restored.execute(f"CREATE TEMP VIEW audit AS SELECT * FROM public.audit WHERE id <= {last + 1}")
        assert await lost_rows(restored, living, datetime.now(UTC)) == (seal, 1, oldest)
        assert await lost_rows(living, living, datetime.now(UTC)) == (
            *(await living.fetchval("SELECT max(number) FROM audit_seal"), 0, None),
        )
    await restored.close()


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
    assert told["lost_rows"] == 0 and told["sealed"] > 0
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

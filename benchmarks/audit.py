"""`python -m benchmarks.audit`: what the audit row of a read costs.

Starts a database of its own and reads results as a doctor, in this process, with the auditor and with none, by turns;
the difference is the audit's: making the row, waiting for its group, writing it. The more ask at once, the fuller the
groups. CPU is of this process and of the server's processes for its connections.
"""

import asyncio
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import machine
from benchmarks.feed import cpu_of_clients
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.audit import Row
from kangyun.access.platform import Platform, open_platform
from kangyun.access.policy import ANY_PURPOSE
from kangyun.access.policy.sights import party
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer

PATIENTS, RESULTS = 200, 10
AT_ONCE = (16, 64, 256)
DOCTOR = Actor("Practitioner/li", "", "Organization/b", "TREAT", role="doctor")
HOSPITAL = Actor("Device/feed", "", "Organization/a", "SYSADMIN", administrator=True)
ABOUT = Circumstances("GET /Observation/[id]", "127.0.0.1", "0" * 32)
# The doctor sees what another hospital wrote, by an encounter: the way that the row says has to be looked for.
_DISCLOSED = """
INSERT INTO disclosure SELECT r.res, $1, $2, 0, now() - interval '1 hour', now() + interval '1 day', r.res, false, true,
    'encounter', 'bench' FROM resource AS r WHERE r.res = r.patient AND TRUE
"""


class Nobody:
    """An auditor that writes nothing."""

    async def write(self, row: Row) -> None:
        """Forgets a row."""


def main(
    reads: Annotated[int, typer.Option(help="Reads of a step.")] = 12_800,
    rounds: Annotated[int, typer.Option(help="How often both take turns; the least counts.")] = 4,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Reads with and without the audit."""
    with tempfile.TemporaryDirectory(prefix="kangyun-audit-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server.url, Path(folder), reads, rounds))
        finally:
            server.stop()
    table = Table("at once", "without", "with", "audit, CPU ms a read", title="audit of a read")
    for users, (without, with_) in figures.items():
        table.add_row(str(users), f"{without:.4f}", f"{with_:.4f}", f"{with_ - without:.4f}")
    Console(highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"reads": reads, "machine": machine(), "figures": figures}, indent=1), "utf-8")


async def _measure(url: str, folder: Path, reads: int, rounds: int) -> dict[int, tuple[float, float]]:
    platform = await open_platform(Settings(data=folder, connections=4), url)
    try:
        ids = await _results(platform)
        auditors = (Nobody(), platform.gate.auditor)
        figures = {}
        for users in AT_ONCE:
            least = [float("inf")] * 2
            for _ in range(rounds):
                for side, auditor in enumerate(auditors):
                    object.__setattr__(platform.gate, "auditor", auditor)
                    await _read(platform, ids, users, reads // 10)
                    began = time.process_time() + await _cpu(platform)
                    await _read(platform, ids, users, reads)
                    spent = time.process_time() + await _cpu(platform) - began
                    least[side] = min(least[side], spent / reads * 1000)
            figures[users] = (least[0], least[1])
        return figures
    finally:
        await platform.close()


async def _results(platform: Platform) -> list[str]:
    record = await platform.gate.open(HOSPITAL, ABOUT)
    ids = []
    for _ in range(PATIENTS):
        patient = {"resourceType": "Patient", "name": [{"family": "张"}]}
        (made,) = await record.commit([record.operation("create", "Patient", resource=patient)], "create")
        assert made.stored is not None
        about = {"subject": {"reference": f"Patient/{made.stored.id}"}, "code": {"text": "x"}, "status": "final"}
        result = {"resourceType": "Observation"} | about
        operations = [record.operation("create", "Observation", resource=dict(result)) for _ in range(RESULTS)]
        ids += [done.stored.id for done in await record.commit(operations, "transaction") if done.stored]
    async with platform.pool.connection() as connection:
        await connection.execute(_DISCLOSED, party(platform.gate.store.keys.hasher, "Organization/b"), ANY_PURPOSE)
        await connection.execute("VACUUM ANALYZE")
    return ids


async def _read(platform: Platform, ids: list[str], users: int, reads: int) -> None:
    async def one() -> None:
        for _ in range(reads // users):
            record = await platform.gate.open(DOCTOR, ABOUT)
            await record.read("Observation", random.choice(ids))

    await asyncio.gather(*(one() for _ in range(users)))


async def _cpu(platform: Platform) -> float:
    async with platform.pool.connection() as connection:
        return await cpu_of_clients(connection)


if __name__ == "__main__":
    typer.run(main)

"""`python -m benchmarks.codes`: what it costs that codings stand beside an institution's own, and to count its codes.

A hospital's results are written 200 a transaction on an embedded database, in this process: with codes that are not
mapped, then with codes that are. Then all codes of the first are approved, and that is applied to what is stored; the
codes are counted; the decision is withdrawn, and that applied, too. Wall and CPU of this process, by resource.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.access.actor import Circumstances
from kangyun.access.codes.applying import apply
from kangyun.access.codes.counting import count
from kangyun.access.codes.table import Proposal, decide, propose, withdraw
from kangyun.access.platform import Platform, open_platform
from kangyun.access.record import Record
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.settings import Settings
from kangyun.catalog import catalog
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.migrations import migrate

CODES, AT_ONCE, PATIENTS = 300, 200, 500
LOCAL = "urn:kangyun:code-system:local:h1:result-item"
REGIONAL = "urn:kangyun:code-system:laboratory-regional"
UCUM = "http://unitsofmeasure.org"
SIZES = "SELECT version, avg(octet_length(body))::float8 AS size FROM version GROUP BY 1 ORDER BY 1"
ABOUT = Circumstances("benchmark", "", "", historic=True)


def main(
    resources: Annotated[int, typer.Option(help="Results of each kind.")] = 20_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedServer(Path(folder) / "database")
        server.start()
        try:
            figures = asyncio.run(_measured(Path(folder), server.url, resources))
        finally:
            server.stop()
    space = figures.pop("space")
    table = Table("work", "resources", "a second", "CPU here, ms", title="codes")
    for name, row in figures.items():
        rate, each = row["count"] / row["wall"], row["cpu"] / row["count"] * 1000
        table.add_row(name, f"{row['count']:.0f}", f"{rate:.0f}", f"{each:.3f}")
    console = Console(highlight=False, width=WIDTH)
    console.print(table)
    console.print(f"bytes a version: {', '.join(f'{name} {size:.0f}' for name, size in space.items())}")
    if output:
        output.write_text(json.dumps({"machine": machine(), "figures": figures, "space": space}, indent=1), "utf-8")


async def _measured(folder: Path, url: str, resources: int) -> dict[str, dict[str, float]]:
    settings = Settings(data=folder, connections=8)
    platform = await open_platform(settings, await _migrated(url))
    try:
        return await _all(platform, resources)
    finally:
        await platform.close()


async def _migrated(url: str) -> str:
    connection = await asyncpg.connect(url)
    await migrate(connection, list(catalog().schemas))
    await connection.close()
    return url


async def _all(platform: Platform, resources: int) -> dict[str, dict[str, float]]:
    record = await platform.gate.open(replace(ADMINISTRATOR, institution="Organization/h1"), ABOUT)
    first = await platform.gate.open(replace(ADMINISTRATOR, reference="Practitioner/a"), ABOUT)
    second = await platform.gate.open(replace(ADMINISTRATOR, reference="Practitioner/b"), ABOUT)
    patients: list[dict[str, Any]] = [{"resourceType": "Patient", "id": f"h1-p{n}"} for n in range(PATIENTS)]
    for start in range(0, PATIENTS, AT_ONCE):
        await _put(record, patients[start : start + AT_ONCE])
    figures = {"written, not mapped": await _timed(resources, _write(record, "a", resources))}
    later = [f"b{n}" for n in range(CODES)]
    await _mapped(first, second, later)
    await apply(platform.gate, settle=0)
    await asyncio.sleep(1.1)  # The process hears of it within a second.
    figures["written, mapped"] = await _timed(resources, _write(record, "b", resources))
    ids = await _mapped(first, second, [f"a{n}" for n in range(CODES)])
    await asyncio.sleep(1.1)
    figures["applied to what is stored"] = await _timed(resources, _applied(platform, resources))
    figures["counted"] = await _timed(2 * resources, count(platform.gate.store))
    await withdraw(second, ids, "benchmark")
    await asyncio.sleep(1.1)
    figures["withdrawn from what is stored"] = await _timed(resources, _applied(platform, resources))
    async with platform.pool.connection() as connection:
        sizes = await connection.fetch(SIZES)
    figures["space"] = {f"version_{row['version']}": row["size"] for row in sizes}
    return figures


async def _mapped(first: Record, second: Record, codes: list[str]) -> list[int]:
    await propose(first, [Proposal(LOCAL, code, REGIONAL, f"R{code}", "葡萄糖") for code in codes])
    async with first.gate.store.pool.connection() as connection:
        rows = await connection.fetch("SELECT id FROM code_map WHERE state = 'proposed'")
    ids = [row["id"] for row in rows]
    await decide(second, ids, approve=True)
    return ids


async def _applied(platform: Platform, resources: int) -> None:
    run = await apply(platform.gate, settle=0)
    if run is None or run.changed != resources:
        raise SystemExit(f"applied to {run}, not to {resources}")


async def _write(record: Record, name: str, resources: int) -> None:
    for start in range(0, resources, AT_ONCE):
        await _put(record, [_result(name, number) for number in range(start, min(start + AT_ONCE, resources))])


async def _put(record: Record, made: list[dict[str, Any]]) -> None:
    operations = [record.operation("update", one["resourceType"], id=one["id"], resource=one) for one in made]
    await record.commit(operations, "feed", whole=True)


def _result(name: str, number: int) -> dict[str, Any]:
    code = f"{name}{number % CODES}"
    return {
        "resourceType": "Observation", "id": f"h1-{name}{number}", "status": "final",
        "code": {"coding": [{"system": LOCAL, "code": code, "display": f"项目{code}"}], "text": f"项目{code}"},
        "subject": {"reference": f"Patient/h1-p{number % PATIENTS}"},
        "effectiveDateTime": f"2026-01-{number % 28 + 1:02}",
        "valueQuantity": {"value": number % 97, "unit": "mmol/L", "system": UCUM, "code": "mmol/L"},
    }  # fmt: skip


async def _timed(count_: int, work: Awaitable[Any]) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    await work
    return {"count": count_, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    typer.run(main)

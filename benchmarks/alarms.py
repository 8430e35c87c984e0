"""`python -m benchmarks.alarms`: how soon an SOS is at the desks that watch, from the commit that raises it.

An application and its websockets in this process, without a network between; its own database. Each SOS waits until all
desks have heard of the one before, so this is the way of one alarm and no rate; rates are `benchmarks.devices`.
"""

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.record import Operation
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.devices.alarms import Alarms
from kangyun.devices.signals import Level, Warning
from kangyun.testing.desks import Desk
from kangyun.testing.plugin import ADMIN_TOKEN
from kangyun.web.app import Application

WRITER = Actor("Practitioner/bench", "bench", "Organization/bench", role="doctor")
Figures = dict[str, float]


def main(
    alarms: Annotated[int, typer.Option(help="SOS, one after another.")] = 300,
    desks: Annotated[int, typer.Option(help="Desks that watch.")] = 10,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory(prefix="kangyun-alarms-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server.url, Path(folder), alarms, desks))
        finally:
            server.stop()
    table = Table("milliseconds", "median", "p99", "most", title=f"{alarms} SOS, {desks} desks")
    for name, one in figures.items():
        table.add_row(name, *(f"{one[column]:.1f}" for column in ("median", "p99", "most")))
    Console(highlight=False, width=WIDTH).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "alarms": figures}, indent=1), "utf-8")


async def _measure(url: str, folder: Path, alarms: int, desks: int) -> dict[str, Figures]:
    application = Application(Settings(data=folder, admin_token=ADMIN_TOKEN, connections=12), url)
    await application.open()
    platform = application._platform
    assert platform is not None
    try:
        record = await platform.gate.open(WRITER, Circumstances("POST Patient", "", "r"))
        operations = [Operation("create", "Patient", resource={"resourceType": "Patient"}) for _ in range(alarms)]
        people = [one.stored.res for one in await record.commit(operations, "create") if one.stored is not None]
        watching = [Desk(application, ADMIN_TOKEN) for _ in range(desks)]
        for desk in watching:
            await desk.until("snapshot")
        part = Alarms.of(platform.gate)
        raising, first, last = [], [], []
        for holder in people:
            at = time.time_ns() // 1000
            sos = Warning(rule="sos", level=Level.RED, holder=holder, at=at, since=at, position=(30.1, 104.2))
            began = time.perf_counter()
            async with platform.pool.connection() as connection, connection.transaction():
                await part.raise_(connection, [sos])
            done = time.perf_counter()
            heard = await asyncio.gather(*map(_heard, watching))
            raising.append(done - began)
            first.append(min(heard) - done)
            last.append(max(heard) - done)
        for desk in watching:
            await desk.leave()
    finally:
        await application.close()
    named = {"raised and committed": raising, "seen at the first desk": first, "seen at the last desk": last}
    return {name: _figures(times) for name, times in named.items()}


async def _heard(desk: Desk) -> float:
    await desk.until("changes")
    return time.perf_counter()


def _figures(times: list[float]) -> dict[str, Any]:
    ordered = sorted(one * 1000 for one in times)
    return {"median": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100], "most": ordered[-1]}


if __name__ == "__main__":
    typer.run(main)

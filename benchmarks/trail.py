"""`python -m benchmarks.trail`: what sealing the audit trail costs, and how long it takes to verify it.

Starts a database of its own, fills the trail with rows as the platform writes them, in transactions of 20, seals all
of it, and verifies it. CPU is of this process and of the server's process for its connection: together they are what
a single core would have to do.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import machine
from benchmarks.feed import cpu_of
from kangyun.access.trail.sealing import seal_once
from kangyun.access.trail.verifying import Progress, verify
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer

AT_ONCE = 20  # rows of a transaction
_FILL = """
INSERT INTO audit (instant, institution, outcome, action, actor, purpose, shape, source, request, patients)
SELECT clock_timestamp(), 1, 200, 'read', 'Practitioner/0190f3e2-7c1b-7d40-9a55-' || n, 'TREAT',
    'GET /Observation/[id]', '10.20.30.40', md5(n::text), ARRAY[n::int8 << 12]
FROM generate_series($1::int8, $1::int8 + $2 - 1) AS n
"""


def main(
    rows: Annotated[int, typer.Option(help="Audit rows.")] = 1_000_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Fills, seals, verifies."""
    with tempfile.TemporaryDirectory(prefix="kangyun-trail-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server.url, rows))
        finally:
            server.stop()
    table = Table("", "rows", "seconds", "own CPU s", "server CPU s", "µs a row", title="audit trail")
    for name, one in figures.items():
        each = (one["own"] + one["server"]) / rows * 1e6
        table.add_row(
            name, f"{rows:,}", f"{one['seconds']:.1f}", f"{one['own']:.1f}", f"{one['server']:.1f}", f"{each:.2f}"
        )
    Console(highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"rows": rows, "machine": machine(), **figures}, indent=1), "utf-8")


async def _measure(url: str, rows: int) -> dict[str, dict[str, float]]:
    connection = await asyncpg.connect(url)
    try:
        figures = {}
        for name, step in (("fill", _fill), ("seal", _seal), ("verify", _verify)):
            began, own, server = time.monotonic(), time.process_time(), cpu_of([connection.get_server_pid()])
            await step(connection, rows)
            figures[name] = {
                "seconds": time.monotonic() - began,
                "own": time.process_time() - own,
                "server": cpu_of([connection.get_server_pid()]) - server,
            }
        return figures
    finally:
        await connection.close()


async def _fill(connection: asyncpg.Connection, rows: int) -> None:
    await connection.execute("SET synchronous_commit = off")
    for begin in range(1, rows + 1, AT_ONCE):
        if begin % (100 * AT_ONCE) == 1:
            await connection.execute("SELECT make_log_segment($1::int8 / (segment_numbers() * 4) + 1)", begin)
        await connection.execute(_FILL, begin, AT_ONCE)


async def _seal(connection: asyncpg.Connection, rows: int) -> None:
    last, more, count = None, True, 0
    while more:
        made, more = await seal_once(connection, last)
        last = made[-1] if made else last
        count += sum(len(one.ids) for one in made)
    if count != rows:
        raise SystemExit(f"{count} of {rows} rows were sealed")


async def _verify(connection: asyncpg.Connection, rows: int) -> None:
    reached = Progress()

    def tell(progress: Progress) -> None:
        nonlocal reached
        reached = progress

    faults = [fault async for fault in verify(connection, (), tell)]
    if faults or reached.rows != rows:
        raise SystemExit(f"{len(faults)} faults, {reached.rows} of {rows} rows")


if __name__ == "__main__":
    typer.run(main)

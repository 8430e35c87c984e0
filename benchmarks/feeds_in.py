"""`python -m benchmarks.feeds_in`: what a gateway delivers, from its first request to the last row in the record.

Starts `kangyun up` on a new data folder and delivers the tables of `benchmarks.taking` over HTTP, as a gateway does:
gzip, digest, dense numbers, up to 5,000 rows each. Kept says how fast the centre acknowledges, end to end how fast the
background work has all of it in the record and counted; the last table is the first one again, as it came. CPU is of
the whole server and of the database. A feed is taken in by one process at a time: with `--feeds` the rows come by as
many feeds at once, with `--processes` as many processes take them in. The bar is 3,000 rows a second, end to end.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, machine
from benchmarks.processes import Trees, listening
from benchmarks.taking import BAR, HOUSE, TABLES
from kangyun.database.embedded import EmbeddedServer
from kangyun.exchange.protocol import MOST_ROWS, Rows
from kangyun.testing.gateways import Gateway


def deliveries(name: str, rows: int, feeds: int) -> list[list[Rows]]:
    """Returns the rows of a table as a gateway packs them, for each feed."""
    header, *lines = TABLES[name](rows)
    columns, table, read = header.split(","), name.partition(",")[0], datetime.now(UTC)
    cells = [line.split(",") for line in lines]
    packed = [Rows(table, columns, cells[begin : begin + MOST_ROWS], read) for begin in range(0, rows, MOST_ROWS)]
    return [packed[nth::feeds] for nth in range(feeds)]


async def measured(lot: Lot, server: list[int], rows: int, feeds: int) -> dict[str, Any]:
    """Returns by table the rates, and CPU-ms a row of server and database. Raises SystemExit for a refused row."""
    assert lot.data is not None and lot.token is not None
    url = lot.server.removesuffix("/fhir")
    house = {"resourceType": "Organization", "id": HOUSE.partition("/")[2], "name": "演示医院"}
    headers = {"authorization": f"Bearer {lot.token}"}
    httpx.put(f"{lot.server}/{HOUSE}", json=house, headers=headers).raise_for_status()
    first = await Gateway.join(url, EmbeddedServer(lot.data).url, lot.data, lot.token, HOUSE)
    gateways = [first, *[await first.open(lot.token, HOUSE, f"f{nth}") for nth in range(1, feeds)]]
    sent = [0] * feeds
    trees, figures = Trees(server), {}

    async def send(nth: int, some: list[Rows]) -> None:
        for one in some:
            sent[nth] += 1
            await gateways[nth].put(sent[nth], one)

    async def answers(nth: int, count: int) -> list[dict[str, Any]]:
        return (await gateways[nth].answers(sent[nth]))[-count:]

    for name in TABLES:
        waiting = deliveries(name, rows, feeds)
        begun, before = time.perf_counter(), trees.read()
        await asyncio.gather(*(send(nth, some) for nth, some in enumerate(waiting)))
        kept = time.perf_counter() - begun
        counts = [(nth, len(some)) for nth, some in enumerate(waiting) if some]
        told = [one for some in await asyncio.gather(*(answers(*pair) for pair in counts)) for one in some]
        seconds, used = time.perf_counter() - begun, trees.read().since(before)
        stored = sum(one.get("stored", 0) for one in told)
        if stored != rows:
            raise SystemExit(f"{name}: {stored} of {rows} rows, {told[0].get('refused', ())[:1]}")
        each = {"server": used.server / rows * 1000, "database": used.database / rows * 1000}
        figures[name] = {"kept": rows / kept, "per_second": rows / seconds, **each}
    return figures


def main(
    rows: Annotated[int, typer.Option(help="Rows of each table.")] = 10_000,
    feeds: Annotated[int, typer.Option(help="Feeds that they come by.")] = 1,
    processes: Annotated[int, typer.Option(help="Processes that take them in.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Delivers, and prints rates and CPU."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KANGYUN_DEMO"] = "true"
    lot = Lot([], out, out, 0.0)
    with our_server(lot):
        work = [sys.executable, "-m", "kangyun.cli", "work", "--data", str(lot.data)]
        assert lot.data is not None
        given = os.environ | {"KANGYUN_DATABASE": EmbeddedServer(lot.data).url}
        more = [subprocess.Popen(work, env=given, stdout=subprocess.DEVNULL) for _ in range(1, processes)]
        try:
            server = listening(int(lot.server.rpartition(":")[2].partition("/")[0]))
            figures = uvloop.run(measured(lot, [*server, *(one.pid for one in more)], rows, feeds))
        finally:
            for one in more:
                one.terminate()
            for one in more:
                one.wait()
    title = f"{rows:,} rows of each table, {feeds} feeds, {processes} processes; the bar is {BAR:,} rows a second"
    table = Table(title=title, title_justify="left")
    for heading in ("", "kept, rows a second", "end to end", "server, CPU ms a row", "database"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in figures.items():
        rates = (f"{row['kept']:,.0f}", f"{row['per_second']:,.0f}")
        table.add_row(name, *rates, f"{row['server']:.3f}", f"{row['database']:.3f}")
    Console(width=WIDTH, highlight=False).print(table)
    if output:
        output.write_text(
            json.dumps(
                {"machine": machine(), "bar": BAR, "feeds": feeds, "processes": processes, "figures": figures}, indent=1
            ),
            "utf-8",
        )


if __name__ == "__main__":
    typer.run(main)

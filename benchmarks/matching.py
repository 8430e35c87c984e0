"""`python -m benchmarks.matching`: `Patient/$match` over HTTP against an index full of residents.

Starts `kangyun up` on a new data folder of a demonstration and fills its index (`benchmarks.filled`) stage by stage.
At each stage residents are asked for as a desk writes them down: one more registration of each, by the error model that
judges, that is not in the index. Measured are: whether the right resident is first, latencies at a steady rate (from
the moment a question is due, so that a server that lags is not spared), the rate and CPU at full load, memory, disk.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Annotated, Any, NamedTuple

import asyncpg
import msgspec
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, Bench, Stopped, machine
from benchmarks.client import Connection
from benchmarks.corpus.writer import parse_size
from benchmarks.filled import MOST_EACH, Question, make_room, resident_number
from benchmarks.load import Over, User
from benchmarks.processes import bytes_on_disk, listening, memory
from benchmarks.recorder import Recorder
from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.fhir.json import encode
from kangyun.store.ids import IdPermutation

INDEX = ("registration", "registration_key", "resident_link")
USERS, STEADY_USERS = 32, 16
WHO = ("first", "later", "others", "nobody")
"""Where the right resident stood in an answer: `others` without him."""
_SIZE = "SELECT pg_total_relation_size($1::text::regclass)"
_LOOK = "VACUUM (ANALYZE) registration, registration_key, resident_link, resource, version, data_key"


class Asked(NamedTuple):
    """A request, the id of who is meant, and what is wrong in how he was written down."""

    request: bytes
    resident: str
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """What is measured and how.

    each, later: registrations of a resident of the first stage, of the others. every: of so many of the first stage
    one is asked for.
    """

    lot: Lot
    each: int
    later: int
    every: int
    seconds: float
    rate: int
    processes: int
    console: Console

    @property
    def data(self) -> Path:
        assert self.lot.data is not None
        return self.lot.data

    @property
    def database(self) -> str:
        return f"postgresql:///kangyun?host={self.data / 'socket'}&user=kangyun"


def fill(run: Run, begin: int, end: int) -> float:
    """Fills places of the city, by several processes; returns the seconds."""
    began = time.monotonic()
    started = []
    for nth in range(run.processes):
        file = run.data.parent / f"questions-{begin}-{nth}"
        of_each = [run.later, 0] if begin else [run.each, run.every]
        given = [run.data, run.database, file, begin + nth, end, run.processes, *of_each]
        started.append(subprocess.Popen([sys.executable, "-m", "benchmarks.filled", *map(str, given)]))
    if any([process.wait() for process in started]):  # noqa: C419 - each is waited for
        raise Stopped("the index was not filled")
    return time.monotonic() - began


def questions(run: Run, bench: Bench, ids: IdPermutation) -> list[Asked]:
    """Returns what is asked about those who are in the index."""
    found = []
    for file in sorted(run.data.parent.glob("questions-*")):
        for line in file.read_bytes().splitlines():
            one = msgspec.json.decode(line, type=Question)
            patient = {name: value for name, value in one.patient.items() if name not in ("id", "meta")}
            given = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": patient}]}
            request = bench.target.request("POST", "Patient/$match", encode(given))
            found.append(Asked(request, ids.id_of(resident_number(one.number)), tuple(one.errors)))
    Random(1).shuffle(found)
    return found


async def judged(bench: Bench, asked: list[Asked]) -> dict[str, Any]:
    """Asks each question once, and says how often the right resident was first: of all, and of the corrupted."""
    rest, came = iter(asked), Counter[tuple[bool, str]]()
    recorder = Recorder()

    async def ask(user: User) -> None:
        one = next(rest, None)
        if one is None:
            raise Over
        response = await user.do("match", one.request)
        if response is not None:
            came[bool(one.errors), _who(response.body, one.resident)] += 1

    await bench.step("judged", ask, users=STEADY_USERS, seconds=3600, recorder=recorder)
    found: dict[str, Any] = {"errors": recorder.failed}
    for name, kinds in (("all", (True, False)), ("corrupted", (True,))):
        counts = Counter({who: sum(came[kind, who] for kind in kinds) for who in WHO})
        found[name] = dict(counts) | {"first_share": round(counts["first"] / max(counts.total(), 1), 4)}
    return found


def _who(answer: bytes, resident: str) -> str:
    entries = msgspec.json.decode(answer).get("entry", [])
    ids = [one["resource"]["id"] for one in entries]
    if not ids:
        return "nobody"
    return "first" if ids[0] == resident else "later" if resident in ids else "others"


async def steady(run: Run, bench: Bench, asked: list[Asked]) -> Recorder:
    """Asks at a steady rate; a latency begins when its question is due."""
    recorder, waiting = Recorder(), asyncio.Queue[float]()
    requests = cycle(asked)
    connections = [Connection(bench.target) for _ in range(STEADY_USERS)]

    async def serve(connection: Connection) -> None:
        while (due := await waiting.get()) >= 0:
            response = await connection.send(next(requests).request)
            if response.status == 200:
                recorder.add("match", time.perf_counter() - due)
            else:
                recorder.fail("match", str(response.status))
        connection.close()

    async with asyncio.TaskGroup() as group:
        for connection in connections:
            group.create_task(serve(connection))
        began = time.perf_counter()
        for nth in range(int(run.rate * run.seconds)):
            due = began + nth / run.rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            waiting.put_nowait(due)
        for _ in connections:
            waiting.put_nowait(-1.0)
    return recorder


async def stage(run: Run, bench: Bench, residents: int) -> dict[str, Any]:
    """Measures at one size."""
    platform = await open_platform(Settings(data=run.data, demo=True, connections=1), run.database)
    ids = platform.gate.store.ids
    await platform.close()
    connection = await asyncpg.connect(run.database)
    await connection.execute(_LOOK)
    registrations = await connection.fetchval("SELECT count(*) FROM registration")
    sizes = {name: int(await connection.fetchval(_SIZE, name)) for name in INDEX}
    await connection.close()
    asked = questions(run, bench, ids)
    found: dict[str, Any] = {"residents": residents, "registrations": registrations}
    found["right"] = await judged(bench, asked)
    recorder = await steady(run, bench, asked)
    found["steady"] = recorder.summary("steady", run.seconds).as_json()
    requests = cycle(asked)

    async def ask(user: User) -> None:
        await user.do("match", next(requests).request)

    _, full = await bench.step("full load", ask, users=USERS, seconds=run.seconds)
    found["full"] = full.as_json()
    found["memory_bytes"] = memory(listening(bench.target.port))
    found["disk_bytes"] = {"whole": bytes_on_disk(run.data), **sizes}
    return found


def show(run: Run, stages: list[dict[str, Any]]) -> None:
    """Prints a table."""
    table = Table(title="Patient/$match", title_justify="left")
    for heading in ("residents", "first, all", "first, corrupted", f"p50 at {run.rate}/s", "p99", "a second",
                    "server CPU ms", "database", "memory GB", "index bytes a registration"):  # fmt: skip
        table.add_column(heading, justify="right")
    for one in stages:
        index = sum(one["disk_bytes"][name] for name in INDEX) / one["registrations"]
        table.add_row(
            f"{one['residents']:,}", *(f"{one['right'][of]['first_share']:.2%}" for of in ("all", "corrupted")),
            f"{one['steady']['p50']:.1f}", f"{one['steady']['p99']:.1f}", f"{one['full']['per_second']:,.0f}",
            f"{one['full']['server_cpu'] or 0:.2f}", f"{one['full']['database_cpu'] or 0:.2f}",
            f"{one['memory_bytes'] / 1e9:.2f}", f"{index:,.0f}",
        )  # fmt: skip
    run.console.print(table)


async def measure(run: Run, sizes: list[int]) -> list[dict[str, Any]]:
    """Fills and measures stage by stage."""
    bench, found = Bench("matching", run.lot.server, run.lot.token), []
    connection = await asyncpg.connect(run.database)
    await make_room(connection, sizes[-1])
    await connection.close()
    for begin, end in zip([0, *sizes], sizes, strict=False):
        seconds = await asyncio.to_thread(fill, run, begin, end)
        found.append(await stage(run, bench, end) | {"filled_s": seconds})
        run.console.print_json(json.dumps(found[-1]))
    return found


def main(
    sizes: Annotated[str, typer.Option(help="Residents at each stage.")] = "20k,100k",
    each: Annotated[int, typer.Option(help="Registrations of each resident of the first stage.", max=MOST_EACH)] = 4,
    later: Annotated[int, typer.Option(help="Of each resident who comes later.", max=MOST_EACH)] = 4,
    asked: Annotated[int, typer.Option(help="Of how many residents of the first stage is asked.")] = 5_000,
    seconds: Annotated[float, typer.Option(help="Of the steady and of the full load.")] = 20.0,
    rate: Annotated[int, typer.Option(help="Questions a second of the steady load.")] = 100,
    processes: Annotated[int, typer.Option(help="That fill the index.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Fills, asks, prints a table."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KANGYUN_DEMO"] = "true"
    places = [parse_size(size) for size in sizes.split(",")]
    lot = Lot([], out, out, seconds)
    run = Run(
        lot, each, later, max(1, places[0] // asked), seconds, rate, processes, Console(width=WIDTH, highlight=False)
    )
    with our_server(lot):
        found = uvloop.run(measure(run, places))
    show(run, found)
    if output:
        output.write_text(
            json.dumps({"machine": machine(), "each": each, "later": later, "stages": found}, indent=1), "utf-8"
        )


if __name__ == "__main__":
    typer.run(main)

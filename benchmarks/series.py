"""`python -m benchmarks.series`: samples of devices: CPU of an insert, bytes of a sample, a year as a chart.

Starts a database of its own. Inserts groups of live readings of many series (heart rate every ten seconds), first into
an empty table and again when it holds ten times as many; takes them in again, which is all repetition; compacts them;
keeps a year of plausible signals of each kind and counts every byte of table, index and TOAST; asks for charts through
the gate; and tells the record of measurements. CPU beside the rates, since the machine is shared.
"""

import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import asyncpg
import numpy as np
import typer
import uvloop
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from benchmarks.processes import Trees
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.kept import Kept
from kangyun.access.operations import Call
from kangyun.access.platform import Platform, open_platform
from kangyun.access.record import Operation
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.devices.metrics import metrics
from kangyun.devices.series import days
from kangyun.devices.series.batch import Batch
from kangyun.devices.series.chunks import Chunks
from kangyun.devices.series.compacting import Compaction
from kangyun.devices.series.operations import series as series_operation
from kangyun.devices.series.packing import Curve
from kangyun.devices.series.recording import Recording
from kangyun.devices.series.samples import Samples

ACTOR = Actor("Device/administrator", "", "Organization/platform", "SYSADMIN", administrator=True)
BEGIN = days.microseconds(datetime(2025, 1, 1, tzinfo=UTC))
SECOND = 1_000_000
PERSONS = 6
CALLS = 25
CUFFS = 400
"""Series of a sparse kind: of one, the table's first page alone would count."""
Figures = dict[str, dict[str, float]]
Whole = NDArray[np.int64]


def main(
    series: Annotated[int, typer.Option(help="Series that send at once.")] = 5_000,
    groups: Annotated[int, typer.Option(help="Groups of readings, one of each series, before it is measured.")] = 20,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory(prefix="kangyun-series-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server, Path(folder), series, groups))
        finally:
            server.stop()
    table = Table("", "count", "seconds", "our CPU, µs each", "PostgreSQL's, µs each", title="series")
    for name, one in figures["work"].items():
        table.add_row(
            name, f"{one['count']:,.0f}", f"{one['seconds']:.2f}", f"{one['own_us']:.2f}", f"{one['database_us']:.2f}"
        )
    kinds = Table("a year of", "samples", "bytes a sample", title="kept")
    for name, one in figures["kept"].items():
        kinds.add_row(name, f"{one['samples']:,.0f}", f"{one['bytes']:.2f}")
    charts = Table("chart", "milliseconds", "our CPU, ms", "PostgreSQL's, ms", title="charts, through the gate")
    for name, one in figures["charts"].items():
        charts.add_row(name, f"{one['ms']:.1f}", f"{one['own_ms']:.1f}", f"{one['database_ms']:.1f}")
    console = Console(highlight=False, width=WIDTH)
    for shown in (table, kinds, charts):
        console.print(shown)
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


async def _measure(server: EmbeddedServer, folder: Path, series: int, groups: int) -> dict[str, Figures]:
    assert server.pid is not None
    trees = Trees([], [server.pid])
    platform = await open_platform(Settings(data=folder, connections=6), server.url)
    try:
        persons = await _persons(platform, PERSONS)
        work = await _work(platform, trees, persons[1:], series, groups)
        kept, dense = await _kept(platform, persons[0])
        return {"work": work, "kept": kept, "charts": await _charts(platform, trees, dense)}
    finally:
        await platform.close()


async def _persons(platform: Platform, count: int) -> list[tuple[str, int]]:
    record = await platform.gate.open(ACTOR, Circumstances("POST Patient", "", "r"))
    operations = [Operation("create", "Patient", resource={"resourceType": "Patient"}) for _ in range(count)]
    done = await record.commit(operations, "create")
    return [(one.stored.id, one.stored.res) for one in done if one.stored is not None]


async def _timed(trees: Trees, count: int, work: Callable[[], Awaitable[Any]]) -> dict[str, float]:
    began, own, database = time.monotonic(), time.process_time(), trees.read()
    await work()
    used = trees.read().since(database)
    return {
        "count": count, "seconds": time.monotonic() - began, "own_us": (time.process_time() - own) / count * 1e6,
        "database_us": used.database / count * 1e6,
    }  # fmt: skip


async def _work(platform: Platform, trees: Trees, persons: list[tuple[str, int]], count: int, groups: int) -> Figures:
    kept = Kept(platform.gate.store)
    samples = Samples(kept)
    heart = metrics()["heart-rate"].number
    holders = [persons[place % len(persons)][1] for place in range(count)]
    devices = list(range(count))
    numbers = await samples.series_of(devices, [heart] * count, holders)
    begin = BEGIN + 300 * days.DAY
    async with platform.pool.connection() as connection:
        await days.keep(connection, days.instant(begin))

    async def send(first: int, last: int) -> None:
        for place in range(first, last):
            at = np.full(count, begin + place * 10 * SECOND)
            batch = Batch(
                await samples.series_of(devices, [heart] * count, holders), np.full(count, heart, np.int16), at,
                (numbers % 40).astype(float), np.zeros(count, np.int16),
            )  # fmt: skip
            async with platform.pool.connection() as connection, connection.transaction():
                await samples.insert(connection, batch)

    each = groups * count
    figures = {"insert, empty table": await _timed(trees, each, lambda: send(0, groups))}
    await send(groups, groups * 9)
    figures["insert, nine times as many"] = await _timed(trees, each, lambda: send(groups * 9, groups * 10))
    figures["the same again"] = await _timed(trees, each, lambda: send(groups * 9, groups * 10))
    compaction = Compaction(kept)
    all_ = each * 10
    later = days.instant(begin + 3 * days.DAY)
    figures["compaction"] = await _timed(trees, all_, lambda: compaction.run(later))
    figures["again, from chunks"] = await _timed(trees, count, lambda: send(groups * 9, groups * 9 + 1))
    recording = Recording(platform)
    figures["a day's summary"] = await _timed(trees, count, lambda: _tell_all(recording))
    glucose = metrics()["glucose"].number
    sweet = await samples.series_of(devices, [glucose] * count, holders)
    batch = Batch(
        sweet, np.full(count, glucose, np.int16), np.full(count, begin), np.full(count, 6.1), np.zeros(count, np.int16)
    )
    async with platform.pool.connection() as connection, connection.transaction():
        await samples.insert(connection, batch)
    figures["a measurement"] = await _timed(trees, count, lambda: _tell_all(recording))
    return figures


async def _tell_all(recording: Recording) -> None:
    while await recording.run():
        pass


def _wandering(random: np.random.Generator, count: int, scale: float, back: float) -> NDArray[np.float64]:
    """Returns a signal that wanders and comes back, as bodies do: autoregressive, of the first order."""
    steps = random.normal(0, scale, count)
    found = np.empty(count)
    last = 0.0
    for place, step in enumerate(steps.tolist()):
        last = back * last + step
        found[place] = last
    return found


def _regular(metric: str, seconds: int, mean: float, scale: float, back: float, trembling: int = 0) -> Any:
    """trembling: microseconds by which an instant is off."""

    def make(random: np.random.Generator) -> tuple[str, Whole, Whole]:
        count = 365 * 86_400 // seconds
        at = BEGIN + np.arange(count) * seconds * SECOND
        if trembling:
            at = at + random.integers(0, trembling, count)
        daily = np.sin(2 * np.pi * np.arange(count) * seconds / 86_400)
        value = mean * (1 + 0.1 * scale * daily / mean) + _wandering(random, count, scale, back)
        return metric, at, np.rint(value / metrics()[metric].resolution).astype(np.int64)

    return make


def _twice_a_day(metric: str, mean: float, clock: int = 1) -> Any:
    """A cuff: in the morning and the evening, and again after a minute where it was high. clock: its seconds."""

    def make(random: np.random.Generator) -> tuple[str, Whole, Whole]:
        morning = np.arange(365) * 86_400 + 7 * 3600 + random.normal(0, 1500, 365)
        evening = np.arange(365) * 86_400 + 20 * 3600 + random.normal(0, 2400, 365)
        again = morning[random.random(365) < 0.2] + random.integers(60, 120)
        at = BEGIN + np.unique(np.concatenate([morning, evening, again]).astype(np.int64) // clock * clock) * SECOND
        return metric, at, np.rint(random.normal(mean, 9, len(at))).astype(np.int64) * 2

    return make


KINDS = {
    "heart rate, every 10 s": _regular("heart-rate", 10, 72, 1.2, 0.97),
    "heart rate, every 10 s, instants to the millisecond": None,
    "heart rate, every minute": _regular("heart-rate", 60, 72, 2.0, 0.9),
    "SpO2, every minute": _regular("spo2", 60, 96.5, 0.35, 0.9),
    "temperature, every minute": _regular("body-temperature", 60, 36.6, 0.02, 0.95),
    "systolic, twice a day": _twice_a_day("systolic-home", 138),
    "diastolic, twice a day": _twice_a_day("diastolic-home", 84),
    "systolic, of a cuff that tells minutes": _twice_a_day("systolic-home", 138, 60),
}


def _milliseconds(random: np.random.Generator) -> tuple[str, Whole, Whole]:
    metric, at, value = KINDS["heart rate, every 10 s"](random)
    return metric, at + random.integers(-200, 200, len(at)) * 1000, value


KINDS["heart rate, every 10 s, instants to the millisecond"] = _milliseconds


async def _kept(platform: Platform, person: tuple[str, int]) -> tuple[Figures, str]:
    """Keeps a year, day by day as the background does, sparse kinds by more. Returns bytes by kind, and whose."""
    kept = Kept(platform.gate.store)
    samples, chunks = Samples(kept), Chunks(kept)
    random = np.random.default_rng(7)
    figures: Figures = {}
    for name, make in reversed(KINDS.items()):
        async with platform.pool.connection() as connection:
            await connection.execute("TRUNCATE device_chunk")
            metric, at, value = make(random)
            count, step = (CUFFS, 73 * days.DAY) if len(at) < 10_000 else (1, days.DAY)
            devices = list(range(1_000_000, 1_000_000 + count))
            numbers = await samples.series_of(devices, [metrics()[metric].number] * count, [person[1]] * count)
            for begin in range(BEGIN, BEGIN + 365 * days.DAY, step):
                curve = Curve(at, value, np.zeros(len(at), np.int64)).cut(begin, begin + step)
                if len(curve):
                    await _put(connection, chunks, dict.fromkeys(numbers.tolist(), curve))
            await connection.execute("VACUUM FULL device_chunk")
            size = await connection.fetchval("SELECT pg_total_relation_size('device_chunk')")
            stored = await connection.fetchval("SELECT sum(samples) FROM device_chunk")
            figures[name] = {"samples": stored, "bytes": size / stored}
    return dict(reversed(figures.items())), person[0]


async def _put(connection: asyncpg.Connection, chunks: Chunks, fresh: dict[int, Curve]) -> None:
    async with connection.transaction():
        owners = await chunks.owners(connection, fresh)
        await chunks.put(connection, fresh, await chunks.keys(connection, owners.values()))


async def _charts(platform: Platform, trees: Trees, person: str) -> Figures:
    """Of the last kind that was kept: a reading every ten seconds for a year."""
    figures = {}
    for name, end in (("a year", "2025-12-31"), ("a month", "2025-01-31"), ("a day", "2025-01-01")):
        inputs = {"metric": "heart-rate", "start": "2025-01-01", "end": end}
        said = [{"name": one, "valueString": text} for one, text in inputs.items()]
        call = Call("Patient", person, {"resourceType": "Parameters", "parameter": said})
        times, own, theirs = [], [], 0.0
        for _ in range(CALLS):
            began, used, database = time.monotonic(), time.process_time(), trees.read()
            record = await platform.gate.open(ACTOR, Circumstances("GET Patient/[id]/$series", "", "r"))
            answer = await series_operation(record, call)
            times.append(time.monotonic() - began)
            own.append(time.process_time() - used)
            theirs += trees.read().since(database).database
            assert answer["parameter"]
        figures[name] = {"ms": median(times) * 1000, "own_ms": median(own) * 1000, "database_ms": theirs / CALLS * 1000}
    return figures


if __name__ == "__main__":
    typer.run(main)

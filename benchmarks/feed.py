"""`python -m benchmarks.feed`: the change feed under many writers.

Writers commit as fast as they are answered, by the store's own `Committer` and `Writer`, each time a small commit about
a patient: an observation is made, and every fourth time the patient is updated as well. Its rows are made up: what
making them costs is not measured here. Meanwhile the sequencer gives positions and a reader reads. Three rounds:

* *proof*: about a few patients, so that writers meet all the time. Each commit leaves, still under its locks, its
  number among the commits of its patient, and the feed is held against that: nothing lost, nothing twice, positions
  without gaps, nothing out of order;
* *hot*: the same without the proof, CPU told apart: database (its writers; sequencer and reader), load;
* *speed*: about so many patients that writers seldom meet, as in a region.

An embedded server is started for it, with its usual settings (a commit is on disk before it is answered); `--database`
names another one.
"""

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import asyncpg
import msgspec
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from kangyun.catalog import catalog
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.migrations import migrate
from kangyun.database.pool import Pool
from kangyun.store import feed, rows
from kangyun.store.batch import Batch, Stale
from kangyun.store.committer import Committer
from kangyun.store.model import Envelope
from kangyun.store.segments import SEGMENT_NUMBERS
from kangyun.store.sequencer import sequence
from kangyun.store.tokens import bucket_of
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.writer import Writer, arguments_of, call_for

BODY = 330  # bytes of a sealed body: an Observation of Synthea
TOKENS = 22  # of an index row
# Numbers of res, all of the first segment: the patients have the first, then each writer of each round has a range.
FIRST_RANGE, ROUNDS = 10_000, 3
MANY = 5_000  # patients of the last round

# Beside the commit, under its locks, the number that the commit has among those of its patient.
_TRUTH = """
CREATE TABLE bench_patient (patient int8 PRIMARY KEY, n int8 NOT NULL) WITH (fillfactor = 20);
CREATE TABLE bench_truth (commit int8 PRIMARY KEY, patient int8 NOT NULL, n int8 NOT NULL);
"""
_PROVEN = """
WITH c AS MATERIALIZED ({call}),
     e AS (SELECT id, patient, row_number() OVER (PARTITION BY patient ORDER BY nth) AS nth,
               count(*) OVER (PARTITION BY patient) AS total, moment
           FROM c, unnest(ids, $22::int8[]) WITH ORDINALITY AS u(id, patient, nth)),
     p AS (UPDATE bench_patient AS b SET n = b.n + t.total FROM (SELECT DISTINCT patient, total FROM e) AS t
           WHERE b.patient = t.patient RETURNING b.patient, b.n - t.total AS before),
     w AS (INSERT INTO bench_truth SELECT e.id, e.patient, p.before + e.nth FROM e JOIN p USING (patient))
SELECT moment FROM c
"""
_ENVELOPE = Envelope(
    actor="Device/bench", purpose="TREAT", institution=1, action="create", shape="POST /Observation", request="r",
)  # fmt: skip


@dataclass
class Round:
    """What a round found."""

    name: str
    seconds: float = 0.0
    commits: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)  # seconds


class _Prepared(Batch):
    """A commit that makes an observation, and updates its patient where `version` is given."""

    def __init__(self, patient: int, res: int, version: int | None) -> None:
        super().__init__(None, None, _ENVELOPE, 1)  # type: ignore[arg-type]
        self.patient = patient
        now = datetime.now(UTC)
        tokens = [random.getrandbits(63) for _ in range(TOKENS)]
        self.rows.created.append(
            rows.resource_row(res, patient, now, now, 0, 0, 1, 1, TYPE_NUMBERS["Observation"], 1, 2, False, tokens)
        )
        self.rows.dates.append(rows.date_row(res, 7, now, now))
        self.note(res, 1, "Observation", b"c")
        if version is not None:
            self.rows.expected.append(rows.expectation(patient, version))
            self.rows.bumped.append(rows.expectation(patient, version + 1))
            self.note(patient, version + 1, "Patient", b"u")
        self.buckets.add(bucket_of(patient))
        self.segments.add(0)

    def note(self, res: int, version: int, type_: str, action: bytes) -> None:
        body = random.randbytes(BODY)
        self.rows.versions.append(rows.version_row(res, version, 1, 1, 1, TYPE_NUMBERS[type_], action, body))
        self.written.append((res, version))

    def remember(self) -> None:
        """There is nothing that others would have to know."""


class _Writer(Writer):
    """Writes what is prepared already; `proven`: with the truth about it, in the same transaction."""

    def __init__(self, proven: bool) -> None:
        super().__init__(None, None, None)  # type: ignore[arg-type]
        self._proven = proven

    async def commit(
        self, connection: asyncpg.Connection, batches: Sequence[Batch], *, held: frozenset[int] = frozenset()
    ) -> datetime:
        if not self._proven:
            return await super().commit(connection, batches)
        patients = [batch.patient for batch in batches if isinstance(batch, _Prepared)]
        try:
            statement = _PROVEN.format(call=call_for(batches))
            moment: datetime = await connection.fetchval(statement, *arguments_of(batches), patients)
        except asyncpg.PostgresError as error:
            raise Stale from error
        return moment


async def _write(pool: Pool, committer: Committer, patients: list[int], number: int, until: float) -> list[float]:
    """One writer: commits until the time is over. Returns how long each took."""
    took = []
    while time.monotonic() < until:
        number += 1
        patient, version = random.choice(patients), None
        if number % 4 == 0:
            async with pool.connection() as connection:
                version = await connection.fetchval("SELECT version FROM resource WHERE res = $1", patient)
        batch = _Prepared(patient, number << 12, version)
        began = time.perf_counter()
        try:
            await committer.commit(batch)
        except Stale:
            continue  # Another writer was first: read again, as the store does.
        took.append(time.perf_counter() - began)
    return took


def _writers(url: str, patients: list[int], numbers: list[int], seconds: float, proven: bool, end: Connection) -> None:
    """A process of writers, one for each range of numbers."""

    async def work() -> tuple[list[float], float]:
        async with Pool(url, size=len(numbers) + 2, settings=_name(), prepare=rows.register) as pool:
            committer = Committer(pool, _Writer(proven))
            until = time.monotonic() + seconds
            found = await asyncio.gather(*(_write(pool, committer, patients, number, until) for number in numbers))
            return [took for one in found for took in one], cpu_of(await _backends(pool))

    took, database = uvloop.run(work())
    end.send((took, database, time.process_time()))


async def _read(
    pool: Pool, caught_up: asyncio.Event, stop: asyncio.Event, seen: dict[int, int], lags: list[float]
) -> None:
    """Reads the feed from its beginning, as a consumer does: position to commit."""
    place = feed.Place(1, 0)
    async with pool.connection() as connection:
        while True:
            ending = stop.is_set()
            events, place = await feed.read(connection, place)
            now = datetime.now(UTC)
            for event in events:
                seen[event.place.position] = event.commit
                lags.append((now - event.instant).total_seconds())
            if not events:
                caught_up.set()
                if ending:
                    return
            if len(events) < feed.MOST_COMMITS:
                await asyncio.sleep(feed.BREATH if events else feed.LOOK)


def cpu_of(pids: list[int]) -> float:
    """CPU seconds of processes of this machine so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


async def cpu_of_clients(connection: asyncpg.Connection) -> float:
    """Returns the CPU seconds of the server's processes for all connections to this database."""
    return cpu_of([row["pid"] for row in await connection.fetch(_CLIENTS)])


_CLIENTS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"


async def _round(
    url: str, name: str, nth: int, *, writers: int, patients: list[int], seconds: float, processes: int
) -> Round:
    proven = name == "proof"
    found = Round(name, seconds)
    seen: dict[int, int] = {}
    stop, stop_reading, caught_up = asyncio.Event(), asyncio.Event(), asyncio.Event()
    own = time.process_time()
    async with Pool(url, size=6, settings=_name()) as pool:
        if proven:
            await _prepare(pool, patients)
        elif name == "speed":
            await _make_patients(pool, patients)
        sequencing = asyncio.ensure_future(sequence(pool, stop))
        await asyncio.sleep(1)
        reading = asyncio.ensure_future(_read(pool, caught_up, stop_reading, seen, found.lags))
        await caught_up.wait()  # What was there before this round is not to be measured.
        found.lags.clear()
        began = cpu_of(await _backends(pool))
        size = (SEGMENT_NUMBERS - FIRST_RANGE) // (ROUNDS * writers)
        numbers = [FIRST_RANGE + (nth * writers + i) * size for i in range(writers)]
        for part in await _in_processes(
            url, patients, [numbers[i::processes] for i in range(processes)], seconds, proven
        ):
            took, database, generator = part
            found.latencies += took
            _add(found.cpu, "database: writers", database)
            _add(found.cpu, "load generator", generator)
        await asyncio.sleep(1)
        stop.set()
        await sequencing
        stop_reading.set()
        await reading
        _add(found.cpu, "database: sequencer and reader", cpu_of(await _backends(pool)) - began)
        _add(found.cpu, "sequencer and reader", time.process_time() - own)
        async with pool.connection() as connection:
            found.faults = await _faults(connection, seen, proven)
    return found


async def _in_processes(
    url: str, patients: list[int], parts: list[list[int]], seconds: float, proven: bool
) -> list[Any]:
    context = multiprocessing.get_context("spawn")
    ends = []
    for numbers in parts:
        receiver, sender = context.Pipe(duplex=False)
        context.Process(target=_writers, args=(url, patients, numbers, seconds, proven, sender), daemon=True).start()
        ends.append(receiver)
    loop = asyncio.get_running_loop()
    return [await loop.run_in_executor(None, receiver.recv) for receiver in ends]


def _add(cpu: dict[str, float], name: str, seconds: float) -> None:
    cpu[name] = cpu.get(name, 0.0) + seconds


def _name() -> dict[str, str]:
    return {"application_name": f"bench {os.getpid()}"}


async def _backends(pool: Pool) -> list[int]:
    """The server's processes for the connections of this process."""
    async with pool.connection() as connection:
        own = "SELECT pid FROM pg_stat_activity WHERE application_name = current_setting('application_name')"
        return [row["pid"] for row in await connection.fetch(own)]


async def _prepare(pool: Pool, patients: list[int]) -> None:
    """Makes the patients, and the tables that hold the truth."""
    async with pool.connection() as connection:
        await connection.execute(_TRUTH)
        await connection.executemany("INSERT INTO bench_patient VALUES ($1, 0)", [(one,) for one in patients])
    await _make_patients(pool, patients)


async def _make_patients(pool: Pool, patients: list[int]) -> None:
    now = datetime.now(UTC)
    number = TYPE_NUMBERS["Patient"]
    batch = _Prepared(patients[0], patients[-1] + (1 << 12), None)  # A commit has an observation.
    for one in patients:
        batch.rows.created.append(rows.resource_row(one, one, now, now, 0, 0, 1, 1, number, 1, 0, False, [1]))
        batch.note(one, 1, "Patient", b"c")
    async with pool.connection() as connection:
        await rows.register(connection)
        await _Writer(proven=False).commit(connection, [batch])


async def _faults(connection: asyncpg.Connection, seen: dict[int, int], proven: bool) -> dict[str, int]:
    commits = {row["id"] for row in await connection.fetch("SELECT id FROM commit")}
    given = list(seen.values())
    faults = {
        "lost": len(commits - set(given)),
        "twice": len(given) - len(set(given)),
        "gaps": max(seen, default=0) - len(seen),
    }
    if proven:
        truth = {row["commit"]: row for row in await connection.fetch("SELECT * FROM bench_truth")}
        last: dict[int, int] = {}
        faults["out of order"] = 0
        for row in (truth[seen[position]] for position in sorted(seen) if seen[position] in truth):
            faults["out of order"] += row["n"] != last.get(row["patient"], 0) + 1
            last[row["patient"]] = row["n"]
    return faults


def _show(console: Console, rounds: list[Round]) -> None:
    table = Table("round", "commits/s", "p50 ms", "p99 ms", "lag p50 ms", "lag p99 ms", *rounds[0].faults)
    for one in rounds:
        commits = len(one.latencies)
        table.add_row(
            *(one.name, f"{commits / one.seconds:,.0f}", *_percentiles(one.latencies), *_percentiles(one.lags)),
            *(str(one.faults.get(name, "–")) for name in rounds[0].faults),
        )
    console.print(table)
    cpu = Table("CPU, µs a commit", *(one.name for one in rounds))
    for name in rounds[0].cpu:
        cpu.add_row(name, *(f"{one.cpu[name] / len(one.latencies) * 1e6:,.0f}" for one in rounds))
    console.print(cpu)


def _percentiles(seconds: list[float]) -> tuple[str, str]:
    ordered = sorted(seconds)
    return tuple(f"{ordered[int(len(ordered) * share)] * 1000:,.1f}" for share in (0.5, 0.99))  # type: ignore[return-value]


async def _migrated(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, list(catalog().schemas))
        if await connection.fetchval("SELECT EXISTS (SELECT FROM commit)"):
            raise SystemExit("the database must be empty")
    finally:
        await connection.close()


def _run(url: str, writers: int, patients: int, seconds: float, processes: int, json_file: Path | None) -> None:
    uvloop.run(_migrated(url))
    hot = [number << 12 for number in range(1, patients + 1)]
    many = [number << 12 for number in range(patients + 2, patients + 2 + MANY)]
    rounds = [
        uvloop.run(_round(url, name, nth, writers=writers, patients=whom, seconds=seconds, processes=processes))
        for nth, (name, whom) in enumerate((("proof", hot), ("hot", hot), ("speed", many)))
    ]
    _show(Console(width=120), rounds)
    if json_file:
        figures = {
            one.name: {
                "commits_per_second": len(one.latencies) / seconds,
                "faults": one.faults,
                "cpu_microseconds_a_commit": {n: c / len(one.latencies) * 1e6 for n, c in one.cpu.items()},
            }
            for one in rounds
        }
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(figures)))


def main(
    writers: Annotated[int, typer.Option(help="Connections that write.")] = 16,
    patients: Annotated[int, typer.Option(help="Patients that all of them write about in the first two rounds.")] = 32,
    seconds: Annotated[float, typer.Option(help="Of each round.")] = 10.0,
    processes: Annotated[int, typer.Option(help="Processes that the writers are spread over.")] = 2,
    database: Annotated[str | None, typer.Option(help="An empty database; else an embedded server is started.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Where the embedded server has its data; else a folder for now.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
) -> None:
    """Proves that the feed loses and reorders nothing, and measures commits a second."""
    arguments = (writers, patients, seconds, processes, json_file)
    if database:
        _run(database, *arguments)
        return
    with TemporaryDirectory(prefix="kangyun-feed-") as folder:
        server = EmbeddedServer(data or Path(folder))
        server.start()
        try:
            _run(server.url, *arguments)
        finally:
            server.stop()


if __name__ == "__main__":
    typer.run(main)

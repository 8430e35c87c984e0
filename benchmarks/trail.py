"""`python -m benchmarks.trail`: what the audit trail costs a row: written, sealed, looked through for alerts, verified.

Starts a database of its own, fills the trail as a process of the web does, 20 rows at a time, of 5,000 people who look
at a million patients; seals all of it, looks for alerts, and verifies it. For a long trail `--fill` makes the rows by
statements of the server instead: then only sealing and verifying are measured. `--versions` writes as many versions of
500 bytes, one a commit, and holds them against their commits. CPU is of this process and of the
server's processes for its connections: together they are what a single core would have to do.
"""

import asyncio
import json
import random
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
from benchmarks.feed import cpu_of_clients
from kangyun.access.alerts.reading import Reading
from kangyun.access.alerts.rules import read_rules
from kangyun.access.audit import Row
from kangyun.access.platform import Platform, open_platform
from kangyun.access.trail.sealing import seal_once
from kangyun.access.trail.verifying import Progress, verify
from kangyun.access.trail.versions import Seen, verify_versions
from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.store.digests import Written, digest_of

AT_ONCE = 20  # rows of a transaction
AT_ONE_FILL = 100_000
PEOPLE, PATIENTS = 5_000, 1_000_000


def main(
    rows: Annotated[int, typer.Option(help="Audit rows.")] = 1_000_000,
    fill: Annotated[bool, typer.Option("--fill", help="Make the rows at once; seal and verify them.")] = False,
    versions: Annotated[int, typer.Option(help="Versions of the record.")] = 0,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Writes, seals, looks for alerts, verifies."""
    with tempfile.TemporaryDirectory(prefix="kangyun-trail-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server.url, Path(folder), rows, versions, fill=fill))
        finally:
            server.stop()
    table = Table("", "rows", "seconds", "own CPU s", "server CPU s", "µs a row", title="audit trail")
    for name, one in figures.items():
        count = versions if "versions" in name else rows
        each = (one["own"] + one["server"]) / count * 1e6
        table.add_row(
            name, f"{count:,}", f"{one['seconds']:.1f}", f"{one['own']:.1f}", f"{one['server']:.1f}", f"{each:.2f}"
        )
    Console(highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"rows": rows, "machine": machine(), **figures}, indent=1), "utf-8")


async def _measure(url: str, folder: Path, rows: int, versions: int, *, fill: bool) -> dict[str, dict[str, float]]:
    platform = await open_platform(Settings(data=folder, connections=3), url)
    try:
        async with platform.pool.connection() as connection:
            figures = {}
            steps = [("write", _write), ("seal", _seal), ("alerts", _watch), ("verify", _verify)]
            if fill:
                steps = [("fill", _fill), ("seal", _seal), ("verify", _verify)]
            if versions:
                steps += [("fill versions", _fill_versions), ("verify versions", _verify_versions)]
            for name, step in steps:
                began, own, server = time.monotonic(), time.process_time(), await cpu_of_clients(connection)
                await step(platform, connection, versions if "versions" in name else rows)
                figures[name] = {
                    "seconds": time.monotonic() - began,
                    "own": time.process_time() - own,
                    "server": await cpu_of_clients(connection) - server,
                }
            return figures
    finally:
        await platform.close()


async def _write(platform: Platform, connection: asyncpg.Connection, rows: int) -> None:
    draw = random.Random(1)
    auditor = platform.gate.auditor
    for begin in range(0, rows, AT_ONCE):
        if begin % (1000 * AT_ONCE) == 0:
            await connection.execute("SELECT make_log_segment($1::int8 / (segment_numbers() * 4) + 1)", begin)
            await connection.execute(_SORTED_IN)  # As the background work does.
        made = [_row(draw, number) for number in range(begin, begin + AT_ONCE)]
        await asyncio.gather(*map(auditor.write, made))


async def _fill(platform: Platform, connection: asyncpg.Connection, rows: int) -> None:
    for begin in range(0, rows, AT_ONE_FILL):
        await connection.execute("SELECT make_log_segment($1::int8 / (segment_numbers() * 4) + 1)", begin)
        await connection.execute(_FILL, begin, min(begin + AT_ONE_FILL, rows), timeout=600)


def _row(draw: random.Random, number: int) -> Row:
    res = draw.randrange(1, PATIENTS) << 12
    actor = f"Practitioner/0190f3e2-7c1b-7d40-9a55-{draw.randrange(PEOPLE):012}"
    return Row(
        *(clock.now(), 1, 200, "read", actor, "TREAT", "GET /Observation/[id]", "10.20.30.40", f"{number:032x}", [res]),
        role="doctor", way="encounter", about=res + 4096,
    )  # fmt: skip


_SORTED_IN = """
SELECT sum(gin_clean_pending_list(c.oid)) FROM pg_class AS c
WHERE c.relkind = 'i' AND c.relname ~ '^audit_[0-9]+_patients_idx$'
"""


# The same rows as `_row` makes, as far as sealing and verifying go.
_FILL = f"""
INSERT INTO audit (
    instant, institution, outcome, action, actor, purpose, shape, source, request, patients, role, way, about
)
SELECT clock_timestamp(), 1, 200, 'read',
    'Practitioner/0190f3e2-7c1b-7d40-9a55-' || lpad((n % {PEOPLE})::text, 12, '0'), 'TREAT', 'GET /Observation/[id]',
    '10.20.30.40', lpad(n::text, 32, '0'), ARRAY[p << 12], 'doctor', 'encounter', (p << 12) + 4096
FROM (SELECT n, 1 + (random() * {PATIENTS})::int8 AS p FROM generate_series($1::int8, $2::int8 - 1) AS n OFFSET 0) AS m
"""


async def _watch(platform: Platform, connection: asyncpg.Connection, rows: int) -> None:
    reading = Reading(platform.gate.store, read_rules())
    await reading.begin(connection)
    while await reading.go_on(connection):
        pass


async def _seal(platform: Platform, connection: asyncpg.Connection, rows: int) -> None:
    last, more, count = None, True, 0
    while more:
        made, more = await seal_once(connection, last)
        last = made[-1] if made else last
        count += sum(len(one.ids) for one in made)
    if count != rows:
        raise SystemExit(f"{count} of {rows} rows were sealed")


async def _verify(platform: Platform, connection: asyncpg.Connection, rows: int) -> None:
    reached = Progress()

    def tell(progress: Progress) -> None:
        nonlocal reached
        reached = progress

    faults = [fault async for fault in verify(connection, (), tell)]
    if faults or reached.rows != rows:
        raise SystemExit(f"{len(faults)} faults, {reached.rows} of {rows} rows")


async def _fill_versions(platform: Platform, connection: asyncpg.Connection, versions: int) -> None:
    now, body = clock.now(), random.Random(1).randbytes(BODY)
    for begin in range(1, versions + 1, AT_ONE_FILL):
        numbers = range(begin, min(begin + AT_ONE_FILL, versions + 1))
        await connection.execute("SELECT make_segment($1::int8 / segment_numbers())", numbers[-1])
        await connection.execute("SELECT make_log_segment($1::int8 / (segment_numbers() * 4))", numbers[-1])
        written = [Written(number << 12, 1, 0, 1, b"c", body) for number in numbers]
        await connection.copy_records_to_table(
            "version", columns=["res", "commit", "instant", "version", "key", "dictionary", "edition", "type", "action",
            "body"], records=[(one.res, one.res >> 12, now, 1, 1, 1, 1, 1, b"c", body) for one in written],
        )  # fmt: skip
        await connection.executemany(_COMMIT, [(one.res >> 12, now, one.res, digest_of([one])) for one in written])
    await connection.execute("INSERT INTO data_key (id, institution, epoch, wrapped) VALUES (1, 99, 1, '')")


async def _verify_versions(platform: Platform, connection: asyncpg.Connection, versions: int) -> None:
    trail, seen = Progress(commits=versions), Seen()

    def tell(now: Seen) -> None:
        nonlocal seen
        seen = now

    faults = [fault async for fault in verify_versions(connection, (), trail, tell)]
    if faults or seen.versions != versions:
        raise SystemExit(f"{len(faults)} faults, {seen.versions} of {versions} versions")


BODY = 500  # bytes
_COMMIT = """
INSERT INTO commit (id, xid, instant, institution, historic, depth, actor, purpose, res, versions, digest)
VALUES ($1, '1', $2, 1, true, 0, 'Device/feed', 'TREAT', ARRAY[$3::int8], '{1}', $4)
"""


if __name__ == "__main__":
    typer.run(main)

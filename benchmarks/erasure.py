"""`python -m benchmarks.erasure`: what renewing the epoch key costs a data key, and erasing a resident.

Starts a database of its own with the index rows of a full segment around (2 million dates, numbers and names each),
makes so many data keys and one patient with so many results, each with an identifier, a code, a value and a former
version in one of ten; then renews the keys, and erases the patient. Seconds are of the call, lock to commit.
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

from benchmarks.bench import machine
from kangyun.access.erasing import detail_of
from kangyun.access.ledger import Ledger
from kangyun.access.platform import Platform, open_platform
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.store import rotation
from kangyun.store.erasure import Eraser, Extent, sweep
from kangyun.store.interactions import Operation
from kangyun.store.model import Envelope
from kangyun.store.root import root_key

CHUNK = 500
BESIDE = 10  # rewrites, one of so many
_KEYS = "INSERT INTO data_key SELECT k.* FROM unnest($1::data_key_row[]) AS k"
_AROUND = (
    "INSERT INTO date_value "
    "SELECT n << 12, n % 97, '2020-01-01', '2020-01-02', false FROM generate_series(1, $1::int8) n",
    "INSERT INTO quantity_value SELECT n << 12, n % 97, n % 200, n % 200, 0, 0 FROM generate_series(1, $1::int8) n",
    "INSERT INTO string_value SELECT n << 12, n % 97, md5((n % 5000)::text) FROM generate_series(1, $1::int8) n",
    "SELECT setval('res_number', $1)",
)


def main(
    keys: Annotated[int, typer.Option(help="Data keys.")] = 100_000,
    resources: Annotated[int, typer.Option(help="Results of the patient who is erased.")] = 5_000,
    around: Annotated[int, typer.Option(help="Index rows of others, of each kind.")] = 2_000_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Fills, renews, erases."""
    with tempfile.TemporaryDirectory(prefix="kangyun-erasure-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server.url, Path(folder), keys, resources, around))
        finally:
            server.stop()
    table = Table("", "count", "seconds", "a second", title="keys and erasure")
    for name, one in figures.items():
        table.add_row(name, f"{one['count']:,}", f"{one['seconds']:.2f}", f"{one['count'] / one['seconds']:,.0f}")
    Console(highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


async def _measure(url: str, folder: Path, keys: int, resources: int, around: int) -> dict[str, dict[str, float]]:
    platform = await open_platform(Settings(data=folder, connections=6), url)
    try:
        async with platform.pool.connection() as connection:
            for statement in _AROUND:
                await connection.execute(statement, around)
            await connection.execute("ANALYZE")
        patient = await _fill(platform, keys, resources)
        began = time.monotonic()
        moved = await rotation.renew(platform.pool, platform.gate.store.keys, by="test")
        figures = {"renew, data keys": {"count": float(moved), "seconds": time.monotonic() - began}}
        assert root_key(folder / "root.key", may_make=False).generation == 1
        began = time.monotonic()
        extent = await _erase(platform, folder, patient)
        seconds = time.monotonic() - began
        figures["erase, resources"] = {"count": float(len(extent.resources)), "seconds": seconds}
        figures["erase, versions"] = {"count": float(extent.versions), "seconds": seconds}
        return figures
    finally:
        await platform.close()


async def _fill(platform: Platform, keys: int, resources: int) -> int:
    store = platform.gate.store
    async with platform.pool.connection() as connection:
        for begin in range(0, keys, CHUNK):
            numbers = range(begin + 1_000_000, min(begin + CHUNK, keys) + 1_000_000)
            await connection.execute(_KEYS, [store.keys.new_row(number, number << 12, 1) for number in numbers])
    envelope = Envelope("Device/bench", "TREAT", 1, "transaction", "POST /")
    (done,) = await store.transactor.apply([Operation("create", "Patient", resource=_patient())], envelope)
    assert done.stored is not None
    subject = f"Patient/{done.stored.id}"
    for begin in range(0, resources, CHUNK):
        made = [Operation("create", "Observation", resource=_result(subject, begin + n)) for n in range(CHUNK)]
        written = await store.transactor.apply(made, envelope)
        again = [
            Operation("update", "Observation", id=one.stored.id, resource=_result(subject, begin + n, 1))
            for n, one in enumerate(written)
            if n % BESIDE == 0 and one.stored is not None
        ]
        await store.transactor.apply(again, envelope)
    return done.stored.res


def _patient() -> dict[str, Any]:
    identifier = {"system": "urn:oid:1.2.156.10011.1.3", "value": "110101195001019999"}
    return {
        "resourceType": "Patient",
        "identifier": [identifier],
        "name": [{"text": "张三"}],
        "birthDate": "1950-01-01",
    }


def _result(subject: str, number: int, changed: int = 0) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "identifier": [{"system": "urn:lab", "value": f"L-{number}"}],
        "code": {"coding": [{"system": "http://loinc.org", "code": f"{number % 60}-1", "display": "x"}]},
        "subject": {"reference": subject},
        "effectiveDateTime": "2024-03-01",
        "valueQuantity": {
            "value": number % 200 + changed,
            "unit": "mg",
            "system": "http://unitsofmeasure.org",
            "code": "mg",
        },
    }


async def _erase(platform: Platform, folder: Path, patient: int) -> Extent:
    store, ledger = platform.gate.store, Ledger(folder / "ledger.ndjson")
    eraser = Eraser(store.reader, store.keys, store.indexer)

    async def note(extent: Extent) -> int:
        return (await asyncio.to_thread(ledger.append, "erasure", "bench", detail_of(extent, "bench"))).n

    began = time.monotonic()
    async with platform.pool.connection() as connection, connection.transaction():
        extent = await eraser.erase(connection, [patient], "bench", note)
    print(f"committed after {time.monotonic() - began:.2f} s")
    async with platform.pool.connection() as connection:
        await sweep(connection)
    return extent


if __name__ == "__main__":
    typer.run(main)

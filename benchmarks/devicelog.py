"""`python -m benchmarks.devicelog`: the log of device messages on one disk: appends a second, CPU, and reading it.

So many senders append one record each and wait until it is on disk, as connections do; then the same with ten in each
append; then all of it is read. Beside the rates the CPU of one record, and how long an append took. No server.
"""

import asyncio
import json
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from benchmarks.recorder import Recorder
from kangyun.devices.log import Record
from kangyun.devices.log.frames import Sealers
from kangyun.devices.log.reading import DiskReader
from kangyun.devices.log.writing import DiskWriter
from kangyun.devices.model import Lane

PAYLOAD = b'{"v":{"hr":72,"spo2":97},"t":1763899200000,"s":%d}'
KEY = b"benchmark-only-k"


def main(
    records: Annotated[int, typer.Option(help="Records of each step.")] = 200_000,
    senders: Annotated[int, typer.Option(help="Who append at once.")] = 1000,
    cipher: Annotated[str, typer.Option(help="sm4 or aes.")] = "sm4",
    folder: Annotated[Path | None, typer.Option("--data", help="Where, on the disk to be measured.")] = None,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        figures = uvloop.run(
            _measured(Path(place), records, senders, Sealers(KEY, "aes" if cipher == "aes" else "sm4"))
        )
    table = Table("step", "records/s", "CPU, µs a record", "p50, ms", "p99, ms", title=f"device log, {cipher}")
    for name, one in figures.items():
        table.add_row(
            name, f"{one['per_second']:,.0f}", f"{one['cpu_us']:.1f}",
            *(f"{one[share]:.1f}" if share in one else "" for share in ("p50_ms", "p99_ms")),
        )  # fmt: skip
    Console(highlight=False, width=WIDTH).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


async def _measured(folder: Path, records: int, senders: int, sealers: Sealers) -> dict[str, Any]:
    figures = {}
    for each in (1, 10):
        place = folder / str(each)
        log = DiskWriter(place, sealers, lambda: True)
        recorder = Recorder()

        async def send(share: int, log: DiskWriter = log, recorder: Recorder = recorder, each: int = each) -> None:
            for number in range(share):
                made = [Record(number, time.time_ns() // 1000, "plain", PAYLOAD % number) for _ in range(each)]
                began = time.perf_counter()
                await log.append(Lane.LIVE, made)
                recorder.add("append", time.perf_counter() - began, each)

        share = max(records // senders // each, 1)
        figure = await _timed(lambda send=send, share=share: _all(senders, send, share), share * senders * each)
        summary = recorder.summary("append", 1)
        figures[f"append, {each} at once"] = figure | {"p50_ms": summary.p50, "p99_ms": summary.p99}
        await log.close()
        figures[f"read, {each} at once"] = await _timed(
            lambda place=place: _read(place, sealers), share * senders * each
        )
        figures[f"read, {each} at once"]["bytes"] = sum(
            (Path(top) / name).stat().st_size for top, _, names in os.walk(place) for name in names
        ) / (share * senders * each)
    return figures


async def _all(senders: int, send: Callable[[int], Awaitable[None]], share: int) -> None:
    await asyncio.gather(*(send(share) for _ in range(senders)))


async def _read(folder: Path, sealers: Sealers) -> None:
    reader, taken = DiskReader(folder, sealers, 3600.0), {}
    while batches := await reader.read(Lane.LIVE, taken, most=1000, most_bytes=1 << 20):
        taken |= {batch.source: batch.until for batch in batches}
    await reader.close()


async def _timed(work: Callable[[], Awaitable[None]], records: int) -> dict[str, float]:
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"per_second": records / seconds, "cpu_us": cpu / records * 1e6}


if __name__ == "__main__":
    typer.run(main)

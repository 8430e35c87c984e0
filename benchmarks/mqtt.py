"""`python -m benchmarks.mqtt`: what devices send, durable, and what an open connection costs. Starts what it needs.

A listener (`kangyun listen`) of its own process, with the register in PostgreSQL and the log on disk as they are, takes
QoS 1 messages of many devices: each proves itself by its secret, is held to its own topics, has its JSON read, and is
acknowledged after fdatasync. The load comes from this process, by our codec, with a fixed window a device. CPU is the
listener's alone. With --tls as many devices as asked for connect and stay, and memory a connection is told.
"""

import asyncio
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from benchmarks.processes import Trees
from kangyun.testing.certificates import self_signed
from kangyun.testing.telemetry import Listening, Publisher, anybody, payload

BAR = 30_000  # readings a second
CONNECT_AT_ONCE = 100


def main(
    connections: Annotated[int, typer.Option(help="Devices that send at once.")] = 1000,
    seconds: Annotated[float, typer.Option(help="Of each measurement.")] = 10.0,
    window: Annotated[int, typer.Option(help="Messages on their way, of each device.")] = 10,
    opened: Annotated[int, typer.Option("--open", help="Connections with TLS that are held open; 0: none.")] = 0,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    figures: dict[str, Any] = {"machine": machine(), "ingest": [], "open": None}
    with tempfile.TemporaryDirectory(prefix="kangyun-mqtt-") as folder:
        for readings in (1, 10):
            figures["ingest"].append(_ingest(Path(folder) / str(readings), connections, readings, seconds, window))
        if opened:
            figures["open"] = _open(Path(folder) / "open", opened)
    _show(figures)
    if output:
        output.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _ingest(folder: Path, connections: int, readings: int, seconds: float, window: int) -> dict[str, Any]:
    folder.mkdir()
    # The bound on live messages of one device is for floods of one among many; here few send as much as many would.
    site = Listening(folder, connections)
    try:
        site.make()
        pid = site.start()
        found = uvloop.run(_sent(site, pid, readings, seconds, window))
        site.stop()
        kept = len(site.kept())
    finally:
        site.close()
    return found | {"connections": connections, "kept": kept, "lost": max(found["acknowledged"] - kept, 0)}


async def _sent(site: Listening, pid: int, readings: int, seconds: float, window: int) -> dict[str, Any]:
    made = payload(readings, int(time.time() * 1000))
    count = 0

    def acknowledged(_number: int) -> None:
        nonlocal count
        count += 1

    devices = [Publisher(name, site.secrets[name], window, lambda _: made, acknowledged) for name in site.names]
    connecting = time.monotonic()
    await _connect(devices, site.port)
    connected = time.monotonic() - connecting
    trees = Trees([pid])
    for device in devices:
        device.begin()
    await asyncio.sleep(min(2.0, seconds / 4))
    before, own, since, start = trees.read(), time.process_time(), count, time.monotonic()
    await asyncio.sleep(seconds)
    took, messages, used = time.monotonic() - start, count - since, trees.read().since(before)
    own = time.process_time() - own
    for device in devices:
        device.stopped = True
    await asyncio.sleep(2)
    for device in devices:
        device.close()
    return {
        "readings a message": readings,
        "bytes a message": len(made),
        "messages/s": messages / took,
        "readings/s": messages * readings / took,
        "CPU ms/message": used.server / messages * 1000,
        "load CPU ms/message": own / messages * 1000,
        "listener's share of a core": used.server / took,
        "answer ms": window * len(devices) / (messages / took) * 1000,
        "connected in s": connected,
        "acknowledged": count,
    }


async def _connect(devices: list[Publisher], port: int, tls: Any = None) -> None:
    loop = asyncio.get_running_loop()
    for start in range(0, len(devices), CONNECT_AT_ONCE):
        some = devices[start : start + CONNECT_AT_ONCE]
        await asyncio.gather(
            *(loop.create_connection(lambda one=one: one, "127.0.0.1", port, ssl=tls) for one in some)  # type: ignore[misc]
        )
        async with asyncio.timeout(60):
            if not all(await asyncio.gather(*(one.entered for one in some))):
                raise SystemExit("A device was not let in.")


def _open(folder: Path, count: int) -> dict[str, Any]:
    folder.mkdir()
    certificate, key = self_signed(folder, "server")
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    site = Listening(folder, count, device_certificate=certificate, device_key=key)
    try:
        site.make()
        return uvloop.run(_held(site, site.start(), count))
    finally:
        site.close()


async def _held(site: Listening, pid: int, count: int) -> dict[str, Any]:
    made = payload(1, int(time.time() * 1000))
    trees, before, start = Trees([pid]), _memory(pid), time.monotonic()
    cpu, heard = trees.read(), 0

    def acknowledged(_number: int) -> None:
        nonlocal heard
        heard += 1

    devices = [Publisher(name, site.secrets[name], 1, lambda _: made, acknowledged) for name in site.names]
    await _connect(devices, site.port, anybody())
    took, used, after = time.monotonic() - start, trees.read().since(cpu), _memory(pid)
    for device in devices:
        device.stopped = True
        device.begin()
    while heard < count and time.monotonic() - start < took + 60:
        await asyncio.sleep(0.1)
    answered = _memory(pid)
    idle = trees.read()
    await asyncio.sleep(10)
    resting = trees.read().since(idle)
    return {
        "connections": count,
        "opened/s": count / took,
        "CPU ms/connection": used.server / count * 1000,
        "KB/connection": (after - before) / count,
        "KB/connection after a message": (answered - before) / count,
        "answered": heard,
        "share of a core at rest": resting.server / 10,
    }


def _memory(pid: int) -> int:
    """KB in memory."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def _show(figures: dict[str, Any]) -> None:
    console = Console(width=WIDTH)
    rows = [*figures["ingest"], *([figures["open"]] if figures["open"] else [])]
    for row in rows:
        table = Table("", "", show_header=False)
        for name, value in row.items():
            table.add_row(name, f"{value:,.3f}" if isinstance(value, float) else f"{value:,}")
        console.print(table)
    console.print(f"bar: {BAR:,} readings/s; listener, load and the other work of the machine share its cores")


if __name__ == "__main__":
    typer.run(main)

"""`python -m benchmarks.messages`: messages of HL7 v2 stored end to end: read, mapped, matched, written, answered.

Starts `kangyun up` on a new data folder, and `kangyun feed listen` beside it. Another process sends over 20 connections
what `benchmarks.hl7v2` makes: admissions, each of another person, then results of 20 values for persons who are there
already. CPU is of the listener, and of the database with the background work. Bars: 1,000 admissions, 250 results a
second.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, machine
from benchmarks.processes import Trees, listening

BARS = {"ADT": 1000, "ORU of 20 results": 250}  # a second
HOUSE = "Organization/h990102"


def main(
    messages: Annotated[int, typer.Option(help="Messages of each kind.")] = 3000,
    connections: Annotated[int, typer.Option(help="Connections of the sender.")] = 20,
    processes: Annotated[int, typer.Option(help="Processes that listen.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Sends, and prints rates and CPU."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KANGYUN_DEMO"] = "true"
    lot = Lot([], out, out, 0.0)
    with our_server(lot):
        line = _line(lot, processes)
        try:
            port = _port(line, processes)
            server = listening(int(lot.server.rpartition(":")[2].partition("/")[0]))
            trees = Trees([line.pid, *server])
            figures = {name: asyncio.run(_sent(trees, port, name, messages, connections)) for name in BARS}
        finally:
            line.terminate()
            line.wait()
    table = Table("message", "a second", "bar", "listener and others, CPU ms", "database, CPU ms", title="stored")
    for name, row in figures.items():
        table.add_row(
            name, f"{row['per_second']:.0f}", str(BARS[name]), f"{row['server']:.2f}", f"{row['database']:.2f}"
        )
    Console(highlight=False, width=WIDTH).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "bars": BARS, "figures": figures}, indent=1), "utf-8")


def _line(lot: Lot, processes: int) -> "subprocess.Popen[str]":
    # Processes share a port that is named.
    port = 0 if processes == 1 else free_port()
    command = [sys.executable, "-m", "kangyun.cli", "feed", "listen", "--data", str(lot.data), "--port", str(port)]
    whose = ["--institution", HOUSE, "--by", "system-administrator", "--processes", str(processes)]
    return subprocess.Popen(
        [*command, *whose], stdout=subprocess.PIPE, text=True, env=os.environ | {"KANGYUN_LANG": "en"}
    )


def _port(line: "subprocess.Popen[str]", processes: int) -> int:
    """Returns where it listens, by what each process says."""
    assert line.stdout is not None
    said = [line.stdout.readline() for _ in range(processes)][-1]
    return int(said.rstrip(".\n ").rpartition(":")[2])


def free_port() -> int:
    """Returns a port of this machine that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


async def _sent(trees: Trees, port: int, name: str, messages: int, connections: int) -> dict[str, Any]:
    """Has messages sent by another process; returns the rate, and CPU-ms a message."""
    command = [sys.executable, "-m", "benchmarks.hl7v2", "--send", f"{port}:{name}"]
    options = ["--messages", str(messages), "--codec", "gb18030", "--connections", str(connections)]
    sender = await asyncio.create_subprocess_exec(*command, *options, stdout=asyncio.subprocess.PIPE)
    assert sender.stdout is not None
    await sender.stdout.readline()  # It has made its messages.
    begun, before = time.perf_counter(), trees.read()
    accepted = int(await sender.stdout.readline())
    seconds, used = time.perf_counter() - begun, trees.read().since(before)
    await sender.wait()
    if accepted != messages:
        raise SystemExit(f"{name}: {accepted} of {messages} were accepted")
    each = {"server": used.server / messages * 1000, "database": used.database / messages * 1000}
    return {"per_second": messages / seconds, **each}


if __name__ == "__main__":
    typer.run(main)

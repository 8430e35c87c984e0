"""What every command shares: options, the measured step, the table on the terminal and the JSON file."""

import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.client import DEFAULT_TIMEOUT, Target
from benchmarks.load import Iterate, run
from benchmarks.processes import NoProcess, Trees, bytes_on_disk, listening
from benchmarks.recorder import Recorder, Summary

Server = Annotated[str, typer.Option(help="Base URL of the FHIR server.", envvar="KANGYUN_BENCH_SERVER")]
Token = Annotated[str | None, typer.Option(help="Bearer token.", envvar="KANGYUN_ADMIN_TOKEN", show_envvar=True)]
Pids = Annotated[str | None, typer.Option(help="Roots of the server's process trees, as 123,456. Else by port.")]
DatabasePids = Annotated[str | None, typer.Option(help="Roots of a database that runs in trees of its own.")]
Ports = Annotated[str | None, typer.Option(help="Find the roots by these listening ports instead of the server's.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]
DataFolder = Annotated[Path | None, typer.Option("--data", help="Data folder of server and database, to measure disk.")]

WIDTH = 120  # columns
SERVER = "http://127.0.0.1:8080/fhir"


def _numbers(text: str | None) -> list[int]:
    return [int(part) for part in text.split(",")] if text else []


def _trees(target: Target, pids: str | None, database_pids: str | None, ports: str | None) -> Trees:
    """Finds what to measure. Raises NoProcess."""
    roots = _numbers(pids)
    if not roots:
        for port in _numbers(ports) or [target.port]:
            roots += listening(port)
    return Trees(roots, _numbers(database_pids))


class Bench:
    """One run of one command against one server."""

    def __init__(
        self,
        name: str,
        server: str,
        token: str | None = None,
        *,
        pids: str | None = None,
        database_pids: str | None = None,
        ports: str | None = None,
        json_file: Path | None = None,
        data: Path | None = None,
        console: Console | None = None,
    ) -> None:
        self.name = name
        self.target = Target.of(server, token)
        # Without a terminal rich takes 80 columns, and would cut the figures.
        self.console = console or (Console() if Console().is_terminal else Console(width=WIDTH))
        self._json_file = json_file
        self._data = data
        self._started = datetime.now(UTC)
        self._steps: list[dict[str, Any]] = []
        self.facts: dict[str, Any] = {}
        try:
            self._trees: Trees | None = _trees(self.target, pids, database_pids, ports)
        except NoProcess as missing:
            self._trees = None
            self.console.print(f"[yellow]CPU of the server is not measured: {missing}[/]")

    async def step(
        self,
        name: str,
        iterate: Iterate,
        *,
        users: int,
        seconds: float,
        timeout: float = DEFAULT_TIMEOUT,
        recorder: Recorder | None = None,
    ) -> tuple[Recorder, Summary]:
        """Runs users for some seconds and returns what they recorded, with CPU an operation in the summary."""
        recorder = recorder or Recorder()

        async def load() -> float:
            return await run(self.target, recorder, iterate, users=users, seconds=seconds, timeout=timeout)

        return recorder, await self.measure(name, recorder, load)

    async def measure(self, name: str, recorder: Recorder, work: Callable[[], Awaitable[float]]) -> Summary:
        """Measures CPU and disk around `work`, which fills the recorder and returns its seconds of wall time."""
        disk = bytes_on_disk(self._data) if self._data else None
        before = self._trees.read() if self._trees else None
        own = time.process_time()
        watcher = asyncio.create_task(self._watch(name, recorder))
        try:
            seconds = await work()
        finally:
            watcher.cancel()
        summary = recorder.summary(name, seconds)
        own = time.process_time() - own
        if self._trees and before:
            used = self._trees.read().since(before)
            operations = max(summary.operations, 1)
            summary.server_cpu = used.server / operations * 1000
            summary.database_cpu = used.database / operations * 1000
        summary.details["load_generator_cpu"] = own / max(summary.operations, 1) * 1000
        if self._data and disk is not None:
            summary.details["bytes_an_operation"] = (bytes_on_disk(self._data) - disk) / max(summary.operations, 1)
        return summary

    async def _watch(self, name: str, recorder: Recorder) -> None:
        quiet = not self.console.is_terminal
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True, refresh_per_second=2, disable=quiet) as progress:
            task = progress.add_task(name)
            while True:
                done = f"{name}: {recorder.operations:,} done, {recorder.failed:,} failed"
                progress.update(task, description=done)
                await asyncio.sleep(0.5)

    def report(self, title: str, rows: list[Summary], recorder: Recorder | None = None, unit: str = "requests") -> None:
        """Prints a table and keeps its figures for the JSON file."""
        table = Table(title=f"{title} ({unit})", title_justify="left")
        for heading in ("", f"{unit}/s", "p50 ms", "p95 ms", "p99 ms", "max ms", "errors", "server", "database"):
            table.add_column(heading, justify="left" if not heading else "right")
        for row in rows:
            cells = [f"{value:,.2f}" for value in (row.per_second, row.p50, row.p95, row.p99, row.most)]
            cpu = ["" if value is None else f"{value:.3f}" for value in (row.server_cpu, row.database_cpu)]
            table.add_row(row.name, *cells, f"{row.errors:,}", *cpu)
        if self._trees:
            table.caption = f"server, database: CPU milliseconds a {unit.removesuffix('s')}, load generator left out"
        self.console.print(table)
        errors = dict(recorder.errors.most_common()) if recorder else {}
        for kind, count in list(errors.items())[:5]:
            self.console.print(f"[red]{count:>8,} x {kind}[/]", highlight=False)
        self._steps.append({"step": title, "unit": unit, "rows": [row.as_json() for row in rows], "errors": errors})

    def write(self) -> None:
        """Writes the JSON file, if one was asked for."""
        if self._json_file is None:
            return
        result = {
            "benchmark": self.name,
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self._started).total_seconds(), 1),
            "machine": machine(),
            "facts": self.facts,
            "steps": self._steps,
        }
        self._json_file.parent.mkdir(parents=True, exist_ok=True)
        self._json_file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")
        self.console.print(f"written: {self._json_file}")


def machine() -> dict[str, Any]:
    """Returns what the figures were measured on."""
    model = ""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else ""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "model": model,
        "memory_gib": round(memory / 2**30, 1),
        "python": platform.python_version(),
        "pace_ms": pace(),
    }


def pace() -> float:
    """Returns the CPU milliseconds that a fixed piece of work takes now, the median of five.

    Machines that share their cores change by half within an hour: figures of two hours are compared by this.
    """
    took = []
    for _ in range(5):
        began = time.process_time()
        text = b""
        for number in range(20_000):
            text = json.dumps({"number": number, "text": text[:32].hex()}).encode()
        took.append((time.process_time() - began) * 1000)
    return round(sorted(took)[2], 1)


def go(work: Coroutine[Any, Any, None]) -> None:
    """Runs a command on uvloop and turns what stops it into one line and exit code 1."""
    try:
        uvloop.run(work)
    except Stopped as stopped:
        Console(stderr=True).print(f"[red]{stopped}[/]")
        sys.exit(1)


class Stopped(Exception):
    """The benchmark cannot say anything sensible about this server; the message says why."""

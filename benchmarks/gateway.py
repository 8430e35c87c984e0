"""`python -m benchmarks.gateway`: a backlog through a hospital's gateway, from a table to a centre on the same machine.

Laboratory results in the columns of TB_LIS_INDICATORS lie in SQLite; the gateway is a process of its own; the centre
keeps what comes and does nothing with it, in this process. Rows a second, CPU of the gateway a row, the most memory
that it took, and the bytes of a row on the line and in the queue. Bars: 3,000 rows/s, 60 MB of memory.
"""

import json
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
from kangyun.testing.hospital import FakeCentre, Hospital

NAME = "TB_LIS_INDICATORS"
PATIENCE = 3600  # seconds


def main(
    rows: Annotated[int, typer.Option(help="how many rows wait")] = 200_000,
    output: Annotated[Path | None, typer.Option(help="write JSON here")] = None,
) -> None:
    """Measures, prints a table and writes JSON."""
    with tempfile.TemporaryDirectory(prefix="kangyun-gateway-") as folder:
        centre = FakeCentre()
        try:
            centre.open("lis")
            found = _measured(Path(folder), centre, rows)
        finally:
            centre.close()
    shown = Table(title=f"gateway, {rows:,} rows", title_justify="left")
    for name in found:
        shown.add_column(name, justify="right")
    shown.add_row(*(f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" for value in found.values()))
    Console(width=WIDTH).print(shown)
    if output:
        output.write_text(json.dumps({"machine": machine(), "gateway": found}, indent=2, ensure_ascii=False), "utf-8")


def _measured(folder: Path, centre: FakeCentre, rows: int) -> dict[str, Any]:
    hospital = Hospital(folder, centre)
    _fill(hospital.database, rows)
    read = Read(
        source="his", table=NAME, feed="lis", by="text", column="SHSJ", key=["YLJGYQDM", "JYZBLSH"],
        form="%Y-%m-%d %H:%M:%S", overlap=60,
    )  # fmt: skip
    hospital.configuration(tables=[read])
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "kangyun.exchange.gateway", "--folder", str(hospital.folder), "run"]
    )
    try:
        while centre.count("lis") < rows and process.poll() is None and time.monotonic() - began < PATIENCE:
            time.sleep(0.2)
        took = time.monotonic() - began
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{process.pid}/status").read_text()
    finally:
        process.terminate()
        process.wait(60)
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "rows": centre.count("lis"),
        "rows/s": rows / took,
        "CPU ms/row": (int(stat[11]) + int(stat[12])) * 10 / rows,
        "memory MB": memory / 1024,
        "queue MB": sum(path.stat().st_size for path in hospital.folder.glob("queue.db*")) / (1 << 20),
    }


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

"""`python -m benchmarks.line`: hospitals' tables from their databases to the record: gateway, line, platform.

Starts `kangyun up` on a new data folder, and for each hospital a gateway, a process as a hospital runs it. Its database
(SQLite) has a year's rows in the proportions of a region: of a patient five visits, sixty laboratory results, a hundred
and thirty-five fees, some 40 entries a visit (7 billion entries, 170 million visits). Timed from the start of the
gateways until all rows are in the record and counted; CPU of the gateways, the platform and the database a row. The bar
is 3,000 rows a second.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, machine
from benchmarks.processes import Trees, listening
from benchmarks.taking import BAR, TABLES
from kangyun.access.applications.register import Application
from kangyun.access.platform import open_platform
from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.database.embedded import EmbeddedServer
from kangyun.exchange.gateway import configuration
from kangyun.exchange.gateway.keys import client_key

OF_A_PATIENT = {
    "TB_YL_PATIENT_INFORMATION": (1, "YWSCSJ", ["YLJGYQDM", "KH", "KLX"]),
    "TB_YL_MZ_MEDICAL_RECORD": (5, "YWSCSJ", ["YLJGYQDM", "JZLSH"]),
    "TB_LIS_INDICATORS": (60, "SHSJ", ["YLJGYQDM", "JYZBLSH"]),
    "TB_HIS_ZY_FEE_DETAIL_FS": (135, "FYFSSJ", ["YLJGYQDM", "SFMXID"]),
}
"""How many rows a patient has of a table, the column that it is read by, and its key."""
VISITS = OF_A_PATIENT["TB_YL_MZ_MEDICAL_RECORD"][0]
DIALECT = "shanghai-hub-2026"
LOOK = 0.5  # seconds between two looks at the counts
PATIENCE = 3600  # seconds


def main(
    patients: Annotated[int, typer.Option(help="Patients of each hospital; each has 201 rows.")] = 300,
    hospitals: Annotated[int, typer.Option(help="Hospitals, each with a gateway.")] = 1,
    processes: Annotated[int, typer.Option(help="Processes of the platform that take rows in.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Sends, and prints rate and CPU."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KANGYUN_DEMO"] = "true"
    lot = Lot([], out, out, 0.0)
    with our_server(lot), tempfile.TemporaryDirectory(prefix="kangyun-line-") as folder:
        figures = _measured(lot, Path(folder), patients, hospitals, processes)
    title = f"{hospitals} hospitals, {processes} processes; the bar is {BAR:,} rows a second"
    table = Table(title=title, title_justify="left")
    for name in figures:
        table.add_column(name, justify="right")
    table.add_row(*(f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" for value in figures.values()))
    Console(width=WIDTH, highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "bar": BAR, "figures": figures}, indent=1), "utf-8")


def _measured(lot: Lot, folder: Path, patients: int, hospitals: int, processes: int) -> dict[str, Any]:
    assert lot.data is not None
    feeds = [f"line-{nth}" for nth in range(hospitals)]
    for feed in feeds:
        (folder / feed).mkdir()
        _fill(folder / feed / "his.db", patients)
        asyncio.run(_join(lot, feed, folder / feed))
    rows = hospitals * patients * sum(count for count, _, _ in OF_A_PATIENT.values())
    work = [sys.executable, "-m", "kangyun.cli", "work", "--data", str(lot.data)]
    given = {"KANGYUN_DATABASE": EmbeddedServer(lot.data).url}
    with ExitStack() as running:
        more = [running.enter_context(_running(work, given)) for _ in range(1, processes)]
        trees = Trees([*listening(int(lot.server.rpartition(":")[2].partition("/")[0])), *more])
        time.sleep(2)
        begun, before = time.perf_counter(), trees.read()
        send = [sys.executable, "-m", "kangyun.exchange.gateway", "--folder"]
        gateways = Trees([running.enter_context(_running([*send, str(folder / one), "run"], {})) for one in feeds])
        counted: Mapping[str, int] = {}
        while sum(counted.values()) < rows and time.perf_counter() < begun + PATIENCE:
            time.sleep(LOOK)
            counted = _counted(lot, feeds)
        seconds, used, sent = time.perf_counter() - begun, trees.read().since(before), gateways.read()
    if counted != {"stored": rows, "refused": 0}:
        raise SystemExit(f"of {rows} rows: {counted}")
    return {
        "rows": rows,
        "rows/s": rows / seconds,
        "gateways, CPU ms/row": sent.server / rows * 1000,
        "platform": used.server / rows * 1000,
        "database": used.database / rows * 1000,
    }


@contextmanager
def _running(command: Sequence[str], given: Mapping[str, str]) -> Iterator[int]:
    """Runs a process meanwhile; gives its number."""
    process = subprocess.Popen(command, env=os.environ | given, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _fill(database: Path, patients: int) -> None:
    """Writes the tables; all rows are of the same patients, and of visits that are there."""
    with closing(sqlite3.connect(database)) as db, db:
        for table, (count, by, _) in OF_A_PATIENT.items():
            header, *lines = TABLES[table](count * patients)
            names = header.split(",")
            card, visit, at = (names.index(name) if name in names else -1 for name in ("KH", "JZLSH", by))
            rows = [line.split(",") for line in lines]
            for n, row in enumerate(rows):
                row[card] = str(int(row[card]) % patients)
                if visit >= 0:
                    row[visit] = f"Z{int(row[visit][1:]) % (patients * VISITS)}"
                # One after the other, as they were written.
                row[at] = f"2025-12-{1 + n // 80_000:02} {n // 3600 % 22:02}:{n // 60 % 60:02}:{n % 60:02}"
            db.execute(f"CREATE TABLE {table} ({', '.join(f'{name} TEXT' for name in names)})")
            db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(names))})", rows)
            db.execute(f"CREATE INDEX BY_{table} ON {table} ({by})")


async def _join(lot: Lot, feed: str, folder: Path) -> None:
    """Registers a hospital, its gateway and its feed, which is live from then on; writes the gateway's folder."""
    assert lot.data is not None
    url, house = lot.server.removesuffix("/fhir"), f"Organization/{feed}"
    headers = {"authorization": f"Bearer {lot.token}"}
    key = client_key(folder)
    application = Application(
        client=feed, name="前置机", owner=house, purpose="HOPERAT", redirect_uris=(), scopes=("system/feeds",),
        expires=clock.now() + timedelta(days=1), jwks=json.dumps({"keys": [key.jwk]}),
    )  # fmt: skip
    platform = await open_platform(Settings(data=lot.data), EmbeddedServer(lot.data).url)
    try:
        await platform.sign_in.applications.add(application, "Device/t", "合同")
        await platform.sign_in.applications.review(feed, "passed", "Device/t")
    finally:
        await platform.close()
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        about = {"resourceType": "Organization", "id": feed, "name": f"{feed} 医院"}
        (await http.put(f"/fhir/{house}", json=about)).raise_for_status()
        said = {"client": feed, "agreement": "1", "agreed": "2026-11-01", "dialect": DIALECT}
        new = {"name": feed, "institution": house, "title": "业务表", "said": said}
        (await http.post("/feeds", json=new)).raise_for_status()
        for state in ("testing", "trial", "live"):
            (await http.post(f"/feeds/{feed}/move", json={"to": state})).raise_for_status()
    source = configuration.Source(name="his", kind="sqlite", database=str(folder / "his.db"))
    tables = [
        configuration.Table(
            source="his", table=table, feed=feed, by="text", column=by, key=key_, form="%Y-%m-%d %H:%M:%S", overlap=60,
            dialect=DIALECT,
        )
        for table, (_, by, key_) in OF_A_PATIENT.items()
    ]  # fmt: skip
    centre = configuration.Centre(url=url, client=feed)
    configuration.write(folder, configuration.Configuration(centre=centre, sources=[source], tables=tables))


def _counted(lot: Lot, feeds: Sequence[str]) -> dict[str, int]:
    """Returns how many rows were stored and refused so far."""
    url, headers = lot.server.removesuffix("/fhir"), {"authorization": f"Bearer {lot.token}"}
    found = {"stored": 0, "refused": 0}
    for feed in feeds:
        for line in httpx.get(f"{url}/feeds/{feed}/counts?month=2025-12", headers=headers, timeout=30).json():
            for name in found:
                found[name] += line[name]
    return found


if __name__ == "__main__":
    typer.run(main)

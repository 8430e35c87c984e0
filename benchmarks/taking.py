"""`python -m benchmarks.taking`: hospitals' tables taken in end to end: read, mapped, matched, stored, audited.

Starts `kangyun up` on a new data folder, and takes the tables in here, as `kangyun feed take` does: patients (each
another, registered in the resident index), then visits, laboratory results and fees of them, and the first again, as a
house sends its month anew. CPU is of this process, of the database and of the background work, which is waited for.
The bar is 3,000 rows a second.
"""

import asyncio
import io
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.__main__ import Lot, our_server
from benchmarks.bench import WIDTH, machine
from benchmarks.processes import Trees, listening
from benchmarks.tables import BORN, KINDS
from kangyun.access.actor import Circumstances
from kangyun.access.platform import Platform, open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.numbers import resident_id
from kangyun.base.settings import read_settings
from kangyun.database.embedded import EmbeddedServer
from kangyun.exchange.entries import Refusal
from kangyun.exchange.feeds.taking import Taken, Taking
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read

BAR = 3000  # rows a second
HOUSE = "Organization/h990102"
FEED = Feed("h990102", HOUSE, "DEMO0001", "shanghai-hub-2026")
ABOUT = Circumstances("feed take", "", "", historic=True)
FAMILIES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧"
BEHIND = 2.0  # seconds in which the background work catches up
AGAIN = "TB_YL_PATIENT_INFORMATION, again"


def patients(count: int) -> Iterator[str]:
    """Yields rows of TB_YL_PATIENT_INFORMATION, of persons as different as people are."""
    yield "YLJGYQDM,KH,KLX,ZJHM,ZJLX,XB,XM,HYZK,CSRQ,MZ,GJ,SJHM,JZDZ,LXRXM,LXRGX,LXRDH,YWSCSJ,YYDAH,MJ,XGBZ"
    for n in range(count):
        born = BORN + timedelta(days=n * 7919 % 33_000)
        number = resident_id.made("990000", born, n % 996)
        family = FAMILIES[n * 31 % len(FAMILIES)]
        name = f"{family}{chr(0x4E00 + n * 7 % 4999)}{chr(0x4E00 + n * 13 % 4993)}"
        yield (
            f"D1,{n},9,{number},01,{1 + n % 2},{name},20,{born:%Y%m%d},01,CHN,199{n % 10**8:08d},云城市演示路{n}号,"
            f"{family}{chr(0x4E00 + n % 3000)},配偶,198{n % 10**8:08d},2025-12-01 08:00:00,P{n},-,1"
        )


def visits(count: int) -> Iterator[str]:
    """Yields rows of TB_YL_MZ_MEDICAL_RECORD: a visit and its diagnosis."""
    yield "YLJGYQDM,JZLSH,KH,KLX,JZLX,JZKSBM,JZKSMC,JZKSRQ,ZS,ZZYSGH,ZZYSXM,JZZDBM,JZZDMC,XGBZ,YWSCSJ"
    for n in range(count):
        at = f"2025-12-{n % 28 + 1:02} 10:{n % 60:02}:00"
        yield (
            f"D1,Z{n},{n},9,100,0301,内科,{at},头晕{n % 50},E{n % 30},医生{n % 30},I10.x{n % 90:03},高血压病{n % 90},1,"
            "2025-12-28 08:00:00"
        )


TABLES: dict[str, Callable[[int], Iterator[str]]] = {
    "TB_YL_PATIENT_INFORMATION": patients,
    "TB_YL_MZ_MEDICAL_RECORD": visits,
    "TB_LIS_INDICATORS": KINDS["TB_LIS_INDICATORS"],
    "TB_HIS_ZY_FEE_DETAIL_FS": KINDS["TB_HIS_ZY_FEE_DETAIL_FS"],
    AGAIN: patients,
}


async def taken(platform: Platform, name: str, rows: int) -> Taken:
    """Takes one table in. Raises SystemExit where a row of it was refused."""
    table = name.partition(",")[0]
    content = io.BytesIO("\n".join(TABLES[name](rows)).encode("gb18030"))
    mapping = shipped_for(table)
    assert mapping is not None
    record = await platform.gate.open(replace(ADMINISTRATOR, institution=HOUSE), ABOUT)
    refused: list[Refusal] = []
    found = await Taking(record, refused.append).take(convert(read(content, table), mapping, FEED))
    if refused or found.rows != rows:
        raise SystemExit(f"{name}: {found.rows} of {rows} rows, {len(refused)} refused: {refused[:1]}")
    return found


async def measured(lot: Lot, server: list[int], rows: int) -> dict[str, Any]:
    """Returns by table the rate, and CPU-ms a row of this process, of the database, and of the background work."""
    assert lot.data is not None
    settings = read_settings(data=lot.data, log_level="warning")
    platform = await open_platform(settings, EmbeddedServer(lot.data).url)
    trees, figures = Trees(server), {}
    leave_alone_what_is_loaded()
    try:
        for name in TABLES:
            begun, own, before = time.perf_counter(), time.process_time(), trees.read()
            found = await taken(platform, name, rows)
            seconds, own = time.perf_counter() - begun, time.process_time() - own
            await asyncio.sleep(BEHIND)
            used = trees.read().since(before)
            each = {"own": own, "database": used.database, "background": used.server}
            figures[name] = {key: value / rows * 1000 for key, value in each.items()} | {
                "per_second": rows / seconds, "resources": (found.created + found.updated + found.unchanged) / rows
            }  # fmt: skip
    finally:
        await platform.close()
    return figures


def main(
    rows: Annotated[int, typer.Option(help="Rows of each table.")] = 5_000,
    out: Annotated[Path, typer.Option(help="Folder of logs.")] = Path("results/bench"),
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Takes tables in, and prints rates and CPU."""
    out.mkdir(parents=True, exist_ok=True)
    os.environ["KANGYUN_DEMO"] = "true"
    lot = Lot([], out, out, 0.0)
    with our_server(lot):
        server = listening(int(lot.server.rpartition(":")[2].partition("/")[0]))
        figures = uvloop.run(measured(lot, server, rows))
    table = Table(title=f"{rows:,} rows of each table; the bar is {BAR:,} rows a second", title_justify="left")
    for heading in ("", "rows a second", "resources a row", "taking, CPU ms a row", "database", "background"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, row in figures.items():
        table.add_row(
            name, f"{row['per_second']:,.0f}", f"{row['resources']:.1f}",
            *(f"{row[key]:.3f}" for key in ("own", "database", "background")),
        )  # fmt: skip
    Console(width=WIDTH, highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), "bar": BAR, "figures": figures}, indent=1), "utf-8")


if __name__ == "__main__":
    typer.run(main)

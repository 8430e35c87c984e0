"""`python -m benchmarks.tables`: what it costs to read hospitals' tables and to map them; no server.

Made-up rows in the TB_ form, as CSV in GB18030, every key another, and front pages. CPU of reading alone, and of
reading and mapping to entries, by row; the most memory that the process took.
"""

import io
import json
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bench import WIDTH, machine
from kangyun.base.numbers import resident_id
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read

FEED = Feed("demo", "Organization/demo", "DEMO0001", "shanghai-hub-2026")
BORN = date(1930, 1, 1)


def patients(count: int) -> Iterator[str]:
    """Yields rows of TB_YL_PATIENT_INFORMATION: every person another."""
    yield "YLJGYQDM,KH,KLX,ZJHM,ZJLX,XB,XM,HYZK,CSRQ,MZ,GJ,SJHM,JZDZ,LXRXM,LXRGX,LXRDH,YWSCSJ,YYDAH,MJ,XGBZ"
    for n in range(count):
        born = BORN + timedelta(days=n % 33_000)
        number = resident_id.made("990000", born, n % 996)
        yield (
            f"D1,{n},9,{number},01,{1 + n % 2},测试{n},20,{born:%Y%m%d},01,CHN,199{n % 10**8:08d},测试市测试路{n}号,"
            f"亲属{n},配偶,198{n % 10**8:08d},2025-12-01 08:00:00,P{n},-,1"
        )


def results(count: int) -> Iterator[str]:
    """Yields rows of TB_LIS_INDICATORS: twenty a report."""
    yield (
        "YLJGYQDM,JYZBLSH,BGDH,BGRQ,SHSJ,MXXMBM,MXXMBMYB,MXXMMC,JYZBDM,JYFF,JYZBMC,JYZBJG,SBBM,YQBH,YQMC,CKZ,JLDW,YCTS,"
        "DYXH,JCYHRYID,JCYHRYXM,SHYHRYID,SHYHRYXM,YZID,XGBZ,KH,KLX,JZLSH"
    )
    for n in range(count):
        report, day = n // 20, n // 20 % 28 + 1
        at = f"2025-12-{day:02} 11:{report % 60:02}:00"
        yield (
            f"D1,R{n},R{report},202512{day:02},{at},X{n % 20},-,项目{n % 20},"
            f"X{n % 20},-,指标{n % 20},{n % 997 / 10},-,-,仪器甲,"
            f"3.5-9.5,10^9/L,,1,E010,演示检验师,E011,演示审核师,-,1,{report},9,Z{report}"
        )


def fees(count: int) -> Iterator[str]:
    """Yields rows of TB_HIS_ZY_FEE_DETAIL_FS: thirty a stay."""
    yield (
        "YLJGYQDM,SFMXID,STFBZ,JZLSH,KH,KLX,YZID,MXFYLB,FYFSSJ,MXXMBM,MXXMBMYB,MXXMMC,MXXMDJ,MXXMSL,MXXMDW,MXXMJE,XGBZ"
    )
    for n in range(count):
        at = f"2025-12-01 11:{n % 60:02}:{n // 60 % 60:02}"
        yield f"D1,F{n},1,Z{n // 30},{n // 30},9,Y{n},12,{at},D{n % 500},-,演示药品{n % 500},12.500,4,次,{n % 300}.50,1"


def front_pages(count: int) -> Iterator[str]:
    """Yields rows of N041, of the columns that are usually filled: two to six resources each."""
    yield (
        "USERNAME,YLFKFS,ZYCS,BAH,XM,XB,CSRQ,GJ,MZ,SFZH,ZY,HY,XZZ,DH,RYTJ,RYSJ,RYSJS,CYSJ,CYSJS,CYKB,JBDM,ZYZD,RYBQ,JBDM1,"
        "QTZD1,RYBQ1,SSJCZBM1,SSJCZRQ1,SSJCZMC1,SZ1,ZFY,ZFJE,YLFUF,HLF,SYSZDF,XYF"
    )
    for n in range(count):
        born = BORN + timedelta(days=n % 33_000)
        number = resident_id.made("990000", born, n % 996)
        yield (
            f"演示医院,1,1,BA{n},测试{n},1,{born:%Y%m%d},CHN,01,{number},80,2,"
            f"测试路{n}号,199{n % 10**8:08d},1,20251201,9,"
            f"20251205,15,0304,I10.x05,高血压病3级,1,E78.500,高脂血症,2,47.0901,20251202,阑尾切除术,演示医生,"
            f"{n % 9000}.50,100,900,300,200,800.50"
        )


KINDS: dict[str, Callable[[int], Iterator[str]]] = {
    "TB_YL_PATIENT_INFORMATION": patients,
    "TB_LIS_INDICATORS": results,
    "TB_HIS_ZY_FEE_DETAIL_FS": fees,
    "N041": front_pages,
}


def main(
    rows: Annotated[int, typer.Option(help="Rows of each table.")] = 50_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    console = Console(highlight=False, width=WIDTH)
    table = Table("table", "rows", "entries", "refusals", "reading, CPU ms a row", "all, CPU ms a row", title="tables")
    figures: dict[str, Any] = {}
    for name, make in KINDS.items():
        content = "\n".join(make(rows)).encode("gb18030")
        mapping = shipped_for(name)
        assert mapping is not None
        begun = time.process_time()
        read_ = sum(1 for _ in read(io.BytesIO(content), name).rows)
        reading = (time.process_time() - begun) / rows * 1e3
        begun = time.process_time()
        made = Counter(type(one).__name__ for one in convert(read(io.BytesIO(content), name), mapping, FEED))
        whole = (time.process_time() - begun) / rows * 1e3
        figures[name] = {"rows": read_, **made, "reading_ms": reading, "whole_ms": whole}
        table.add_row(name, str(read_), str(made["Entry"]), str(made["Refusal"]), f"{reading:.4f}", f"{whole:.4f}")
    console.print(table)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"most memory: {most:.0f} MB, of which the made-up file of one table is the larger part")
    if output:
        output.write_text(json.dumps({"machine": machine(), "memory_mb": most, **figures}, indent=1), "utf-8")


if __name__ == "__main__":
    typer.run(main)

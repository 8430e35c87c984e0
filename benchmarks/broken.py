"""`python -m benchmarks.broken`: a thousand rows that were broken on purpose, each beside one that is right. No server.

Every row is made right first; what it comes to is the truth. Then one thing in it is broken, by a catalogue that says
what must become of it: the row kept aside, the value left out, the value put right. A row is *explained* when a refusal
names its row, and the column where one was broken. It is *stored wrongly* when an entry says anything that the right
row does not say, or when a row beside a broken one is not what it was. Both must be so for every row.
"""

import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich.console import Console
from rich.table import Table as Shown

from benchmarks.bench import WIDTH, machine
from kangyun.base.numbers import resident_id
from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import Feed, convert, shipped_for
from kangyun.exchange.tables.reading import read

ASIDE, LEFT_OUT, PUT_RIGHT = "kept aside", "left out", "put right"
Cells = dict[str, str]


class Fault(NamedTuple):
    """What is broken. columns: one of which the refusal must name; none where the row as a whole is broken.

    becomes: what must become of it. breaks: makes of the cells the broken ones, or the line itself.
    """

    name: str
    columns: tuple[str, ...]
    becomes: str
    breaks: Callable[[Cells], Cells | bytes]


def cell(name: str, becomes: str, column: str, *values: str, told: Sequence[str] = ()) -> list[Fault]:
    """Returns faults that put values into a column. told: columns that the refusal may name instead."""
    return [
        Fault(name, (column, *told), becomes, lambda cells, value=value: cells | {column: value})  # type: ignore[misc]
        for value in values
    ]


def swapped(code: str, name: str) -> list[Fault]:
    """Returns the fault of a code and its name in each other's columns."""
    return [
        Fault("code and name swapped", (code,), PUT_RIGHT, lambda cells: cells | {code: cells[name], name: cells[code]})
    ]


def of_line(name: str, change: Callable[[bytes], bytes]) -> Fault:
    """Returns a fault of the line as a whole."""
    return Fault(name, (), ASIDE, lambda cells: change(",".join(cells.values()).encode("gb18030")))


_TEST = "测试".encode("gb18030")
LINES = [
    of_line("a delimiter without quotes", lambda line: line + b",1"),
    of_line("cut", lambda line: line[: line.rfind(b",", 0, line.rfind(b","))]),
    of_line("a quote without its other", lambda line: b'"' + line),
    of_line("half a character", lambda line: line.replace(_TEST, _TEST[:3] + b"\xff", 1)),
    of_line("another character set", lambda line: line.decode("gb18030").encode()),
    Fault("formula", (), ASIDE, lambda cells: cells | {[*cells][-2]: "=1+1"}),
]
DATES = ("2026-13-01", "01/05/2026", "昨天", "20260230", "0212-01-01", "2026年1月", "1.2E+7")
NUMBERS = ("9.9E+17", "990000195003121000", "990000195003121012", "99000019500312101", "A2345")


def _who(n: int) -> tuple[str, date]:
    born = date(1930, 1, 1) + timedelta(days=n * 7 % 30_000)
    return resident_id.made("990000", born, n % 900 + 2), born


def _patient(n: int) -> Cells:
    number, born = _who(n)
    return {
        "YLJGYQDM": "D1", "KH": f"K{n}", "KLX": "9", "ZJHM": number, "ZJLX": "01", "XB": "1", "XBMC": "男性",
        "XM": f"测试{n}", "HYZK": "20", "CSRQ": f"{born:%Y%m%d}", "MZ": "01", "GJ": "CHN", "SJHM": f"199{n:08}",
        "JZDZ": f"测试路{n}号", "YWSCSJ": "2026-01-05 08:00:00", "YYDAH": f"P{n}", "XGBZ": "1",
    }  # fmt: skip


def _visit(n: int) -> Cells:
    return {
        "YLJGDM": "D1",
        "JZLSH": f"J{n}",
        "KH": f"K{n}",
        "KLX": "9",
        "JZLX": "100",
        "JZKSBM": "0012",
        "JZKSMC": "测试内科",
        "JZKSRQ": "2026-01-05 08:05:00",
        "ZZYSGH": f"E{n}",
        "ZZYSXM": "演示医生",
        "JZZDBM": "I10.x05",
        "JZZDMC": "高血压病",
        "ZS": f"头晕{n}天",
        "XGBZ": "1",
    }


def _fee(n: int) -> Cells:
    return {
        "YLJGYQDM": "D1", "SFMXID": f"F{n}", "STFBZ": "1", "JZLSH": f"J{n}", "KH": f"K{n}", "KLX": "9", "MXFYLB": "12",
        "FYFSSJ": "2026-01-05 08:05:00", "MXXMBM": "D001", "MXXMBMYB": "XA01", "MXXMMC": "测试药品", "MXXMDJ": "12.500",
        "MXXMSL": "4", "MXXMDW": "盒", "MXXMJE": "50.000", "XGBZ": "1",
    }  # fmt: skip


def _front_page(n: int) -> Cells:
    number, born = _who(n)
    return {
        "USERNAME": "测试医院",
        "YLFKFS": "1",
        "ZYCS": "1",
        "BAH": f"B{n}",
        "XM": f"测试{n}",
        "XB": "1",
        "CSRQ": f"{born:%Y%m%d}",
        "GJ": "CHN",
        "MZ": "01",
        "SFZH": number,
        "HY": "2",
        "RYTJ": "1",
        "RYSJ": "20251201",
        "RYSJS": "9",
        "CYSJ": "20251205",
        "CYSJS": "15",
        "JBDM": "I10.x05",
        "ZYZD": "高血压病3级",
        "RYBQ": "1",
        "LYFS": "1",
        "ZFY": "3200.50",
        "XYF": "800.50",
    }


def _elements(n: int) -> Cells:
    number, born = _who(n)
    return {
        "WS01_00_010_01": f"M{n}",
        "WS02_01_030_01": number,
        "WS02_01_031_01": "01",
        "CT02_01_031_01": "居民身份证",
        "WS02_01_039_01": f"测试{n}",
        "WS02_01_040_01": "1",
        "CT02_01_040_01": "男性",
        "WS02_01_005_01": f"{born:%Y%m%d}",
        "WS06_00_062_01": "20260105080500",
        "WS05_01_024_01": "I10.x00",
        "WS05_01_025_01": "高血压病",
        "WS04_10_174_01": "150",
    }


KINDS: Mapping[str, tuple[str, Callable[[int], Cells], list[Fault]]] = {
    "TB_YL_PATIENT_INFORMATION": ("shanghai-hub-2026", _patient, [
        *cell("number of a person", ASIDE, "ZJHM", *NUMBERS), *cell("no key", ASIDE, "KH", "", "-", "1.23E+10"),
        *cell("kind of paper", ASIDE, "ZJLX", "77", "护照", told=("ZJHM",)), *cell("date", LEFT_OUT, "CSRQ", *DATES),
        *cell("code", LEFT_OUT, "XB", "7", "2"), *cell("code", LEFT_OUT, "HYZK", "77", "x"), *swapped("XB", "XBMC"),
        *cell("telephone", LEFT_OUT, "SJHM", "123", "1991234567"), *cell("flag", ASIDE, "XGBZ", "9", "x"),
        *cell("code", LEFT_OUT, "MZ", "99"), *cell("lost zero", PUT_RIGHT, "MZ", "1"),
    ]),
    "TB_YL_MZ_MEDICAL_RECORD": ("shanghai-hub-2026", _visit, [
        *cell("no key", ASIDE, "JZLSH", "", "无", "1.23E+10"), *cell("whose", ASIDE, "KH", "-", ""),
        *cell("date", ASIDE, "JZKSRQ", *DATES), *cell("flag", ASIDE, "XGBZ", "9"),
    ]),
    "TB_HIS_ZY_FEE_DETAIL_FS": ("shanghai-hub-2026", _fee, [
        *cell("amount", ASIDE, "MXXMJE", "五十", "5.0E+3", "12.5.3", "12元5角"),
        *cell("date", ASIDE, "FYFSSJ", *DATES[:4]),
        *cell("no key", ASIDE, "SFMXID", "", "/"), *cell("flag", ASIDE, "XGBZ", "7"),
    ]),
    "N041": ("n041", _front_page, [
        *cell("number of a person", ASIDE, "SFZH", *NUMBERS), *cell("no key", ASIDE, "BAH", "", "—"),
        *cell("stay reversed", ASIDE, "CYSJ", "20251101"), *cell("hour", ASIDE, "RYSJS", "25", "x"),
        *cell("amount", ASIDE, "ZFY", "三千", "1.2E+3"), *cell("date", LEFT_OUT, "CSRQ", *DATES[:5]),
        *cell("code", LEFT_OUT, "RYBQ", "9", "x"), *cell("amount", LEFT_OUT, "XYF", "八百"),
    ]),
    "DE": ("data-elements", _elements, [
        *cell("number of a person", ASIDE, "WS02_01_030_01", *NUMBERS),
        *cell("date", ASIDE, "WS06_00_062_01", *DATES[:4]),
        *cell("name of another code", LEFT_OUT, "CT02_01_040_01", "女性", told=("WS02_01_040_01",)),
        *swapped("WS02_01_040_01", "CT02_01_040_01"), *cell("amount", LEFT_OUT, "WS04_10_174_01", "很高", "15O"),
        *cell("code", LEFT_OUT, "WS02_01_040_01", "8"),
    ]),
}  # fmt: skip


class Judged(NamedTuple):
    """What became of a broken row. wrongly: what an entry says that the right row does not say."""

    table: str
    fault: Fault
    explained: bool
    became: str
    wrongly: bool


def main(
    rows: Annotated[int, typer.Option(help="Broken rows.")] = 1000,
    seed: Annotated[int, typer.Option(help="Which fault of which row.")] = 1,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Breaks rows and prints what became of them; ends with 1 where one was not explained or stored wrongly."""
    judged = list(broken(rows, seed))
    shown = Shown("fault", "rows", "explained", ASIDE, LEFT_OUT, PUT_RIGHT, "stored wrongly", title="broken rows")
    by_name: dict[str, list[Judged]] = {}
    for one in judged:
        by_name.setdefault(one.fault.name, []).append(one)
    by_name["all"] = judged
    for name, some in by_name.items():
        became = Counter(one.became for one in some)
        counts = [
            len(some),
            sum(one.explained for one in some),
            *(became[kind] for kind in (ASIDE, LEFT_OUT, PUT_RIGHT)),
        ]
        shown.add_row(name, *map(str, counts), str(sum(one.wrongly for one in some)))
    Console(highlight=False, width=WIDTH).print(shown)
    bad = [one for one in judged if not one.explained or one.wrongly or one.became != one.fault.becomes]
    if output:
        figures = {"rows": len(judged), "explained": sum(one.explained for one in judged), "bad": len(bad)}
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")
    if bad:
        raise SystemExit(
            "\n".join(f"{one.table} {one.fault.name} {one.fault.columns} {one.became}" for one in bad[:20])
        )


def broken(rows: int, seed: int) -> Iterator[Judged]:
    """Yields what became of so many broken rows, and raises where a row beside one is not what it was."""
    draw = random.Random(seed)
    share = -(-rows // len(KINDS))
    left = rows
    for table, (dialect, make, own) in KINDS.items():
        count = min(share, left)
        left -= count
        faults = [draw.choice([*own, *LINES]) for _ in range(count)]
        yield from _judged(table, dialect, make, faults)


def _judged(table: str, dialect: str, make: Callable[[int], Cells], faults: Sequence[Fault]) -> Iterator[Judged]:
    """Yields what became of a file in which each broken row stands between two that are right."""
    header = ",".join(make(0)).encode()
    right = [",".join(make(n).values()).encode("gb18030") for n in range(2 * len(faults))]
    lines = list(right)
    for nth, fault in enumerate(faults):
        made = fault.breaks(make(2 * nth + 1))
        lines[2 * nth + 1] = made if isinstance(made, bytes) else ",".join(made.values()).encode("gb18030")
    truth, found = _taken(table, dialect, header, right)[0], _taken(table, dialect, header, lines)
    for nth, fault in enumerate(faults):
        beside, row = 2 * nth + 2, 2 * nth + 3  # the header is row 1
        if found[0].get(beside) != truth[beside] or found[1].get(beside):
            raise SystemExit(f"{table}: a row beside a broken one ({fault.name}) is not what it was")
        told, entries = found[1].get(row, []), found[0].get(row, {})
        explained = any(not fault.columns or one.place.part in fault.columns for one in told)
        yield Judged(table, fault, explained, _became(told, entries), not _said(entries) <= _said(truth[row]))


def _became(told: Sequence[Refusal], entries: Mapping[str, Any]) -> str:
    if any(one.whole for one in told) or not entries:
        return ASIDE if not entries else "both"
    if not told:
        return "unnoticed"
    return PUT_RIGHT if all(one.taken for one in told) else LEFT_OUT


def _taken(
    table: str, dialect: str, header: bytes, lines: Sequence[bytes]
) -> tuple[dict[int, dict[str, Any]], dict[int, list[Refusal]]]:
    """Returns the resources of each row by their ids, and the refusals of each row."""
    mapping = shipped_for(table)
    assert mapping is not None
    content = io.BytesIO(b"\r\n".join([header, *lines]) + b"\r\n")
    entries: dict[int, dict[str, Any]] = {}
    told: dict[int, list[Refusal]] = {}
    for one in convert(read(content, table, encoding="gb18030"), mapping, Feed("h1", "Organization/h1", "h1", dialect)):
        if isinstance(one, Entry):
            entries.setdefault(one.origin.row or 0, {})[one.id] = dict(one.resource)
        else:
            told.setdefault(one.place.row or 0, []).append(one)
    return entries, told


def _said(entries: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Returns all that resources say: where, without the number within a list, and what."""
    return {pair for id_, resource in entries.items() for pair in _leaves(resource, id_)}


def _leaves(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _leaves(part, f"{at}.{name}")
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part, at)
    else:
        yield at, str(value)


if __name__ == "__main__":
    typer.run(main)

"""The front page written out of the record: what was read comes out again, byte for byte."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.exchange.entries import Entry, Refusal
from kangyun.exchange.tables.mapping import Feed, convert, load
from kangyun.exchange.tables.reading import read
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.writing import Written, as_csv, front_page

FEED = Feed("h1", "Organization/h1", "h1", "n041")
N041 = list(tables()["n041", "N041"])
PAGE = {
    "USERNAME": "演示医院",
    "YLFKFS": "1",
    "ZYCS": "2",
    "BAH": "B1",
    "XM": "测试甲",
    "XB": "1",
    "CSRQ": "19500312",
    "NL": "75",
    "GJ": "CHN",
    "MZ": "01",
    "SFZH": "990000195003121011",
    "ZY": "80",
    "HY": "2",
    "XZZ": "测试路1号",
    "DH": "19900000000",
    "YB1": "999999",
    "HKDZ": "测试村",
    "YB2": "999998",
    "GZDWJDZ": "测试厂",
    "DWDH": "19900000002",
    "LXRXM": "测试乙",
    "GX": "1",
    "DZ": "测试路2号",
    "DH2": "19900000001",
    "RYTJ": "1",
    "RYSJ": "20251201",
    "RYSJS": "9",
    "RYKB": "03",
    "CYSJ": "20251205",
    "CYSJS": "15",
    "CYKB": "0304",
    "SJZYTS": "4",
    "MZZD": "高血压病",
    "JBBM": "I10.x00",
    "ZYZD": "高血压病3级",
    "JBDM": "I10.x05",
    "RYBQ": "1",
    "QTZD1": "高脂血症",
    "JBDM1": "E78.500",
    "RYBQ1": "2",
    "QTZD2": "2型糖尿病",
    "JBDM2": "E11.900",
    "GMYW": "无",
    "XX": "1",
    "RH": "2",
    "ZRYS": "演示医生丙",
    "ZYYS": "演示医生甲",
    "BLH": "P1",
    "SSJCZBM1": "47.0901",
    "SSJCZRQ1": "20251202",
    "SSJB1": "2",
    "SSJCZMC1": "阑尾切除术",
    "SZ1": "演示医生丁",
    "EZ1": "演示医生戊",
    "MZYS1": "演示医生己",
    "MZFS1": "02",
    "LYFS": "1",
    "SFZZYJH": "1",
    "ZFY": "3200.50",
    "ZFJE": "100.00",
    "XYF": "800.50",
    "MAF": "50.00",
}


def sent(*rows: dict[str, str], encoding: str = "utf-8-sig") -> bytes:
    return as_csv([Written({name: row.get(name, "") for name in N041}, ()) for row in rows], encoding)


def taken(content: bytes) -> list[Entry]:
    found = list(convert(read(io.BytesIO(content), "N041.csv"), load("front-page"), FEED))
    assert [one for one in found if isinstance(one, Refusal) and one.whole] == []
    return [one for one in found if isinstance(one, Entry)]


def written(content: bytes, institution: str = "演示医院") -> list[Written]:
    by_row: dict[int | None, list[dict]] = {}
    for one in taken(content):
        by_row.setdefault(one.origin.row, []).append(dict(one.resource))
    return [front_page(resources, institution) for resources in by_row.values()]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_a_front_page_comes_out_as_it_went_in(encoding: str) -> None:
    content = sent(PAGE, PAGE | {"BAH": "B2", "ZYYS": "", "JBDM2": "", "QTZD2": ""}, encoding=encoding)
    pages = written(content)
    assert as_csv(pages, encoding) == content
    assert [page.left_out for page in pages] == [(), ()]


def test_every_column_that_is_read_is_written() -> None:
    said = {row: value for page in written(sent(PAGE)) for row, value in page.cells.items() if value}
    assert said == PAGE


def test_the_order_in_which_resources_come_changes_nothing() -> None:
    resources = [dict(one.resource) for one in taken(sent(PAGE))]
    assert front_page(reversed(resources), "演示医院") == front_page(resources, "演示医院")


def test_what_has_no_place_is_told() -> None:
    resources = [dict(one.resource) for one in taken(sent(PAGE))]
    (operation,) = (one for one in resources if one["resourceType"] == "Procedure")
    more = [operation | {"id": f"o{n}"} for n in range(7)]
    assert front_page([*resources, *more], "x").left_out == ("Procedure/o6",)


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "+cmd", "-x"])
def test_no_text_becomes_a_formula(text: str) -> None:
    (page,) = written(sent(PAGE), institution=text)
    assert page.cells["USERNAME"][0] not in "=+-@"


def test_an_hqms_file_is_the_same_front_page() -> None:
    same = {column.same: code for code, column in tables()["hqms", "HQMS"].items() if column.same}
    shared = {same[name]: value for name, value in PAGE.items() if name in same}
    content = io.StringIO()
    csv.writer(content).writerows([shared.keys(), shared.values()])
    table = read(io.BytesIO(content.getvalue().encode()), "HQMS.csv")
    made = [dict(one.resource) for one in convert(table, load("front-page"), FEED) if isinstance(one, Entry)]
    page = front_page(made, "演示医院").cells
    assert {name: page[name] for name in PAGE if name in same} == {name: PAGE[name] for name in PAGE if name in same}


@given(
    st.dictionaries(
        st.sampled_from(["XZZ", "ZYZD", "QTZD1", "GMYW", "BLZD", "SZ1"]), st.text('甲乙-,"\n 无丙', max_size=6)
    )
)
def test_what_was_written_once_is_written_the_same_again(change: dict[str, str]) -> None:
    once = as_csv(written(sent(PAGE | change)))
    assert as_csv(written(once)) == once


TRAPS = Path(__file__).parents[6] / "shared/data/cn/traps"


@pytest.mark.skipif(not TRAPS.exists(), reason="needs ../shared/data/cn/traps")
def test_the_collected_front_pages_are_written_the_same_again() -> None:
    once = as_csv(written((TRAPS / "14_n041.csv").read_bytes()))
    assert as_csv(written(once)) == once

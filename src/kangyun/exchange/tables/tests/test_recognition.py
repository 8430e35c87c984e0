"""Which table a header is of."""

import re

import pytest

from kangyun.exchange.tables.mapping import shipped
from kangyun.exchange.tables.recognition import Recognised, recognise, tables


@pytest.mark.parametrize(
    ("dialect", "table", "prefix"),
    [
        ("shanghai-hub-2026", "TB_LIS_REPORT", 39), ("chengdu-2011", "TB_HIS_MZ_REG", 19), ("n041", "N041", 232),
        ("hospital-view-2025", "TB_YL_PATIENT_INFORMATION", 45), ("hqms", "HQMS", 346),
        ("shanghai-2024", "TB_RIS_REPORT2", 110), ("insurance", "4101.setlinfo", 82),
    ],
)  # fmt: skip
def test_a_whole_header_is_its_own_table(dialect: str, table: str, prefix: int) -> None:
    header = tuple(tables()[dialect, table])
    assert recognise(header)[0] == Recognised(dialect, table, prefix, prefix)


def test_every_table_is_recognised_by_its_own_columns_and_name() -> None:
    wrong = [
        (dialect, table)
        for (dialect, table), columns in tables().items()
        if len(columns) >= 3 and (dialect, table) not in [one[:2] for one in recognise(tuple(columns), f"{table}.csv")]
    ]
    assert wrong == []


def test_a_file_s_name_decides_between_tables_that_are_alike() -> None:
    header = ("YLJGYQDM", "JZLSH", "KH", "KLX", "XGBZ")
    named = recognise(header, "TB_YL_ZY_MEDICAL_RECORD_20260105.csv")
    assert named[0].table == "TB_YL_ZY_MEDICAL_RECORD"
    assert (
        recognise(tuple(tables()["shanghai-2024", "TB_RIS_REPORT2"]), "tb_ris_report2.csv")[0].table == "TB_RIS_REPORT2"
    )


def test_columns_of_data_elements_are_known_by_their_form() -> None:
    header = ("WS02_01_039_00", "WS02_01_040_01", "CT02_01_040_01", "YLJGDM")
    assert recognise(header)[0] == Recognised("data-elements", "DE", 3, 3)


@pytest.mark.parametrize(
    "header", [(), ("A", "B"), ("NAME", "AGE", "CITY", "PHONE"), ("KH", "XM", "姓名", "x", "y", "z")]
)
def test_what_is_like_no_table_is_none(header: tuple[str, ...]) -> None:
    assert recognise(header) == ()


def test_hqms_columns_name_columns_of_the_front_page() -> None:
    front_page = tables()["n041", "N041"]
    same = [column.same for column in tables()["hqms", "HQMS"].values() if column.same]
    # N041 has 7 operations, HQMS 10.
    seven = {re.sub("^(S|MZ|YZ|EZ)(.*?)(8|9|10)$", r"\1\g<2>7", name) for name in same}
    assert seven <= set(front_page)
    assert len(same) == len(set(same))
    assert {"BAH", "XM", "JBDM10", "SSJCZBM7", "ZFY"} <= set(same)


def test_shipped_mappings_are_of_known_tables() -> None:
    known = {table for _, table in tables()}
    named = [table for mapping in shipped() for table in mapping.tables]
    assert set(named) <= known | {"DE"}
    assert len(named) == len(set(named))

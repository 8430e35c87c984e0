"""Rows that do not say whose they are, read with what the table beside them says."""

from contextlib import closing
from datetime import date

import msgspec
import pytest

from kangyun.exchange.gateway.asking import Asking
from kangyun.exchange.gateway.beside import columns_of, wanted
from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.counting import Counting
from kangyun.exchange.gateway.sources.dialects import dialects
from kangyun.exchange.gateway.sources.opening import Columns, open_session
from kangyun.exchange.gateway.trying import tried

RESULTS = Table(
    source="his", table="TB_LIS_INDICATORS", feed="lis", by="text", column="BGRQ", form="%Y%m%d",
    dialect="chengdu-2011", called="TB_LIS_INDICATORS", beside="TB_LIS_REPORT", key=["JYZBLSH"], business="BGRQ",
)  # fmt: skip


@pytest.fixture
def laboratory(hospital):
    """Reports of two patients, one number given to both, and a result of each."""
    hospital.run("DROP TABLE TB_LIS_REPORT")
    hospital.run("CREATE TABLE TB_LIS_REPORT (YLJGDM, BGDH, BGRQ, KH, KLX, JZLSH, XGBZ)")
    hospital.run(
        "CREATE TABLE TB_LIS_INDICATORS (JYZBLSH, YLJGDM, BGDH, BGRQ, JCZBDM, JCZBMC, JCZBJG, JLDW, CKZ, YCTS, XGBZ)"
    )
    for number, card, visit in (("B1", "K1", "V1"), ("B2", "K2", "V2"), ("B3", "K1", "V1"), ("B3", "K2", "V2")):
        hospital.run("INSERT INTO TB_LIS_REPORT VALUES ('Y', ?, '20260105', ?, '2', ?, '1')", (number, card, visit))
    for number in range(1, 5):
        hospital.run(
            "INSERT INTO TB_LIS_INDICATORS VALUES"
            " (?, 'Y', ?, '20260105', 'GLU', '葡萄糖', '5.6', 'mmol/L', '3.9-6.1', '1', '1')",
            (f"R{number}", f"B{number}"),
        )
    return hospital


def cells(hospital, *names):
    with closing(open_session(hospital.source, "")) as session:
        columns = columns_of(session, RESULTS)
        rows = [row for _, row in session.rows(RESULTS.table, columns, order="JYZBLSH")]
    return [tuple(row[columns.names.index(name)] for name in names) for row in rows]


def test_a_result_says_whose_it_is_by_its_report(laboratory):
    assert cells(laboratory, "JYZBLSH", "KH", "KLX", "JZLSH")[:2] == [
        ("R1", "K1", "2", "V1"),
        ("R2", "K2", "2", "V2"),
    ]


def test_a_number_of_two_patients_is_nobody_s_and_so_is_one_without_a_report(laboratory):
    assert cells(laboratory, "JYZBLSH", "KH", "KLX", "JZLSH")[2:] == [
        ("R3", None, None, None),
        ("R4", None, None, None),
    ]


def test_the_rows_of_nobody_are_marked_when_tried(laboratory):
    with closing(open_session(laboratory.source, "")) as session:
        rows = list(tried(session, RESULTS, 10))
    assert [one.is_aside for one in rows] == [False, False, True, True]
    assert {refusal.text for one in rows[2:] for refusal in one.refusals} == {"exchange.gateway.about-nobody"}


def test_a_table_that_says_it_itself_needs_nothing_beside_it():
    assert wanted("TB_LIS_INDICATORS", ["BGDH", "KH"]) == ""
    assert wanted("TB_LIS_INDICATORS", ["bgdh"]) == "TB_LIS_REPORT"
    assert wanted("TB_LIS_REPORT", ["BGDH"]) == ""


def test_a_result_is_sent_again_when_its_report_comes_late_and_counts_once(laboratory, start):
    gateway = start()
    assert gateway.read(RESULTS) == 4
    laboratory.run("INSERT INTO TB_LIS_REPORT VALUES ('Y', 'B4', '20260105', 'K2', '2', 'V4', '1')")
    assert gateway.read(RESULTS) == 1
    with closing(open_session(laboratory.source, "")) as session:
        counting = Counting(gateway.queue, RESULTS, gateway.pace)
        day = counting.of_day(session, columns_of(session, RESULTS), date(2026, 1, 5))
    assert day.rows == 4


@pytest.mark.parametrize("kind", list(dialects()))
def test_every_database_is_asked_in_its_own_quotes(kind, laboratory):
    class Asked:
        dialect = dialects()[kind]

        def columns(self, table):
            names = ["KH", "KLX", "BGDH"] if table.endswith("REPORT") else ["JYZBLSH", "BGDH"]
            return Columns(names, [False] * len(names))

    said = columns_of(Asked(), msgspec.structs.replace(RESULTS, table="HIS.RESULTS")).expressions
    quoted = dialects()[kind].name
    assert list(said) == ["KH", "KLX"]
    assert f"FROM {quoted('TB_LIS_REPORT')} ky_b" in said["KH"]
    assert f"ky_b.{quoted('BGDH')} = {quoted('HIS.RESULTS')}.{quoted('BGDH')}" in said["KH"]


def _said(text, **told):
    return text


def test_the_questions_find_the_table_beside_it_and_the_business_key(laboratory, monkeypatch):
    said = []
    asking = Asking(laboratory.folder, lambda text: "", lambda text: "", lambda text, **told: said.append(text), _said)
    monkeypatch.setattr(Asking, "_feed", lambda self, title: "lis")
    with closing(open_session(laboratory.source, "")) as session:
        made = {table.table: table for table in asking._tables(session)}
    assert made["TB_LIS_INDICATORS"].beside == "TB_LIS_REPORT"
    assert made["TB_LIS_INDICATORS"].key == ["YLJGDM", "BGRQ", "BGDH", "JYZBLSH"]
    assert made["TB_LIS_REPORT"].beside == ""
    assert said.count("init-beside") == 1

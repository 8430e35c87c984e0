"""The tables: every requirement is looked at or borne by somebody, every sentence is there, both files can be read."""

import ast
import io
import tomllib
from pathlib import Path

import pytest
from docx import Document
from openpyxl import load_workbook

from kangyun.cli.doctor.security import judged
from kangyun.cli.doctor.security.checks import CHECKS
from kangyun.cli.doctor.security.controls import Control, standard
from kangyun.cli.doctor.security.document import document
from kangyun.cli.doctor.security.judging import NOT_VERIFIED, Row
from kangyun.cli.doctor.security.report import COLUMNS, report
from kangyun.cli.doctor.security.verdicts import WORDS, met, partly, unmet
from kangyun.cli.doctor.security.workbook import workbook

HERE = Path(__file__).parents[1]
TABLES = ("djbh", "mp")
KINDS = ("met", "partly", "unmet", "environment", "unknown")


def test_every_check_is_there_and_every_one_is_asked_for():
    named = {name for table in TABLES for control in standard(table).controls for name in control.checks}
    assert named == CHECKS.keys()


@pytest.mark.parametrize("table", TABLES)
def test_a_requirement_is_said_once_and_borne_by_somebody(table):
    controls = standard(table).controls
    assert len({control.clause for control in controls}) == len(controls) > 30
    for control in controls:
        assert control.checks or control.attach, control.clause


def test_every_sentence_of_a_check_is_there_and_every_one_is_said():
    texts = tomllib.loads((HERE / "texts" / "zh.toml").read_text("utf-8")).keys()
    said = set()
    for path in HERE.glob("**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said |= {node.value} & texts
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in KINDS and "tests" not in path.parts:
                first = node.args[0]
                assert not isinstance(first, ast.Constant) or first.value in texts, (path.name, node.lineno)
    spoken = {"summary", "written", "no-folder"} | {f"word-{one}" for one in KINDS}
    assert sorted(texts - said - spoken) == []


def rows():
    control = Control("8.1.4.1 a)", "安全计算环境", "身份鉴别", "=1+1", ("officers",), unverified=True)
    return [
        Row(control, [met("officers", "证据\x07")]),
        Row(control, [met("officers"), unmet("root-open", "root.key 0644", mode="0644"), partly("rules-unsigned")]),
    ]


def test_the_worst_of_several_checks_is_what_is_concluded():
    assert [row.verdict for row in rows()] == ["met", "unmet"]
    assert "0644" in rows()[1].cells[2]


@pytest.mark.parametrize("table", TABLES)
def test_the_workbook_says_all_of_it_and_reckons_nothing(table):
    told = report(standard(table), place="/srv", moment="2026-11-22 10:00", program="康云", source="环境变量")
    book = load_workbook(io.BytesIO(workbook(told, rows())))
    sheet = book["自查表"]
    assert tuple(cell.value for cell in sheet[1]) == COLUMNS
    assert sheet["A3"].value == f"8.1.4.1 a) 身份鉴别{NOT_VERIFIED}"
    assert (sheet["B3"].value, sheet["B3"].data_type) == ("=1+1", "s")
    assert [sheet["E3"].value, sheet["E4"].value] == ["符合", "不符合"]
    counted = {row[0].value: row[1].value for row in book["汇总"].iter_rows()}
    assert (counted["符合"], counted["不符合"], counted["部分符合"]) == ("1", "1", "0")
    assert counted["标准"].startswith("GB/T ")


def test_the_document_says_all_of_it():
    told = report(standard("mp"), place="/srv", moment="2026-11-22 10:00", program="康云", source="环境变量")
    made = Document(io.BytesIO(document(told, rows())))
    table = made.tables[0]
    assert tuple(cell.text for cell in table.rows[0].cells) == COLUMNS
    assert [row.cells[-1].text for row in table.rows[2:]] == ["符合", "不符合"]
    text = "\n".join(paragraph.text for paragraph in made.paragraphs)
    assert "GB/T 39786-2021" in text
    assert "符合 1，部分符合 0，不符合 1" in text


async def test_an_installation_that_does_not_run_is_judged_all_the_same(make_settings):
    tables = await judged(make_settings(admin_token="", database="postgresql://nobody:secret@127.0.0.1:9/none"))
    cells = [text for _, rows_ in tables.values() for row in rows_ for text in row.cells]
    assert {row.verdict for _, rows_ in tables.values() for row in rows_} <= WORDS.keys()
    assert any("数据库连不上" in text for text in cells)
    assert not any("secret" in text for text in cells)

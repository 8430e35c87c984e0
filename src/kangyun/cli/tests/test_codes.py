"""`kangyun codes` on a real database: counted, exported, filled in, imported, approved by another, applied."""

import json

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from kangyun.cli.main import app

LOCAL = "urn:kangyun:code-system:local:h1:diagnosis"
CLINICAL = "urn:kangyun:code-system:diagnosis-clinical"
INSURANCE = "urn:kangyun:code-system:diagnosis-insurance"
ONE, OTHER = ("--by", "system-administrator"), ("--by", "security-administrator")
TO = ("--target", INSURANCE)


@pytest.fixture
def run(installation, monkeypatch):
    """Runs the command line and returns status and output."""
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr("kangyun.access.codes.applying.SETTLE", 0.0)
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "zh", *map(str, arguments)])
        return done.exit_code, done.output.replace("\n", " ")

    assert run_("init")[0] == 0
    return run_


@pytest.fixture
def loaded(run, tmp_path):
    """A record with three diagnoses of a hospital's own."""
    made = [{"resourceType": "Patient", "id": "h1-p", "active": True}]
    made += [
        {
            "resourceType": "Condition", "id": f"h1-c{number}", "subject": {"reference": "Patient/h1-p"},
            "code": {"coding": [{"system": LOCAL, "code": "D1", "display": "2型糖尿病"}]},
        }
        for number in range(3)
    ]  # fmt: skip
    (tmp_path / "h1.ndjson").write_text("\n".join(map(json.dumps, made)), "utf-8")
    assert run("load", "h1.ndjson")[0] == 0
    assert run("codes", "count")[0] == 0
    return run


def filled(file, **columns):
    book = load_workbook(file)
    sheet = book.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    for title, value in columns.items():
        sheet.cell(2, header.index(title) + 1).value = value
    book.save(file)


def codes(resources):
    found = resources()
    return [[one["code"] for one in found[f"Condition/h1-c{nth}"]["code"]["coding"]] for nth in range(3)]


def test_from_the_first_count_to_what_is_stored(loaded, resources):
    run = loaded
    told = run("codes", "list", *ONE, *TO)[1]
    assert "3  D1 2型糖尿病  建议" in told
    assert "E11.900 2型糖尿病" in told
    assert run("codes", "export", "d.xlsx", *ONE, *TO)[0] == 0
    filled("d.xlsx", 目标编码="E11.900")
    assert "试导入，未写入：可提出 1" in run("codes", "import", "d.xlsx", "--dry-run", *ONE)[1]
    assert "新提出 1" in run("codes", "import", "d.xlsx", *ONE)[1]
    assert "已办 0 条；自己提出的 1 条" in run("codes", "approve", "1", *ONE)[1]
    assert "已办 1 条" in run("codes", "approve", "--all", *OTHER, *TO)[1]
    assert "更新 3 条" in run("codes", "apply")[1]
    assert codes(resources) == [["D1", "E11.900"]] * 3
    assert "没有待补的决定" in run("codes", "apply")[1]
    assert "提出撤回 1 条" in run("codes", "withdraw", "1", *OTHER, "--why", "编码选错")[1]
    assert "待撤回" in run("codes", "list", *ONE, *TO)[1]
    assert "已办 1 条" in run("codes", "withdraw", "1", *ONE, "--why", "同意")[1]
    assert "更新 3 条" in run("codes", "apply")[1]
    assert codes(resources) == [["D1"]] * 3


def test_the_clear_ones_at_once(loaded):
    assert "新提出 1" in loaded("codes", "suggest", *ONE, *TO)[1]
    assert "已办 0 条" in loaded("codes", "approve", "--all", *ONE, *TO)[1]
    assert "待复核：1 个编码，3 条记录" in loaded("codes", "list", *ONE, *TO, "--state", "proposed")[1]


def test_what_is_wrong_comes_back_beside_the_file(loaded):
    loaded("codes", "export", "d.xlsx", *ONE, *TO)
    filled("d.xlsx", 目标编码="E99.999x9")
    status, told = loaded("codes", "import", "d.xlsx", *ONE)
    assert status == 1
    assert "第 2 行“目标编码”在目标目录中没有" in told
    sheet = load_workbook("d.returned.xlsx").worksheets[0]
    assert "目标目录中没有" in sheet.cell(2, sheet.max_column).value
    assert loaded("codes", "import", "d.xlsx", *ONE)[0] == 1, "what came back is not overwritten"


def test_a_list_of_the_region(run, tmp_path):
    (tmp_path / "lab.csv").write_text("编码,名称,单位,标本,LOINC\nR1,葡萄糖,mmol/L,血清,2345-7\n", "utf-8")
    regional = ("--target", "urn:kangyun:code-system:laboratory-regional", "--edition", "2026")
    assert "1 个编码" in run("codes", "list-load", "lab.csv", *regional, *ONE)[1]
    (tmp_path / "bad.csv").write_text("编码,名称\nR1,葡萄糖\nR1,又一个\n", "utf-8")
    assert run("codes", "list-load", "bad.csv", *regional, *ONE)[0] == 1


def test_clinical_to_insurance_as_a_whole(run):
    assert "新提出 35" in run("codes", "suggest", "--national", *ONE, *TO)[1]


@pytest.mark.parametrize("asked", [("--kind", "x"), ("--target", "urn:x"), ("--state", "x")])
def test_what_there_is_not(run, asked):
    assert run("codes", "list", *ONE, *asked)[0] != 0

"""`kangyun feed try` and `take`, on a real database: what is wrong comes back, and is taken when it was put right."""

import stat
from datetime import date

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from kangyun.base.errors import Invalid
from kangyun.base.numbers import resident_id
from kangyun.cli.feed import Sent, take_file, try_file
from kangyun.cli.main import app

HEADER = "YLJGYQDM,KH,KLX,ZJHM,ZJLX,XB,XM,HYZK,CSRQ,MZ,GJ,SJHM,JZDZ,LXRXM,LXRGX,LXRDH,YWSCSJ,YYDAH,MJ,XGBZ"
RESULTS = "YLJGYQDM,JYZBLSH,BGDH,BGRQ,MXXMBM,MXXMMC,JYZBDM,JYZBMC,JYZBJG,JLDW,XGBZ"
WHO = ("--institution", "Organization/house-1", "--dialect", "shanghai-hub-2026")
BY = ("--by", "system-administrator")


def line(card, number, name="测试甲"):
    person = f"{number},01,1,{name},20,19700101,01,CHN,19900000001,测试路1号,-,-,-"
    return f"D1,{card},9,{person},2025-12-01 08:00:00,P{card},-,1"


def number(nth):
    return resident_id.made("990000", date(1970, 1, 1), nth)


@pytest.fixture
def run(installation, monkeypatch):
    """Runs the command line and returns status and output."""
    monkeypatch.setenv("KANGYUN_DEMO", "true")
    monkeypatch.setenv("COLUMNS", "400")
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "zh", *map(str, arguments)])
        return done.exit_code, done.output.replace("\n", "")

    assert run_("init")[0] == 0
    return run_


@pytest.fixture
def sent(tmp_path):
    """Writes a file as a hospital's database exports it."""

    def sent_(name, *lines):
        file = tmp_path / name
        file.write_bytes("\r\n".join(lines).encode("gb18030"))
        return file

    return sent_


def test_rows_are_shown_as_they_would_be_stored_and_nothing_is_written(run, sent):
    file = sent("TB_YL_PATIENT_INFORMATION.csv", HEADER, line(1, number(1)), line(2, "990000197001010000"))
    status, told = run("feed", "try", file, *WHO)
    assert status == 1
    assert "试传 2 行，其中 1 行不会采用" in told
    assert '"resourceType": "Patient"' in told
    assert "号码末三位被 Excel 换成 000" in told
    assert run("feed", "take", file, *WHO, *BY)[1].count("新增 1 条")


def test_what_comes_back_is_taken_when_it_was_put_right(run, sent):
    file = sent("TB_YL_PATIENT_INFORMATION.csv", HEADER, line(1, number(1)), line(2, "990000197001010000"))
    status, told = run("feed", "take", file, *WHO, *BY)
    assert status == 1
    assert "2 行：新增 1 条" in told
    assert "990000197001010000" not in told
    back = file.with_name("TB_YL_PATIENT_INFORMATION.returned.xlsx")
    assert stat.S_IMODE(back.stat().st_mode) == 0o600
    book = load_workbook(back)
    (header, row) = book.active.values
    assert row[header.index("KH")] == "2"
    assert row[header.index("原行号")] == "3"
    assert "号码末三位" in row[header.index("原因")]
    book.active.cell(2, header.index("ZJHM") + 1).value = number(2)
    book.save(back)
    status, told = run("feed", "take", back, *WHO, *BY)
    assert (status, "新增 1 条" in told) == (0, True)
    file.write_bytes("\r\n".join([HEADER, line(1, number(1)), line(2, number(2))]).encode("gb18030"))
    status, told = run("feed", "take", file, *WHO, *BY)
    assert back.exists()  # The workbook of the first time is in nobody's way.
    assert (status, "已有且相同 2 条" in told) == (0, True)


def test_what_is_about_nobody_is_not_stored(run, sent):
    file = sent("TB_LIS_INDICATORS.csv", RESULTS, "D1,R1,B1,20251201,X1,白细胞,X1,白细胞,5.1,10^9/L,1")
    status, told = run("feed", "take", file, *WHO, *BY)
    assert (status, "没有写明是哪位患者" in told, "新增 0 条" in told) == (1, True, True)


@pytest.mark.parametrize(
    ("lines", "institution", "told"),
    [
        (("甲,乙,丙", "1,2,3"), "Organization/house-1", "cli.feed-unknown"),
        ((HEADER,), "house-1", "cli.feed-institution"),
    ],
)
def test_what_cannot_be_understood_is_told(sent, lines, institution, told):
    with pytest.raises(Invalid, match=told):
        try_file(Sent(sent("a.csv", *lines), institution), 5)


def test_a_mapping_that_cannot_be_used_is_told_with_its_place(sent, tmp_path):
    mapping = tmp_path / "own.toml"
    mapping.write_text("name = 1", "utf-8")
    with pytest.raises(Invalid, match=r"exchange\.tables\.mapping-syntax"):
        try_file(Sent(sent("a.csv", HEADER), "Organization/house-1", mapping=mapping), 5)


def test_what_a_flag_means_is_not_guessed(sent):
    with pytest.raises(Invalid, match=r"cli\.feed-dialect"):
        take_file(Sent(sent("TB_YL_PATIENT_INFORMATION.csv", HEADER), "Organization/house-1"), None, "nobody")


def test_what_was_taken_is_written_for_another_platform_and_taken_again(run, sent, tmp_path):
    file = sent("TB_YL_PATIENT_INFORMATION.csv", HEADER, line(1, number(1)))
    assert run("feed", "take", file, *WHO, *BY)[0] == 0
    visits = sent(
        "TB_YL_ZY_MEDICAL_RECORD.csv",
        "YLJGYQDM,JZLSH,BAH,KH,KLX,JZLX,RYSJ,CYSJ,XGBZ",
        "D1,V1,B1,1,9,400,2026-01-05 08:05:00,2026-01-09 10:00:00,1",
    )
    assert run("feed", "take", visits, *WHO, *BY)[0] == 0
    folder = tmp_path / "out"
    wanted = ("feed", "write", folder, *WHO, *BY, "--to", "Organization/province", "--code", "D1")
    month = ("--since", "2026-01-01", "--until", "2026-01-09")
    status, told = run(*wanted, *month, "--encoding", "gb18030")
    assert status == 0, told
    assert "TB_YL_ZY_MEDICAL_RECORD：1 行" in told
    assert {one.name for one in folder.iterdir()} == {
        "TB_YL_PATIENT_INFORMATION.csv", "TB_YL_ZY_MEDICAL_RECORD.csv", "left-out.csv", "empty-columns.csv",
    }  # fmt: skip
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert "表,列,名称" in (folder / "empty-columns.csv").read_text("gb18030")
    for name in ("TB_YL_PATIENT_INFORMATION.csv", "TB_YL_ZY_MEDICAL_RECORD.csv"):
        status, told = run("feed", "take", folder / name, *WHO, *BY)
        assert status == 0
        assert "新增 0 条，更新 0 条，已有且相同 1 条" in told
    assert run(*wanted, *month)[0] == 1
    front = tmp_path / "front"
    pages = ("feed", "write", front, *WHO[:2], *BY, "--to", "Organization/province", "--dialect", "n041")
    status, told = run(*pages, *month)
    assert "N041：1 行" in told
    assert ",B1," in (front / "N041.csv").read_text("utf-8-sig")


def test_what_came_back_before_is_in_nobody_s_way(run, sent, tmp_path):
    file = sent("TB_YL_PATIENT_INFORMATION.csv", HEADER, line(1, "990000197001010000"))
    for name in ("TB_YL_PATIENT_INFORMATION.returned.xlsx", "TB_YL_PATIENT_INFORMATION.returned-2.xlsx"):
        assert run("feed", "take", file, *WHO, *BY)[0] == 1
        assert (tmp_path / name).exists()

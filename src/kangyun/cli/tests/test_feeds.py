"""`kangyun feed register` and the rest of the register, on a real database."""

import pytest
from typer.testing import CliRunner

from kangyun.cli.main import app

BY = ("--by", "system-administrator")
NEW = ("register", "house-1-tables", "--institution", "Organization/house-1", "--title", "一院业务表", *BY)


@pytest.fixture
def run(installation, monkeypatch, tmp_path):
    """Runs `kangyun feed` and returns status and output."""
    monkeypatch.setenv("COLUMNS", "400")
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "zh", *map(str, arguments)])
        return done.exit_code, done.output if done.exception is None else f"{done.output}{done.exception}"

    assert run_("init")[0] == 0
    house = tmp_path / "house.json"
    house.write_text('{"resourceType": "Organization", "id": "house-1", "name": "一院", "active": true}')
    assert run_("load", house)[0] == 0
    return lambda *arguments: run_("feed", *arguments)


def test_a_feed_goes_from_being_asked_for_to_live_and_says_who_waits(run):
    status, told = run(*NEW)
    assert (status, "申请" in told, "等平台方" in told) == (0, True, True)
    status, told = run("move", "house-1-tables", "testing", *BY)
    assert (status, "move-needs" in told) == (1, True)
    agreed = (
        "--agreement",
        "H-2026-1",
        "--agreed",
        "2026-11-01",
        "--client",
        "gateway-1",
        "--certificate-ends",
        "2027-11-01",
    )
    assert run("change", "house-1-tables", *agreed, *BY)[0] == 0
    for state, said in (("testing", "等医院"), ("trial", "等平台方"), ("live", "正式")):
        status, told = run("move", "house-1-tables", state, *BY, "--why", "验收")
        assert (status, said in told) == (0, True)
    status, told = run("wait", "house-1-tables", "institution", "--for", "补报 11 月", *BY)
    assert (status, "等医院" in told, "补报 11 月" in told) == (0, True, True)
    told = run("show", "house-1-tables")[1]
    assert all(word in told for word in ("H-2026-1", "gateway-1", "2027-11-01", "moved live", "验收"))
    assert "house-1-tables" in run("list")[1]


def test_nothing_to_reconcile_differs_in_nothing(run, tmp_path):
    run(*NEW)
    book = tmp_path / "counts.xlsx"
    assert run("reconcile", "house-1-tables", "--month", "2025-12", "--to", book)[0] == 0
    assert book.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("move", "house-1-tables", "somewhere", *BY), "feed-state"),
        (("show", "nobody"), "exchange.feeds.none"),
        (("reconcile", "house-1-tables", "--serials"), "feed-by"),
        (("reconcile", "house-1-tables", "--day", "gestern"), "wrong-day"),
        (("resume", "house-1-tables", "--table", "TB_X", *BY), "no-table"),
        (("replay", "house-1-tables", "--table", "TB_X", *BY), "no-table"),
        (("register", "House 1", "--institution", "Organization/house-1", "--title", "x", *BY), "wrong-member"),
        (("register", "other", "--institution", "Organization/nobody", "--title", "x", *BY), "no-institution"),
        (NEW, "name-taken"),
    ],
)
def test_what_cannot_be_done_is_said(run, arguments, told):
    run(*NEW)
    status, said = run(*arguments)
    assert (status, told in said) == (1, True)


def test_what_is_taken_by_hand_stands_under_the_code_of_the_feed(run, tmp_path):
    file = tmp_path / "TB_YL_PATIENT_INFORMATION.csv"
    file.write_text(
        "YLJGYQDM,KH,KLX,XM,XB,CSRQ,YWSCSJ,XGBZ\nD1,K1,9,测试甲,1,19700101,2025-12-01 08:00:00,1\n", "utf-8"
    )
    take = ("take", file, "--institution", "Organization/house-1", "--dialect", "shanghai-hub-2026", *BY)
    assert "新增 1 条" in run(*take)[1]
    assert run(*NEW, "--code", "D1")[0] == 0
    assert "更新 1 条" in run(*take)[1]  # Its card stood in a system with the institution's id in its name.
    assert "已有且相同 1 条" in run(*take)[1]

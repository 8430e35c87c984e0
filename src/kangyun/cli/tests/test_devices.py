"""`kangyun device`, on a real database: from a list to devices that are stopped again."""

import stat

import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from kangyun.access.staff.sheets import workbook
from kangyun.cli.main import app
from kangyun.devices.register import lists

HOUSE = ("--institution", "Organization/county")
BY = ("--by", "system-administrator")


@pytest.fixture
def run(installation):
    """Runs the command line and returns status and output."""
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "zh", *arguments])
        return done.exit_code, done.output.replace("\n", "")

    assert run_("init")[0] == 0
    return run_


@pytest.fixture
def listed(tmp_path):
    """Writes a list of devices with these kinds and serial numbers."""

    def write(*rows):
        columns = lists.the_list().column
        (tmp_path / "设备.xlsx").write_bytes(workbook("设备", [columns["kind"], columns["serial"]], rows))
        return "设备.xlsx"

    return write


def test_the_empty_list_says_what_goes_where(run, tmp_path):
    assert run("device", "template", "空.xlsx")[0] == 0
    first, second = load_workbook(tmp_path / "空.xlsx").worksheets
    assert [cell.value for cell in next(first.iter_rows())] == list(lists.the_list().column.values())
    assert second.max_row == 1 + len(lists.the_list().column)


def test_a_list_is_tried_then_carried_out_then_lived_with(run, listed, tmp_path):
    file = listed(("血压计", "SN-1"), ("手环", "SN-2"))
    status, said = run("device", "enrol", file, *HOUSE, *BY, "--dry-run")
    assert (status, "将登记 2 台" in said) == (0, True)
    assert run("device", "enrol", file, *HOUSE, *BY)[0] == 0
    done = tmp_path / "设备.done.xlsx"
    assert stat.S_IMODE(done.stat().st_mode) == 0o600
    assert (tmp_path / "设备.labels.html").read_text().count("<svg") == 2
    _, (name, *_, secret, code, _), _ = load_workbook(done).active.iter_rows(values_only=True)
    assert "未领用" in run("device", "list", *HOUSE)[1]
    assert run("device", "list", "--institution", "Organization/none")[1] == ""
    status, said = run("device", "rotate", name, *BY)
    assert (status, secret in said) == (0, False)
    assert code not in run("device", "claim-code", name, *BY)[1]
    assert run("device", "stop", name, *BY, "--why", "维修")[0] == 0
    assert "已暂停" in run("device", "list", "--state", "stopped")[1]
    assert run("device", "resume", name, *BY, "--why", "修好")[0] == 0
    assert run("device", "revoke", name, *BY, "--why", "报废")[0] == 0
    assert run("device", "resume", name, *BY, "--why", "误报")[0] == 1
    status, said = run("device", "show", name)
    assert all(word in said for word in ("rotated", "stopped", "resumed", "revoked", "报废"))
    assert secret not in said
    status, said = run("device", "health", "--xlsx", "清单.xlsx")
    assert (status, "共 2 台设备" in said) == (0, True)
    assert load_workbook(tmp_path / "清单.xlsx").active.max_row == 3


def test_a_wrong_row_is_told_and_nothing_is_written(run, listed, tmp_path):
    status, said = run("device", "enrol", listed(("魔法棒", "SN-1"), ("手环", "SN-2")), *HOUSE, *BY)
    assert (status, "第 2 行" in said) == (1, True)
    assert load_workbook(tmp_path / "设备.done.xlsx").active.max_row == 2
    assert "共 0 台设备" in run("device", "health")[1]


def test_a_batch_has_a_key_and_a_name_once(run):
    status, said = run("device", "batch", "2026-11", *HOUSE, *BY)
    assert (status, "key: " in said) == (0, True)
    assert run("device", "batch", "2026-11", *HOUSE, *BY)[0] == 1
    assert run("device", "batch", "2026-12", "--institution", "county", *BY)[0] == 1

"""`kangyun staff` and `kangyun people reset-factors`, on a real database and the real register."""

import io
import re
import stat
from pathlib import Path

import pytest
from openpyxl import Workbook, load_workbook
from typer.testing import CliRunner

from kangyun.base.errors import Conflict, Unavailable
from kangyun.cli.main import app
from kangyun.cli.staff import write_template

HEADER = ("工号", "姓名", "机构", "科室", "角色", "执业证书编码", "离职日期")
ROWS = [
    ("007", "李四", "Organization/h", "内科", "医生、家庭医生", "", ""),
    ("008", "王五", "Organization/x", "", "护士", "", ""),
]


NEW = "(SELECT max(id) FROM identity)"


@pytest.fixture
def run(installation, tmp_path):
    """Runs the command line and returns status and output."""
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, list(arguments))
        return done.exit_code, done.output

    return run_


@pytest.fixture
def hospital(run, tmp_path):
    """One institution, loaded by the command line."""
    (tmp_path / "h.ndjson").write_text('{"resourceType":"Organization","id":"h","name":"县医院"}\n')
    assert run("load", "h.ndjson")[0] == 0
    assert run("init")[0] == 0


def listed(tmp_path, rows):
    book = Workbook()
    for row in (HEADER, *rows):
        book.active.append(list(row))
    book.save(tmp_path / "名单.xlsx")
    return "名单.xlsx"


def test_a_list_is_tried_and_carried_out(run, hospital, rows, tmp_path):
    file = listed(tmp_path, ROWS)
    status, told = run("staff", "import", file, "--by", "system-administrator", "--dry-run")
    assert status == 1
    assert "1 would be admitted" in told
    assert rows("SELECT count(*) FROM identity") == [(3,)]  # The officers.
    status, told = run("staff", "import", file, "--by", "system-administrator")
    assert status == 1
    assert "1 admitted" in told
    assert "Row 3" in told
    done = tmp_path / "名单.done.xlsx"
    assert stat.S_IMODE(done.stat().st_mode) == 0o600
    book = load_workbook(io.BytesIO(done.read_bytes()))
    ((name, handle, password),) = book["首次登录"].iter_rows(min_row=2, values_only=True)
    assert (name, handle) == ("李四", "007@h")
    assert len(password) == 19
    assert rows(f"SELECT role FROM identity_role WHERE identity = {NEW} ORDER BY role") == [
        ("doctor",),
        ("family-doctor",),
    ]
    assert rows(f"SELECT initial FROM identity_password WHERE identity = {NEW}") == [(True,)]
    assert rows(
        "SELECT DISTINCT actor FROM audit"
        " WHERE action = 'staff-import' OR (action = 'identity-admit' AND shape LIKE '/identity/4/%')"
    ) == [("Practitioner/system-administrator",)]
    first = done.read_bytes()
    assert run("staff", "import", file, "--by", "system-administrator")[0] == 1
    assert (tmp_path / "名单.done-2.xlsx").exists()
    assert done.read_bytes() == first  # It holds passwords that are given once.
    left = listed(tmp_path, [(*ROWS[0][:4], "", "", "2026-01-01")])
    status, told = run("staff", "import", left, "--by", "system-administrator")
    assert (status, "1 left" in told) == (0, True)
    assert rows(f"SELECT status FROM identity WHERE id = {NEW}") == [("left",)]


@pytest.mark.parametrize("language", ["fr", "english", "z", "-"])
def test_a_language_that_is_not_there_is_refused(run, language):
    status, told = run("--lang", language, "staff", "template", "空.xlsx")
    assert status == 2
    assert "没有这种界面语言，请用 zh 或 en" in told
    assert not Path("空.xlsx").exists()


def test_lost_factors_are_reset_with_a_permit(run, hospital, rows, tmp_path):
    run("staff", "import", listed(tmp_path, ROWS[:1]), "--by", "system-administrator")
    status, told = run("people", "reset-factors", "007@h", "--by", "security-administrator")
    assert status == 0
    assert re.search(r"\b[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}\b", told)
    assert rows("SELECT given_by FROM factor_permit") == [("Practitioner/security-administrator",)]


def test_the_template_and_what_is_no_file(run, tmp_path):
    assert run("staff", "template", "空.xlsx")[0] == 0
    assert load_workbook(tmp_path / "空.xlsx").sheetnames == ["人员", "填写说明"]
    before = (tmp_path / "空.xlsx").read_bytes()
    with pytest.raises(Conflict, match="staff-exists"):
        write_template(Path("空.xlsx"))
    with pytest.raises(Unavailable, match="staff-not-written"):
        write_template(Path("none/空.xlsx"))
    assert (tmp_path / "空.xlsx").read_bytes() == before
    for arguments in (("template", "空.xlsx"), ("import", "none.xlsx", "--by", "x"), ("import", "h", "--by", "x")):
        assert run("staff", *arguments)[0] != 0

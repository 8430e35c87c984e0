"""`kangyun doctor --security` on a real installation: what it writes is what the installation is, and no secret is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from docx import Document
from openpyxl import load_workbook


@pytest.fixture
def assessed(installation, tmp_path):
    """Runs it and returns exit status and, by table and clause, finding, evidence and verdict."""

    def run():
        folder = tmp_path / "tables"
        done = subprocess.run(
            [sys.executable, "-m", "kangyun.cli", "doctor", "--security", "--data", installation.data, "--to", folder],
            capture_output=True,
            text=True,
            env=os.environ | {"KANGYUN_LANG": "en"},
        )
        files = sorted(folder.iterdir())
        assert [file.suffix for file in files] == [".docx", ".xlsx"] * 2, done.stderr
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        rows = {}
        for file in files:
            if file.suffix == ".xlsx":
                sheet = load_workbook(file)["自查表"]
                rows |= {row[0]: row[2:] for row in sheet.iter_rows(min_row=2, values_only=True) if row[4]}
        return done.returncode, rows, files

    return run


def test_the_tables_say_what_the_installation_is_and_that_others_may_read_its_key(installation, assessed):
    installation.start("--empty")
    status, rows, files = assessed()
    assert status == 1
    assert len(rows) > 90
    closed = rows["8.1.3.2 a) 访问控制"]
    assert "GET /metrics → 401" in closed[1]
    assert "未登录时这些地址全部被拒绝" in closed[0]
    assert rows["8.1.3.2 e) 访问控制"][2] == "符合"
    # The token is set in the platform's environment and not in this one.
    assert "KANGYUN_ADMIN_TOKEN 已设定" in rows["8.1.4.2 b) 访问控制"][1]
    assert "软件实现，密评不计分" in rows["8.1.10.9 密码管理"][0]
    assert rows["8.1.1 物理环境"][2] == "由环境承担"
    assert "检查中断" not in str(rows)
    said = str(rows) + "".join(paragraph.text for file in files if file.suffix == ".docx" for paragraph in _all(file))
    assert "journey-administrator" not in said
    assert (installation.data / "root.key").read_bytes().hex() not in said
    assert rows["8.1.4.8 b) 数据保密性"][2] == "部分符合"
    (installation.data / "root.key").chmod(0o644)
    finding, evidence, verdict = assessed()[1]["8.1.4.8 b) 数据保密性"]
    assert verdict == "不符合"
    assert "根密钥文件对其他用户开放（0644）" in finding
    assert "root.key 0644" in evidence


def test_where_it_listens_is_what_the_command_line_said(installation, assessed):
    installation.start("--empty", "--host", "127.0.0.2")
    rows = assessed()[1]
    assert f"KANGYUN_HOST=127.0.0.2；KANGYUN_PORT={installation.port}" in str(rows)
    assert "KANGYUN_PORT=8080" not in str(rows)


def _all(file: Path):
    made = Document(file)
    yield from made.paragraphs
    for row in made.tables[0].rows:
        for cell in row.cells:
            yield from cell.paragraphs


def test_a_demonstration_is_called_one_and_what_is_stopped_is_not_judged(installation, assessed):
    installation.be_small(10)
    installation.start()
    rows = assessed()[1]
    assert "示例账号可以登录" in rows["8.1.4.1 a) 身份鉴别"][0]
    installation.stop()
    rows = assessed()[1]
    assert rows["8.1.4.4 d) 入侵防范"][2] == "无法核查"
    assert "数据库连不上" in rows["8.1.4.3 a) 安全审计"][0]

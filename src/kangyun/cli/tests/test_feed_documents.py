"""`kangyun feed try` and `take` of CDA documents, on a real database."""

import stat

import pytest
from typer.testing import CliRunner

from kangyun.cli.main import app

WHO = ("--institution", "Organization/house-1")
BY = ("--by", "system-administrator")
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="2.16.156.10011.1.1" extension="D-{number}"/><code code="C0053" codeSystem="2.16.156.10011.2.4"/>
<title>出院小结</title><effectiveTime value="20260105101500"/>
<recordTarget><patientRole>{whose}<patient><name>测试甲</name></patient></patientRole></recordTarget>
<component><structuredBody><component><section><code code="11535-2" codeSystem="2.16.840.1.113883.6.1"/><entry>
<observation classCode="OBS" moodCode="EVN"><code code="DE05.01.024.00" codeSystem="2.16.156.10011.2.2.1"/>
<value xsi:type="CD" code="I10" codeSystem="2.16.156.10011.2.3.3.11" displayName="高血压"/></observation></entry>
</section></component></structuredBody></component></ClinicalDocument>"""
WHOSE = '<id root="2.16.156.10011.1.13" extension="B001"/><id root="2.16.156.10011.1.12" extension="ZY1"/>'


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
def folder(tmp_path):
    """A folder of two documents, of which one is nobody's."""
    kept = tmp_path / "documents"
    kept.mkdir()
    kept.joinpath("1.xml").write_text(DOCUMENT.format(number=1, whose=WHOSE), "utf-8")
    kept.joinpath("2.xml").write_text(DOCUMENT.format(number=2, whose=""), "utf-8")
    return kept


def test_documents_are_shown_as_they_would_be_stored(run, folder):
    status, told = run("feed", "try", folder / "1.xml", *WHO)
    assert status == 0
    assert "1.xml C0053 出院小结" in told and '"resourceType": "Condition"' in told
    status, told = run("feed", "try", folder, *WHO)
    assert status == 1
    assert "试读 2 份文档，其中 1 份不会采用" in told


def test_documents_are_taken_once_and_what_is_wrong_comes_back(run, folder):
    status, told = run("feed", "take", folder, *WHO, *BY)
    assert status == 1
    assert "文档 2 份：新增资源 7 条" in told and "未采用 1 份" in told
    returned = folder.with_name("documents.returned.txt")
    assert stat.S_IMODE(returned.stat().st_mode) == 0o600
    assert "2.xml 第 5 行 /ClinicalDocument/recordTarget/patientRole" in returned.read_text("utf-8")
    returned.unlink()
    status, told = run("feed", "take", folder / "1.xml", *WHO, *BY)
    assert status == 0
    assert "新增资源 0 条，更新 0 条，已有且相同 7 条" in told

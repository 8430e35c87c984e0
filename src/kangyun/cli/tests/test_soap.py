"""`kangyun soap list` and `try`: what a message would ask for, without a platform that runs."""

import json

import pytest
from typer.testing import CliRunner

from kangyun.base.errors import Invalid
from kangyun.cli.main import app

MESSAGE = """<ResidentQuery xmlns="urn:kangyun:soap:1"><CardNumber>{card}</CardNumber></ResidentQuery>"""
ENVELOPE = '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{}</s:Body></s:Envelope>'
MINE = """
name = "mine"
title = "本院"
edition = "1"
certainty = "confirmed"
namespace = "urn:mine"
use = "kangyun"
[bind]
Find = "ResidentQuery"
[method]
name = "Call"
action = "FuncCode"
message = "input"
result = "output"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs `kangyun soap …` on files of these contents and returns status and output."""
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "400")

    def run_(*words, **written):
        for name, text in written.items():
            (tmp_path / name).write_text(text, "utf-8")
        files = [word for name in written for word in (f"--{name}", str(tmp_path / name))]
        done = CliRunner().invoke(app, ["--lang", "zh", "soap", *words, *files], catch_exceptions=False)
        return done.exit_code, done.output

    return run_


def test_services_and_how_sure_they_are(run):
    status, told = run("list")
    assert status == 0
    assert "服务 hip：" in told
    assert "ResidentRegister" in told


@pytest.mark.parametrize("form", ["{}", ENVELOPE])
def test_what_a_message_would_ask_for(run, form):
    status, told = run("try", "--institution", "Organization/h1", message=form.format(MESSAGE.format(card="A1")))
    assert status == 0
    assert "GET /Patient?identifier=urn%3Akangyun%3Aidentifier%3Avisit-card%3Ah1%7CA1" in told
    assert "没有发送" in told


def test_what_is_refused_is_told_with_its_place(run):
    status, told = run("try", "--institution", "Organization/h1", message=MESSAGE.format(card=""))
    assert status == 1
    assert "没有可采用的内容" in told


def test_a_mapping_of_ones_own_and_an_answer(run):
    inner = MESSAGE.format(card="A1").replace("<", "&lt;")
    message = f"<Call><FuncCode>Find</FuncCode><input>{inner}</input></Call>"
    answer = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": []})
    status, told = run("try", "--institution", "Organization/h1", message=message, mapping=MINE, answer=answer)
    assert status == 0, told
    assert "<output>" in told


def test_a_bad_mapping_is_told_with_its_place(run):
    with pytest.raises(Invalid) as found:
        run("try", "--institution", "Organization/h1", message="<a/>", mapping=MINE.replace("ResidentQuery", "Nothing"))
    assert found.value.issues[0].parameters["at"] == "mapping: bind.Find"

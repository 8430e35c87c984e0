"""`kangyun message`: which channels there are, and whether one of them works, in words."""

import json

import pytest
from typer.testing import CliRunner

from kangyun.cli.main import app

RUN = CliRunner()


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("KANGYUN_LANG", "zh")
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/providers.toml").write_text(
        '[sms]\nkind = "record"\n[webhook]\nkind = "webhook"\nhosts = ["hooks.example"]\nsecret = "key"\n'
    )
    (tmp_path / "key").write_text("k")
    return lambda *said: RUN.invoke(app, ["message", *said, "--data", str(tmp_path)])


def test_channels_say_what_they_promise(run):
    said = run("channels").output
    assert "sms：已设置（Recorder）。不认编号" in said
    assert "webhook：已设置（Webhook）。同一编号只收一次" in said
    assert "voice：未设置" in said


def test_a_test_is_sent_and_its_fate_said(run, tmp_path):
    sent = run("try", "sms", "13800000001")
    assert sent.exit_code == 0 and "服务商已接收" in sent.output
    line = json.loads((tmp_path / "messages.ndjson").read_text())
    assert (line["template"], list(line["variables"])) == ("KY-TEST", ["time"])
    refused = run("try", "webhook", "https://elsewhere.example/")
    assert refused.exit_code == 1 and "被拒绝（host-not-registered）" in refused.output


@pytest.mark.parametrize("channel", ["voice", "in-app", "pigeon"])
def test_a_channel_that_is_not_set_is_said_to_be_so(run, channel):
    tried = run("try", channel, "13800000001")
    assert tried.exit_code == 1 and tried.exception.issues[0].text == "cli.message-no-channel"

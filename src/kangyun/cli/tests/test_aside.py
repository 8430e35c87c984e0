"""Lines of many institutions in one process, and what they refused: listed, shown, mended and taken again."""

import os
import socket
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from kangyun.base.errors import Invalid
from kangyun.cli.listen import Line, lines_of, listen
from kangyun.cli.main import app
from kangyun.exchange.hl7v2.framing import framed

BY = ("--by", "system-administrator")
ONE, OTHER = "Organization/house-1", "Organization/house-2"
MAPPING = '[keys]\nvisit = ["ZVI-2", "PV1-19.1"]\n'


def message(number, *segments):
    head = f"MSH|^~\\&|HIS|H1|KY|KY|20260105080000||ADT^A01|{number}|P|2.5.1|||||CHN|UNICODE UTF-8"
    who = f"PID|1||P{number}^^^H1^MR||测试甲||19700101|M"
    return "\r".join([head, "EVN|A01|20260105080000", who, "PV1|1|I", *segments, ""]).encode()


def answered(port, raw):
    with socket.create_connection(("127.0.0.1", port), 20) as line:
        line.sendall(framed(raw))
        answer = b""
        while not answer.endswith(b"\x1c\r"):
            answer += line.recv(4096)
    return next(part.split("|")[1] for part in answer.decode().split("\r") if part.startswith("MSA"))


@pytest.fixture
def run(installation, monkeypatch):
    """Runs the command line and returns status and output."""
    monkeypatch.setenv("KANGYUN_DEMO", "true")
    monkeypatch.setenv("COLUMNS", "400")
    runner = CliRunner()

    def run_(*arguments):
        done = runner.invoke(app, ["--lang", "en", *map(str, arguments)])
        return done.exit_code, done.output

    assert run_("init")[0] == 0
    return run_


@pytest.fixture
def listening(run, tmp_path):
    """Both institutions' lines in one process. Returns the port of each."""
    (tmp_path / "one.toml").write_text("[codes.sex]\n'妇' = '2'\n", "utf-8")
    file = tmp_path / "lines.toml"
    file.write_text(
        f'[[line]]\ninstitution = "{ONE}"\nport = 0\nmapping = "one.toml"\n\n'
        f'[[line]]\ninstitution = "{OTHER}"\nport = 0\ntest = true\n',
        "utf-8",
    )
    command = [sys.executable, "-m", "kangyun.cli", "--lang", "en", "feed", "listen", "--lines", file, *BY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        said = [process.stdout.readline() for _ in range(2)]
        yield {
            house: int(line.rstrip(".\n ").rpartition(":")[2]) for house, line in zip((ONE, OTHER), said, strict=True)
        }
        process.terminate()
        assert process.wait(30) == 0


def test_each_port_is_its_institution_s_and_what_it_refused_is_mended(run, listening, tmp_path):
    visit = message("1", "ZVI|1|V1")
    assert answered(listening[ONE], visit) == "AE"
    assert answered(listening[OTHER], message("2").replace(b"|P|2.5.1", b"|T|2.5.1")) == "AE"
    status, told = run("feed", "aside", "list", "--institution", ONE)
    assert status == 1
    assert "1 messages wait" in told
    assert "PV1-19" in told
    assert "测试甲" not in told
    assert "测试甲" in run("feed", "aside", "show", "1", *BY)[1]
    (tmp_path / "mended.toml").write_text(MAPPING, "utf-8")
    again = ("feed", "aside", "again", "--institution", ONE, *BY)
    assert run(*again)[0] == 1
    status, told = run(*again, "--mapping", tmp_path / "mended.toml")
    assert (status, "1 messages tried again, 0 refused" in told) == (0, True)
    assert run("feed", "aside", "list", "--institution", ONE)[0] == 0
    assert run("feed", "aside", "drop", "2")[0] == 0
    assert "dropped" in run("feed", "aside", "list", "--all")[1]


def test_a_message_is_written_put_right_and_taken(run, listening, tmp_path):
    assert answered(listening[ONE], message("1")) == "AE"
    file = tmp_path / "message.hl7"
    assert run("feed", "aside", "show", "1", "--to", file, *BY)[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(file.read_bytes().replace(b"PV1|1|I", b"PV1|1|I" + b"|" * 17 + b"V1"))
    assert run("feed", "aside", "again", "1", "--institution", ONE, *BY, "--file", file)[0] == 0


def test_processes_share_the_port_of_a_line(run):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    place = ["--institution", ONE, "--port", str(port), "--processes", "2", *BY]
    command = [sys.executable, "-m", "kangyun.cli", "--lang", "en", "feed", "listen", *place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            assert [str(port) in process.stdout.readline() for _ in range(2)] == [True, True]
            answers = [
                answered(port, message(str(n)).replace(b"PV1|1|I", b"PV1|1|I%sV%d" % (b"|" * 17, n))) for n in range(6)
            ]
        finally:
            process.terminate()
        assert answers == ["AA"] * 6
        assert process.wait(30) == 0


def test_processes_are_of_one_line(tmp_path):
    with pytest.raises(Invalid, match=r"cli\.feed-processes"):
        listen([Line(ONE, "a", "127.0.0.1", 1), Line(OTHER, "a", "127.0.0.1", 2)], None, 2)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("x", r"cli\.feed-lines$"),
        ('[[line]]\ninstitution = "Organization/a"\n', r"cli\.feed-lines$"),
        ('[[line]]\ninstitution = "Organization/a"\nport = 1\nhots = "x"\n', r"cli\.feed-lines$"),
        ("line = []", r"cli\.feed-lines-ports"),
        ('[[line]]\ninstitution = "a"\nport = 1\n[[line]]\ninstitution = "b"\nport = 1\n', r"cli\.feed-lines-ports"),
    ],
)
def test_a_file_of_lines_that_cannot_be_is_told(tmp_path, content, told):
    file = tmp_path / "lines.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(Invalid, match=told):
        lines_of(file, "a")

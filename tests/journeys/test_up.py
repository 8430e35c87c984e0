"""`kangyun up` from outside: it comes up, keeps its data, stops whole, and leaves nothing behind however it ends."""

import json
import os
import pty
import signal
import socket
import subprocess
import time

import httpx
import psutil
import pytest

from kangyun.cli.up import LEAVES_WITHIN

PATIENT = {"resourceType": "Patient", "name": [{"text": "演示"}], "birthDate": "1950-01-02"}


def alive(processes):
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_started_again_it_has_its_data(installation):
    installation.start("--empty")
    status, made = installation.ask("/fhir/Patient", PATIENT)
    assert status == 201
    assert installation.stop() == 0
    installation.start()
    assert installation.ask(f"/fhir/Patient/{made['id']}") == (200, made)
    assert installation.ask("/fhir/Patient?_summary=count")[1]["total"] == 1  # No demonstration came in.


def test_a_root_key_that_is_not_the_datas_is_said_and_nothing_else(installation):
    installation.start("--empty")
    installation.stop()
    key = installation.data / "root.key"
    key.write_text(os.urandom(32).hex() + "\n")
    assert installation.up().wait(60) == 1
    assert "is not the one of this data" in installation.said.splitlines()[-1]
    assert "180 seconds" not in installation.said
    key.unlink()
    assert installation.up().wait(60) == 1
    assert "root key file is missing" in installation.said.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_every_process(installation, number):
    installation.start("--empty")
    running = installation.processes()
    assert len(running) > 8
    assert installation.stop(number) == 0
    assert alive(running) == []


def test_a_closed_terminal_stops_every_process(installation):
    ours, theirs = pty.openpty()
    # The terminal that it is started from is its controlling one, as in a window that somebody closes.
    process = installation.up(
        "--empty",
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),
    )
    os.close(theirs)
    installation.until(installation.answers)
    running = installation.processes()
    os.close(ours)
    assert process.wait(300) == 0
    assert alive(running) == []


def test_killed_outright_it_leaves_nothing_behind(installation):
    installation.start("--empty")
    running = installation.processes()
    installation.process.kill()
    installation.process.wait()
    installation.until(lambda: alive(running) == [])
    installation.start()
    assert installation.answers()


def test_started_at_once_after_it_was_killed(installation):
    installation.start("--empty")
    made = installation.ask("/fhir/Patient", PATIENT)[1]
    installation.process.kill()
    installation.process.wait()
    installation.until(lambda: not installation.answers())
    installation.start()
    assert installation.ask(f"/fhir/Patient/{made['id']}") == (200, made)


@pytest.mark.parametrize("words", [("postgres", "-D"), ("serve",), ("work",)], ids=["database", "web", "work"])
def test_what_is_killed_comes_back(installation, words):
    installation.start("--empty")
    victim = installation.pid_of(*words)
    os.kill(victim, signal.SIGKILL)
    installation.until(lambda: installation.pid_of(*words) not in (victim, 0) and installation.answers())
    installation.until(lambda: "ended unexpectedly" in installation.said)


def test_two_on_one_folder(installation):
    installation.start("--empty")
    second = subprocess.run(
        [*installation.command(), "--port", "1"],
        capture_output=True,
        text=True,
        env=os.environ | {"KANGYUN_LANG": "zh"},
    )
    assert second.returncode == 1
    assert str(installation.data) in second.stderr
    assert "另一个 kangyun up" in second.stderr
    assert str(installation.process.pid) in second.stderr
    assert installation.answers()


def test_a_taken_port(installation):
    with socket.create_server(("127.0.0.1", installation.port)):
        assert installation.up("--empty").wait(300) == 1
        began = time.monotonic()
        assert installation.up("--empty").wait(300) == 1
    assert f"Another program listens on port {installation.port}" in installation.said
    assert not (installation.data / "postgresql").exists()
    # Nothing was left behind, so nothing is waited for.
    assert time.monotonic() - began < LEAVES_WITHIN


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--port", "70000"], "no port 70000"), (["--host", "203.0.113.1"], "no address 203.0.113.1")],
    ids=["port", "host"],
)
def test_an_address_that_is_not_there(installation, arguments, said):
    assert installation.up("--empty", *arguments).wait(300) == 1
    assert said in installation.said


def test_a_demonstration_killed_half_way_goes_on(installation):
    mark = installation.be_small(30)
    installation.up()
    installation.until(lambda: json.loads(mark.read_bytes())["loaded"] > 3)
    installation.process.kill()
    installation.process.wait()
    half = json.loads(mark.read_bytes())["loaded"]
    installation.start()
    assert 3 < half < 32
    assert json.loads(mark.read_bytes())["loaded"] == 32
    # What the institutions have registered, and the patient that the demo's account stands for: none twice, and each
    # says what it is. The index knows that they are fewer residents.
    status, found = installation.ask("/fhir/Patient?_tag=demonstration&_count=100&_total=accurate")
    written = {entry["resource"]["id"] for entry in found["entry"]}
    assert (status, found["total"]) == (200, 82)
    links = [installation.ask(f"/fhir/Patient/{id_}/$links")[1] for id_ in sorted(written)]
    residents = {json.dumps(one["parameter"][0], sort_keys=True) for one in links}
    assert 31 <= len(residents) <= 36
    assert "演示" in str(found["entry"][0]["resource"]["meta"]["tag"])
    assert "Demo sign-ins" in installation.said
    assert installation.ask("/about")[1]["demonstration"] is True
    # The first thing that somebody tries: what the README asks as the demo's doctor.
    (password,) = (
        one["password"]
        for one in json.loads((installation.data / "demo-sign-ins.json").read_bytes())
        if one["user"] == "doctor"
    )
    asked = {"user": "doctor", "password": password}
    with httpx.Client(base_url=f"http://127.0.0.1:{installation.port}", timeout=30) as doctor:
        token = doctor.post("/sign-in", json=asked).json()["access_token"]
        for type_ in ("Patient", "Observation", "Encounter"):
            found = doctor.get(f"/fhir/{type_}", headers={"authorization": f"Bearer {token}"})
            assert found.json()["entry"], type_

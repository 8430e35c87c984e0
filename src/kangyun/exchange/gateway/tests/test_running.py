"""The gateway as a process: killed at any instant, and with a line that breaks, each row arrives once."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date

import msgspec
import pytest

from kangyun.exchange.gateway import commands
from kangyun.exchange.gateway.configuration import Diode, Source
from kangyun.exchange.gateway.running import _Reading as Reading
from kangyun.exchange.gateway.sources.opening import open_session
from kangyun.exchange.protocol import Asked

PATIENCE = 60  # seconds


@contextmanager
def running(hospital) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "kangyun.exchange.gateway", "--folder", str(hospital.folder), "run"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "did not come about"
        time.sleep(0.05)


def arrived(centre) -> list[str]:
    return [row[1] for row in centre.rows("lis")]


def test_a_stop_by_the_service_is_orderly(hospital, centre):
    hospital.configuration()
    hospital.reports(range(100))
    with running(hospital) as process:
        until(lambda: len(arrived(centre)) == 100)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert json.loads((hospital.folder / "status.json").read_text())["running"] is False


def test_a_second_one_in_the_same_folder_is_refused(hospital, centre):
    hospital.configuration()
    with running(hospital) as first:
        until((hospital.folder / "status.json").exists)
        with running(hospital) as second:
            assert second.wait(30) == 1
        assert first.poll() is None


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.soak)])
def test_each_row_arrives_once_in_spite_of_kills_and_a_line_that_breaks(hospital, centre, kills):
    count = 4_000 * kills
    hospital.table = msgspec.structs.replace(hospital.table, page=3_000)
    hospital.source = Source(name="his", kind="sqlite", database=str(hospital.database), rate=20_000)
    hospital.configuration()
    hospital.reports(range(count), at="2026-01-05 {0:02d}:{1:02d}:00")
    chance = random.Random(7)
    for _ in range(kills):
        with running(hospital) as process:
            time.sleep(chance.uniform(0.5, 1.6))
            centre.cut = chance.randrange(3)
            os.kill(process.pid, signal.SIGKILL)
    centre.cut = 0
    with running(hospital):
        until(lambda: len(arrived(centre)) >= count)
        time.sleep(0.5)
    found = arrived(centre)
    assert len(found) == len(set(found)) == count


def test_the_status_believes_no_gateway_that_was_killed(hospital, centre, capsys):
    hospital.configuration()
    with running(hospital) as process:
        until((hospital.folder / "status.json").exists)
        commands.main(["--folder", str(hospital.folder), "status"])
        assert "前置机正在运行" in capsys.readouterr().out
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert commands.main(["--folder", str(hospital.folder), "status"]) == 1
    assert re.search(r"没有在运行（最后一次状态：\d{4}-\d\d-\d\d \d\d:\d\d:\d\d）", capsys.readouterr().out)


def test_one_table_that_stops_stops_no_other(hospital, centre):
    centre.open("gone")
    other = msgspec.structs.replace(hospital.table, table="TB_GONE", feed="gone")
    hospital.configuration(tables=[other, hospital.table])
    hospital.report(1)
    with running(hospital):
        until(lambda: len(arrived(centre)) == 1)
        until(lambda: "his/TB_GONE" in json.loads((hospital.folder / "status.json").read_text())["faults"])


def test_a_delivery_that_the_centre_does_not_take_is_told(hospital, centre, monkeypatch):
    keep = centre._keep
    monkeypatch.setattr(centre, "_keep", lambda feed, *given: (400, b"{}") if feed == "lis" else keep(feed, *given))
    hospital.configuration()
    hospital.report(1)
    status = hospital.folder / "status.json"
    with running(hospital):
        until(lambda: status.exists() and "lis" in json.loads(status.read_text())["faults"])
    assert json.loads(status.read_text())["faults"]["lis"][:2] == [
        "exchange.gateway.cause-refused", {"number": 1, "status": 400},
    ]  # fmt: skip


def test_outside_the_window_nothing_is_read(hospital, centre):
    hospital.source = Source(name="his", kind="sqlite", database=str(hospital.database), window=["00:00-00:00"])
    hospital.configuration()
    hospital.report(1)
    with running(hospital):
        until((hospital.folder / "status.json").exists)
    with closing(sqlite3.connect(hospital.folder / "queue.db")) as db:
        assert db.execute("SELECT count(*) FROM delivery").fetchone() == (0,)


def test_the_log_names_places_and_no_person(hospital, centre):
    hospital.configuration()
    hospital.reports(range(5))
    with running(hospital) as process:
        until(lambda: len(arrived(centre)) == 5)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    log = (hospital.folder / "logs" / "gateway.log").read_text()
    assert "started" in log
    assert not any(secret in log for secret in ("R00001", "V1", "血常规"))


def test_signed_files_are_written_where_there_is_no_line(hospital, centre, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    hospital.configuration(diode=Diode(folder=str(out)))
    hospital.reports(range(10))
    with running(hospital):
        until(lambda: len(list(out.glob("*.kyb"))) == 1)
    assert arrived(centre) == []


def test_what_the_centre_wants_is_done_before_the_next_reading(hospital):
    class Sessions:
        def of(self, table):
            return session

    place = hospital.table.place
    with closing(hospital.queue()) as queue, closing(open_session(hospital.source, "")) as session:
        queue.begin("lis")
        hospital.reports(range(3))
        reading = Reading(queue, hospital.table, hospital.pace)

        def rounds() -> int:
            count = 0
            while reading.is_due:
                reading.round(Sessions())
                count += 1
            return count

        assert rounds() == 1
        for id_ in (1, 2):
            asked = Asked(id_, "serials", hospital.table.table, date(2026, 1, 5))
            queue.ask("lis", id_, msgspec.json.encode(asked))
        assert rounds() == 1
        assert len(queue.asked("lis", done=True)) == 2
        # What nobody can answer is tried once a reading.
        other = Asked(3, "serials", hospital.table.table, date(2026, 1, 5))
        reading._counting.table = msgspec.structs.replace(hospital.table, business="")
        queue.ask("lis", 3, msgspec.json.encode(other))
        assert rounds() == 1
        queue.begin_again([place])
        assert rounds() == 1
        assert queue.place(place).taken == 6
        hospital.run("DELETE FROM TB_LIS_REPORT")
        queue.begin_again([place])
        assert rounds() == 1  # Of nothing there is no position, and no reason to read it again and again.

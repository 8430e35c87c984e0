"""A hospital's gateway as it is, a process, before the platform as it is: from the table into the record and back."""

import asyncio
import json
import random
import socket
import sqlite3
import subprocess
import sys
import threading
import types
from contextlib import closing, contextmanager, suppress
from datetime import date, datetime, timedelta

import msgspec
import pytest
import uvicorn

from kangyun.access.applications.register import Application
from kangyun.base import clock
from kangyun.exchange.feeds import worker
from kangyun.exchange.gateway import ddl, pace
from kangyun.exchange.gateway.answering import Answering
from kangyun.exchange.gateway.checking import check
from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.configuration import Centre, Table
from kangyun.exchange.gateway.counting import Counting
from kangyun.exchange.gateway.keys import client_key
from kangyun.exchange.gateway.line import Line, LineFailed
from kangyun.exchange.gateway.pace import Closed, Pace
from kangyun.exchange.gateway.queue import Unnumbered
from kangyun.exchange.gateway.sending import Sending
from kangyun.exchange.gateway.sources.opening import open_session
from kangyun.testing.hospital import Hospital
from kangyun.testing.provider import SITE

HOUSE = "Organization/house-1"
FEED = "house-1-tables"
TABLE = "TB_YL_PATIENT_INFORMATION"
COLUMNS = (
    *("YLJGYQDM", "KH", "KLX", "ZJHM", "ZJLX", "XB", "XM", "HYZK", "CSRQ", "MZ", "GJ", "SJHM", "JZDZ", "LXRXM"),
    *("LXRGX", "LXRDH", "YWSCSJ", "YYDAH", "MJ", "XGBZ"),
)


@pytest.fixture
async def address(region):
    """Where the platform is reached over a real connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(region.client._transport.app, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    await serving
    listening.close()


@pytest.fixture
async def hospital(tmp_path, address, region, staff):
    """A hospital whose gateway is registered, and its feed live."""
    (tmp_path / "his").mkdir()
    made = Hospital(tmp_path / "his", types.SimpleNamespace(url=address, keys={}))
    made.centre = Centre(url=address, client="gw-1", audience=f"{SITE}/oauth/token")
    made.run(ddl.script("sqlite", "shanghai-hub-2026", TABLE).partition(";")[0])
    made.table = Table(
        source="his", table=TABLE, feed=FEED, by="flag", column="SCBZ", dialect="shanghai-hub-2026", every=1
    )
    made.configuration()
    wanted = Application(
        client="gw-1", name="前置机", owner=HOUSE, purpose="HOPERAT", redirect_uris=(), scopes=("system/feeds",),
        expires=clock.now() + timedelta(days=30), jwks=(made.folder / "public.json").read_text(),
    )  # fmt: skip
    await region.sign_in.applications.add(wanted, "Device/t", "合同")
    await region.sign_in.applications.review("gw-1", "passed", "Practitioner/security")
    said = {"client": "gw-1", "agreement": "H-1", "agreed": "2026-11-01", "dialect": "shanghai-hub-2026"}
    new = {"name": FEED, "institution": HOUSE, "title": "一院业务表", "said": said}
    assert (await staff("POST", "", new))[0] == 201
    for state in ("testing", "trial", "live"):
        assert (await staff("POST", f"/{FEED}/move", {"to": state}))[0] == 200
    return made


@pytest.fixture
async def working(centre, monkeypatch):
    """The background work that takes in what was delivered."""
    monkeypatch.setattr(worker, "LOOK", 0.02)
    stop = asyncio.Event()
    task = asyncio.ensure_future(worker.keep_taking(centre, stop))
    yield
    stop.set()
    await task


def fill(hospital, rows):
    with closing(sqlite3.connect(hospital.database)) as db, db:
        db.executemany(f"INSERT INTO {TABLE} ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})", rows)


def flags(hospital):
    return hospital.ask(f"SELECT SCBZ, CWDM FROM {TABLE} ORDER BY KYXH")


async def until(condition):
    for _ in range(600):
        if condition():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come about")


async def test_rows_go_into_the_record_and_their_fate_comes_back(hospital, region, working, make_person):
    fill(hospital, [make_person(1), make_person(2, number="990000197001010000"), make_person(3)])
    process = subprocess.Popen(
        [sys.executable, "-m", "kangyun.exchange.gateway", "--folder", str(hospital.folder), "run"]
    )
    try:
        await until(lambda: [flag for flag, _ in flags(hospital)] == ["3", "3", "3"])
        # Answers are asked for every quarter of a minute, tables read every minute.
        await until(lambda: [flag for flag, _ in flags(hospital)] == ["1", "2", "1"])
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
    assert flags(hospital)[1] == ("2", "number-cut")
    found = (await region.client.get("Patient")).json()["entry"]
    assert all(one["resource"]["id"].startswith("house-1-") for one in found)
    assert len(found) == 2
    assert json.loads((hospital.folder / "status.json").read_text())["faults"] == {}


async def test_the_connection_test_finds_all_well(hospital, working, make_person):
    fill(hospital, [make_person(1)])
    told = hospital.configuration()
    found = await asyncio.to_thread(lambda: list(check(hospital.folder, told)))
    assert [(one.what, one.text) for one in found if not one.well] == []


@pytest.fixture
async def steps(hospital):
    """The gateway of a table without flags, one step at a time, beside the loop."""
    table = Table(
        source="his", table="V_PATIENTS", called=TABLE, feed=FEED, by="text", column="YWSCSJ",
        key=["YLJGYQDM", "KLX", "KH"], dialect="shanghai-hub-2026", business="YWSCSJ", form="%Y-%m-%d %H:%M:%S",
        settle=0,
    )  # fmt: skip
    hospital.run(f"CREATE VIEW V_PATIENTS AS SELECT {', '.join(COLUMNS)} FROM {TABLE}")
    told = hospital.configuration(tables=[table])
    pace = Pace(threading.Event())

    def step():
        with (
            closing(hospital.queue()) as queue,
            closing(Line(told.centre, client_key(hospital.folder), hospital.folder)) as line,
            closing(open_session(hospital.source, "")) as session,
        ):
            sending = Sending(told, queue, line, Answering(queue, hospital.folder), pace)
            sending.step()
            Collecting(queue, table, pace).round(session)
            counting = Counting(queue, table, pace)
            counting.answer(session)
            declared = counting.of_day(session, session.columns(table.table), date(2025, 12, 1))
            queue.count(table.place, declared.day.isoformat(), msgspec.json.encode(declared).decode())
            while sending.step():
                pass
            sending.soon()
            sending.step()

    return lambda: asyncio.to_thread(step)


async def test_both_sides_count_the_same_and_what_is_missing_is_sent_when_asked_for(
    hospital, region, staff, working, steps, make_person
):
    fill(hospital, [make_person(1), make_person(2)])
    await steps()
    for what in ("serials", "resend"):
        asked = {"what": what, "table": TABLE, "day": "2025-12-01"}
        status, _ = await staff("POST", f"/{FEED}/asked", asked)
        assert status in (200, 201)
    await steps()
    await steps()
    _, found = await staff("GET", f"/{FEED}/asked")
    assert [bool(one.get("answered")) for one in found] == [True, True]
    _, told = await staff("GET", f"/{FEED}/asked/{min(one['id'] for one in found)}")
    assert (told["missing"], told["surplus"]) == ([], [])


NOON = datetime(2025, 12, 1, 12)  # noqa: DTZ001
STEP = timedelta(hours=1)
TWO_DAYS = 48
"""Steps of an hour."""


class Killed(BaseException):
    """The gateway is no more: nothing that it had not committed is there."""


class Days:
    """Two days of a hospital, on a clock that is set, with a gateway that is killed and a line that is cut or breaks.

    now: as the wall shows it. cut: whether nobody answers. breaks: whether some answers are lost on the way.
    """

    def __init__(self, hospital, table, monkeypatch):
        self.hospital, self.table, self.told = hospital, table, hospital.configuration(tables=[table])
        self.now, self.kills, self.cut, self.breaks = NOON, 0, False, False
        self.chance = random.Random(5)
        self.source = msgspec.structs.replace(hospital.source, window=["22:00-06:00", "12:00-12:30"])
        monkeypatch.setattr(pace, "clock", types.SimpleNamespace(now=lambda: self.now.replace(tzinfo=pace.BEIJING)))
        asked = Line.ask

        def ask(line, *given):
            if self.cut:
                raise LineFailed
            answer = asked(line, *given)
            if self.breaks and self.chance.random() < 0.2:
                raise LineFailed  # It was done, and nobody heard of it.
            return answer

        monkeypatch.setattr(Line, "ask", ask)

    def live(self, make_person, number):
        """An hour: somebody is new, somebody comes late into the table, somebody's row is corrected."""
        stamps = [self.now, self.now - timedelta(minutes=50)] if number % 3 == 0 else [self.now]
        for nth, at in enumerate(stamps):
            fill(self.hospital, [make_person(number * 2 + nth, day=f"{at:%Y-%m-%d %H:%M:%S}")])
        if number % 5 == 4:
            self.hospital.run(
                f"UPDATE {TABLE} SET XM = '测改', YWSCSJ = ? WHERE KH = ?",
                (f"{self.now:%Y-%m-%d %H:%M:%S}", str(number * 2 - 4)),
            )
        self.now += STEP

    def gateway(self, dies):
        """What the gateway does when its time comes; it may be killed before or behind any commit."""
        with suppress(Killed, Closed, LineFailed), closing(self._queue(dies)) as queue:
            slow = pace.Pace(threading.Event(), windows=self.source.window)
            with closing(open_session(self.source, "")) as session, suppress(Closed, Unnumbered):
                Collecting(queue, self.table, slow).round(session)
                for back in range(3):
                    day = (self.now - timedelta(days=back)).date()
                    told = Counting(queue, self.table, slow).of_day(session, session.columns("V_PATIENTS"), day)
                    queue.count(self.table.place, day.isoformat(), msgspec.json.encode(told).decode())
            with closing(Line(self.told.centre, client_key(self.hospital.folder), self.hospital.folder)) as line:
                quick = pace.Pace(threading.Event())
                sending = Sending(self.told, queue, line, Answering(queue, self.hospital.folder), quick)
                while sending.step():
                    pass
                sending.soon()
                sending.step()

    def _queue(self, dies):
        queue = self.hospital.queue()
        writing = queue._writing

        @contextmanager
        def write():
            late = self.chance.random() < 0.5
            killed = dies and self.chance.random() < 0.1
            with writing() as db:
                yield db
                if killed and not late:
                    self.kills += 1
                    raise Killed
            if killed:
                self.kills += 1
                raise Killed

        queue._writing = write
        return queue

    def waits(self):
        with closing(self.hospital.queue()) as queue:
            feed = queue.feed(FEED)
            return bool(queue.waiting()) or feed[1] < feed[0] - 1  # answered, next


async def test_two_days_of_a_cut_line_and_kills_on_either_side_lose_and_double_nothing(
    hospital, region, staff, centre, make_person, monkeypatch
):
    monkeypatch.setattr(worker, "LOOK", 0.02)
    table = Table(
        source="his", table="V_PATIENTS", called=TABLE, feed=FEED, by="text", column="YWSCSJ",
        key=["YLJGYQDM", "KLX", "KH"], dialect="shanghai-hub-2026", business="YWSCSJ", form="%Y-%m-%d %H:%M:%S",
        page=5, overlap=120,
    )  # fmt: skip
    hospital.run(f"CREATE VIEW V_PATIENTS AS SELECT {', '.join(COLUMNS)} FROM {TABLE}")
    days = Days(hospital, table, monkeypatch)
    await asyncio.to_thread(days.gateway, False)  # The line is there for a moment, so that the centre has spoken once.
    days.cut = True
    for number in range(TWO_DAYS):
        days.live(make_person, number)
        await asyncio.to_thread(days.gateway, True)
    with closing(hospital.queue()) as queue:
        ((_, _, queued),) = queue.waiting().values()
    assert (queued > 50, days.kills > 5) == (True, True)
    days.cut, days.breaks = False, True
    days.now += timedelta(minutes=5)
    while await asyncio.to_thread(days.waits):
        stop = asyncio.Event()
        taking = asyncio.ensure_future(worker.keep_taking(centre, stop))
        await asyncio.to_thread(days.gateway, True)
        await asyncio.sleep(days.chance.uniform(0, 0.4))
        stop.set()  # What is under way at the centre is broken off.
        await taking
    days.breaks = False
    await asyncio.to_thread(days.gateway, False)
    async with centre.pool.connection() as connection:
        arrived = await connection.fetchrow(
            "SELECT count(*) AS deliveries, max(number) AS last, sum(rows) AS rows, sum(aside) AS aside"
            " FROM feed_delivery"
        )
    with closing(hospital.queue()) as queue:
        taken = queue.place(table.place).taken
    deliveries = arrived["last"]
    assert dict(arrived) == {"deliveries": deliveries, "last": deliveries, "rows": taken, "aside": 0}
    page = (await region.client.get("Patient", params={"_count": 1000})).json()
    # Each row that was delivered made a version of its own: none came twice.
    assert sum(int(one["resource"]["meta"]["versionId"]) for one in page["entry"]) == taken
    own = dict(hospital.ask(f"SELECT substr(YWSCSJ, 1, 10), count(*) FROM {TABLE} GROUP BY 1"))
    assert len(own) == 3
    for day, rows in own.items():
        _, ((one),) = await staff("GET", f"/{FEED}/counts?day={day}")
        assert (one["declared"], one["received"], one["stored"], one["refused"]) == (rows, rows, rows, 0)
    for name in ("测试甲", "测改"):
        ((wanted,),) = hospital.ask(f"SELECT count(*) FROM {TABLE} WHERE XM = '{name}'")
        found = (await region.client.get("Patient", params={"name": name, "_summary": "count"})).json()
        assert (name, found["total"]) == (name, wanted)

"""A hospital's gateway as it is, a process, before the platform as it is: from the table into the record and back."""

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
import threading
import types
from contextlib import closing
from datetime import date, timedelta

import msgspec
import pytest
import uvicorn

from kangyun.access.applications.register import Application
from kangyun.base import clock
from kangyun.exchange.feeds import worker
from kangyun.exchange.gateway import ddl
from kangyun.exchange.gateway.answering import Answering
from kangyun.exchange.gateway.checking import check
from kangyun.exchange.gateway.collecting import Collecting
from kangyun.exchange.gateway.configuration import Centre, Table
from kangyun.exchange.gateway.counting import Counting
from kangyun.exchange.gateway.keys import client_key
from kangyun.exchange.gateway.line import Line
from kangyun.exchange.gateway.pace import Pace
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

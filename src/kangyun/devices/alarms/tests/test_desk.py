"""The desk over HTTP: who sees what, what is done, and what is written down."""

import base64
import io
from datetime import timedelta

import httpx
import pytest
from openpyxl import Workbook, load_workbook

from kangyun.access.actor import Actor
from kangyun.access.platform import Platform
from kangyun.access.relations.whom import by_id
from kangyun.base import clock
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.ladder import Ladder
from kangyun.testing.people import know

CENTRE, CLINIC = "Organization/centre", "Organization/clinic"
PERSON = {
    "resourceType": "Patient", "id": "clinic-p", "name": [{"text": "王建国"}], "gender": "male",
    "birthDate": "1956-02-03", "telecom": [{"system": "phone", "value": "13900000001"}],
    "address": [{"text": "测试市福田区测试路 1 号"}],
}  # fmt: skip
ACTORS = {
    "officer": Actor("Practitioner/wang", "王", CENTRE, role="duty-officer"),
    "off-duty": Actor("Practitioner/off", "关", CENTRE, role="duty-officer"),
    "elsewhere": Actor("Practitioner/far", "远", "Organization/other", role="duty-officer"),
    "doctor": Actor("Practitioner/li", "李", CLINIC, role="family-doctor"),
    "nurse": Actor("Practitioner/zhao", "赵", CENTRE, role="nurse"),
    "stranger": Actor("Practitioner/chen", "陈", "Organization/other", role="doctor"),
    "clerk": Actor("Practitioner/ma", "马", CENTRE, "PATADMIN", role="registrar"),
}


def parameter(*items):
    return {"resourceType": "Parameters", "parameter": [{"name": name, **value} for name, value in items]}


def of(id_, **texts):
    return parameter(("id", {"valueInteger": id_}), *((name, {"valueString": text}) for name, text in texts.items()))


def parts(answer, name):
    """Returns the parts of each parameter of a name, by their names."""
    return [
        {part["name"]: next(value for key, value in part.items() if key != "name") for part in one["part"]}
        for one in answer.json().get("parameter", ())
        if one["name"] == name
    ]


class Region:
    """A resident of a clinic with a device that the centre gave out; the centre's desk with one officer on duty."""

    def __init__(self, platform: Platform, clients: dict[str, httpx.AsyncClient], found) -> None:
        self.platform, self.clients, self.found = platform, clients, found
        self.alarms = Alarms.of(platform.gate)
        self.holder = 0

    async def settle(self) -> None:
        made = await self.clients["doctor"].put("Patient/clinic-p", json=PERSON)
        assert made.status_code == 201, made.text
        self.holder = (await by_id(self.platform.gate.store, "clinic-p")).patient
        for name in ("officer", "elsewhere", "stranger"):  # The number of each house is made at its first visit.
            await self.clients[name].get("$alarms")
        self.wang = await self.admit("wang", "duty-officer")
        sql = """
        WITH centre AS (SELECT id FROM institution WHERE reference = 'Organization/centre'),
        given AS (INSERT INTO device (name, institution, format) SELECT 'd1', id, 'plain' FROM centre RETURNING id),
        shift AS (INSERT INTO duty_shift (desk, day, starts, ends, who, given_by)
            SELECT id, 'daily', '00:00', '00:00', 'Practitioner/wang', 'test' FROM centre)
        INSERT INTO device_user (device, holder, since) SELECT id, $1, now() - interval '9 days' FROM given
        """
        async with self.platform.pool.connection() as connection:
            await connection.execute(sql, self.holder)

    async def raise_(self, rule: str = "sos", level: int = 3, **given) -> int:
        async with self.platform.pool.connection() as connection, connection.transaction():
            (one,) = await self.alarms.raise_(connection, [self.found(rule, level, self.holder, **given)])
        return one.alarm

    async def admit(self, name: str, *roles: str, house: str = CENTRE) -> int:
        return await self.platform.sign_in.identities.admit(
            "staff", f"Practitioner/{name}", house, name, roles=roles, vouched_by="Device/t", evidence="x", handle=name,
        )  # fmt: skip

    async def get(self, who: str, path: str) -> httpx.Response:
        return await self.clients[who].get(path)

    async def post(self, who: str, path: str, body) -> httpx.Response:
        return await self.clients[who].post(path, json=body)


@pytest.fixture
async def region(platform: Platform, open_client, monkeypatch, found) -> Region:
    know(monkeypatch, ACTORS)
    first = await open_client()
    clients = {"administrator": first}
    for name in ACTORS:
        clients[name] = httpx.AsyncClient(
            transport=first._transport, base_url=first.base_url, headers={"authorization": f"Bearer {name}"}
        )
    made = Region(platform, clients, found)
    await made.settle()
    yield made
    for name in ACTORS:
        await clients[name].aclose()


async def test_who_is_on_duty_and_who_treats_sees_an_alarm_and_nobody_else(region):
    id_ = await region.raise_(position=(30.1, 104.2))
    for who, seen in (("officer", 1), ("doctor", 1), ("off-duty", 0), ("elsewhere", 0), ("stranger", 0)):
        answer = await region.get(who, "$alarms")
        assert answer.status_code == 200, answer.text
        assert len(parts(answer, "alarm")) == seen, who
        one = await region.post(who, "$acknowledge", of(id_, words="看到了"))
        assert (one.status_code == 200) == bool(seen), who
    assert (await region.get("clerk", "$alarms")).status_code == 403


async def test_persons_are_masked_until_the_alarm_is_opened(region):
    id_ = await region.raise_(position=(30.1, 104.2))
    (listed,) = parts(await region.get("officer", "$alarms"), "alarm")
    assert listed["name"] != "王建国" and listed["name"].startswith("王")
    assert "测试路" not in listed["place"] and "30.10000" in listed["place"]
    assert (await region.get("officer", "Patient/clinic-p")).status_code == 404
    opened = await region.post("officer", "$alarm", of(id_))
    (person,), (one,) = parts(opened, "person"), parts(opened, "alarm")
    assert (person["name"], person["phone"], person["age"] >= 70) == ("王建国", "13900000001", True)
    assert "住址：测试市福田区测试路 1 号" in one["place"]
    assert person["series"] == "Patient/clinic-p/$series"
    read = await region.get("officer", "Patient/clinic-p")
    assert read.status_code == 200 and read.json()["name"][0]["text"] == "王建国"
    assert (await region.get("off-duty", "Patient/clinic-p")).status_code == 404
    async with region.platform.pool.connection() as connection:
        way = await connection.fetchval("SELECT way FROM audit WHERE action = 'open-alarm'")
    assert way == "alarm"


async def test_from_the_alarm_to_its_outcome(region):
    id_ = await region.raise_()
    promised = parameter(("id", {"valueInteger": id_}), ("minutes", {"valueInteger": 10}))
    assert (await region.post("officer", "$acknowledge", promised)).status_code == 200
    assert (await region.post("officer", "$note", of(id_, words="电话占线"))).status_code == 200
    assert (await region.post("officer", "$close", of(id_))).status_code == 400
    assert (await region.post("officer", "$close", of(id_, outcome="没事"))).status_code == 400
    await region.admit("li", "family-doctor")
    handed = await region.post("officer", "$hand-over", of(id_, to="Practitioner/li"))
    assert handed.status_code == 200, handed.text
    (mine,) = parts(await region.get("doctor", "$alarms?whose=mine"), "alarm")
    assert mine["owner"] == {"reference": "Practitioner/li"}
    closed = await region.post("doctor", "$close", of(id_, outcome="已联系", words="老人按错了"))
    assert closed.status_code == 200
    assert (await region.post("doctor", "$close", of(id_, outcome="误报"))).status_code == 422
    events = parts(await region.post("doctor", "$alarm", of(id_)), "event")
    assert [one["what"] for one in events] == ["raised", "acknowledge", "note", "hand-over", "close"]
    assert (events[2]["words"], events[4]["outcome"], events[4]["words"]) == ("电话占线", "contacted", "老人按错了")
    assert parts(await region.get("officer", "$alarms"), "alarm") == []
    (one,) = parts(await region.get("officer", "$alarms?state=closed"), "alarm")
    assert one["outcome-text"] == "已联系"
    async with region.platform.pool.connection() as connection:
        sealed = await connection.fetch("SELECT words FROM alarm_event WHERE words IS NOT NULL")
    assert all("电话".encode() not in row["words"] for row in sealed)


async def test_it_is_handed_to_staff_of_the_desk_only(region):
    id_ = await region.raise_()
    identities = region.platform.sign_in.identities
    await region.admit("chen", "doctor", house="Organization/other")
    await region.admit("ma", "registrar")
    away = await region.admit("zhao", "nurse")
    await identities.suspend(away, "Device/t", "x")
    for who in ("chen", "ma", "zhao", "nobody"):
        answer = await region.post("officer", "$hand-over", of(id_, to=f"Practitioner/{who}"))
        assert answer.status_code == 422 and "本值守台所在机构" in answer.text, who
    assert (await region.post("stranger", "$alarm", of(id_))).status_code == 404
    await identities.resume(away, "Device/t", "x")
    assert (await region.post("officer", "$hand-over", of(id_, to="Practitioner/zhao"))).status_code == 200


async def test_who_does_not_take_it_sees_the_person_no_more(region):
    await region.admit("zhao", "nurse")
    ladder = Ladder(region.platform.gate, region.alarms)

    async def opens(rule: str) -> int:
        id_ = await region.raise_(rule)
        assert (await region.post("officer", "$hand-over", of(id_, to="Practitioner/zhao"))).status_code == 200
        assert (await region.post("nurse", "$alarm", of(id_))).status_code == 200
        assert (await region.get("nurse", "Patient/clinic-p")).status_code == 200
        return id_

    id_ = await opens("sos")
    assert (await region.post("officer", "$acknowledge", of(id_))).status_code == 200
    assert (await region.get("nurse", "Patient/clinic-p")).status_code == 404
    assert (await region.post("nurse", "$alarm", of(id_))).status_code == 404
    assert (await region.post("officer", "$close", of(id_, outcome="误报"))).status_code == 200
    id_ = await opens("fall")
    await ladder.climb(id_, clock.now() + timedelta(minutes=11))
    assert (await region.get("nurse", "Patient/clinic-p")).status_code == 404


async def test_the_list_is_paged_red_first_and_exported(region):
    rules = ("glucose-low", "spo2-low", "fall", "glucose-high", "heart-rate-low")
    for number, rule in enumerate(rules):
        await region.raise_(rule, 1 + number % 3)
    first = await region.get("officer", "$alarms?_count=2")
    cursor = first.json()["parameter"][-1]["valueString"]
    rest = await region.get("officer", f"$alarms?_count=2&_cursor={cursor}")
    levels = [one["level"] for answer in (first, rest) for one in parts(answer, "alarm")]
    assert levels == ["red", "amber", "amber", "yellow"]
    book = await region.get("officer", "$alarms?as=xlsx")
    sheet = load_workbook(io.BytesIO(base64.b64decode(book.json()["data"]))).active
    assert sheet.max_row == 6 and sheet["B2"].value == "红色"


async def test_whose_alarms_are_asked_for(region):
    await region.raise_()
    team = {
        "resourceType": "CareTeam", "id": "t", "status": "active", "subject": {"reference": "Patient/clinic-p"},
        "category": [{"coding": [{"system": "urn:kangyun:care-team", "code": "family-doctor"}]}],
        "participant": [{"member": {"reference": "Practitioner/li"}}],
    }  # fmt: skip
    assert parts(await region.get("doctor", "$alarms?whose=team"), "alarm") == []
    assert (await region.clients["administrator"].put("CareTeam/t", json=team)).status_code == 201
    assert len(parts(await region.get("doctor", "$alarms?whose=team"), "alarm")) == 1
    assert parts(await region.get("doctor", "$alarms?whose=desk"), "alarm") == []
    assert len(parts(await region.get("officer", "$alarms?whose=desk"), "alarm")) == 1
    assert (await region.get("officer", "$alarms?whose=all")).status_code == 400


async def test_figures_by_rule(region):
    for number in range(3):
        id_ = await region.raise_("glucose-low", 2, ago=60 - number)
        await region.post("officer", "$acknowledge", of(id_))
        await region.post("officer", "$close", of(id_, outcome=("误报", "已联系", "误报")[number]))
    answer = await region.get("officer", "$alarm-figures")
    (one,) = parts(answer, "rule")
    days = next(item["valueInteger"] for item in answer.json()["parameter"] if item["name"] == "patient-days")
    assert days == 10
    assert (one["alarms"], one["per-100-patient-days"], one["false-share"]) == (3, 30, 0.6667)
    assert 0 <= one["seconds-to-answer-median"] < 60


def workbook(*rows) -> str:
    book = Workbook()
    book.active.append(["类别", "日期", "开始", "结束", "人员", "替谁", "说明"])
    for row in rows:
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return base64.b64encode(file.getvalue()).decode()


def roster(file: str, *, dry: bool):
    return parameter(("file", {"valueBase64Binary": file}), ("dry-run", {"valueBoolean": dry}))


async def test_a_roster_is_tried_told_of_its_gaps_taken_in_and_given_out(region):
    await region.admit("zhao", "duty-officer")
    tomorrow = clock.now() + timedelta(days=1)
    good = [
        ["班次", "每天", "08:00", "20:00", "wang", "", ""], ["班次", "工作日", "20:00", "08:00", "zhao", "", ""],
        ["替班", "", f"{tomorrow:%Y-%m-%d} 08:00", f"{tomorrow:%Y-%m-%d} 12:00", "zhao", "wang", ""],
        ["节假日", f"{tomorrow:%Y-%m-%d}", "", "", "休", "", "校庆"],
    ]  # fmt: skip
    bad = workbook(
        *good, ["班次", "周八", "08:00", "20:00", "wang", "", ""], ["班次", "周一", "8", "20:00", "nobody", "", ""]
    )
    tried = await region.post("officer", "$duty-import", roster(bad, dry=False))
    assert tried.status_code == 200, tried.text
    assert parts(tried, "result")[0]["holds"] is False
    assert [(one["line"], one["column"]) for one in parts(tried, "wrong")] == [(6, "日期"), (7, "人员")]
    dry = await region.post("officer", "$duty-import", roster(workbook(*good), dry=True))
    assert parts(dry, "result") == [{"holds": False, "shifts": 2, "stand-ins": 1, "holidays": 1}]
    assert [one for one in dry.json()["parameter"] if one["name"] == "gap"]
    held = await region.post("officer", "$duty-import", roster(workbook(*good), dry=False))
    assert parts(held, "result")[0]["holds"] is True
    given = await region.get("officer", "$duty?as=xlsx")
    again = await region.post("officer", "$duty-import", roster(given.json()["data"], dry=True))
    assert parts(again, "result") == parts(dry, "result") and parts(again, "wrong") == []
    assert (await region.post("doctor", "$duty-import", roster(workbook(*good), dry=True))).status_code == 403


async def test_a_gap_is_told_beforehand_and_once(region):
    ladder = Ladder(region.platform.gate, region.alarms)
    assert await ladder.tell_gaps(clock.now()) == 0
    # From an hour ago to three hours from now somebody is there.
    begin = (clock.now() - timedelta(hours=1)).astimezone(region.alarms.zone)
    hours = begin.strftime("%H:%M"), (begin + timedelta(hours=4)).strftime("%H:%M")
    async with region.platform.pool.connection() as connection:
        await connection.execute(f"UPDATE duty_shift SET starts = '{hours[0]}', ends = '{hours[1]}'")
    assert await ladder.tell_gaps(clock.now()) == 1
    assert await ladder.tell_gaps(clock.now() + timedelta(minutes=10)) == 0
    async with region.platform.pool.connection() as connection:
        await connection.execute("UPDATE duty_shift SET day = '2020-01-01'")
    assert await ladder.tell_gaps(clock.now()) == 1
    assert await ladder.tell_gaps(clock.now() + timedelta(minutes=10)) == 0


async def test_an_hour_that_is_nobodys_is_the_fallbacks(region):
    await region.raise_()
    assert parts(await region.get("off-duty", "$alarms"), "alarm") == []
    async with region.platform.pool.connection() as connection:
        await connection.execute("DELETE FROM duty_shift")
    assert len(parts(await region.get("off-duty", "$alarms"), "alarm")) == 1
    answer = (await region.get("off-duty", "$duty")).json()["parameter"]
    assert {"name": "on-duty", "valueString": "role:duty-officer"} in answer


async def test_who_was_suspended_or_has_left_is_not_on_duty(region):
    await region.raise_()
    identities = region.platform.sign_in.identities
    for gone in (identities.suspend, identities.leave):
        await gone(region.wang, "Device/t", "x")
        assert len(parts(await region.get("off-duty", "$alarms"), "alarm")) == 1
        answer = (await region.get("off-duty", "$duty")).json()["parameter"]
        assert {"name": "on-duty", "valueString": "role:duty-officer"} in answer
        assert {"name": "in-roster", "valueBoolean": False} in answer
        assert [one for one in answer if one["name"] == "gap"]
    assert await Ladder(region.platform.gate, region.alarms).tell_gaps(clock.now()) == 1

"""A hospital's list of staff over HTTP: tried, carried out, repeated; and its leavers, by list and by feed."""

import asyncio
import base64
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from openpyxl import load_workbook

from kangyun.access.actor import Actor
from kangyun.access.platform import open_platform
from kangyun.access.signin import SignIn
from kangyun.access.staff.importing import NUMBER
from kangyun.access.staff.leavers import TYPES, Leavers
from kangyun.access.staff.sheets import XLSX
from kangyun.store.feed import last_place, read
from kangyun.testing.sequencing import give_positions

OFFICER = Actor("Practitioner/officer", "系统管理员", "Organization/platform", "SYSADMIN", role="system-administrator")
SECURITY = Actor("Practitioner/safe", "安全管理员", "Organization/platform", "SYSADMIN", role="security-administrator")
DOCTOR = Actor("Practitioner/li", "李医生", "Organization/h", "TREAT", role="doctor")
FEED = Actor("Device/feed-h", "县医院", "Organization/h", "TREAT", role="application")
RIVAL = Actor("Device/feed-z", "中医院", "Organization/z", "TREAT", role="application")
RIVAL_UUID = "5d3b9d5e-6a39-4a3c-9d3c-0c0c0c0c0c0c"
PART = replace(RIVAL, institution=f"Organization/{RIVAL_UUID}")
ACTORS = {"officer": OFFICER, "security": SECURITY, "doctor": DOCTOR, "feed": FEED, "rival": RIVAL, "part": PART}
LI = ("007", "李四", "H1", "内科", "医生、家庭医生", "330100001", "")
WANG = ("008", "王五", "Organization/h", "外科", "护士", "", "")


@pytest.fixture
async def hospital(register, monkeypatch, open_client):
    """Clients of a region with two hospitals; one of them has a department."""
    known = SignIn.actor

    async def actor(self, token):
        return ACTORS.get(token) or await known(self, token)

    monkeypatch.setattr(SignIn, "actor", actor)
    client = await open_client()
    for id_, more in (("h", {"identifier": [{"value": "H1"}]}), ("z", {"identifier": [{"value": "Z1"}]}),
                      ("d", {"partOf": {"reference": "Organization/h"}})):  # fmt: skip
        organization = {"resourceType": "Organization", "id": id_, "name": id_} | more
        (await client.put(f"Organization/{id_}", json=organization)).raise_for_status()
    return {role: await open_client(token=role) for role in ACTORS} | {"administrator": client}


async def send(hospital, file, by="officer", accept="*/*", kind=XLSX, **params):
    headers = {"content-type": kind, "accept": accept, "accept-language": "zh"}
    return await hospital[by].post("$staff-import", content=file, headers=headers, params=params)


def told(answer):
    return [issue["details"]["text"] for issue in answer.json()["issue"]]


async def test_a_dry_run_writes_nothing_and_says_what_would_be(hospital, register, workbook):
    answer = await send(hospital, workbook([LI, WANG]), dryRun="true")
    assert told(answer) == ["试运行，未写入：将新入职 2 人，角色变更 0 人，离职 0 人，无变化 0 人，未通过 0 行。"]
    assert register.events == []
    assert (await hospital["officer"].get("Practitioner?_summary=count")).json()["total"] == 0


async def test_a_list_is_carried_out_once_however_often_it_is_sent(hospital, register, workbook):
    answer = await send(hospital, workbook([LI, WANG]))
    assert told(answer) == ["新入职 2 人，角色变更 0 人，离职 0 人，无变化 0 人，未通过 0 行。"]
    assert register.events == [("admit", "李四", "007@h"), ("admit", "王五", "008@h")]
    assert [one.roles for one in register.people.values()] == [("doctor", "family-doctor"), ("nurse",)]
    assert len(register.passwords) == 2
    found = (await hospital["officer"].get("PractitionerRole?organization=Organization/h&_include=*")).json()
    assert {entry["resource"]["resourceType"] for entry in found["entry"]} >= {"Practitioner", "PractitionerRole"}
    again = await send(hospital, workbook([LI, WANG]))
    assert told(again) == ["新入职 0 人，角色变更 0 人，离职 0 人，无变化 2 人，未通过 0 行。"]
    assert len(register.events) == 2


async def test_roles_change_and_people_leave(hospital, register, workbook):
    await send(hospital, workbook([LI, WANG]))
    register.events.clear()
    rows = [(*LI[:4], "医生、科研", "", ""), (*WANG[:4], "", "", "2026-01-02")]
    tried = await send(hospital, workbook(rows), dryRun="true")
    assert "角色变更 1 人，离职 1 人" in told(tried)[-1]
    assert register.events == []
    await send(hospital, workbook(rows))
    assert register.events == [
        ("give", "李四", "researcher"), ("take", "李四", "family-doctor"), ("leave", "王五", OFFICER.reference),
    ]  # fmt: skip
    future = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    await send(hospital, workbook([(*LI[:4], "医生、科研", "", future)]))
    assert len(register.events) == 3


async def test_what_is_wrong_stops_its_row_and_comes_back_as_a_workbook(hospital, register, workbook):
    file = workbook([LI, ("009", "赵六", "H9", "", "院长", "", ""), ("", "钱七", "H1", "", "护士", "", "")])
    answer = await send(hospital, file)
    assert told(answer)[-1] == "新入职 1 人，角色变更 0 人，离职 0 人，无变化 0 人，未通过 2 行。"
    assert "第 4 行“工号”不能为空。" in told(answer)
    back = await send(hospital, file, accept=XLSX)
    assert back.headers["content-type"] == XLSX
    assert back.headers["cache-control"] == "no-store"
    book = load_workbook(io.BytesIO(back.content))
    rows = list(book["未通过"].iter_rows(values_only=True))
    assert rows[0][-1] == "原因"
    assert rows[1][0] == "009"
    assert "角色" in rows[1][-1]
    unknown = await send(hospital, workbook([("009", "赵六", "H9", "", "医生", "", "")]))
    assert told(unknown)[0] == "第 2 行“机构”在平台中没有对应的机构，或对应多个，或已停用。"


async def test_who_is_new_gets_a_first_password_on_the_second_sheet(hospital, register, workbook):
    back = await send(hospital, workbook([LI]), accept=XLSX)
    (row,) = list(load_workbook(io.BytesIO(back.content))["首次登录"].iter_rows(min_row=2, values_only=True))
    assert row == ("李四", "007@h", register.passwords[1])


async def test_the_ways_to_send_a_file(hospital, register, workbook):
    file = workbook([LI])
    binary = {"resourceType": "Binary", "contentType": XLSX, "data": base64.b64encode(file).decode()}
    sent = await hospital["officer"].post("$staff-import", json=binary)
    assert "1 admitted" in told(sent)[0]
    sent = await hospital["officer"].post("$staff-import", files={"file": ("名单.xlsx", file, XLSX)})
    assert "1 as before" in told(sent)[0]
    csv = "工号,姓名,机构,角色\n007,李四,H1,医生、家庭医生\n".encode("gbk")
    assert (await send(hospital, csv, kind="text/csv")).status_code == 200
    template = await hospital["officer"].get("$staff-template")
    assert load_workbook(io.BytesIO(template.content)).sheetnames == ["人员", "填写说明"]


@pytest.mark.parametrize("who", ["doctor", "security"])
async def test_who_may_not_send_lists(hospital, register, workbook, who):
    """The security administrator permits the factors of who is listed, so he lists nobody."""
    assert (await send(hospital, workbook([LI]), by=who)).status_code == 403
    assert (await send(hospital, workbook([LI]), by=who, dryRun="true")).status_code == 403
    assert (await hospital[who].get("$staff-template")).status_code == 403
    assert register.events == []


async def test_what_is_no_list(hospital, workbook):
    for body, kind in ((b"", XLSX), (b"x", XLSX), (b"{}", "application/fhir+json"), (b"x", "multipart/form-data"),
                       (b"--b\r\n\r\nx\r\n--b--", "multipart/form-data; boundary=b")):  # fmt: skip
        assert (await send(hospital, body, kind=kind)).status_code == 400
    assert (await send(hospital, workbook([LI]), dryRun="maybe")).status_code == 400
    assert (await hospital["officer"].get("$staff-import")).status_code == 405


# --- by feed


@pytest.fixture
async def follow(register, fresh_database, make_settings):
    """Reads what the feed says since the last call, as the background work does."""
    opened = await open_platform(make_settings(), fresh_database)
    leavers = Leavers(opened.gate, register)
    async with opened.pool.connection() as connection:
        await give_positions(connection)
        place = await last_place(connection)

    async def step(*, due=False):
        nonlocal place
        async with opened.pool.connection() as connection:
            await give_positions(connection)
            events, place = await read(connection, place, types=TYPES)
        await leavers.handle(events)
        if due:
            await leavers.end_due()

    yield step
    await opened.close()


async def post_of(hospital, name):
    """Returns somebody's PractitionerRole."""
    people = (await hospital["officer"].get(f"Practitioner?name={name}")).json()["entry"]
    person = people[0]["resource"]["id"]
    found = (await hospital["officer"].get(f"PractitionerRole?practitioner=Practitioner/{person}")).json()["entry"]
    return found[0]["resource"]


@pytest.mark.parametrize("over", [{"active": False}, {"period": {"end": "2026-01-31"}}, None])
async def test_a_post_that_the_hospital_ends_ends_the_identity(hospital, register, workbook, follow, over):
    await send(hospital, workbook([LI]))
    post = await post_of(hospital, "李四")
    path = f"PractitionerRole/{post['id']}"
    done = await (hospital["feed"].put(path, json=post | over) if over else hospital["feed"].delete(path))
    assert done.status_code in (200, 204), done.text
    await follow()
    assert register.events[-1][:2] == ("leave", "李四")
    await follow()
    assert len(register.events) == 2


async def test_an_institution_that_is_over_is_shut_and_let_in_again(client, hospital, register, workbook, follow):
    organization = (await hospital["feed"].get("Organization/h")).json()
    await follow()
    register.events.clear()
    refused = await hospital["rival"].put("Organization/h", json=organization | {"active": False})
    await follow()
    assert (refused.is_error, register.events) == (True, [])
    (await client.put("Organization/h", json=organization | {"active": False})).raise_for_status()
    await follow()
    refused = await send(hospital, workbook([LI]))
    assert told(refused)[0] == "第 2 行“机构”在平台中没有对应的机构，或对应多个，或已停用。"
    (await client.put("Organization/h", json=organization | {"active": True})).raise_for_status()
    await follow()
    (await client.delete("Organization/h")).raise_for_status()
    await follow()
    assert register.events == [
        (what, "Organization/h", "Device/staff-leavers") for what in ("suspend-all", "resume-all", "suspend-all")
    ]


async def test_another_hospital_dismisses_nobody(hospital, register, workbook, follow):
    await send(hospital, workbook([LI]))
    post = await post_of(hospital, "李四")
    await hospital["rival"].put(f"PractitionerRole/{post['id']}", json=post | {"active": False})
    forged = {key: value for key, value in post.items() if key not in ("id", "meta", "identifier")}
    forged |= {"active": False, "organization": {"reference": "Organization/z"}}
    assert (await hospital["rival"].post("PractitionerRole", json=forged)).status_code == 201
    person = post["practitioner"]["reference"]
    gone = {"resourceType": "Practitioner", "id": person.partition("/")[2], "active": False}
    await hospital["rival"].put(person, json=gone)
    await follow()
    assert [event[0] for event in register.events] == ["admit"]
    await hospital["feed"].put(person, json=gone | {"gender": "male"})
    await follow()
    assert register.events[-1][0] == "leave"


async def test_who_says_to_be_a_part_of_another_hospital_dismisses_nobody_there(client, hospital, register, follow):
    await register.admit("staff", "Practitioner/chen", "Organization/h", "陈", roles=["researcher"], vouched_by="x",
                         evidence="x")  # fmt: skip
    organization = {
        "resourceType": "Organization",
        "id": RIVAL_UUID,
        "name": "z",
        "partOf": {"reference": "Organization/h"},
    }
    (await hospital["part"].put(f"Organization/{RIVAL_UUID}", json=organization)).raise_for_status()
    post = {
        "resourceType": "PractitionerRole", "active": False, "practitioner": {"reference": "Practitioner/chen"},
        "organization": {"reference": f"Organization/{RIVAL_UUID}"},
    }  # fmt: skip
    (await hospital["part"].post("PractitionerRole", json=post)).raise_for_status()
    await register.give_role(1, "doctor", f"Organization/{RIVAL_UUID}", "x")
    await follow()
    assert register.people[1].status == "admitted"
    assert register.people[1].roles == ("researcher",)  # Its own post it ends.


async def test_another_hospital_keeps_nobody_in_a_post(hospital, register, workbook, follow):
    await send(hospital, workbook([LI]))
    post = await post_of(hospital, "李四")
    forged = {key: value for key, value in post.items() if key not in ("id", "meta", "identifier")}
    (await hospital["rival"].post("PractitionerRole", json=forged)).raise_for_status()
    await hospital["feed"].put(f"PractitionerRole/{post['id']}", json=post | {"active": False})
    await follow()
    assert register.events[-1][:2] == ("leave", "李四")


async def test_what_another_hospital_calls_by_a_number_of_the_list_is_nobody_of_the_list(hospital, register, workbook):
    """An identifier is what somebody writes: of Practitioners with the number, the institution's own is meant."""
    theirs = {
        "resourceType": "Practitioner", "name": [{"text": "钱"}],
        "identifier": [{"system": NUMBER, "value": "h/007"}, {"system": NUMBER, "value": "h/008"}],
    }  # fmt: skip
    written = await hospital["rival"].post("Practitioner", json=theirs)
    reference = f"Practitioner/{written.json()['id']}"
    role = {
        "resourceType": "PractitionerRole",
        "identifier": theirs["identifier"],
        "practitioner": {"reference": reference},
    }
    (await hospital["rival"].post("PractitionerRole", json=role)).raise_for_status()
    await register.admit("staff", reference, "Organization/z", "钱", roles=["nurse"], vouched_by="x", evidence="x")
    register.events.clear()
    for _ in range(2):
        assert (await send(hospital, workbook([LI, WANG]))).status_code == 200
        assert register.events == [("admit", "李四", "007@h"), ("admit", "王五", "008@h")]
    (await hospital["rival"].post("Practitioner", json=theirs)).raise_for_status()
    again = await send(hospital, workbook([LI, (*WANG[:4], "医生", "", "")]))
    assert told(again) == ["新入职 0 人，角色变更 1 人，离职 0 人，无变化 1 人，未通过 0 行。"]
    assert register.people[1].roles == ("nurse",)
    assert register.people[3].roles == ("doctor",)


async def test_who_has_another_post_there_stays_and_who_has_one_elsewhere_keeps_that(
    hospital, register, workbook, follow
):
    await send(hospital, workbook([LI]))
    post = await post_of(hospital, "李四")
    in_department = {key: value for key, value in post.items() if key not in ("id", "meta", "identifier")}
    in_department |= {"organization": {"reference": "Organization/d"}}
    second = (await hospital["feed"].post("PractitionerRole", json=in_department)).json()
    await register.give_role(1, "researcher", "Organization/z", "x")
    await hospital["feed"].put(f"PractitionerRole/{post['id']}", json=post | {"active": False})
    await follow()
    assert [event[0] for event in register.events] == ["admit", "give"]
    await hospital["feed"].put(f"PractitionerRole/{second['id']}", json=second | {"active": False})
    await follow()
    assert register.people[1].roles == ("researcher",)
    assert register.people[1].status == "admitted"


async def test_a_post_that_ends_on_a_day_to_come_ends_then(hospital, register, workbook, follow, monkeypatch):
    await send(hospital, workbook([LI]))
    post = await post_of(hospital, "李四")
    day = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
    await hospital["feed"].put(f"PractitionerRole/{post['id']}", json=post | {"period": {"end": day}})
    await follow(due=True)
    assert [event[0] for event in register.events] == ["admit"]
    later = datetime.now(UTC) + timedelta(days=12)
    monkeypatch.setattr("kangyun.base.clock.now", lambda: later)
    await follow(due=True)
    assert register.events[-1][:2] == ("leave", "李四")
    await follow(due=True)
    assert len(register.events) == 2


async def test_the_background_work_follows_it(hospital, register, workbook, start_background, follow):
    start_background()
    await send(hospital, workbook([LI]))
    post = await post_of(hospital, "李四")
    await hospital["feed"].put(f"PractitionerRole/{post['id']}", json=post | {"active": False})
    async with asyncio.timeout(20):
        while register.events[-1][0] != "leave":
            await asyncio.sleep(0.05)

"""Alerts on odd behaviour, from rows of the trail to the audit administrator's answer."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from kangyun.access.actor import Actor
from kangyun.access.alerts import reading
from kangyun.access.alerts.reading import Reading, watch_for_odd
from kangyun.access.alerts.rules import Rule
from kangyun.access.alerts.vitals import alert_vitals
from kangyun.testing.people import know
from kangyun.testing.sequencing import seal_all

ACTORS = {
    "admin": Actor("Device/administrator", "管理员", "Organization/platform", "SYSADMIN", administrator=True),
    "auditor": Actor("Practitioner/a", "审计", "Organization/platform", "SYSADMIN", role="audit-administrator"),
    "doctor": Actor("Practitioner/li", "李医生", "Organization/platform", "TREAT", role="doctor"),
}
NUMBER = {"system": "urn:oid:2.16.156.10.1", "value": "110101199001011234"}
HOME = {"text": "幸福路 1 号 2 单元 301"}
VIP = [{"system": "urn:kangyun:tag", "code": "vip"}]


def patient(id_, text, **rest):
    return {"resourceType": "Patient", "id": id_, "name": [{"family": text[0], "text": text}]} | rest


RECORD = [
    {
        "resourceType": "Practitioner", "id": "li", "name": [{"family": "李", "text": "李医生"}],
        "identifier": [NUMBER], "address": [HOME],
    },
    patient("self", "黎医生", identifier=[NUMBER]),
    patient("wife", "张红"),
    {"resourceType": "RelatedPerson", "id": "rp", "patient": {"reference": "Patient/wife"}, "identifier": [NUMBER]},
    patient("son", "李宝", address=[HOME]),
    patient("tenant", "王五", address=[HOME]),
    patient("namesake", "李四", address=[{"text": "别处"}]),
    patient("mayor", "某", meta={"tag": VIP}),
]  # fmt: skip
PATIENTS = [one["id"] for one in RECORD if one["resourceType"] == "Patient"]
RULES = (
    Rule("mass", "patients", "hour", {"other": 6}, "test", exempt=frozenset({"application"})),
    Rule("relatives", "relatives", "day", {"other": 1}, "test", unverified=True),
    Rule("vip", "tagged", "day", {"other": 1}, "test", tags=("urn:kangyun:tag|vip",)),
    Rule("dormant", "dormant", "day", {"other": 90}, "test"),
)
FOUND = "SELECT rule, actor, patient, began, count FROM audit_alert ORDER BY rule, actor, patient"


@pytest.fixture
async def people(open_client, monkeypatch):
    know(monkeypatch, ACTORS)
    clients = {name: await open_client(token=name) for name in ACTORS}
    for one in RECORD:
        answer = await clients["admin"].put(f"{one['resourceType']}/{one['id']}", json=one)
        assert answer.status_code == 201, answer.text
    return clients


@pytest.fixture
async def connection(platform):
    async with platform.pool.connection() as one:
        yield one


async def read_all(connection, store):
    one = Reading(store, RULES)
    await one.begin(connection)
    while await one.go_on(connection):
        pass


async def test_relatives_and_protected_persons_are_told_from_others(people, platform, connection):
    for one in PATIENTS:
        assert (await people["doctor"].get(f"Patient/{one}")).status_code == 200
    await seal_all(connection)
    await read_all(connection, platform.gate.store)
    found = {}
    listed = (await people["auditor"].get("$alerts", headers={"accept-language": "zh"})).json()
    for one in listed["parameter"]:
        part = {item["name"]: next(value for name, value in item.items() if name != "name") for item in one["part"]}
        if part["who"]["reference"] == "Practitioner/li":
            found.setdefault(part["rule"], []).append(part)
    assert {one["patient"]["reference"] for one in found["relatives"]} == {
        "Patient/self",
        "Patient/wife",
        "Patient/son",
    }
    assert [one["patient"]["reference"] for one in found["vip"]] == ["Patient/mayor"]
    (mass,) = found["mass"]
    assert (mass["count"], mass["limit"]) == (6, 6)
    assert "李医生（医生） 自" in mass["text"]
    assert "起一小时内查看了 6 名居民的档案，达到该岗位的警戒数 6" in mass["text"]
    assert found["relatives"][0]["unverified"] and found["relatives"][0]["basis"] == "test"
    assert "dormant" not in found


async def test_who_is_tagged_anew_is_watched_from_a_minute_later(people, platform, connection, monkeypatch):
    monkeypatch.setattr(reading, "TAGS_EVERY", 0.0)
    one = Reading(platform.gate.store, RULES)
    await one.begin(connection)
    of_doctor = "SELECT count(*) FROM audit_alert WHERE rule = 'vip' AND actor = 'Practitioner/li'"
    for tag in ([], VIP):
        await people["admin"].put("Patient/tenant", json=patient("tenant", "王五", meta={"tag": tag} if tag else {}))
        await people["doctor"].get("Patient/tenant")
        await seal_all(connection)
        while await one.go_on(connection):
            pass
        found = await connection.fetchval(of_doctor)
        assert found == (1 if tag else 0)


async def test_what_is_not_sealed_is_not_looked_at(people, platform, connection):
    await people["doctor"].get("Patient/self")
    await read_all(connection, platform.gate.store)
    assert await connection.fetchval("SELECT count(*) FROM audit_alert") == 0
    await seal_all(connection)
    await read_all(connection, platform.gate.store)
    assert await connection.fetchval("SELECT count(*) FROM audit_alert WHERE actor = 'Practitioner/li'") == 1


async def test_it_goes_on_as_if_it_had_not_been_stopped(people, platform, connection, monkeypatch):
    """Killed after each row, it finds the same as at one go."""
    for one in [*PATIENTS, *PATIENTS[:2]]:
        await people["doctor"].get(f"Patient/{one}")
    await seal_all(connection)
    await read_all(connection, platform.gate.store)
    at_once = await connection.fetch(FOUND)
    assert len(at_once) > 4
    await connection.execute("TRUNCATE audit_alert, audit_day, audit_watch")
    monkeypatch.setattr(reading, "MOST", 1)
    going = True
    while going:
        one = Reading(platform.gate.store, RULES)
        await one.begin(connection)
        going = await one.go_on(connection)
    assert [tuple(row) for row in await connection.fetch(FOUND)] == [tuple(row) for row in at_once]
    # And again over all of it: what is there stays as it is.
    await connection.execute("TRUNCATE audit_watch")
    await read_all(connection, platform.gate.store)
    assert [tuple(row) for row in await connection.fetch(FOUND)] == [tuple(row) for row in at_once]


async def test_an_account_that_slept_is_told(people, platform, connection):
    await people["doctor"].get("Patient/tenant")
    await seal_all(connection)
    last = datetime.now(UTC).date() - timedelta(days=200)
    await connection.execute("INSERT INTO audit_day VALUES ('Practitioner/li', $1, 1, 1, 0, 0)", last)
    await read_all(connection, platform.gate.store)
    (row,) = await connection.fetch("SELECT count FROM audit_alert WHERE rule = 'dormant'")
    assert row["count"] in (200, 201)


async def test_the_work_finds_it(people, platform, connection, monkeypatch):
    monkeypatch.setattr(reading, "EVERY", 0.02)
    stop = asyncio.Event()
    going = asyncio.ensure_future(watch_for_odd(platform.gate.store, RULES, stop))
    try:
        await people["doctor"].get("Patient/self")
        await seal_all(connection)
        async with asyncio.timeout(20):
            while not await connection.fetchval("SELECT count(*) FROM audit_alert WHERE actor = 'Practitioner/li'"):
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await going
    told = {name: value for name, _, value in await alert_vitals(connection)}
    assert told["kangyun_audit_alerts_open"] >= 1


# --- what becomes of it


@pytest.fixture
async def alert(people, platform, connection):
    await people["doctor"].get("Patient/self")
    await seal_all(connection)
    await read_all(connection, platform.gate.store)
    return await connection.fetchval("SELECT id FROM audit_alert WHERE actor = 'Practitioner/li'")


def asked(id_, state, reason=None):
    given = [{"name": "id", "valueInteger": id_}, {"name": "state", "valueCode": state}]
    given += [{"name": "reason", "valueString": reason}] if reason is not None else []
    return {"json": {"resourceType": "Parameters", "parameter": given}}


async def test_it_is_looked_at_and_closed_with_a_reason(people, alert, connection):
    auditor = people["auditor"]
    assert (await auditor.post("$alert", **asked(alert, "closed", "本人就诊"))).status_code == 422  # not looked at yet
    assert (await auditor.post("$alert", **asked(alert, "looked-at"))).status_code == 200
    assert (await auditor.post("$alert", **asked(alert, "looked-at"))).status_code == 422
    assert (await auditor.post("$alert", **asked(alert, "closed"))).status_code == 400  # without a reason
    assert (await auditor.post("$alert", **asked(alert, "closed", "x" * 501))).status_code == 400
    closed = await auditor.post("$alert", **asked(alert, "closed", "本人就诊"))
    assert closed.status_code == 200, closed.text
    part = {one["name"]: one for one in closed.json()["parameter"][0]["part"]}
    assert part["reason"]["valueString"] == "本人就诊"
    assert part["by"]["valueReference"]["reference"] == "Practitioner/a"
    rows = await connection.fetch("SELECT action FROM audit WHERE action LIKE 'alert-%' AND outcome = 200 ORDER BY id")
    assert [row["action"] for row in rows] == ["alert-looked-at", "alert-closed"]
    assert (
        "parameter" not in (await auditor.get("$alerts?state=open&rule=relatives")).json()
        or not (await auditor.get("$alerts?state=open&rule=relatives")).json()["parameter"]
    )


async def test_only_the_audit_administrator_answers(people, alert):
    for who in ("admin", "doctor"):
        assert (await people[who].post("$alert", **asked(alert, "looked-at"))).status_code == 403
    assert (await people["doctor"].get("$alerts")).status_code == 403
    assert (await people["admin"].get("$alerts")).status_code == 200


async def test_bad_requests_are_told(people, alert):
    auditor = people["auditor"]
    assert (await auditor.post("$alert", **asked(999999, "looked-at"))).status_code == 404
    assert (await auditor.post("$alert", **asked(alert, "open"))).status_code == 400
    assert (await auditor.get("$alerts?state=odd")).status_code == 400
    assert (await auditor.get("$alerts?rule=vip%00")).status_code == 400
    assert (await auditor.get("$alert")).status_code == 405


async def test_pages_of_alerts(people, platform, connection):
    for one in PATIENTS:
        await people["doctor"].get(f"Patient/{one}")
    await seal_all(connection)
    await read_all(connection, platform.gate.store)
    count = await connection.fetchval("SELECT count(*) FROM audit_alert")
    seen, cursor = [], ""
    while cursor is not None:
        url = "$alerts?_count=2" + (f"&_cursor={cursor}" if cursor else "")
        parameters = (await people["auditor"].get(url)).json()["parameter"]
        seen += [one["part"][0]["valueInteger"] for one in parameters if one["name"] == "alert"]
        cursor = next((one["valueString"] for one in parameters if one["name"] == "next"), None)
    assert len(seen) == len(set(seen)) == count

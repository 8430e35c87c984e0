"""What the index links to a resident's registrations opens to who has proven that it is his, and to nobody before."""

import asyncio
import json

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.access.signin import SignIn
from kangyun.testing.plugin import ADMIN_TOKEN

NUMBER = "11010519491231002X"
PHONE, OTHER, NEW = "13812345678", "13900000000", "13700000000"
REGISTRAR = Actor("Practitioner/zhao", "赵登记", "Organization/h", "PATADMIN", role="registrar")
DOCTOR = Actor("Practitioner/li", "李医生", "Organization/h", "TREAT", role="doctor")
DESK = "http://127.0.0.1:8080/residents/"


def registration(id_, phone, number=NUMBER):
    """A registration of Zhang San; phone, number: "" for none."""
    whole = {
        "resourceType": "Patient", "id": id_, "name": [{"text": "张三"}], "birthDate": "1949-12-31", "gender": "female",
        "identifier": [{"system": "urn:id", "value": number}], "telecom": [{"system": "phone", "value": phone}],
    }  # fmt: skip
    return {
        name: value
        for name, value in whole.items()
        if (number, name) != ("", "identifier") and (phone, name) != ("", "telecom")
    }


class Region:
    """A region whose every registration of Zhang San is one resident's."""

    def __init__(self, clients, database, sent):
        self.administrator, self.registrar, self.doctor, self.nobody = clients
        self.database, self.sent = database, sent

    async def write(self, *registrations, by=None):
        """Writes registrations that have stood for eight days, and makes all there are one resident's."""
        for one in registrations:
            (await (by or self.administrator).put(f"Patient/{one['id']}", json=one)).raise_for_status()
        await self.pass_days(8)
        await self.database.execute("UPDATE resident_link SET resident = (SELECT min(resident) FROM resident_link)")

    async def pass_minutes(self):
        """Has two minutes pass for who asks for codes."""
        await self.database.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")

    async def pass_days(self, days):
        await self.database.execute("UPDATE version SET instant = instant - make_interval(days => $1)", days)
        await self.database.execute("UPDATE resident_binding SET whole = whole - make_interval(days => $1)", days)

    async def post(self, step, **given):
        return await self.nobody.post(f"{DESK}{step}", json=given)

    async def proof(self, phone):
        await self.pass_minutes()
        challenge = (await self.post("code", phone=phone)).json()["challenge"]
        return {"challenge": challenge, "code": self.sent()[-1]["variables"]["code"]}

    async def by_telephone(self, phone=PHONE):
        """Signs in by a telephone, the first time or again; returns the headers of the session."""
        told = (await self.post("sign-in", **await self.proof(phone))).json()
        if "ticket" in told:
            told = (await self.post("bind", ticket=told["ticket"], name="张三", number=NUMBER)).json()
        return {"authorization": f"Bearer {told['access_token']}"}

    async def at_desk(self, phone):
        """Binds a telephone at a desk that saw the card; returns the headers of the session."""
        given = {"name": "张三", "number": NUMBER, "phone": phone}
        desk = (await self.registrar.post("$resident-desk", json=given)).json()
        told = await self.post("desk", desk=desk["desk"], desk_code=desk["desk_code"], **await self.proof(phone))
        return {"authorization": f"Bearer {told.json()['access_token']}"}

    async def seen(self, headers):
        """Returns which registrations a session sees."""
        found = (await self.nobody.get("Patient?_sort=_id", headers=headers)).json()
        return [one["resource"]["id"] for one in found["entry"]]


@pytest.fixture
async def region(monkeypatch, open_client, fresh_database, tmp_path):
    known, database = SignIn.actor, await asyncpg.connect(fresh_database)

    async def actor(self, token):
        return {"registrar": REGISTRAR, "doctor": DOCTOR}.get(token) or await known(self, token)

    def sent():
        return [json.loads(line) for line in (tmp_path / "messages.ndjson").read_text().splitlines()]

    monkeypatch.setattr(SignIn, "actor", actor)
    clients = [await open_client(token=token, demo=True) for token in (ADMIN_TOKEN, "registrar", "doctor", None)]
    yield Region(clients, database, sent)
    await database.close()


async def test_by_telephone_only_what_it_stands_in_is_open(region):
    await region.write(registration("a", PHONE), registration("b", OTHER, number=""), registration("c", "", number=""))
    headers = await region.by_telephone()
    assert await region.seen(headers) == ["a"]
    for path in ("Patient/b", "Patient/c", "Patient/b/$everything", "Patient/b/_history"):
        assert (await region.nobody.get(path, headers=headers)).status_code == 404
    assert (await region.nobody.get("Patient/a/$everything", headers=headers)).json()["total"] == 1


async def test_who_came_first_is_out_when_the_institution_takes_down_another_telephone(region):
    """Somebody had himself registered by a stranger's number; later the stranger comes there himself."""
    await region.write(registration("a", PHONE))
    headers = await region.by_telephone()
    assert await region.seen(headers) == ["a"]
    (await region.administrator.put("Patient/a", json=registration("a", OTHER))).raise_for_status()
    told = (await region.post("sign-in", **await region.proof(PHONE))).json()
    assert "access_token" not in told
    async with asyncio.timeout(20):  # Within a second: processes look for revocations.
        while (await region.nobody.get("Patient/a", headers=headers)).status_code != 401:
            await asyncio.sleep(0.1)
    await region.pass_days(8)
    given = {"ticket": told["ticket"], "name": "张三", "number": NUMBER}
    assert (await region.post("bind", **given)).status_code == 403


async def test_whom_a_desk_has_bound_stays_so_whatever_telephone_is_written(region):
    await region.write(registration("h-c", NEW), by=region.registrar)
    await region.at_desk(NEW)
    (await region.registrar.put("Patient/h-c", json=registration("h-c", OTHER))).raise_for_status()
    assert await region.seen(await region.by_telephone(NEW)) == ["h-c"]


async def test_what_comes_later_opens_where_the_telephone_has_stood_a_week(region):
    await region.write(registration("a", PHONE))
    headers = await region.by_telephone()
    for one in (registration("b", PHONE), registration("c", OTHER)):
        (await region.administrator.put(f"Patient/{one['id']}", json=one)).raise_for_status()
    assert await region.seen(await region.by_telephone()) == ["a"]
    await region.pass_days(8)
    assert await region.seen(headers) == ["a"]
    assert await region.seen(await region.by_telephone()) == ["a", "b"]


async def test_a_desk_opens_the_rest_when_the_other_telephones_had_a_week_to_object(region):
    await region.write(registration("a", OTHER), registration("b", "", number=""))
    await region.write(registration("h-c", NEW), by=region.registrar)
    assert await region.seen(await region.at_desk(NEW)) == ["h-c"]
    assert OTHER in [one["phone"] for one in region.sent() if one["template"] == "KY-BOUND"]
    await region.pass_days(6)
    assert await region.seen(await region.by_telephone(NEW)) == ["h-c"]
    await region.pass_days(1.1)
    headers = await region.by_telephone(NEW)
    assert await region.seen(headers) == ["a", "b", "h-c"]
    await region.write(registration("d", "", number=""))
    assert await region.seen(headers) == ["a", "b", "d", "h-c"]


async def test_a_desk_alone_opens_no_more_where_nobody_is_told(region):
    await region.write(registration("a", "", number=""))
    await region.write(registration("h-c", NEW), by=region.registrar)
    await region.at_desk(NEW)
    await region.pass_days(30)
    assert await region.seen(await region.by_telephone(NEW)) == ["h-c"]


async def test_who_objects_ends_it(region):
    await region.write(registration("a", OTHER))
    await region.write(registration("h-c", NEW), by=region.registrar)
    headers = await region.at_desk(NEW)
    (await region.registrar.post("$resident-unbind", json={"patient": "h-c"})).raise_for_status()
    await region.pass_days(8)
    assert (await region.nobody.get("Patient/h-c", headers=headers)).status_code == 401
    assert "ticket" in (await region.post("sign-in", **await region.proof(NEW))).json()


async def test_who_has_proven_a_part_says_nothing_for_the_rest(region):
    await region.write(registration("a", PHONE), registration("b", OTHER, number=""))
    headers = await region.by_telephone()
    said = {
        "resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/a"},
        "scope": {"text": "privacy"},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"text": "consent"}, "provision": {"type": "deny"},
    }  # fmt: skip
    for path, body in (("Consent", said), ("Patient/a/$show-code", {"resourceType": "Parameters"})):
        told = await region.nobody.post(path, json=body, headers=headers)
        assert told.status_code == 403
        assert "not proven to be yours" in told.text
    await region.database.execute("UPDATE resident_link SET resident = patient")
    assert (await region.nobody.post("Consent", json=said, headers=headers)).status_code == 201


async def test_a_word_goes_to_no_telephone_that_has_proven_a_part(region):
    await region.write(registration("a", PHONE), registration("b", OTHER, number=""))
    await region.by_telephone()
    asked = {"resourceType": "Parameters", "parameter": [{"name": "identifier", "valueString": f"urn:id|{NUMBER}"}]}
    await region.pass_minutes()
    assert (await region.doctor.post("Patient/$ask-word", json=asked)).status_code == 422
    await region.database.execute("UPDATE resident_link SET resident = patient")
    assert (await region.doctor.post("Patient/$ask-word", json=asked)).status_code == 200

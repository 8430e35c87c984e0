"""A father and his daughter, who both sign in by telephone, and a registrar of hospital H."""

import json

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.access.signin import SignIn
from kangyun.testing.plugin import ADMIN_TOKEN

ROOT = "http://127.0.0.1:8080"
FATHER, DAUGHTER = ("13812345678", "王建国", "11010519491231002X"), ("13900000000", "王芳", "110105197503120026")
DOCTOR = Actor("Practitioner/li", "李医生", "Organization/h", "TREAT", role="doctor")
AUDITOR = Actor("Practitioner/sun", "孙审计", "Organization/platform", "SYSADMIN", role="audit-administrator")
REGISTRAR = Actor("Practitioner/zhao", "赵登记", "Organization/h", "PATADMIN", role="registrar")


def registration(id_, person, **more):
    phone, name, number = person
    return {
        "resourceType": "Patient", "id": id_, "name": [{"text": name}], "birthDate": "1949-12-31", "gender": "male",
        "identifier": [{"system": "urn:id", "value": number}], "telecom": [{"system": "phone", "value": phone}], **more,
    }  # fmt: skip


class Family:
    """A father and his daughter, who both sign in by telephone."""

    father, daughter, root = FATHER, DAUGHTER, ROOT
    registration = staticmethod(registration)

    def __init__(self, clients, database, sent):
        self.administrator, self.registrar, self.doctor, self.auditor, self.nobody = clients
        self.database, self.sent = database, sent

    async def headers(self, person):
        await self.pass_minutes()
        challenge = (await self._post("code", phone=person[0]))["challenge"]
        told = await self._post("sign-in", challenge=challenge, code=self.code())
        if "ticket" in told:
            told = await self._post("bind", ticket=told["ticket"], name=person[1], number=person[2])
        return {"authorization": f"Bearer {told['access_token']}"}

    async def pass_minutes(self):
        await self.database.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")

    def code(self):
        return self.sent()[-1]["variables"]["code"]

    async def _post(self, step, **given):
        return (await self.nobody.post(f"{ROOT}/residents/{step}", json=given)).json()

    async def call(self, name, headers, /, *, by=None, **given):
        part = [
            {"name": key, "valueString": one}
            for key, value in given.items() for one in (value if isinstance(value, list) else [value])
        ]  # fmt: skip
        body = {"resourceType": "Parameters", "parameter": part}
        return await (by or self.nobody).post(f"${name}", json=body, headers=headers)

    async def look(self, headers):
        """Returns what `$family` says, by its parts' names."""
        told = (await self.nobody.get("$family", headers=headers)).json()
        return [
            (one["name"], [part[next(key for key in part if key != "name")] for part in one["part"]])
            for one in told["parameter"]
        ]

    async def ask(self, headers, *rights):
        await self.pass_minutes()
        given = {"name": FATHER[1], "phone": FATHER[0], "relation": "CHILD", "right": list(rights)}
        answer = await self.call("family-ask", headers, **given)
        return answer.json()["parameter"][0]["valueString"]

    async def as_family(self, headers):
        """Returns the headers of a session in which the daughter acts for her father."""
        session = headers["authorization"].removeprefix("Bearer ")
        actor = await self.sign_in.actor(session)
        row = await self.database.fetchrow("SELECT * FROM session WHERE id = $1", actor.session)
        found = await self.sign_in.sessions.of(row["identity"])
        token, _ = await self.sign_in.provider.issuing.of_session(found[0], "father")
        return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def family(monkeypatch, open_client, fresh_database, tmp_path, platform):
    known, database = SignIn.actor, await asyncpg.connect(fresh_database)

    async def actor(self, token):
        return {"registrar": REGISTRAR, "doctor": DOCTOR, "auditor": AUDITOR}.get(token) or await known(self, token)

    def sent():
        return [json.loads(line) for line in (tmp_path / "messages.ndjson").read_text().splitlines()]

    monkeypatch.setattr(SignIn, "actor", actor)
    tokens = (ADMIN_TOKEN, "registrar", "doctor", "auditor", None)
    clients = [await open_client(token=token, demo=True) for token in tokens]
    family = Family(clients, database, sent)
    family.sign_in = platform.sign_in
    for id_, person in (("father", FATHER), ("daughter", DAUGHTER)):
        (await family.administrator.put(f"Patient/{id_}", json=registration(id_, person))).raise_for_status()
    await database.execute("UPDATE version SET instant = instant - interval '8 days'")
    pressure = {
        "resourceType": "Observation", "id": "bp", "status": "final", "code": {"text": "血压"},
        "subject": {"reference": "Patient/father"}, "valueString": "152/94",
    }  # fmt: skip
    (await family.administrator.put("Observation/bp", json=pressure)).raise_for_status()
    yield family
    await database.close()

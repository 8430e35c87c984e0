"""Two hospitals, their people, a resident who is registered at both, and an issuer."""

import json
from importlib.resources import files

import asyncpg
import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.residents.bindings import Handle, bindings_of
from kangyun.base import clock
from kangyun.testing.issuing import KEY
from kangyun.testing.linking import link
from kangyun.testing.provider import NO_FACTORS, PASSWORD, SITE

PHONE = "13800000000"
NUMBER = "990101198001010014"
CHILD = "b-child"
A, B = "Organization/a", "Organization/b"
OWN_RULES = files("kangyun.care.health_card").joinpath("data", "health_card.toml").read_text("utf-8")
POLICY = files("kangyun.access.policy").joinpath("data", "policy.toml").read_text("utf-8")


def patient(id_, *identifiers, phone="", **more):
    telecom = {"telecom": [{"system": "phone", "value": phone}]} if phone else {}
    given = [{"system": system, "value": value} for system, value in (("urn:test", id_), *identifiers)]
    return {"resourceType": "Patient", "id": id_, "name": [{"text": "张三"}], "identifier": given} | telecom | more


@pytest.fixture
def settings(tmp_path, issuer):
    """No second factors; the readers of hospital B are believed; the region has two issuers."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "factors.toml").write_text(NO_FACTORS)
    (tmp_path / "policy.toml").write_text(POLICY.replace("readers = []", 'readers = ["Organization/b"]'), "utf-8")
    issuers = "".join(
        f'\n[issuers.{name}]\nurl = "{issuer.url}"\nkey = "{KEY}"\n' for name in ("ehealth-card", "insurance-code")
    )
    (tmp_path / "policy" / "health_card.toml").write_text(OWN_RULES + issuers, "utf-8")
    return tmp_path


@pytest.fixture
def put(settings, platform):
    """Writes as an institution: `await put({…}, A)`; returns what stands."""

    async def write(resource, institution):
        actor = Actor("Device/feed", "", institution, "SYSADMIN", administrator=True)
        record = await platform.gate.open(actor, Circumstances("TEST /", "", "test"))
        operation = record.operation("update", resource["resourceType"], id=resource["id"], resource=resource)
        (done,) = await record.commit([operation], "update")
        return done.stored

    return write


@pytest.fixture
async def region(put, open_client, platform, settings, fresh_database):
    """Zhang is registered at both hospitals and linked; Li at the first only; a child at the second."""
    id_card = ("urn:oid:2.16.156.10011.1.3", NUMBER)
    one = await put(patient("a-zhang", id_card, phone=PHONE), A)
    other = await put(patient("b-zhang", ("urn:oid:2.16.156.10011.1.11", "V-1001")), B)
    await put(
        patient("a-li", ("urn:oid:2.16.156.10011.1.11", "V-2002"), ("urn:kangyun:identifier:donor-card", "D00077")), A
    )
    await put(patient(CHILD, birthDate="2026-11-20"), B)
    async with platform.pool.connection() as connection:
        await link(connection, one.res, one.res)
        await link(connection, other.res, one.res)
    found = Region(await open_client(demo=True), platform, settings, fresh_database)
    for user, role, institution, reference in (
        ("wang", "doctor", B, ""), ("zhao", "registrar", B, ""), ("bao", "insurance", B, ""), ("qian", "doctor", A, ""),
        ("yao", "pharmacist", B, ""),
        ("zhang", "resident", "Organization/platform", "Patient/a-zhang"),
    ):  # fmt: skip
        await found.admit(user, role, institution, reference)
    await bindings_of(platform.pool, platform.gate.store.keys, platform.gate.ledger).bind(
        Handle("phone", PHONE), ("a-zhang", "b-zhang"), "test", whole=clock.now()
    )
    return found


class Region:
    """The installation as its people use it."""

    def __init__(self, client, platform, folder, database):
        self.client, self.platform, self.folder, self.database = client, platform, folder, database

    async def admit(self, user, role, institution, reference=""):
        register = self.platform.sign_in.identities
        kind = "resident" if reference else "staff"
        id_ = await register.admit(
            kind, reference or f"Practitioner/{user}", institution, user, roles=[role], vouched_by=B, evidence="x",
            handle=user,
        )  # fmt: skip
        await register.set_password(id_, PASSWORD)

    async def signed_in(self, user):
        told = await self.client.post(f"{SITE}/sign-in", json={"user": user, "password": PASSWORD})
        return {"authorization": f"Bearer {told.json()['access_token']}"}

    async def call(self, user, path, **given):
        """Calls an operation; returns the answer, which is never a defect."""
        parameter = [{"name": name, "valueString": value} for name, value in given.items()]
        body = {"resourceType": "Parameters"} | ({"parameter": parameter} if parameter else {})
        answer = await self.client.post(path, json=body, headers=await self.signed_in(user))
        assert answer.status_code < 500 or answer.status_code == 503, answer.text
        return answer

    async def told(self, user, path, **given):
        """Calls an operation that is answered, and returns what it says by name; of patients all."""
        answer = await self.call(user, path, **given)
        assert answer.status_code == 200, answer.text
        return said(answer)

    async def reads(self, user, path):
        return (await self.client.get(path, headers=await self.signed_in(user))).status_code

    async def asked(self, user="wang", **given):
        """Sends a word for a code; returns its challenge, and what was sent."""
        told = await self.told(user, "$ask-code-word", **given)
        last = (self.folder / "messages.ndjson").read_text().splitlines()[-1]
        return told["challenge"], json.loads(last)["variables"]["code"]

    async def rows(self):
        """Audit rows: (actor, action, outcome, ids of patients)."""
        connection = await asyncpg.connect(self.database)
        try:
            found = await connection.fetch("SELECT actor, action, outcome, patients FROM audit ORDER BY id")
        finally:
            await connection.close()
        return [(row["actor"], row["action"], row["outcome"], len(row["patients"] or ())) for row in found]


def said(answer):
    found = {"patient": []}
    for one in answer.json().get("parameter", ()):
        (value,) = [value for name, value in one.items() if name != "name"]
        if one["name"] == "patient":
            found["patient"].append(value["reference"])
        else:
            found[one["name"]] = value
    return found

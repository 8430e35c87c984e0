"""A clinic with a registrar, a family doctor and a nurse; of its two residents one is registered twice."""

import asyncio
import base64
from datetime import timedelta

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.staff.sheets import workbook
from kangyun.base import clock
from kangyun.care.today.rules import ALARM, LEVEL, RULE
from kangyun.testing.linking import link
from kangyun.testing.people import know

CLINIC, HOSPITAL = "Organization/clinic", "Organization/hospital"
ACTORS = {
    "registrar": Actor("Practitioner/zhao", "赵", CLINIC, "PATADMIN", role="registrar"),
    "doctor": Actor("Practitioner/li", "李", CLINIC, role="family-doctor"),
    "other": Actor("Practitioner/chen", "陈", CLINIC, role="doctor"),
}
NUMBERS = {"wang": "990101195602030011", "liu": "990101196003040022"}


def person(id_, name, number):
    return {
        "resourceType": "Patient", "id": id_, "name": [{"text": name}],
        "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": number}],
    }  # fmt: skip


@pytest.fixture
async def clinic(platform, open_client, monkeypatch):
    """`await clinic.ask("doctor", "today")`; `await clinic.bring([["…", …], …])`; `await clinic.happens()`."""
    know(monkeypatch, ACTORS)
    made = Clinic(platform, await open_client())
    await made.put(CLINIC, person("c-wang", "王建国", NUMBERS["wang"]), person("c-liu", "刘芳", NUMBERS["liu"]))
    await made.put(CLINIC, person("h-wang", "王建国", NUMBERS["wang"]))
    await made.put(HOSPITAL, {"resourceType": "Organization", "id": "hospital", "name": "市一院"})
    store = platform.gate.store
    async with platform.pool.connection() as connection:
        found = await store.reader.names(connection, [("Patient", "c-wang"), ("Patient", "h-wang")])
        for res in found.values():
            await link(connection, res, found["Patient", "c-wang"])
    for name, role in (("li", "family-doctor"), ("sun", "nurse")):
        await platform.sign_in.identities.admit(
            "staff", f"Practitioner/{name}", CLINIC, name, roles=[role], vouched_by="Device/t", evidence="x",
            handle=name,
        )  # fmt: skip
    return made


class Clinic:
    """The clinic over HTTP."""

    def __init__(self, platform, client):
        self.platform, self.client = platform, client

    async def put(self, institution, *resources):
        actor = Actor("Device/feed", "", institution, "SYSADMIN", administrator=True)
        record = await self.platform.gate.open(actor, Circumstances("TEST /", "", "test"))
        operations = [record.operation("update", one["resourceType"], id=one["id"], resource=one) for one in resources]
        await record.commit(operations, "transaction")

    async def ask(self, who, name, **given):
        headers = {"authorization": f"Bearer {who}"}
        if not given:
            return await self.client.get(f"CareTeam/${name}", headers=headers)
        parameter = [
            {"name": key, "valueBoolean" if isinstance(value, bool) else "valueString": value}
            for key, value in given.items()
        ]
        body = {"resourceType": "Parameters", "parameter": parameter}
        return await self.client.post(f"CareTeam/${name}", json=body, headers=headers)

    async def bring(self, rows, *, dry=False, who="registrar"):
        header = ["证件号码", "姓名", "家庭医生", "护士", "签约日期", "到期日期"]
        file = await asyncio.to_thread(workbook, "签约居民", header, rows)
        return await self.ask(who, "import-residents", file=base64.b64encode(file).decode(), dryRun=dry)

    async def happens(self):
        """Wang, as registered otherwise, came home an hour ago, with a high potassium; an alarm of Liu is open."""
        at = (clock.now() - timedelta(hours=1)).isoformat(timespec="seconds")
        wang, liu = {"reference": "Patient/h-wang"}, {"reference": "Patient/c-liu"}
        number = {"value": 5.9, "unit": "mmol/L"}
        high = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "code": "H"}
        laboratory = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}
        await self.put(
            CLINIC,
            {
                "resourceType": "Encounter", "id": "stay", "status": "finished", "subject": wang,
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "reasonCode": [{"text": "肺炎"}], "serviceProvider": {"reference": HOSPITAL},
                "period": {"start": "2026-01-01", "end": at},
            },
            {
                "resourceType": "Observation", "id": "potassium", "status": "final", "subject": wang,
                "category": [{"coding": [laboratory]}], "code": {"text": "血钾"}, "effectiveDateTime": at,
                "valueQuantity": number, "interpretation": [{"coding": [high]}],
            },
        )  # fmt: skip
        await self.put(CLINIC, {
            "resourceType": "Flag", "id": "alarm", "status": "active", "subject": liu, "period": {"start": at},
            "identifier": [{"system": ALARM, "value": "7"}], "code": {"coding": [{"system": RULE, "code": "sos"}]},
            "category": [{"coding": [{"system": LEVEL, "code": "red"}]}],
        })  # fmt: skip

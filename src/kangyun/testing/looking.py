"""A hospital whose doctors look from inside its own system: its calls, its browsers, and the person they look at."""

import json
import re
import time
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import asyncpg
import httpx

from kangyun.access.look.tickets import PATH, signed
from kangyun.access.platform import Platform
from kangyun.base.crypto import hmac_sm3
from kangyun.fhir import Resource
from kangyun.testing.provider import SITE

ICD = "http://hl7.org/fhir/sid/icd-10"
PHONE = "13800000001"
NASTY = "<script>alert(1)</script>"


def about(type_: str, id_: str, subject: str, **rest: Any) -> Resource:
    """Returns a resource about somebody."""
    return {"resourceType": type_, "id": id_, "subject": {"reference": f"Patient/{subject}"}} | rest


def patient(id_: str, name: str = "张三丰", **rest: Any) -> Resource:
    """Returns a registration of the person."""
    identifier = [{"system": "urn:test", "value": id_}, {"system": "urn:card", "value": "330106199001011228"}]
    return {"resourceType": "Patient", "id": id_, "name": [{"text": name}], "identifier": identifier} | rest


def coded(code: str, text: str) -> dict[str, Any]:
    """Returns a CodeableConcept of ICD-10."""
    return {"coding": [{"system": ICD, "code": code}], "text": text}


def encounter(status: str = "in-progress") -> Resource:
    """Returns the visit at hospital b."""
    return about("Encounter", "b-visit", "b-zhang", status=status, **{"class": {"code": "AMB"}})


RECORD = (
    about("Condition", "a-pneumonia", "a-zhang", code=coded("J18.9", "社区获得性肺炎"), recordedDate="2026-03-01"),
    about("Condition", "a-psychosis", "a-zhang", code=coded("F20.0", "精神分裂症")),
    about("Condition", "a-nasty", "a-zhang", code=coded("R69", NASTY)),
    {
        "resourceType": "AllergyIntolerance", "id": "a-allergy", "patient": {"reference": "Patient/a-zhang"},
        "code": {"text": "青霉素"},
    },
    about(
        "Observation", "a-lab", "a-zhang", status="final", code={"text": "血钾"}, effectiveDateTime="2026-03-02",
        category=[{"coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"
        }]}],
        valueQuantity={"value": 4.2, "unit": "mmol/L"},
    ),
    about(
        "MedicationRequest", "a-drug", "a-zhang", status="active", intent="order", authoredOn="2026-03-01",
        medicationCodeableConcept={"text": "阿莫西林"}, dosageInstruction=[{"text": "每日三次"}],
    ),
    about("Encounter", "a-visit", "a-zhang", status="finished", **{"class": {"code": "IMP"}}),
    about(
        "DocumentReference", "a-document", "a-zhang", status="current", type={"text": "出院小结"},
        content=[{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
    ),
)  # fmt: skip


class Hospital:
    """A hospital's server and its doctors' browsers."""

    def __init__(self, client: httpx.AsyncClient, platform: Platform, key: str) -> None:
        self.client, self.platform, self.key = client, platform, bytes.fromhex(key)

    async def call(
        self, *, client: str = "his", key: bytes | None = None, moment: int | None = None, nonce: str | None = None,
        signature: str | None = None, **asked: Any,
    ) -> httpx.Response:  # fmt: skip
        """Asks for a ticket, as its server does."""
        asked = {"institution": "Organization/b", "staff": "1001", "patient": "urn:test|b-zhang"} | asked
        body = json.dumps(asked).encode()
        at, nonce = str(int(time.time()) if moment is None else moment), nonce or uuid4().hex
        signature = signature or hmac_sm3(key or self.key, signed(client, at, nonce, body)).hex()
        headers = {
            "x-kangyun-client": client, "x-kangyun-time": at, "x-kangyun-nonce": nonce,
            "x-kangyun-signature": signature,
        }  # fmt: skip
        return await self.client.post(SITE + PATH, content=body, headers=headers)

    async def ticket(self, **asked: Any) -> str:
        """Returns a ticket."""
        answer = await self.call(**asked)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])

    def browser(self) -> httpx.AsyncClient:
        """Returns a browser without a session."""
        headers = {"accept-language": "zh", "content-type": "application/x-www-form-urlencoded"}
        return httpx.AsyncClient(transport=self.client._transport, base_url=SITE, headers=headers)

    async def looked(self, **asked: Any) -> tuple[httpx.AsyncClient, str, httpx.Response]:
        """Opens the page with a new ticket; returns the browser, where the page is, and the page."""
        browser = self.browser()
        entered = await browser.get("/look", params={"ticket": await self.ticket(**asked)})
        assert entered.status_code == 303, entered.text
        place = entered.headers["location"]
        return browser, place, await browser.get(place)

    async def ran(self, sql: str) -> list[asyncpg.Record]:
        """Runs a statement past the platform."""
        async with self.platform.pool.connection() as connection:
            return list(await connection.fetch(sql))


async def state(browser: httpx.AsyncClient, place: str, page: httpx.Response, do: str, **fields: str) -> httpx.Response:
    """Sends one of the page's forms."""
    form = next(one for one in re.findall(r"<form.*?</form>", page.text) if f'value="{do}"' in one)
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    answer = await browser.post(place, content=urlencode(hidden | fields | {"do": do}))
    return await browser.get(place) if answer.status_code == 303 else answer

"""A record with a hospital's own codes in it, and people who map them."""

from dataclasses import replace

import pytest

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.codes import codings
from kangyun.access.codes.table import Proposal, decide, propose
from kangyun.access.signin import ADMINISTRATOR

HOUSE = "Organization/h1"
ABOUT = Circumstances("test", "", "")
LOCAL = "urn:kangyun:code-system:local:h1:diagnosis"
CLINICAL = "urn:kangyun:code-system:diagnosis-clinical"
INSURANCE = "urn:kangyun:code-system:diagnosis-insurance"


def person(name, role="terminologist", institution="Organization/platform"):
    return Actor(f"Practitioner/{name}", name, institution, "HOPERAT", role=role)


@pytest.fixture(autouse=True)
def heard_at_once(monkeypatch):
    """Decisions are heard of without the second that processes take."""
    monkeypatch.setattr(codings, "LOOK_EVERY", -1.0)


@pytest.fixture
def opened(platform):
    return lambda actor: platform.gate.open(actor, ABOUT)


@pytest.fixture
async def house(opened):
    """The record as the hospital's feed writes it, with one patient."""
    record = await opened(replace(ADMINISTRATOR, institution=HOUSE))
    await put(record, {"resourceType": "Patient", "id": "h1-p", "active": True})
    return record


async def put(record, resource):
    return (await record.commit([record.operation("update", resource["resourceType"], id=resource["id"],
                                                  resource=resource)], "update"))[0]  # fmt: skip


def condition(id_, *codings):
    return {
        "resourceType": "Condition", "id": id_, "subject": {"reference": "Patient/h1-p"},
        "code": {"coding": [{"system": system, "code": code} for system, code in codings]},
    }  # fmt: skip


@pytest.fixture
def mapped(opened):
    """Proposes and approves: `await mapped(LOCAL, "Z1", CLINICAL, "I10.x00")`; returns the numbers of the rows."""

    async def map_(system, code, target_system, target, name="高血压"):
        first, second = await opened(person("a")), await opened(person("b"))
        await propose(first, [Proposal(system, code, target_system, target, name)])
        ids = await rows(first, "proposed")
        await decide(second, ids, approve=True)
        return ids

    return map_


async def rows(record, state):
    async with record.gate.store.pool.connection() as connection:
        found = await connection.fetch("SELECT id FROM code_map WHERE state = $1 ORDER BY id", state)
    return [row["id"] for row in found]


async def search(record, type_, **asked):
    query = await record.read_query(type_, list(asked.items()), strict=True)
    return [one.id for one in (await record.search(query)).matches]


def codes_of(stored):
    return [(one["system"], one["code"]) for one in stored.resource["code"]["coding"]]

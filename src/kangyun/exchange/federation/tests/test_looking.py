"""A doctor at one county asks for what another one and the city hold; each shows what its own gate lets it."""

import asyncio
from uuid import uuid4

import pytest

from kangyun.access.actor import Actor
from kangyun.access.outbound import Outbound
from kangyun.exchange.federation import answering, looking
from kangyun.exchange.federation.partner import Partner
from kangyun.testing.people import know

NUMBER = {"system": "urn:oid:2.16.156.10011.1.3", "value": "990000197001010012"}
CREDIT = {"system": "urn:oid:2.16.156.10011.1.26", "value": "91330000000000000X"}
ICD = "http://hl7.org/fhir/sid/icd-10"


def patient(id_, **more):
    return {
        "resourceType": "Patient", "id": id_, "name": [{"text": "测试甲"}], "gender": "male",
        "birthDate": "1970-01-01", "identifier": [NUMBER],
    } | more  # fmt: skip


def condition(id_, code, of):
    return {
        "resourceType": "Condition", "id": id_, "code": {"coding": [{"system": ICD, "code": code}]},
        "subject": {"reference": f"Patient/{of}"}, "recordedDate": "2026-04-01",
    }  # fmt: skip


def consent(of, type_, reference):
    return {
        "resourceType": "Consent", "id": f"c-{uuid4().hex[:8]}", "status": "active", "scope": {"text": "privacy"},
        "category": [{"text": "privacy"}], "policyRule": {"text": "regional"},
        "patient": {"reference": f"Patient/{of}"},
        "provision": {"type": type_, "actor": [{"role": {"text": "-"}, "reference": {"reference": reference}}]},
    }  # fmt: skip


def codes(bundle):
    entries = [one["resource"] for one in bundle["entry"]]
    return sorted(one["code"]["coding"][0]["code"] for one in entries if one["resourceType"] == "Condition")


def said(bundle):
    return [issue["details"]["text"] for issue in bundle["entry"][0]["resource"]["issue"]]


@pytest.fixture
async def other(make_node, city):
    """A second county below the city."""
    made = await make_node("county-2")
    await made.below(city)
    return made


@pytest.fixture
async def region(county, city, other, monkeypatch):
    """Two counties and a city that know the same resident, each with a diagnosis; what is asked goes by wires."""

    def partner(node, nodes):
        made = Partner(node, nodes)
        Outbound.close(made.outbound)
        made.outbound = next(place.wires[node.name] for place in (county, other, city) if place.name == node.own)
        return made

    monkeypatch.setattr(looking, "Partner", partner)
    await county.put({"resourceType": "Organization", "id": "h1", "name": "一院", "identifier": [CREDIT]})
    await county.put(patient("h1-p"))
    await county.put(condition("h1-d", "I10", "h1-p"))
    await county.put(consent("h1-p", "permit", "Practitioner/li"))  # Why he may look at all.
    await other.put(patient("h2-p"))
    await other.put(condition("h2-d", "E11.9", "h2-p"))
    await city.put(patient("h3-p"))
    await city.put(condition("h3-d", "J18.9", "h3-p"))
    know(monkeypatch, {"li": Actor("Practitioner/li", "李", "Organization/h1", role="doctor")})
    await county.tell("city-1")
    await other.tell("city-1")
    return partner


@pytest.fixture
async def at_work(region, other):
    """The second county fetches what is asked of it, as its background work does."""
    async with other.platform.pool.connection() as connection:
        node = await other.nodes.get(connection, "city-1")
    partner = region(node, other.nodes)

    stop = asyncio.Event()

    async def work():
        while not stop.is_set():
            for id_, asked in await answering.fetched(partner):
                await answering.answer_one(other.platform.gate, partner, id_, asked)
            await asyncio.sleep(0.05)

    task = asyncio.create_task(work())
    while not any(one.is_heard for one in await _children(other)):
        await asyncio.sleep(0.02)
    yield
    stop.set()
    await task


async def _children(other):
    return await other.wires["city-1"].there.nodes.placed("child")


@pytest.fixture
def ask(county, region):
    async def ask_(id_="h1-p", token="li", seconds=5):
        body = {"resourceType": "Parameters", "parameter": [{"name": "seconds", "valueInteger": seconds}]}
        headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
        return await county.client.post(f"Patient/{id_}/$elsewhere", json=body, headers=headers)

    return ask_


async def test_what_others_hold_comes_and_nothing_of_it_stays(ask, at_work, county, city):
    answer = await ask()
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert codes(bundle) == ["E11.9", "J18.9"]
    assert said(bundle) == ["All of 2 nodes have answered."]
    assert {one["resource"]["meta"]["source"] for one in bundle["entry"][1:]} >= {"urn:kangyun:node:county-2"}
    assert [one["id"] for one in await county.found("Condition")] == ["h1-d"]
    assert [one["id"] for one in await city.found("Condition")] == ["h3-d"]
    async with city.platform.pool.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM node_request") == 0


async def test_both_sides_leave_rows_that_name_who_asked(ask, at_work, county, city, other):
    await ask()
    for place, actor in (
        (county, "Practitioner/li"),
        (city, "Practitioner/li@county-1"),
        (other, "Practitioner/li@county-1"),
    ):
        async with place.platform.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT action FROM audit WHERE actor = $1 AND cardinality(patients) > 0", actor
            )
        assert rows, place.name
        shown = await place.client.get("AuditEvent?_count=20")
        assert actor in shown.text


async def test_a_node_that_does_not_answer_is_named(ask, region):
    bundle = (await ask()).json()
    assert codes(bundle) == ["J18.9"]
    assert said(bundle) == ["county-2: this node cannot be reached at present; its records are not included."]


async def test_the_node_above_that_does_not_answer_is_named(ask, county):
    county.wires["city-1"].cut = True
    bundle = (await ask()).json()
    assert codes(bundle) == []
    assert said(bundle) == ["city-1: this node cannot be reached at present; its records are not included."]


async def test_a_node_that_stops_while_it_is_asked_is_named_in_time(ask, at_work, city, monkeypatch):
    monkeypatch.setattr(answering, "answer_one", lambda *_: asyncio.sleep(0))
    bundle = (await ask(seconds=2)).json()
    assert said(bundle) == ["county-2: this node cannot be reached at present; its records are not included."]


async def test_the_holder_shows_nothing_sensitive(ask, at_work, other):
    await other.put(condition("h2-e", "B20", "h2-p"))
    assert codes((await ask()).json()) == ["E11.9", "J18.9"]


@pytest.mark.parametrize("reference", ["Organization/city-1", "Organization/known-here"])
async def test_what_the_resident_denies_the_asking_institution_at_the_holder_stays_there(
    ask, at_work, other, reference
):
    await other.put({"resourceType": "Organization", "id": "known-here", "name": "一院", "identifier": [CREDIT]})
    async with other.platform.pool.connection() as connection:  # Somebody acts for it here.
        await connection.execute("INSERT INTO institution (reference) VALUES ($1) ON CONFLICT DO NOTHING", reference)
    await other.put(consent("h2-p", "deny", reference))
    assert codes((await ask()).json()) == ["J18.9"]


async def test_what_the_resident_closes_in_the_city_is_not_relayed(ask, at_work, city, other):
    told = next(one for one in await city.found("Patient") if one["id"].startswith("county-2-"))
    async with city.platform.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO institution (reference) VALUES ('Organization/county-1') ON CONFLICT DO NOTHING"
        )
    await city.put(consent(told["id"], "deny", "Organization/county-1"))
    assert codes((await ask()).json()) == []


async def test_without_a_reason_nobody_looks_across_nodes(ask, county):
    for one in await county.found("Consent"):
        await county.client.delete(f"Consent/{one['id']}")
    answer = await ask()
    assert answer.status_code in (403, 404)


async def test_a_registration_that_was_not_told_is_said_to_be_so(ask, county):
    somebody = {"identifier": [NUMBER | {"value": "990000198505050020"}], "name": [{"text": "例乙"}]}
    await county.put(patient("h1-q", **somebody, birthDate="1985-05-05", gender="female"))
    await county.put(consent("h1-q", "permit", "Practitioner/li"))
    assert said((await ask("h1-q")).json()) == [
        "This registration was not told to the node above yet; other nodes could not be asked."
    ]


@pytest.mark.parametrize("operation", ["node-look", "node-fetch", "node-answer"])
async def test_nobody_but_a_node_below_may_call(city, county, operation, monkeypatch):
    know(monkeypatch, {"doctor": Actor("Practitioner/li", "", "Organization/h1", role="doctor")})
    for headers in ({"authorization": "Bearer doctor"}, {}):
        answer = await city.client.post(f"${operation}", json={"resourceType": "Parameters"}, headers=headers)
        assert answer.status_code == 403


async def test_a_statement_that_was_changed_is_refused(region, county, city, monkeypatch):
    sender = await county.sender("city-1")
    changed = {"resourceType": "Parameters", "parameter": [
        {"name": "statement", "valueString": "e30.eyJpc3MiOiJjb3VudHktMSJ9.AAAA"},
        {"name": "milliseconds", "valueInteger": 1000}, {"name": "registration", "valueString": "county-1-x"},
    ]}  # fmt: skip
    status, _ = await sender.partner.call("$node-look", changed)
    assert status == 400


async def test_a_paused_node_is_asked_nothing(ask, at_work, city):
    await city.nodes.pause("county-2", paused=True)
    assert said((await ask()).json()) == ["county-2: this node is paused; its records are not included."]

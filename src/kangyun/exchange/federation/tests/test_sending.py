"""What goes up, comes to nothing twice, is taken back, and is told again after either side was restored."""

import asyncio
from datetime import timedelta

import pytest

from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.exchange.federation import forms

NUMBER = {"system": "urn:oid:2.16.156.10011.1.3", "value": "990000197001010012"}


def patient(id_="p1", **more):
    return {
        "resourceType": "Patient", "id": f"house-{id_}", "name": [{"text": "测试甲"}], "gender": "male",
        "birthDate": "1970-01-01", "identifier": [NUMBER], "address": [{"text": "测试路1号"}],
    } | more  # fmt: skip


def observation(id_, code="8867-4", day="2026-03-05", of="house-p1"):
    return {
        "resourceType": "Observation", "id": f"house-{id_}", "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{of}"}, "effectiveDateTime": day,
    }  # fmt: skip


def condition(id_, code, of="house-p1"):
    coding = {"system": "http://hl7.org/fhir/sid/icd-10", "code": code}
    return {
        "resourceType": "Condition", "id": f"house-{id_}", "code": {"coding": [coding]},
        "subject": {"reference": f"Patient/{of}"}, "recordedDate": "2026-04-01",
    }  # fmt: skip


def denial(of="house-p1", **provision):
    return {
        "resourceType": "Consent", "id": "c1", "status": "active", "patient": {"reference": f"Patient/{of}"},
        "scope": {"coding": [{"code": "patient-privacy"}]},
        "category": [{"coding": [{"code": "IDSCL"}]}],
        "policyRule": {"coding": [{"code": "OPTIN"}]},
        "provision": {"type": "deny"} | provision,
    }  # fmt: skip


def kinds(location):
    parts = [one["extension"] for one in location["extension"]]
    return [part["valueCode"] for some in parts for part in some if part["url"] == "kind"]


async def test_a_registration_and_where_its_records_lie_go_up(county, city):
    await county.put(patient())
    await county.put(observation("o1", day="2025-11-30"))
    await county.put(observation("o2"))
    await county.tell("city-1")
    (told,) = await city.found("Patient")
    assert told["name"] == [{"text": "测试甲"}]
    assert told["identifier"] == [NUMBER]
    assert "address" not in told
    assert told["id"].startswith("county-1-")
    (where,) = await city.found("DocumentReference")
    assert where["subject"]["reference"] == f"Patient/{told['id']}"
    assert where["context"]["period"] == {"start": "2025-11", "end": "2026-03"}
    assert kinds(where) == ["results"]
    assert await city.found("Observation") == []


async def test_what_is_told_again_makes_no_version(county, city):
    await county.put(patient())
    await county.tell("city-1")
    wire, before = county.wires["city-1"], county.wires["city-1"].calls
    await county.put(observation("o1"))
    await county.tell("city-1")
    await county.put(observation("o2"))  # Of the same kind and month: nothing new is said.
    await county.tell("city-1")
    await county.walk("city-1")
    assert wire.calls - before == 1
    (told,) = await city.found("Patient")
    (where,) = await city.found("DocumentReference")
    assert (told["meta"]["versionId"], where["meta"]["versionId"]) == ("1", "1")


async def test_an_answer_that_was_lost_is_no_second_version(county, city):
    await county.put(patient())
    county.wires["city-1"].deaf = 10
    with pytest.raises(Unavailable):
        await county.tell("city-1")
    assert len(await city.found("Patient")) == 0  # It is the token's answer, or the mark's, that was lost first.
    county.wires["city-1"].deaf = 0
    await county.tell("city-1")
    await county.put(patient(gender="female"))
    county.wires["city-1"].deaf = 1
    with pytest.raises(Unavailable):
        await county.tell("city-1")
    await county.tell("city-1")
    (told,) = await city.found("Patient")
    assert (told["gender"], told["meta"]["versionId"]) == ("female", "2")


async def test_days_without_an_answer_cost_nothing_but_the_way_that_is_left(county, city):
    await county.tell("city-1")
    county.wires["city-1"].cut = True
    for nth in range(120):
        await county.put(patient(f"p{nth}", identifier=[NUMBER | {"value": f"9900001970010{nth:05}"}]))
    with pytest.raises(Unavailable):
        await county.tell("city-1")
    county.wires["city-1"].cut = False
    await county.tell("city-1")
    told = await city.found("Patient?_count=200")
    assert len(told) == 120
    assert {one["meta"]["versionId"] for one in told} == {"1"}


async def test_what_is_put_right_or_deleted_goes_up(county, city):
    await county.put(patient())
    await county.put(observation("o1"))
    await county.tell("city-1")
    await county.put(patient(birthDate="1971-01-01"))
    await county.client.delete("Observation/house-o1")
    await county.tell("city-1")
    assert [one["birthDate"] for one in await city.found("Patient")] == ["1971-01-01"]
    assert await city.found("DocumentReference") == []
    await county.client.delete("Patient/house-p1")
    await county.tell("city-1")
    assert await city.found("Patient") == []
    await county.put(patient())
    await county.tell("city-1")
    assert len(await city.found("Patient")) == 1


async def test_what_is_sensitive_is_not_there_for_the_node_above(county, city):
    await county.put(patient())
    await county.put(condition("d1", "B20"))
    await county.tell("city-1")
    assert len(await city.found("Patient")) == 1
    assert await city.found("DocumentReference") == []
    await county.put(condition("d2", "I10"))
    await county.tell("city-1")
    assert [kinds(one) for one in await city.found("DocumentReference")] == [["diagnoses"]]


async def test_whoever_closes_his_record_to_everybody_is_taken_back(county, city):
    await county.put(patient())
    await county.put(observation("o1"))
    await county.tell("city-1")
    await county.put(denial())
    await county.tell("city-1")
    assert await city.found("Patient") == []
    assert await city.found("DocumentReference") == []
    await county.client.delete("Consent/c1")
    await county.tell("city-1")
    assert len(await city.found("Patient")) == 1
    assert len(await city.found("DocumentReference")) == 1


async def test_where_records_lie_is_not_told_of_what_anybody_is_denied(county, city):
    await county.put(patient())
    await county.put(observation("o1"))
    await county.put({"resourceType": "Practitioner", "id": "far"})
    await county.put(denial(actor=[{"role": {"text": "-"}, "reference": {"reference": "Practitioner/far"}}]))
    await county.tell("city-1")
    assert len(await city.found("Patient")) == 1
    assert await city.found("DocumentReference") == []


async def test_a_denial_follows_to_the_other_registrations_of_a_resident(county, city):
    await county.put(patient("p1"))
    await county.put(patient("p2"))  # The same number: the index makes them one resident's.
    await county.tell("city-1")
    assert len(await city.found("Patient")) == 2
    await county.put(denial())
    await county.tell("city-1")
    assert await city.found("Patient") == []


async def test_a_denial_that_ends_by_itself_is_found_by_the_walk(county, city):
    await county.put(patient())
    await county.put(denial(period={"end": clock.instant(clock.now() + timedelta(seconds=1.5))}))
    await county.tell("city-1")
    assert await city.found("Patient") == []
    await asyncio.sleep(1.6)
    await county.walk("city-1")
    assert len(await city.found("Patient")) == 1


async def test_a_registration_that_is_refused_keeps_nobody_from_being_told(county, city):
    await county.put(patient("p1"))
    await county.tell("city-1")
    (told,) = await city.found("Patient")
    await city.put(denial(told["id"]))  # The county itself may not write about him any more.
    await county.put(patient("p1", gender="female"))
    await county.put(patient("p2", identifier=[NUMBER | {"value": "990000197001010020"}]))
    await county.tell("city-1")
    (node,) = await county.nodes.counted()
    assert (node.refused, node.waiting) == (1, 0)
    assert len(await city.found("Patient")) == 2
    await city.client.delete("Consent/c1")
    await county.walk("city-1")
    (node,) = await county.nodes.counted()
    assert node.refused == 0
    assert {one["gender"] for one in await city.found(f"Patient?_id={told['id']}")} == {"female"}


async def test_a_node_above_that_was_restored_is_told_what_it_has_forgotten(county, city):
    await county.put(patient("p1"))
    await county.tell("city-1")
    before = (await city.found("Basic"))[0]
    await county.put(patient("p2", identifier=[NUMBER | {"value": "990000197001010020"}]))
    await county.tell("city-1")
    lost = next(one for one in await city.found("Patient") if one["identifier"][0]["value"].endswith("20"))
    await city.client.delete(f"Patient/{lost['id']}")
    await city.put({name: value for name, value in before.items() if name != "meta"})
    await county.put(patient("p1", gender="female"))
    await county.tell("city-1")
    assert {one["id"] for one in await city.found("Patient")} >= {lost["id"]}


async def test_what_a_restored_node_no_longer_has_is_taken_back(county, city):
    await county.put(patient("p1"))
    await county.put(patient("p2", identifier=[NUMBER | {"value": "990000197001010020"}]))
    await county.tell("city-1")
    async with county.platform.pool.connection() as connection:  # As a backup from before p2 would have it.
        await connection.execute("DELETE FROM node_told WHERE patient = (SELECT max(patient) FROM node_told)")
        await connection.execute("UPDATE node SET batch = 0, mark = 0")
        await connection.execute("UPDATE sequencer SET epoch = epoch + 1")
    await county.client.delete("Patient/house-p2")
    county.senders.clear()
    await county.tell("city-1")
    await county.tell("city-1")
    assert [one["identifier"][0]["value"] for one in await city.found("Patient")] == [NUMBER["value"]]


@pytest.mark.parametrize("epoch", [1, 3])
async def test_what_a_node_that_was_replaced_never_had_is_taken_back(county, city, epoch):
    async with county.platform.pool.connection() as connection:
        await connection.execute("UPDATE sequencer SET epoch = $1", epoch)
    await county.put(patient("p1"))
    await county.tell("city-1")  # One call: the mark is one ahead of a node that is new, as where an answer was lost.
    await county.client.delete("Patient/house-p1")
    async with county.platform.pool.connection() as connection:  # As an installation of the same name would have it.
        await connection.execute("DELETE FROM node WHERE name = 'city-1'")
        await connection.execute("DELETE FROM feed_cursor WHERE name = 'node/city-1'")
        await connection.execute("UPDATE sequencer SET epoch = 1")
    await county.nodes.add("city-1", "parent", "x", base="http://127.0.0.1:8080/fhir", own="county-1")
    county.senders.clear()
    await county.put(patient("p2", identifier=[NUMBER | {"value": "990000197001010020"}]))
    await county.tell("city-1")
    await county.tell("city-1")
    assert [one["identifier"][0]["value"] for one in await city.found("Patient")] == ["990000197001010020"]


async def test_three_nodes_pass_on_what_they_were_told_and_send_nothing_back(make_node, county, city):
    province = await make_node("province-1")
    await city.below(province)
    await county.put(patient())
    await county.put(observation("o1"))
    await city.put(patient("c1", identifier=[NUMBER | {"value": "990000197001010020"}]))
    await county.tell("city-1")
    await city.tell("province-1")
    told = {one["identifier"][0]["value"]: one for one in await province.found("Patient")}
    assert len(told) == 2
    assert forms.path_of(told[NUMBER["value"]]) == ("county-1", "city-1")
    owner = told[NUMBER["value"]]["managingOrganization"]["identifier"]["value"]
    assert owner == "county-1|Organization/platform"
    assert [kinds(one) for one in await province.found("DocumentReference")] == [["results"]]
    await province.below(county)  # A ring, by mistake.
    await province.tell("county-1")
    assert len(await county.found("Patient")) == 2  # Its own, and the city's: its own did not come back.


async def test_the_same_person_told_by_two_counties_is_one_resident_above(make_node, county, city):
    other = await make_node("county-2")
    await other.below(city)
    await county.put(patient())
    await other.put(patient())
    await county.tell("city-1")
    await other.tell("city-1")
    first, second = await city.found("Patient")
    links = await city.client.get(f"Patient/{first['id']}/$links")
    assert second["id"] in links.text


async def test_who_is_erased_below_is_erased_above_up_to_the_top(make_node, county, city):
    province = await make_node("province-1")
    await city.below(province)
    await county.put(patient())
    await county.put(observation("o1"))
    await county.tell("city-1")
    await city.tell("province-1")
    (told,) = await city.found("Patient")
    await county.erase("house-p1")
    await county.tell("city-1")
    await city.forget()
    answer = await city.client.get(f"Patient/{told['id']}/_history")
    assert "测试甲" not in answer.text
    assert (await city.client.get(f"Patient/{told['id']}")).status_code == 410
    await city.tell("province-1")
    await province.forget()
    assert await province.found("Patient?name=测试甲") == []
    assert await province.found("DocumentReference") == []
    await county.walk("city-1")
    (node,) = await county.nodes.counted()
    assert (node.waiting, node.refused, node.known) == (0, 0, 0)


async def test_nobody_is_erased_by_the_word_of_who_did_not_tell_of_him(city):
    await city.put(patient(extension=[{"url": forms.ERASED, "valueBoolean": True}]))
    await city.forget()
    assert (await city.client.get("Patient/house-p1")).status_code == 200


async def test_another_platform_gets_the_same_under_ids_of_its_own(county, make_node):
    other = await make_node("other-1")
    await county.below(other, kind="fhir")
    await county.put(patient())
    await county.put(observation("o1"))
    await county.tell("other-1")
    (told,) = await other.found("Patient")
    (where,) = await other.found("DocumentReference")
    assert not told["id"].startswith("county-1-")
    assert where["subject"]["reference"] == f"Patient/{told['id']}"
    assert await other.found("Basic") == []
    await other.client.delete(f"Patient/{told['id']}")  # As after a restore.
    await county.nodes.compare("other-1")
    await county.tell("other-1")
    assert len(await other.found("Patient")) == 1
    await county.client.delete("Patient/house-p1")
    await county.tell("other-1")
    assert await other.found("Patient") == []

"""Terminology and profiles answer everybody from what everybody may see, and no institution changes another's."""

import pytest

from kangyun.access.actor import Actor
from kangyun.testing.people import know

ICD = "http://hl7.org/fhir/sid/icd-10"
RESTRICTED = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
SYSTEM = {
    "resourceType": "CodeSystem", "id": "a-cs", "url": "urn:a:cs", "status": "active", "content": "complete",
    "concept": [{"code": "k1", "display": "ours"}],
}  # fmt: skip
SET = {
    "resourceType": "ValueSet", "id": "a-vs", "url": "urn:a:vs", "status": "active", "version": "1",
    "compose": {"include": [{"system": ICD, "concept": [{"code": "J00"}]}]},
}  # fmt: skip
MAP = {
    "resourceType": "ConceptMap", "id": "a-cm", "url": "urn:a:cm", "status": "active",
    "group": [{
        "source": "urn:a:cs", "target": "urn:a:other",
        "element": [{"code": "k1", "target": [{"code": "ours", "equivalence": "equal"}]}],
    }],
}  # fmt: skip
PROFILE = {
    "resourceType": "StructureDefinition", "id": "a-sd", "url": "urn:a:sd", "name": "x", "status": "active",
    "kind": "resource", "abstract": False, "type": "Patient", "derivation": "constraint",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
    "differential": {"element": [{"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}]},
}  # fmt: skip
CONDITION = {
    "resourceType": "Condition", "id": "a-cold", "subject": {"reference": "Patient/a-p"},
    "code": {"coding": [{"system": ICD, "code": "J00"}]},
}  # fmt: skip
ACTORS = {
    "platform": Actor("Device/administrator", "", "Organization/platform", "SYSADMIN", administrator=True),
    "admin": Actor("Device/a", "", "Organization/a", "SYSADMIN", administrator=True),
    "doctor": Actor("Practitioner/li", "", "Organization/a", "TREAT", role="doctor"),
    "officer": Actor("Practitioner/it", "", "Organization/platform", "SYSADMIN", role="system-administrator"),
    "his": Actor(
        "Device/b", "", "Organization/b", "TREAT", role="application", client="Device/b", scopes=("system/*.cruds",)
    ),
}  # fmt: skip
ASKED = (
    "ValueSet/$expand?url=urn:a:vs", "ValueSet/a-vs/$expand", "CodeSystem/$lookup?system=urn:a:cs&code=k1",
    "CodeSystem/a-cs/$lookup?code=k1", "ConceptMap/$translate?url=urn:a:cm&system=urn:a:cs&code=k1",
    "CodeSystem/$validate-code?url=urn:a:cs&code=k1", f"ValueSet/$validate-code?url=urn:a:vs&system={ICD}&code=J00",
    "Condition?code:in=urn:a:vs", "Condition?code:in=ValueSet/a-vs", "Patient/$validate?profile=urn:a:sd",
)  # fmt: skip


@pytest.fixture
async def people(open_client, monkeypatch):
    know(monkeypatch, ACTORS)
    clients = {name: await open_client(token=name) for name in ACTORS}
    await put(clients["admin"], {"resourceType": "Patient", "id": "a-p"})
    await put(clients["admin"], CONDITION)
    return clients


async def put(client, resource, status=(200, 201)):
    answer = await client.put(f"{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in status, answer.text
    return answer


async def told(client):
    """What is answered to each question, but for the names of the answers themselves."""
    answers = {}
    for path in ASKED:
        body = {"resourceType": "Patient"} if "$validate?" in path else None
        answer = await (client.post(path, json=body) if body else client.get(path))
        said = {name: value for name, value in answer.json().items() if name not in ("id", "meta", "expansion")}
        answers[path] = answer.status_code, said
    return answers


async def test_what_is_hidden_answers_as_if_it_were_not_there(people):
    before = await told(people["doctor"])
    for one in (SYSTEM, SET, MAP, PROFILE):
        await put(people["platform"], one | {"meta": RESTRICTED})
    assert await told(people["doctor"]) == before
    for one in (SYSTEM, SET, MAP, PROFILE):
        await put(people["platform"], one | {"id": f"{one['id']}-open"})
    shown = await told(people["doctor"])
    assert all(shown[path] != before[path] for path in ASKED if "urn:a:" in path)


async def test_what_was_seen_and_is_hidden_now_is_gone_at_once(people):
    await put(people["platform"], SET)
    assert (await people["doctor"].get("Condition?code:in=urn:a:vs")).json()["total"] == 1
    await put(people["platform"], SET | {"meta": RESTRICTED})
    assert (await people["doctor"].get("Condition?code:in=urn:a:vs")).status_code == 400


async def found(client):
    return (await client.get("Condition?code:in=urn:a:vs")).json().get("total")


async def test_a_later_version_of_another_institution_changes_nothing(people):
    await put(people["admin"], SET)
    other = SET | {
        "id": "b-vs",
        "version": "9",
        "compose": {"include": [{"system": ICD, "concept": [{"code": "Z00"}]}]},
    }
    await put(people["his"], other)
    assert await found(people["doctor"]) == 1
    await put(people["admin"], SET | {"id": "a-vs-2", "version": "2", "compose": other["compose"]})
    assert await found(people["doctor"]) == 0
    await put(people["platform"], SET | {"id": "platform-vs", "version": "0"})
    assert await found(people["doctor"]) == 1
    for id_ in ("platform-vs", "a-vs", "a-vs-2"):
        await people["platform"].delete(f"ValueSet/{id_}")
    assert await found(people["doctor"]) == 0  # Nobody else is there any more: its own writer's counts now.
    await people["his"].delete("ValueSet/b-vs")
    assert await found(people["doctor"]) is None


async def test_a_supplement_and_the_set_of_all_codes_are_the_owners(people):
    await put(people["admin"], SYSTEM | {"valueSet": "urn:a:all"})
    before = (await people["doctor"].get("ValueSet/$expand?url=urn:a:all")).json()["expansion"]["contains"]
    supplement = {
        "resourceType": "CodeSystem", "id": "b-su", "url": "urn:b:su", "status": "active", "content": "supplement",
        "supplements": "urn:a:cs", "concept": [{"code": "k1", "designation": [{"language": "fr", "value": "theirs"}]}],
    }  # fmt: skip
    await put(people["his"], supplement)
    theirs = SYSTEM | {"id": "b-cs", "url": "urn:b:cs", "valueSet": "urn:a:all", "concept": [{"code": "x"}]}
    await put(people["his"], theirs)
    assert (await people["doctor"].get("ValueSet/$expand?url=urn:a:all")).json()["expansion"]["contains"] == before
    assert "theirs" not in (await people["doctor"].get("CodeSystem/$lookup?system=urn:a:cs&code=k1")).text
    assert (await people["doctor"].get("CodeSystem/$lookup?system=urn:b:cs&code=x")).status_code == 200
    await put(people["admin"], supplement | {"id": "a-su", "url": "urn:a:su"})
    assert "theirs" in (await people["doctor"].get("CodeSystem/$lookup?system=urn:a:cs&code=k1")).text


async def test_what_the_specification_defines_is_the_platforms(people):
    asked = "ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender"
    before = (await people["doctor"].get(asked)).json()["expansion"]["contains"]
    theirs = SET | {"id": "b-gender", "url": "http://hl7.org/fhir/ValueSet/administrative-gender", "version": "9"}
    await put(people["his"], theirs)
    assert (await people["doctor"].get(asked)).json()["expansion"]["contains"] == before
    await put(people["platform"], theirs | {"id": "gender"})
    assert [one["code"] for one in (await people["doctor"].get(asked)).json()["expansion"]["contains"]] == ["J00"]


async def test_profiles_and_search_parameters_are_the_sites(people):
    await put(people["his"], PROFILE | {"id": "b-sd"}, (403,))
    await put(people["officer"], PROFILE | {"id": "platform-sd"})

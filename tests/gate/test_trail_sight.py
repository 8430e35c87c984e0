"""What the audit trail tells residents and guardians: nothing of what they do not see."""

import pytest

from kangyun.access.actor import Actor
from kangyun.testing.people import know

ICD = "http://hl7.org/fhir/sid/icd-10"
ACTORS = {
    "admin": Actor("Device/administrator", "", "Organization/a", "SYSADMIN", administrator=True),
    "auditor": Actor("Practitioner/audit", "", "Organization/platform", "SYSADMIN", role="audit-administrator"),
    "doctor": Actor("Practitioner/li", "", "Organization/a", "TREAT", role="doctor"),
    "resident": Actor("Patient/ward", "", "Organization/platform", "PATRQT", role="resident", patients=("ward",)),
    "guardian": Actor("Patient/ma", "", "Organization/platform", "FAMRQT", role="guardian", patients=("ward",)),
    "app": Actor(
        "Patient/ward", "", "Organization/platform", "PATRQT", role="resident", patients=("ward",), patient="ward",
        client="Device/app", scopes=("patient/AuditEvent.rs", "patient/Patient.rs"),
    ),
}  # fmt: skip


def condition(id_, code, *labels):
    security = [{"system": "urn:kangyun:label", "code": label} for label in labels]
    coded = {"coding": [{"system": ICD, "code": code}]}
    return {
        "resourceType": "Condition", "id": id_, "subject": {"reference": "Patient/ward"}, "code": coded,
        **({"meta": {"security": security}} if security else {}),
    }  # fmt: skip


@pytest.fixture
async def people(open_client, monkeypatch):
    """A client of each; a doctor has looked at what all may see, at what is sexual, and at what is withheld."""
    know(monkeypatch, ACTORS)
    clients = {name: await open_client(token=name) for name in ACTORS}
    made = [{"resourceType": "Patient", "id": "ward"}, condition("cold", "J00"), condition("syphilis", "A51.0")]
    for one in (*made, condition("later", "J18.9", "withheld")):
        path = f"{one['resourceType']}/{one['id']}"
        assert (await clients["admin"].put(path, json=one)).status_code == 201
    for path in ("Condition/cold", "Condition/syphilis", "Condition/later", "Condition?code=A51.0"):
        assert (await clients["doctor"].get(path)).status_code == 200
    return clients


async def named(client, query=""):
    entries = (await client.get(f"AuditEvent?{query}")).json().get("entry", ())
    entities = [entity for one in entries for entity in one["resource"]["entity"]]
    return {entity["what"]["reference"] for entity in entities if "reference" in entity.get("what", {})}


async def shapes(client, query=""):
    entries = (await client.get(f"AuditEvent?{query}")).json().get("entry", ())
    return {entity["description"] for one in entries for entity in one["resource"]["entity"] if "query" in entity}


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("auditor", {"Condition/cold", "Condition/syphilis", "Condition/later"}),
        ("resident", {"Condition/cold", "Condition/syphilis"}),
        ("guardian", {"Condition/cold"}),
        ("app", set()),
    ],
)
async def test_only_what_he_sees_is_named(people, who, seen):
    assert await named(people[who]) == {"Patient/ward"} | seen
    for one in ("cold", "syphilis", "later", "absent"):
        answer = (await people[who].get(f"AuditEvent?entity=Condition/{one}&_total=accurate")).json()
        assert (answer["total"] > 0) == (f"Condition/{one}" in seen)


@pytest.mark.parametrize(("who", "reads"), [("resident", 2), ("guardian", 1), ("app", 0)])
async def test_rows_are_counted_and_read_as_they_are_listed(people, who, reads):
    of_doctor = "agent=Practitioner/li&subtype=read"
    assert (await people[who].get(f"AuditEvent?{of_doctor}&_summary=count")).json()["total"] == reads
    all_of_them = (await people["auditor"].get(f"AuditEvent?{of_doctor}")).json()["entry"]
    found = [(await people[who].get(f"AuditEvent/{one['resource']['id']}")).status_code for one in all_of_them]
    assert sorted(found) == [200] * reads + [404] * (3 - reads)


async def test_over_what_a_search_went_is_told_to_the_resident_only(people):
    search = "agent=Practitioner/li&subtype=search-type"
    assert await shapes(people["resident"], search) == {"GET /Condition?code"}
    for who in ("guardian", "app"):
        assert (await people[who].get(f"AuditEvent?{search}&_summary=count")).json()["total"] == 1
        assert await shapes(people[who], search) == set()


async def test_sentences_are_about_the_same(people):
    for who, what in (("resident", {"Condition", ""}), ("guardian", {"Condition", ""})):
        looks = (await people[who].get("Patient/ward/$who-looked")).json()["parameter"]
        parts = [{part["name"]: part for part in look["part"]} for look in looks]
        by_doctor = [part for part in parts if part["who"]["valueReference"]["reference"] == "Practitioner/li"]
        assert {part.get("what", {"valueCode": ""})["valueCode"] for part in by_doctor} == what
        assert sum(part["count"]["valueInteger"] for part in by_doctor) == (4 if who == "resident" else 2)


@pytest.mark.parametrize("who", ["resident", "guardian"])
async def test_what_one_tries_oneself_tells_nothing(people, who):
    before = (await people[who].get("AuditEvent?outcome=4&_total=accurate")).json()["total"]
    hidden = "Condition/later" if who == "resident" else "Condition/syphilis"
    for path in (hidden, "Condition/absent"):
        assert (await people[who].get(path)).status_code == 404
    assert (await people[who].get("AuditEvent?outcome=4&_total=accurate")).json()["total"] == before
    tried = f"agent={ACTORS[who].reference}&outcome=4&patient=Patient/ward&_summary=count"
    assert (await people["auditor"].get(f"AuditEvent?{tried}")).json()["total"] == 1

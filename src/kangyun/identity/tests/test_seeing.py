"""What is of a resident of twelve registrations is found by each way, and what a wrong merge joined comes apart as it
was. Over HTTP, on a database."""

import pytest
import pytest_asyncio

ONE, OTHER = "11010519491231002X", "110101199003070011"
NUMBER = "urn:oid:2.16.156.10011.1.3"
REGISTRATIONS = 12
EACH = ("Encounter", "Condition", "Observation", "Observation")


def resources(patient):
    """An encounter, and a condition and two observations in it, of a registration."""
    subject, encounter = {"reference": f"Patient/{patient}"}, {"reference": f"Encounter/e-{patient}"}
    within = {"subject": subject, "encounter": encounter}
    codes = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10", "code": "I10"}]}
    yield {"resourceType": "Encounter", "id": f"e-{patient}", "status": "finished", "class": {"code": "AMB"},
           "subject": subject, "period": {"start": "2024-05-01", "end": "2024-05-02"}}  # fmt: skip
    yield {"resourceType": "Condition", "id": f"c-{patient}", "code": codes, **within}
    for nth in range(2):
        value = {"value": 120 + nth, "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        code = {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}
        yield {"resourceType": "Observation", "id": f"o{nth}-{patient}", "status": "final", "code": code,
               "valueQuantity": value, "effectiveDateTime": f"2024-05-0{nth + 1}T08:00:00+08:00", **within}  # fmt: skip


@pytest.fixture
def with_resources(client):
    """Writes the resources of registrations."""

    async def with_resources_(patients):
        entries = [
            {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
            for patient in patients
            for one in resources(patient)
        ]
        answer = await client.post("", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
        assert answer.status_code == 200, answer.text

    return with_resources_


@pytest_asyncio.fixture
async def twelve(register, resident, with_resources):
    """Id of a resident of twelve registrations with resources."""
    patients = [await register(number=ONE) for _ in range(REGISTRATIONS)]
    stranger = await register("李四", "1990-03-07", OTHER)
    await with_resources([*patients, stranger])
    whose, registrations = await resident(patients[0])
    assert registrations == set(patients)
    return whose


async def whole(client, asked):
    """All entries of all pages by mode: (type, id)."""
    found = {"match": [], "include": []}
    while asked:
        answer = await client.get(asked)
        assert answer.status_code == 200, answer.text
        for entry in answer.json().get("entry", ()):
            found[entry["search"]["mode"]].append((entry["resource"]["resourceType"], entry["resource"]["id"]))
        asked = next((one["url"] for one in answer.json()["link"] if one["relation"] == "next"), None)
    assert len(set(found["match"])) == len(found["match"])
    return found


@pytest.mark.parametrize(
    ("asked", "matches", "included"),
    [
        ("Observation?patient={id}&_count=5", 24, 0),
        ("Observation?subject=Patient/{id}", 24, 0),
        ("Observation?patient={id}&code=8480-6&value-quantity=gt120", 12, 0),
        ("Observation?patient={id}&date=2024-05-02&_sort=-date", 12, 0),
        ("Observation?patient={id}&_sort=_lastUpdated&_count=7", 24, 0),
        ("Condition?patient={id}&code=I10", 12, 0),
        ("Encounter?patient={id}&status=finished", 12, 0),
        ("Patient/{id}/Observation?code=8480-6", 24, 0),
        ("Patient/{id}/*", 60, 0),
        (f"Observation?patient.identifier={NUMBER}|{ONE}", 24, 0),
        (f"Observation?encounter.subject:Patient.identifier={NUMBER}|{ONE}", 24, 0),
        ("Observation?encounter.patient={id}", 24, 0),
        ("Condition?encounter.patient={id}", 12, 0),
        ("Encounter?_has:Observation:encounter:patient={id}", 12, 0),
        ("Observation?patient={id}&_include=Observation:encounter&_count=100", 24, 12),
        ("Observation?patient={id}&_include=Observation:patient&_count=100", 24, 12),
        ("Encounter?patient={id}&_revinclude=Observation:encounter", 12, 24),
        ("Patient?_id={id}&_revinclude=Condition:patient&_revinclude=Observation:patient", 1, 36),
        ("Patient/{id}/$everything", 60, 0),
        ("Patient/{id}/$everything?_type=Observation&_count=7", 24, 0),
    ],
)
async def test_each_way_sees_all(twelve, client, asked, matches, included):
    found = await whole(client, asked.format(id=twelve))
    assert (len(found["match"]), len(set(found["include"]))) == (matches, included)


WAYS = (
    "Patient/{id}", "Patient/{id}/_history", "Patient/{id}/_history/1", "Patient/{id}/$everything?_count=100",
    "Patient?_id={id}&_revinclude=Observation:patient", "Observation?patient={id}",
    "Observation?patient={id}&_sort=date",
    "Observation?encounter.patient={id}", "Encounter?patient={id}&_include=Encounter:patient", "Patient/{id}/*",
    "Patient?identifier={number}", "Observation?patient.identifier={number}", "Encounter/e-{id}/_history",
)  # fmt: skip


async def read(client, of):
    """The bytes of all that is read of residents and registrations, but for what says when it was asked."""
    found = {}
    for id_, number in of:
        for way in WAYS:
            asked = way.format(id=id_, number=f"{NUMBER}|{number}")
            answer = await client.get(asked)
            # A resident has no history of his own, and no encounter is called as he is.
            assert answer.status_code in (200, 404), answer.text
            found[asked] = _bytes(answer)
    return found


def _bytes(answer):
    said = answer.json()
    if said["resourceType"] in ("Bundle", "OperationOutcome"):  # Links and timestamps are the answer's own.
        return answer.status_code, [(one.get("fullUrl"), str(one["resource"])) for one in said.get("entry", ())]
    return answer.content, answer.headers["etag"], answer.headers["last-modified"]


@pytest.mark.parametrize("by", ["link", "merge"])
async def test_a_wrong_merge_comes_apart_byte_for_byte(
    register, resident, with_resources, ask, newest_decision, client, by
):
    first, second = [await register(number=ONE) for _ in range(2)], [await register("李四", "1990-03-07", OTHER)]
    await with_resources([*first, *second])
    (one, _), (other, _) = await resident(first[0]), await resident(second[0])
    asked = [(one, ONE), (other, OTHER), *((id_, ONE) for id_ in first), *((id_, OTHER) for id_ in second)]
    before = await read(client, asked)
    await _merged[by](client, ask, first[0], second[0])
    assert (await resident(first[0]))[1] == {*first, *second}
    assert await read(client, asked) != before
    await ask("$undo-link", id=await newest_decision(second[0]))
    assert await read(client, asked) == before
    assert [await resident(first[0]), await resident(second[0])] == [(one, set(first)), (other, set(second))]


async def _link(client, ask, first, second):
    await ask(f"Patient/{second}/$link", to=f"Patient/{first}")


async def _merge(client, ask, first, second):
    given = [
        {"name": f"{side}-patient", "valueReference": {"reference": f"Patient/{id_}"}}
        for side, id_ in (("source", second), ("target", first))
    ]
    answer = await client.post("Patient/$merge", json={"resourceType": "Parameters", "parameter": given})
    assert answer.status_code == 200, answer.text


_merged = {"link": _link, "merge": _merge}

"""The gate in every query: where a policy hides a type, no way of asking shows that there is any.

Here a sight hides all Patients, in every statement at once, and each way in is tried: an alias that was forgotten
somewhere shows up as a resource that should not be there. Whether sights are right is another test (`tests/gate`).
"""

from dataclasses import replace

import pytest

from kangyun.access.policy import sights
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight

OTHERS = tuple(number for name, number in TYPE_NUMBERS.items() if name != "Patient")


@pytest.fixture
def blind(monkeypatch, open_client):
    """Opens a client, on the same record, that may not know of any Patient."""

    async def hide():
        everything = sights.ALL
        hiding = replace(everything, sight=Sight(types=OTHERS, all_closed=0, free=True))
        monkeypatch.setattr(sights, "ALL", hiding)
        return await open_client()

    return hide


@pytest.fixture
async def ids(client):
    """A patient, seen twice, with an observation, an encounter and a doctor."""
    doctor = (await client.post("Practitioner", json={"resourceType": "Practitioner", "name": [{"text": "Li"}]})).json()
    patient = {"resourceType": "Patient", "name": [{"family": "Zhang"}], "birthDate": "1950-01-02", "gender": "female"}
    patient["generalPractitioner"] = [{"reference": f"Practitioner/{doctor['id']}"}]
    patient = (await client.post("Patient", json=patient)).json()
    patient = (await client.put(f"Patient/{patient['id']}", json=patient | {"active": True})).json()
    observation = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
        "subject": {"reference": f"Patient/{patient['id']}"},
        "effectiveDateTime": "2026-01-01T00:00:00Z",
    }
    observation = (await client.post("Observation", json=observation)).json()
    return {"patient": patient["id"], "doctor": doctor["id"], "observation": observation["id"]}


SEARCHES = [
    "Patient",
    "Patient?name=Zhang",
    "Patient?name:contains=han",
    "Patient?gender=female",
    "Patient?gender:not=male",
    "Patient?birthdate=1950-01-02",
    "Patient?birthdate=lt1960",
    "Patient?birthdate:missing=false",
    "Patient?_id={patient}",
    "Patient?_lastUpdated=gt2020-01-01",
    "Patient?_sort=birthdate",
    "Patient?_sort=-_lastUpdated",
    "Patient?_sort=name",
    "Patient?general-practitioner={doctor}",
    "Patient?general-practitioner.name=Li",
    "Patient?_has:Observation:subject:code=8867-4",
    "Patient?gender=female&birthdate=1950-01-02&_sort=birthdate",
    "Patient?_filter=gender eq female",
    "?_type=Patient",
    "Patient/_history",
    "Patient/{patient}/_history",
    "Observation?subject:Patient.name=Zhang",
    "Observation?patient.gender=female",
    "Practitioner?_has:Patient:general-practitioner:gender=female",
    "Practitioner?_has:Patient:general-practitioner:_has:Observation:subject:code=8867-4",
]


@pytest.mark.parametrize("path", SEARCHES)
async def test_no_search_shows_what_is_hidden(client, ids, blind, path):
    path = path.format(**ids)
    before = (await client.get(path)).json()
    assert before.get("total", len(before["entry"])) == len(before["entry"]) > 0
    after = await (await blind()).get(path)
    assert after.status_code == 404 or "entry" not in after.json(), after.text
    assert after.status_code == 404 or after.json().get("total", 0) == 0


@pytest.mark.parametrize("path", ["Patient/{patient}", "Patient/{patient}/_history/1", "Patient/{patient}/$everything"])
async def test_no_read_shows_what_is_hidden(client, ids, blind, path):
    assert (await client.get(path.format(**ids))).status_code == 200
    assert (await (await blind()).get(path.format(**ids))).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "Observation?_include=Observation:subject",
        "Observation?_include=*",
        "Practitioner?_revinclude=Patient:general-practitioner",
        "Practitioner?_revinclude=*",
        "_history",
        "Practitioner?_revinclude=Patient:general-practitioner&_revinclude:iterate=Observation:subject",
    ],
)
async def test_nothing_that_is_shown_brings_it_along(client, ids, blind, path):
    seen = [entry["resource"]["resourceType"] for entry in (await client.get(path)).json()["entry"]]
    assert "Patient" in seen
    seen = [entry["resource"]["resourceType"] for entry in (await (await blind()).get(path)).json()["entry"]]
    assert seen
    assert "Patient" not in seen


@pytest.mark.parametrize("count", ["_summary=count", "_total=accurate", "_total=estimate"])
async def test_no_count_tells(client, ids, blind, count):
    assert (await client.get(f"Patient?{count}")).json()["total"] == 1
    assert (await (await blind()).get(f"Patient?{count}")).json()["total"] == 0

"""What is withheld from a resident for a while can be shown again."""

import pytest

from kangyun.access.identities.model import Proxy

from .conftest import B, condition, patient
from .test_contents import FHIR, separately

WITHHELD = {
    "resourceType": "Parameters",
    "parameter": [{"name": "meta", "valueMeta": {"security": [{"system": "urn:kangyun:label", "code": "withheld"}]}}],
}


@pytest.fixture
async def resident(put, sign_in):
    await put(patient("b-zhang"), B)
    await put(condition("b-cough", "b-zhang"), B)
    return await sign_in("resident", name="zhang", proxies=(Proxy("b-zhang", "ONESELF"),))


async def test_what_is_withheld_is_shown_again_when_the_label_is_lifted(resident, sign_in):
    doctor = await sign_in("doctor")
    seen = []
    for act in ("$meta-add", "$meta-delete"):
        assert (await doctor("POST", f"Condition/b-cough/{act}", json=WITHHELD)).status_code == 200
        seen.append((await resident("GET", "Condition/b-cough")).status_code)
    assert seen == [404, 200]


async def test_content_is_withheld_and_shown_with_what_names_it(resident, sign_in):
    doctor = await sign_in("doctor")
    await separately(doctor)
    seen = []
    for act in ("$meta-add", "$meta-delete"):
        assert (await doctor("POST", f"DocumentReference/b-doc/{act}", json=WITHHELD)).status_code == 200
        seen.append((await resident("GET", "Binary/b-pdf", headers=FHIR)).status_code)
    assert seen == [404, 200]


async def test_a_look_at_what_is_withheld_is_told_without_saying_at_what(resident, sign_in):
    doctor, nurse = await sign_in("doctor"), await sign_in("nurse")
    assert (await nurse("GET", "Condition/b-cough")).status_code == 200
    assert (await doctor("POST", "Condition/b-cough/$meta-add", json=WITHHELD)).status_code == 200
    told = (await resident("GET", "Patient/b-zhang/$who-looked")).json()["parameter"]
    (look,) = [one["part"] for one in told if "nurse" in str(one)]
    assert not [part for part in look if part["name"] == "what"]
    assert "Condition" not in str(look)
    assert "diagnos" not in str(look).lower()


async def test_a_guardian_is_told_nothing_of_what_is_hidden_from_him(resident, put, sign_in):
    guardian = await sign_in("guardian", name="ma", reference="RelatedPerson/ma", proxies=(Proxy("b-zhang", "GUARD"),))
    await put(condition("b-private", "b-zhang", "Z30"), B)
    nurse = await sign_in("nurse")
    assert (await nurse("GET", "Condition/b-private")).status_code == 200
    told = (await guardian("GET", "Patient/b-zhang/$who-looked")).json().get("parameter", [])
    assert "nurse" not in str(told)

"""A resident speaks for himself only, and what he has said himself no application takes back."""

import pytest

from kangyun.access.identities.model import Proxy

from .conftest import B, _person, about, condition, patient
from .test_contents import denial


@pytest.fixture
async def zhang(put, sign_in):
    await put(patient("b-zhang"), B)
    await put(patient("b-li"), B)
    await put(condition("b-cough", "b-zhang"), B)
    return await sign_in("resident", name="zhang", proxies=(Proxy("b-zhang", "ONESELF"),))


@pytest.fixture
async def application(zhang, region, client):
    """An application that may do everything for the resident who said something himself."""

    await region.register("app", purpose="PATRQT", scopes=("patient/*.cruds", "launch/patient"))
    code = await region.code("zhang", client_id="app", scope="launch/patient patient/*.cruds", patient="b-zhang")
    return _person(client, (await region.exchange(code, "app")).json()["access_token"], "app")


async def test_no_application_ends_or_changes_what_the_resident_said_himself(zhang, application, sign_in):
    said = (await zhang("POST", "Consent", json=denial("b-zhang"))).json()
    place = f"Consent/{said['id']}"
    patch = {"headers": {"content-type": "application/json-patch+json"}}
    steps = [{"op": "replace", "path": "/status", "value": "inactive"}]
    assert (await application("DELETE", place)).status_code == 403
    assert (await application("PUT", place, json=said | {"status": "inactive"})).status_code == 403
    assert (await application("PATCH", place, json=steps, **patch)).status_code == 403
    doctor = await sign_in("doctor", B)
    assert (await doctor("GET", "Condition/b-cough")).status_code == 404
    assert (await zhang("DELETE", place)).status_code == 204
    assert (await doctor("GET", "Condition/b-cough")).status_code == 200


async def test_an_application_changes_what_it_said_for_the_resident(application):
    said = await application("POST", "Consent", json=denial("b-zhang"))
    assert said.status_code == 201
    assert (await application("DELETE", f"Consent/{said.json()['id']}")).status_code == 204


@pytest.mark.parametrize(
    "said",
    [
        {"sender": about("b-li")},
        {"sender": {"reference": "Practitioner/doctor"}},
        {"recipient": [about("b-li")]},
        {"about": [about("b-li")]},
        {"recipient": [about("b-nobody")]},
    ],
)
async def test_a_message_of_a_resident_is_his_own(zhang, said):
    message = {"resourceType": "Communication", "status": "completed", "subject": about("b-zhang")}
    assert (await zhang("POST", "Communication", json=message | said)).status_code == 403
    own = {"sender": about("b-zhang"), "recipient": [{"reference": "Practitioner/doctor"}]}
    assert (await zhang("POST", "Communication", json=message | own)).status_code == 201

"""What a person answers for is not told to an application, whatever its scopes, nor done by it."""

import pytest

from kangyun.access.identities.model import Proxy

from .conftest import PASSWORD, B, _person, patient


@pytest.mark.parametrize("role", ["security-administrator", "audit-administrator"])
@pytest.mark.parametrize("asked", ["$alerts", "$approvals", "$approvals/1"])
async def test_what_officers_look_at_is_not_told_to_an_application(by_application, audited, role, asked):
    application = await by_application(role, "user/Organization.rs")
    assert (await application("GET", asked)).status_code == 403
    await audited(application)


async def test_officers_themselves_are_told(sign_in):
    officer = await sign_in("audit-administrator", "Organization/platform")
    assert [(await officer("GET", asked)).status_code for asked in ("$alerts", "$approvals")] == [200, 200]


async def test_an_application_does_not_say_that_a_registration_is_anothers(put, by_application):
    await put(patient("b-li"), B)
    given = {"patient": "b-li", "proxies": (Proxy("b-li", "ONESELF"),)}
    application = await by_application("resident", "launch/patient patient/*.cruds", **given)
    said = {"resourceType": "Parameters", "parameter": [{"name": "reason", "valueString": "not mine"}]}
    assert (await application("POST", "Patient/b-li/$not-mine", json=said)).status_code == 403


async def test_an_export_is_not_fetched_by_an_application_of_who_asked_for_it(by_application, region, client):
    application = await by_application("system-administrator", "user/Organization.r")
    token = await region.sign_in.sign_in("u-system-administrator", PASSWORD, "system-administrator")
    officer = _person(client, token, "officer")
    asked = await officer("GET", "$export?_type=Organization", headers={"prefer": "respond-async"})
    assert asked.status_code == 202, asked.text
    job = "$bulk-status" + asked.headers["content-location"].rpartition("$bulk-status")[2]
    assert (await application("GET", job)).status_code == 403
    assert (await application("DELETE", job)).status_code == 403
    assert (await officer("GET", job)).status_code == 202

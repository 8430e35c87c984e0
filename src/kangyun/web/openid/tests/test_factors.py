"""Second factors at the pages: an officer's first sign-in, a doctor's with a permit, and what is refused."""

import html
import json
import re
from base64 import b32decode

import pytest

from kangyun.access.factors import totp
from kangyun.base import clock

NEW = "Another-horse-8"


@pytest.fixture(autouse=True)
def no_factors():
    """Here the roles need what the package says."""


@pytest.fixture
async def officer(region):
    """The number of a security administrator, who signs in as `zhao`."""
    return await region.admit("zhao", roles=("security-administrator",))


def code_of(secret, ahead=0):
    return totp.code_at(secret, totp.step_of(clock.now().timestamp()) + ahead)


def secret_of(page):
    asked = json.loads(html.unescape(re.search(r'data-ask="([^"]+)"', page.text)[1]))
    return b32decode(asked["with"]["secret"])


async def begun(region, user):
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in(user)
    return browser


async def test_an_officer_enrols_at_the_first_sign_in_and_is_asked_at_the_next(region, officer):
    browser = await begun(region, "zhao")
    assert "you have none yet" in browser.page.text
    assert "kangyun-session" not in browser.http.cookies
    await browser.submit(kind="totp", permit="", phone="", key="")
    secret = secret_of(browser.page)
    assert "script-src 'self'" in browser.page.headers["content-security-policy"]
    assert (await browser.submit(proof="000000")).status_code == 401
    await browser.submit(proof=code_of(secret, -1))
    assert "Where you are signed in" in (await browser.follow()).text
    browser = await begun(region, "zhao")
    assert (await browser.submit(proof="000000")).status_code == 401
    assert "kangyun-session" not in browser.http.cookies
    await browser.submit(proof=code_of(secret))
    assert "Where you are signed in" in (await browser.follow()).text
    (session, _) = await region.sign_in.sessions.of(officer)
    assert session.factors == ("password", "totp")
    again = await begun(region, "zhao")
    assert (await again.submit(proof=code_of(secret))).status_code == 401


async def test_a_session_with_its_factor_acts_on_our_own_pages(region, officer, platform):
    json_ = {"content-type": "application/json"}
    assert (await region.browser().http.post("/account/token", content="{}", headers=json_)).status_code == 401
    browser = await begun(region, "zhao")
    await browser.submit(kind="totp", permit="", phone="", key="")
    assert (await browser.http.post("/account/token", content="{}", headers=json_)).status_code == 401
    await browser.submit(proof=code_of(secret_of(browser.page), -1))
    assert (await browser.http.post("/account/token")).status_code == 415
    answer = await browser.http.post("/account/token", content="{}", headers=json_)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    actor = await region.sign_in.actor(answer.json()["access_token"])
    assert (actor.reference, actor.role, actor.client) == ("Practitioner/zhao", "security-administrator", "")
    # What is done in person is done by it: here, a permit for a doctor's factor.
    headers = {"authorization": f"Bearer {answer.json()['access_token']}"} | json_
    asked = json.dumps({"user": "li"})
    permitted = await browser.http.post("/fhir/$factors/$permit", content=asked, headers=headers)
    assert permitted.status_code != 403, permitted.text


@pytest.mark.parametrize("kind", ["", "odd"])
async def test_an_odd_kind_is_refused_in_words(region, officer, kind):
    browser = await begun(region, "zhao")
    await browser.submit(kind="totp", permit="", phone="", key="")
    assert (await browser.submit(kind=kind, proof="123456")).status_code in (400, 401, 422)


async def test_a_doctor_needs_a_permit(region, platform):
    browser = await begun(region, "li")
    assert (await browser.submit(kind="totp", permit="", phone="", key="")).status_code == 403
    assert (await browser.submit(kind="totp", permit="aaaa-aaaa-aaaa", phone="", key="")).status_code == 403
    li = await region.sign_in.identities.find("li")
    permit = await platform.people.factors.permit(li.id, "Practitioner/zhao")
    await browser.submit(kind="totp", permit=permit, phone="", key="")
    await browser.submit(proof=code_of(secret_of(browser.page)))
    assert "Where you are signed in" in (await browser.follow()).text


async def test_a_stolen_password_enrols_nothing_beside_what_is_there(region, officer):
    browser = await begun(region, "zhao")
    stale = browser.page
    await browser.submit(kind="totp", permit="", phone="", key="")
    await browser.submit(proof=code_of(secret_of(browser.page)))
    thief = await begun(region, "zhao")
    thief.page = stale
    assert (await thief.submit(kind="totp", permit="", phone="", key="")).status_code in (401, 403)
    assert len(await region.platform.people.factors.held(officer)) == 1


@pytest.mark.parametrize("kind", ["zqx", "", "sms", "usb-key"])
async def test_what_cannot_be_enrolled(region, officer, kind):
    browser = await begun(region, "zhao")
    answer = await browser.submit(kind=kind, permit="", phone="110", key="zqx")
    assert 400 <= answer.status_code < 500


async def test_the_script_is_ours(region):
    answer = await region.browser().get("/oauth/factor.js")
    assert answer.headers["content-type"].startswith("text/javascript")


async def test_an_initial_password_is_changed_after_the_factor_is_enrolled(region, officer):
    """Neither step waits for the other: the officers of a first start come in by both."""
    await region.sign_in.identities.set_password(officer, "First-sign-in-6", initial=True)
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("zhao", "First-sign-in-6")
    await browser.submit(kind="totp", permit="", phone="", key="")
    await browser.submit(proof=code_of(secret_of(browser.page)))
    assert "set a new one" in browser.page.text
    await browser.submit(new=NEW, again=NEW)
    assert "Where you are signed in" in (await browser.follow()).text

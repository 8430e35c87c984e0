"""People at the pages: roles, initial passwords, second factors, sessions; and how fast an end is an end everywhere."""

import asyncio
import time
from dataclasses import replace

import asyncpg
import pytest

from kangyun.access.factors import AtSignIn
from kangyun.access.identities.model import Post
from kangyun.base.errors import Forbidden, SignInNeeded
from kangyun.testing.provider import PASSWORD, Region

NEW = "Another-horse-8"


async def test_an_initial_password_is_changed_before_anything_else(region):
    id_ = await region.admit("wang")
    await region.sign_in.identities.set_password(id_, NEW, initial=True)
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang", NEW)
    assert 'name="again"' in browser.page.text
    assert "twice" in (await browser.submit(new="A-third-horse-9", again="A-fourth-horse-9")).text
    assert (await browser.submit(new="weak", again="weak")).status_code == 422
    assert "sessions" not in browser.page.text
    await browser.submit(new="A-third-horse-9", again="A-third-horse-9")
    assert "Where you are signed in" in (await browser.follow()).text


async def test_one_role_is_chosen(region):
    await region.admit("wang", roles=["doctor", "researcher"])
    browser = region.browser()
    await browser.get(region.asked(scope="user/*.rs"))
    await browser.sign_in("wang")
    assert "Researcher" in browser.page.text
    await browser.submit(post="researcher Organization/county")
    await browser.follow()
    await browser.submit()
    token = (await region.exchange(browser.answer["code"])).json()["access_token"]
    assert (await region.sign_in.actor(token)).role == "researcher"


async def test_a_role_that_is_not_held_cannot_be_chosen(region):
    await region.admit("wang", roles=["doctor", "researcher"])
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang")
    assert (await browser.submit(post="system-administrator Organization/platform")).status_code == 401


@pytest.fixture
def factors(monkeypatch):
    """Doctors need a code, which is 123456."""

    async def needed(self, role):
        return ("totp", "sms") if role == "doctor" else ()

    async def begin(self, identity, kind):
        return {"hint": f"code by {kind}"}

    async def verify(self, identity, kind, proof):
        return proof == "123456"

    async def held(self, identity):
        return ("totp", "sms")

    for one in (needed, begin, verify, held):
        monkeypatch.setattr(AtSignIn, one.__name__, one)


async def test_a_second_factor_where_the_role_needs_it(region, factors):
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("li")
    assert "code by totp" in browser.page.text
    assert (await browser.submit(proof="000000")).status_code == 401
    assert "kangyun-session" not in browser.http.cookies
    # The step of the password alone enters nowhere.
    await browser.get("/account")
    assert 'name="password"' in browser.page.text
    await browser.sign_in("li")
    await browser.submit(other="sms")
    assert "code by sms" in browser.page.text
    await browser.submit(proof="123456")
    assert "Where you are signed in" in (await browser.follow()).text
    (session,) = await region.sign_in.sessions.of(1)
    assert session.factors == ("password", "sms")


async def test_a_second_factor_cannot_be_guessed(region, factors):
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("li")
    page, seen = browser.page, []
    for number in range(8):
        browser.page = page
        seen.append((await browser.submit(proof=f"00000{number}")).status_code)
    assert seen == [401] * 5 + [429] * 3


async def test_a_script_does_not_get_past_a_second_factor(region, factors):
    answer = await region.browser().http.post("/sign-in", json={"user": "li", "password": PASSWORD})
    assert (answer.status_code, answer.json()["issue"][0]["details"]["coding"][0]["code"]) == (
        403, "access.identities.factor-needed",
    )  # fmt: skip


async def test_signing_out_everywhere(region):
    tokens = [await region.sign_in.sign_in("li", PASSWORD) for _ in range(3)]
    offline = (await region.exchange(await region.code(scope="user/*.rs offline_access"))).json()
    http = region.browser().http
    headers = {"authorization": f"Bearer {tokens[0]}"}
    listed = (await http.get("/oauth/sessions", headers=headers)).json()
    assert len(listed) == 4
    assert [one["current"] for one in listed].count(True) == 1
    other = next(one["id"] for one in listed if not one["current"])
    assert (await http.delete(f"/oauth/sessions/{other}", headers=headers)).status_code == 204
    assert (await http.delete("/oauth/sessions/none", headers=headers)).status_code == 404
    assert (await http.delete("/oauth/sessions", headers=headers)).status_code == 204
    for token in [*tokens, offline["access_token"]]:
        assert not await region.sign_in.is_good(token)
    refreshed = await region.token(grant_type="refresh_token", client_id="app", refresh_token=offline["refresh_token"])
    assert refreshed.json()["error"] == "invalid_grant"


async def test_an_application_does_not_reach_the_account(region):
    token = (await region.exchange(await region.code(scope="user/*.rs"))).json()["access_token"]
    headers = {"authorization": f"Bearer {token}"}
    for method, path in (("GET", "/oauth/sessions"), ("DELETE", "/oauth/sessions"), ("POST", "/oauth/launch")):
        assert (await region.browser().http.request(method, path, headers=headers)).status_code == 401


async def test_changing_the_password_ends_the_other_sessions_and_what_was_given(region):
    browser, other = region.browser(), region.browser()
    for one in (browser, other):
        await one.get("/account")
        await one.sign_in("li")
    offline = (await region.exchange(await region.code(browser=other, scope="user/*.rs offline_access"))).json()
    await browser.get("/account")
    forms = browser.page.text.rsplit("<form", 1)
    assert "/account/password" in forms[1]
    mark = forms[1].split('name="mark" value="')[1].split('"')[0]
    wrong = {"mark": mark, "password": "wrong", "new": NEW, "again": NEW}
    assert "wrong" in (await browser.post("/account/password", wrong)).text
    mark = browser.page.text.split('name="mark" value="')[1].split('"')[0]
    await browser.post("/account/password", {"mark": mark, "password": PASSWORD, "new": NEW, "again": NEW})
    assert "Where you are signed in" in (await browser.follow()).text
    await other.get("/account")
    assert 'name="password"' in other.page.text and "Where you are" not in other.page.text
    assert not await region.sign_in.is_good(offline["access_token"])
    refreshed = await region.token(grant_type="refresh_token", client_id="app", refresh_token=offline["refresh_token"])
    assert refreshed.json()["error"] == "invalid_grant"


async def test_a_password_that_had_to_be_changed_ends_what_was_given_by_the_old_one(region):
    id_ = await region.admit("wang")
    token = await region.sign_in.sign_in("wang", PASSWORD)
    await region.sign_in.identities.set_password(id_, NEW, initial=True)
    assert await region.sign_in.is_good(token)
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang", NEW)
    await browser.submit(new="A-third-horse-9", again="A-third-horse-9")
    assert "Where you are signed in" in (await browser.follow()).text
    assert not await region.sign_in.is_good(token)


async def test_who_was_half_way_in_by_an_old_password_is_out(region):
    id_ = await region.admit("wang", roles=["doctor", "researcher"])
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang")
    await region.sign_in.identities.set_password(id_, NEW)
    assert (await browser.submit(post="doctor Organization/county")).status_code == 401
    assert await region.sign_in.sessions.of(id_) == []


@pytest.mark.parametrize("path", ["/account", "/oauth/authorize"])
async def test_what_a_page_of_a_session_carries_begins_no_other_session(region, path):
    """Else who has a session had one for ever, and in each of his roles."""
    id_ = await region.admit("wang", roles=["doctor", "researcher"])
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang")
    await browser.submit(post="doctor Organization/county")
    await browser.follow()
    await browser.get(path if path == "/account" else region.asked(scope="user/*.rs"))
    mark = browser.page.text.split('name="mark" value="')[1].split('"')[0]
    for form, more in (("role", {"post": "researcher Organization/county"}), ("password", {"new": NEW, "again": NEW})):
        assert (await browser.post(f"/oauth/{form}", {"mark": mark} | more)).status_code == 401
    assert [one.role for one in await region.sign_in.sessions.of(id_)] == ["doctor"]


async def test_whose_factor_was_lost_is_signed_out_everywhere(region):
    await region.admit("zhao", roles=("security-administrator",))
    token = await region.sign_in.sign_in("li", PASSWORD)
    offline = (await region.exchange(await region.code(scope="user/*.rs offline_access"))).json()
    headers = {"authorization": f"Bearer {await region.sign_in.sign_in('zhao', PASSWORD)}"}
    li = await region.sign_in.identities.find("li")
    removed = await region.browser().http.post(
        "/fhir/$factors/$remove", json={"reference": li.reference}, headers=headers
    )
    assert removed.json() == {"removed": 0}
    for one in (token, offline["access_token"]):
        assert not await region.sign_in.is_good(one)
    refreshed = await region.token(grant_type="refresh_token", client_id="app", refresh_token=offline["refresh_token"])
    assert refreshed.json()["error"] == "invalid_grant"


async def test_idle_and_old_sessions_end(region, fresh_database):
    token = await region.sign_in.sign_in("li", PASSWORD)
    connection = await asyncpg.connect(fresh_database)
    assert await region.sign_in.is_good(token)
    await connection.execute("UPDATE session SET seen = clock_timestamp() - interval '29 minutes'")
    assert await region.sign_in.is_good(token)
    await connection.execute("UPDATE session SET seen = clock_timestamp() - interval '31 minutes'")
    assert not await region.sign_in.is_good(token)
    await connection.execute("UPDATE session SET seen = clock_timestamp(), expires = clock_timestamp()")
    assert not await region.sign_in.is_good(token)
    await connection.close()


async def test_a_resident_s_session_lasts_for_days_where_a_setting_says_so_and_staff_s_does_not(region, fresh_database):
    sessions = replace(region.sign_in.sessions, resident_days=30)
    identity = await region.sign_in.identities.find("li")
    cookies = [
        (await sessions.begin(identity, Post(role, "Organization/county"), ("sms",), "", ""))[1]
        for role in ("resident", "doctor")
    ]
    connection = await asyncpg.connect(fresh_database)
    lasts = "SELECT expires > clock_timestamp() + interval '29 days' FROM session ORDER BY began DESC LIMIT 2"
    assert [row[0] for row in await connection.fetch(lasts)] == [False, True]
    await connection.execute("UPDATE session SET seen = clock_timestamp() - interval '20 days'")
    await connection.close()
    assert await region.sign_in.sessions.by_cookie(cookies[0]) is None
    assert [await sessions.by_cookie(cookie) is not None for cookie in cookies] == [True, False]


async def test_the_browser_of_a_resident_keeps_his_session_for_as_long(region, open_client):
    await region.admit("zhang", "resident", ["resident"], "Organization/platform", reference="Patient/county-p1")
    browser = Region(await open_client(resident_days=30), region.platform, region.database).browser()
    await browser.get("/account")
    answer = await browser.submit(user="zhang", password=PASSWORD)
    (kept,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("kangyun-session=")]
    assert f"max-age={30 * 86_400}" in kept.lower()


async def test_one_session_where_a_setting_says_so(open_client, region):
    client = await open_client(sessions_each=1)
    told = []
    for _ in range(2):
        told.append((await client.post("../sign-in", json={"user": "li", "password": PASSWORD})).json()["access_token"])
    assert [await region.sign_in.is_good(token) for token in told] == [False, True]


async def test_an_end_is_an_end_in_every_process_within_a_second(region, open_client):
    """Two applications, each of which knows the token already."""
    clients = [region.client, await open_client()]
    id_ = await region.admit("wang")
    token = await region.sign_in.sign_in("wang", PASSWORD)
    headers = {"authorization": f"Bearer {token}"}
    for client in clients:
        assert (await client.get("Patient", headers=headers)).status_code == 200
    began = time.monotonic()
    await region.sign_in.identities.suspend(id_, "Practitioner/security", "test")
    for client in clients:
        while (await client.get("Patient", headers=headers)).status_code == 200:
            assert time.monotonic() - began < 1
            await asyncio.sleep(0.02)
    assert time.monotonic() - began < 1


async def test_without_a_database_nobody_is_let_in_by_what_was_known(region, monkeypatch):
    token = await region.sign_in.sign_in("li", PASSWORD)
    await region.sign_in.actor(token)

    async def lost(connection):
        raise ConnectionResetError

    monkeypatch.setattr(region.sign_in._watch, "look", lost)
    await asyncio.sleep(0.6)
    with pytest.raises(Exception, match="unavailable"):
        await region.sign_in.actor(token)


async def test_chinese_first_and_english_by_a_switch(region):
    browser = region.browser()
    browser.http.headers["accept-language"] = ""
    page = await browser.get(region.asked())
    assert 'lang="zh-CN"' in page.text and "登录" in page.text
    link = page.text.split("<header>")[1].split('href="')[1].split('"')[0].replace("&amp;", "&")
    assert "Sign in" in (await browser.get(link)).text
    await browser.sign_in("li")
    assert "asks for" in browser.page.text


async def test_who_is_proven_without_a_password(region):
    id_ = await region.admit("zhang", "resident", ["resident"], reference="Patient/p1")
    zhang = await region.sign_in.identities.get(id_)
    token = await region.sign_in.admit_without_password(zhang, "sms")
    assert (await region.sign_in.actor(token)).patients == ("p1",)
    assert [one.factors for one in await region.sign_in.sessions.of(id_)] == [("sms",)]
    await region.sign_in.identities.suspend(id_, "Practitioner/security", "test")
    with pytest.raises(SignInNeeded):
        await region.sign_in.admit_without_password(zhang, "sms")


async def test_a_phone_does_not_stand_for_a_second_factor(region, factors):
    li = await region.sign_in.identities.find("li")
    with pytest.raises(Forbidden, match="factor-needed"):
        await region.sign_in.admit_without_password(li, "phone")


async def test_an_old_password_alone_sets_no_new_one(region, factors):
    id_ = await region.admit("wang")
    await region.sign_in.identities.set_password(id_, NEW, initial=True)
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang", NEW)
    mark = browser.page.text.split('name="mark" value="')[1].split('"')[0]
    third = "A-third-horse-9"
    assert (await browser.post("/oauth/password", {"mark": mark, "new": third, "again": third})).status_code == 403
    browser = region.browser()
    await browser.get("/account")
    await browser.sign_in("wang", NEW)
    await browser.submit(proof="123456")
    await browser.submit(new=third, again=third)
    assert "Where you are signed in" in (await browser.follow()).text

"""Attacks on the sign-in's pages: tried passwords, forms of other sites, planted sessions, nonsense."""

import asyncio

import asyncpg
import httpx
import pytest

from kangyun.access.addresses import shipped
from kangyun.access.identities import lockout
from kangyun.testing.provider import PASSWORD, SITE

FEW = """
[one]
wrong_sign_ins = 4
forgotten_seconds = 1e9
said_a_day = 1
[[shared]]
name = "县人民医院出口"
addresses = ["198.51.100.0/28"]
times = 2
"""


@pytest.fixture
def few_tries(tmp_path):
    """A region that allows few, and to an address that many share twice as many."""
    (tmp_path / "policy").mkdir(exist_ok=True)
    (tmp_path / "policy" / "addresses.toml").write_text(FEW)


async def test_wrong_passwords_lock_the_account(region, monkeypatch):
    http = region.browser().http
    for user in ("li", "nobody-at-all"):
        seen = []
        for _ in range(lockout.ACCOUNT_TRIES + 3):
            answer = await http.post("/sign-in", json={"user": user, "password": "wrong"})
            seen.append(answer.status_code)
        # Known or not, it is the same.
        assert seen == [401] * lockout.ACCOUNT_TRIES + [429] * 3
        assert int(answer.headers["retry-after"]) > 30
    assert (await http.post("/sign-in", json={"user": "li", "password": PASSWORD})).status_code == 429
    await region.sign_in.entrance.lockout.unlock("li")
    assert (await http.post("/sign-in", json={"user": "li", "password": PASSWORD})).status_code == 200


async def test_one_address_cannot_try_many_accounts(few_tries, region):
    transport = httpx.ASGITransport(region.client._transport.app, client=("203.0.113.7", 5000))
    http = httpx.AsyncClient(transport=transport, base_url=SITE)
    seen = [
        (await http.post("/sign-in", json={"user": f"u{number}", "password": "wrong"})).status_code
        for number in range(6)
    ]
    assert seen == [401] * 4 + [429] * 2
    shared = httpx.ASGITransport(region.client._transport.app, client=("198.51.100.3", 5000))
    http = httpx.AsyncClient(transport=shared, base_url=SITE)
    seen = [
        (await http.post("/sign-in", json={"user": f"v{number}", "password": "wrong"})).status_code
        for number in range(10)
    ]
    assert seen == [401] * 8 + [429] * 2
    # Others are not kept out by it, nor those behind a reverse proxy on this machine.
    answer = await region.browser().http.post("/sign-in", json={"user": "li", "password": PASSWORD})
    assert answer.status_code == 200


async def test_the_wrong_tries_of_a_shared_address_leak_away(region, fresh_database):
    """A hospital behind one address: many mistype in a morning, few in a minute."""
    connection = await asyncpg.connect(fresh_database)
    for number in range(shipped().one.wrong_sign_ins * 2):
        await region.sign_in.entrance.lockout.begin(f"u{number}", "203.0.113.7")
        await connection.execute("UPDATE sign_in_failure SET last = last - interval '2 seconds'")
    await connection.close()


async def test_a_lock_is_longer_each_time_and_forgotten(region, fresh_database):
    lockout_ = region.sign_in.entrance.lockout
    connection = await asyncpg.connect(fresh_database)
    waits = []
    for _ in range(lockout.ACCOUNT_TRIES - 1):
        await lockout_.begin("li", "")
    for _ in range(8):
        await lockout_.begin("li", "")
        with pytest.raises(lockout.Locked) as locked:
            await lockout_.begin("li", "")
        waits.append(round(locked.value.retry_after / 60))
        await connection.execute("UPDATE sign_in_failure SET locked_until = '-infinity'")
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    await connection.execute("UPDATE sign_in_failure SET last = clock_timestamp() - interval '25 hours'")
    for _ in range(lockout.ACCOUNT_TRIES):
        await lockout_.begin("li", "")
    with pytest.raises(lockout.Locked):
        await lockout_.begin("li", "")
    await connection.close()


async def test_many_tries_at_once_are_no_more_tries(region):
    http = region.browser().http
    answers = await asyncio.gather(
        *(http.post("/sign-in", json={"user": "li", "password": f"wrong{number}"}) for number in range(20))
    )
    assert sorted(answer.status_code for answer in answers) == [401] * lockout.ACCOUNT_TRIES + [429] * (
        20 - lockout.ACCOUNT_TRIES
    )


async def test_a_form_of_another_site_is_not_taken(region):
    browser = region.browser()
    page = await browser.get(region.asked())
    for mark in ("", "guessed"):
        answer = await region.browser().post("/oauth/sign-in", {"mark": mark, "user": "li", "password": PASSWORD})
        assert answer.status_code == 401
        answer = await browser.post("/oauth/sign-in", {"mark": mark, "user": "li", "password": PASSWORD})
        assert (answer.status_code, "kangyun-session" in answer.headers.get("set-cookie", "")) == (401, False)
    cookies = page.headers.get_list("set-cookie")
    assert all("HttpOnly" in one for one in cookies)
    assert any(one.startswith("kangyun-step=") and "SameSite=strict" in one for one in cookies)


async def test_a_consent_of_another_page_is_not_taken(region):
    """Signed in and on the consent page: a form without its mark, or with another's, gives nothing."""
    await region.admit("wang")
    victim, thief = region.browser(), region.browser()
    for browser, user in ((victim, "li"), (thief, "wang")):
        await browser.get(region.asked(scope="user/*.rs"))
        await browser.sign_in(user)
    assert (await victim.post("/oauth/consent", {"mark": "x", "do": "allow"})).status_code == 401
    # The thief's own step in the victim's browser.
    victim.http.cookies.set("kangyun-step", thief.http.cookies["kangyun-step"], domain="127.0.0.1")
    victim.page = thief.page
    assert (await victim.submit()).status_code == 401


async def test_a_session_that_was_planted_opens_nothing(region):
    """Fixation: the cookie that a browser had before is not the one that it has afterwards."""
    browser = region.browser()
    browser.http.cookies.set("kangyun-session", "planted", domain="127.0.0.1")
    await browser.get(region.asked())
    await browser.submit(user="li", password=PASSWORD)
    new = [value for name, value in browser.http.cookies.items() if name == "kangyun-session" and value != "planted"]
    assert len(new) == 1
    planted = region.browser()
    planted.http.cookies.set("kangyun-session", "planted", domain="127.0.0.1")
    await planted.get("/account")
    assert 'name="password"' in planted.page.text


async def test_no_page_can_be_framed_or_bring_anything_along(region):
    browser = region.browser()
    pages = [await browser.get(region.asked()), await browser.sign_in("li")]
    pages += [
        await browser.get("/account"),
        await browser.get("/oauth/end-session"),
        await browser.get("/oauth/authorize"),
    ]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy
        assert "script-src" not in policy and "<script" not in page.text
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "no-referrer"
    assert "form-action 'self' https://app.example" in pages[1].headers["content-security-policy"]


async def test_what_others_named_is_escaped(region):
    await region.register("odd", name="<script>alert(1)</script>\"'")
    browser = region.browser()
    await browser.get(region.asked("odd"))
    await browser.sign_in("li")
    assert "<script>" not in browser.page.text
    assert "&lt;script&gt;" in browser.page.text


@pytest.mark.parametrize(
    "path", ["/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/sign-in", "/oauth/consent", "/account/end"]
)
async def test_nonsense_is_no_defect(region, path):
    http = region.browser().http
    for body in (b"", b"\xff\xfe", b"a=%ff", b"a=1&a=2", b"&" * 1000, b"a=" + b"x" * 70_000, b"\0=\0"):
        for headers in ({}, {"content-type": "text/plain"}):
            assert 400 <= (await http.post(path, content=body, headers=headers)).status_code < 500, (body[:9], headers)


async def test_null_signs_reach_no_database(region):
    http = region.browser().http
    assert (await http.post("/sign-in", json={"user": "a\0b", "password": "a\0b"})).status_code == 401
    assert (await http.post("/oauth/token", data={
        "grant_type": "refresh_token", "client_id": "app", "refresh_token": "a\0b"
    })).status_code == 400  # fmt: skip
    assert (await http.get("/oauth/authorize?client_id=a%00b")).status_code == 400
    browser = region.browser()
    await browser.get(region.asked(launch="a\0b", scope="launch user/*.rs"))
    assert browser.page.status_code in (303, 400)

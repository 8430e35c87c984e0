"""What the register of applications says is held at the token and at each request."""

import asyncio
import json
import time
from datetime import timedelta

import pytest
from joserfc.jwk import RSAKey

from kangyun.access.applications import throttle
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid
from kangyun.testing.provider import PASSWORD


@pytest.fixture
async def token(region):
    """A token of an application for itself."""
    await region.register("server", keys="RS384")
    return (await region.for_itself("server")).json()["access_token"]


async def test_only_what_was_reviewed_is_served(region):
    await region.register("fresh", keys="RS384", review="asked")
    assert (await region.for_itself("fresh")).json()["error"] == "invalid_client"
    assert (await region.browser().get(region.asked("fresh"))).status_code == 400
    await region.sign_in.applications.review("fresh", "passed", "Practitioner/security")
    token = (await region.for_itself("fresh")).json()["access_token"]
    await region.sign_in.applications.review("fresh", "failed", "Practitioner/security")
    assert not await region.sign_in.is_good(token)


async def test_suspended_it_is_out_within_a_second(region, token):
    assert (await region.read(token)).status_code == 200
    await region.sign_in.applications.suspend("server", "Practitioner/security", "漏洞")
    began = time.monotonic()
    while (await region.read(token)).status_code == 200:
        assert time.monotonic() - began < 1
        await asyncio.sleep(0.02)
    assert (await region.for_itself("server")).json()["error"] == "invalid_client"
    await region.sign_in.applications.resume("server", "Practitioner/security", "已修复")
    assert (await region.for_itself("server")).status_code == 200


async def test_expired_it_is_out(region):
    await region.register("short", keys="RS384", expires=clock.now() + timedelta(seconds=2))
    token = (await region.for_itself("short")).json()["access_token"]
    assert (await region.read(token)).status_code == 200
    await asyncio.sleep(2.1)
    assert (await region.read(token)).status_code == 401
    assert (await region.for_itself("short")).status_code == 401


async def test_the_rate_is_held(region):
    await region.register("fast", keys="RS384", rate=5.0)
    token = (await region.for_itself("fast")).json()["access_token"]
    answers = [await region.read(token) for _ in range(15)]
    seen = [answer.status_code for answer in answers]
    assert seen[0] == 200 and seen[-1] == 429
    assert 5 <= seen.count(200) <= 12
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert answers[-1].json()["issue"][0]["code"] == "throttled"
    assert ("sign-in", 429, "nobody", "GET /Patient") in await region.trail()
    await asyncio.sleep(1.1)
    assert (await region.read(token)).status_code == 200


async def test_the_rate_is_held_by_all_processes_together(region, open_client, monkeypatch):
    monkeypatch.setattr(throttle, "TOLD_EVERY", 0.05)
    clients = [region.client, *[await open_client() for _ in range(3)]]
    await region.register("fast", keys="RS384", rate=5.0)
    token = (await region.for_itself("fast")).json()["access_token"]
    began, good = time.monotonic(), 0
    while time.monotonic() - began < 3:
        for client in clients:
            answer = await client.get("Patient", headers={"authorization": f"Bearer {token}"})
            good += answer.status_code == 200
            await asyncio.sleep(0.01)
    # What comes at once (two seconds' worth, in each process until it is told), and then five a second.
    assert 15 <= good <= 5 * 3 + 4 * 10 * 1.5


async def test_the_quota_is_held(region, monkeypatch):
    monkeypatch.setattr(throttle, "TOLD_EVERY", 0.0)
    await region.register("little", keys="RS384", quota=4)
    token = (await region.for_itself("little")).json()["access_token"]
    answers = [await region.read(token) for _ in range(6)]
    assert [answer.status_code for answer in answers][-2:] == [429, 429]
    assert [answer.status_code for answer in answers].count(200) <= 4
    assert "today" in answers[-1].text
    assert int(answers[-1].headers["retry-after"]) > 1


async def test_who_proves_nothing_uses_up_nothing_of_a_public_application(region, monkeypatch):
    monkeypatch.setattr(throttle, "TOLD_EVERY", 0.0)
    await region.register("phone", quota=3, rate=2.0)
    code = await region.code(client_id="phone", scope="user/*.rs")
    for _ in range(6):
        garbage = await region.token(grant_type="refresh_token", client_id="phone", refresh_token="garbage")
        assert garbage.json()["error"] == "invalid_grant"
        assert (await region.exchange("garbage", "phone")).json()["error"] == "invalid_grant"
    given = await region.exchange(code, "phone")
    assert given.status_code == 200, given.text
    answers = [(await region.read(given.json()["access_token"])).status_code for _ in range(4)]
    assert (answers[0], answers[-1]) == (200, 429)
    # What was proven counts; and what comes when all is used up is not looked at.
    later = await region.token(grant_type="refresh_token", client_id="phone", refresh_token="garbage")
    assert later.status_code == 429


async def test_it_is_given_no_more_than_was_registered(region):
    await region.register("narrow", keys="RS384", scopes=("system/Observation.rs?category=laboratory",))
    given = (await region.for_itself("narrow", "system/*.cruds")).json()
    assert given["scope"] == "system/Observation.rs?category=laboratory"
    assert (await region.for_itself("narrow", "system/Patient.rs")).json()["error"] == "invalid_scope"


async def test_one_that_only_has_tickets_signs_nobody_in_and_is_given_nothing(region):
    await region.register("his", scopes=(), redirect_uris=())
    for back in ("", "https://app.example/back"):
        page = await region.browser().get(region.asked("his", redirect_uri=back))
        assert (page.status_code, page.headers.get("location")) == (400, None)
    given = await region.token(grant_type="client_credentials", client_id="his", scope="system/*.rs")
    assert given.json()["error"] == "unauthorized_client"


KEY = RSAKey.generate_key(2048)


@pytest.mark.parametrize(
    "wrong",
    [
        {"client": "a b"}, {"client": "x" * 70}, {"owner": "maker"}, {"purpose": "treat"}, {"purpose": "NOPE"},
        {"name": ""},
        {"redirect_uris": ("http://app.example/back",)}, {"redirect_uris": ("https://app.example/#a",)},
        {"redirect_uris": ("javascript:alert(1)",)}, {"redirect_uris": ("data:text/html,x",)}, {"redirect_uris": ()},
        {"redirect_uris": ("https://a@app.example/",)}, {"launch_url": "http://app.example/"}, {"scopes": ()},
        {"scopes": ("nonsense",)}, {"rate": -1.0}, {"expires": clock.now()}, {"jwks": "{}"}, {"jwks": "nonsense"},
        {"jwks": json.dumps({"keys": [KEY.as_dict(private=True)]})}, {"jwks_uri": "file:///etc/passwd"},
        {"jwks": json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]})},
        {"jwks": json.dumps({"keys": [KEY.as_dict(private=False)]}), "jwks_uri": "https://app.example/jwks"},
    ],
    ids=lambda changed: " ".join(changed),  # Their values differ from process to process.
)  # fmt: skip
async def test_what_does_not_fit_is_not_registered(region, wrong):
    with pytest.raises(Invalid):
        await region.register(**({"client": "new"} | wrong))
    assert [one.client for one in await region.sign_in.applications.list()] == ["app"]


async def test_a_client_is_registered_once(region):
    with pytest.raises(Conflict):
        await region.register("app")


@pytest.mark.parametrize("address", ["http://127.0.0.1:9000/cb", "http://localhost/cb", "cn.example.app:/cb"])
async def test_programs_on_the_users_machine_may_be_returned_to(region, address):
    assert (await region.register("native", redirect_uris=(address,))).redirect_uris == (address,)


async def test_an_application_of_a_person_counts_as_the_application(region):
    await region.register("limited", rate=1.0)
    given = await region.exchange(await region.code(client_id="limited", scope="user/*.rs"), "limited")
    assert given.status_code == 200, given.text
    seen = [(await region.read(given.json()["access_token"])).status_code for _ in range(4)]
    assert 429 in seen
    own = await region.sign_in.sign_in("li", PASSWORD)
    assert [(await region.read(own)).status_code for _ in range(4)] == [200] * 4

"""Tickets of the doctor's look: who draws one, signed how, and how often it is good."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest

from kangyun.access.look.tickets import PATH, Tickets, signed
from kangyun.access.signing.register import Register
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey, hmac_sm3
from kangyun.base.crypto.authority import Authority, named
from kangyun.base.errors import Invalid
from kangyun.testing.provider import SITE


async def test_a_ticket_is_good_once_and_for_a_minute(visited):
    ticket = await visited.ticket()
    browser = visited.browser()
    assert (await browser.head("/look", params={"ticket": ticket})).status_code == 405
    assert (await browser.get("/look", params={"ticket": ticket})).status_code == 303
    again = await visited.browser().get("/look", params={"ticket": ticket})
    assert again.status_code == 401
    assert "票据无效、已使用或已过期" in again.text
    late = await visited.ticket()
    await visited.ran("UPDATE look_ticket SET expires = now()")
    assert (await visited.browser().get("/look", params={"ticket": late})).status_code == 401
    rows = await visited.ran("SELECT outcome, shape FROM audit WHERE actor = 'nobody'")
    assert ("GET /look", 401) in {(row["shape"], row["outcome"]) for row in rows}


async def test_of_two_at_once_one_is_let_in(visited):
    ticket = await visited.ticket()
    calls = [visited.browser().get("/look", params={"ticket": ticket}) for _ in range(4)]
    assert sorted(one.status_code for one in await asyncio.gather(*calls)) == [303, 401, 401, 401]


async def test_a_call_is_signed_fresh_and_made_once(hospital):
    assert (await hospital.call(key=b"x" * 32)).status_code == 401
    assert (await hospital.call(signature="zz")).status_code == 401
    assert (await hospital.call(client="nobody")).status_code == 401
    for off in (-120, 120):
        assert (await hospital.call(moment=int(time.time()) + off)).status_code == 401
    nonce = uuid4().hex
    assert (await hospital.call(nonce=nonce)).status_code == 201
    assert (await hospital.call(nonce=nonce)).status_code == 401
    assert (await hospital.call(nonce="short")).status_code == 401
    unsigned = await hospital.client.post(SITE + PATH, json={})
    assert unsigned.status_code == 401
    other = await hospital.call()
    assert other.json()["url"] == f"{SITE}/look?ticket={other.json()['ticket']}"
    assert other.headers["cache-control"] == "no-store"
    rows = await hospital.ran("SELECT actor, outcome FROM audit WHERE shape = 'POST /look/tickets'")
    assert {(row["actor"], row["outcome"]) for row in rows} == {("Device/his", 201), ("nobody", 401)}


async def test_a_server_with_a_bound_certificate_need_not_sign(hospital, open_client):
    store = hospital.platform.gate.store
    authority = Authority.new("康云区域 CA", PrivateKey.new("sm2"), clock.now() - timedelta(days=3), 3650)
    register = Register(store)
    await register.believe(authority.certificate)
    theirs, another = (
        authority.issue(named(name, "b", name), PrivateKey.new("sm2").public, clock.now() - timedelta(days=1), 365)
        for name in ("his", "other")
    )
    await register.bind("Device/his", theirs)
    asked = {"institution": "Organization/b", "staff": "1001", "patient": "urn:test|b-zhang"}

    async def drawn(client, certificate):
        headers = {"x-client-certificate": quote(certificate.pem)}
        return (await client.post(SITE + PATH, json=asked, headers=headers)).status_code

    assert await drawn(hospital.client, theirs) == 401  # No gateway has seen it.
    behind = await open_client(token=None, trusted_proxies="127.0.0.1")
    assert await drawn(behind, theirs) == 201
    assert await drawn(behind, another) == 401


async def test_what_is_signed_is_what_is_asked(hospital):
    body, moment, nonce = b'{"institution": "Organization/b"}', str(int(time.time())), uuid4().hex
    signature = hmac_sm3(hospital.key, signed("his", moment, nonce, body)).hex()
    headers = {
        "x-kangyun-client": "his", "x-kangyun-time": moment, "x-kangyun-nonce": nonce,
        "x-kangyun-signature": signature,
    }  # fmt: skip
    assert (await hospital.client.post(SITE + PATH, content=b"{}", headers=headers)).status_code == 401
    assert (await hospital.client.post(SITE + PATH, content=body, headers=headers)).status_code == 400


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"staff": "9999"}, 403),
        ({"staff": "2001"}, 403),
        ({"staff": "1002"}, 403),
        ({"staff": "1001@b"}, 400),
        ({"staff": "1001", "role": "nurse"}, 403),
        ({"institution": "Organization/c", "staff": "2001"}, 403),
        ({"patient": "b-zhang"}, 400),
        ({"patient": "urn:test|x" * 100}, 400),
        ({"more": "x"}, 400),
        ({"staff": 1}, 400),
    ],
)
async def test_a_ticket_is_for_ones_own_staff_who_treat(hospital, asked, status):
    answer = await hospital.call(**asked)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("end", ["suspend", "leave"])
async def test_who_is_suspended_or_has_left_is_out_with_ticket_and_page(visited, end):
    register = visited.platform.sign_in.identities
    browser, place, page = await visited.looked()
    assert page.status_code == 200
    ticket = await visited.ticket()
    doctor = await register.find("1001@b")
    await getattr(register, end)(doctor.id, "Device/t", "test")
    assert (await visited.call()).status_code == 403
    assert (await visited.browser().get("/look", params={"ticket": ticket})).status_code == 401
    assert (await browser.get(place)).status_code == 401


async def test_an_application_that_is_suspended_or_for_something_else_draws_none(visited):
    applications = visited.platform.sign_in.applications
    browser, place, _ = await visited.looked()
    await applications.suspend("his", "Device/t", "test")
    assert (await visited.call()).status_code == 401
    assert (await browser.get(place)).status_code == 401
    await applications.resume("his", "Device/t", "test")
    await visited.ran("UPDATE application SET purpose = 'HPAYMT'")
    assert (await visited.call()).status_code == 401


async def test_a_key_is_for_treatment_only(hospital, key):
    applications = hospital.platform.sign_in.applications
    found = await applications.get("his")
    await applications.add(replace(found, client="pay", purpose="HPAYMT"), "Device/t", "合同")
    tickets = Tickets(hospital.platform.gate.store, hospital.platform.sign_in, hospital.platform.gate.sights.policy)
    with pytest.raises(Invalid):
        await tickets.make_key("pay", "Device/t")

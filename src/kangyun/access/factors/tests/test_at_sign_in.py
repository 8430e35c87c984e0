"""Second factors as the way in asks for them, and as the people they are of see them over HTTP."""

import json
from base64 import b32decode
from dataclasses import dataclass, replace

import pytest

from kangyun.access.actor import Actor
from kangyun.access.factors import AtSignIn, NotProven, totp
from kangyun.access.people import People
from kangyun.access.platform import open_platform
from kangyun.access.signin import SignIn
from kangyun.base import clock
from kangyun.base.errors import PlatformError

OFFICER = Actor(
    "Practitioner/security", "安全管理员", "Organization/platform", "SYSADMIN", role="security-administrator"
)
DOCTOR = Actor("Practitioner/li", "李医生", "Organization/h", "TREAT", role="doctor")
STRANGER = Actor("Practitioner/nobody", "", "Organization/h", "TREAT", role="doctor")
ACTORS = {"officer": OFFICER, "doctor": DOCTOR, "stranger": STRANGER}


@dataclass(frozen=True)
class Known:
    id: int
    name: str


class Register:
    """Who is known, by reference."""

    async def find(self, name):
        return {OFFICER.reference: Known(1, "安全管理员"), DOCTOR.reference: Known(2, "李医生")}.get(name)


def code_of(secret, ahead=0):
    return totp.code_at(secret, totp.step_of(clock.now().timestamp()) + ahead)


@pytest.fixture
async def clients(monkeypatch, open_client):
    known = SignIn.actor

    async def actor(self, token):
        return ACTORS.get(token) or await known(self, token)

    monkeypatch.setattr(SignIn, "actor", actor)
    monkeypatch.setattr(People, "known", lambda self, register, entry: replace(self, register=Register()))
    return {name: await open_client(token=name, demo=True) for name in ACTORS}


@pytest.fixture
async def at_sign_in(clients, fresh_database, make_settings):
    platform = await open_platform(make_settings(demo=True), fresh_database)
    yield AtSignIn(platform.people.factors)
    await platform.close()


async def enrolled(clients):
    """Gives the doctor a time-based code by way of the officer, and returns its secret."""
    permit = (await clients["officer"].post("$factors/$permit", json={"reference": DOCTOR.reference})).json()["permit"]
    asked = (await clients["doctor"].post("$factors/$enrol", json={"kind": "totp", "permit": permit})).json()
    secret = b32decode(asked["ask"]["secret"])
    proof = {"kind": "totp", "challenge": asked["challenge"], "code": code_of(secret, -1)}
    done = await clients["doctor"].post("$factors/$confirm", json=proof)
    assert done.json() == {"confirmed": True}
    assert done.headers["cache-control"] == "no-store"
    return secret


async def test_enrolled_over_http_and_asked_at_sign_in(clients, at_sign_in):
    secret = await enrolled(clients)
    told = (await clients["doctor"].get("$factors")).json()
    assert [one["kind"] for one in told["held"]] == ["totp"]
    assert told["needed"] == list(await at_sign_in.needed("doctor"))
    shown = await at_sign_in.begin(2, "totp")
    assert shown.keys() == {"ask"}
    assert await at_sign_in.verify(2, "totp", code_of(secret))
    shown = await at_sign_in.begin(2, "totp")
    assert await at_sign_in.verify(
        2, "totp", json.dumps({"challenge": shown["ask"]["challenge"], "code": code_of(secret, 1)})
    )
    with pytest.raises(NotProven):
        await at_sign_in.verify(2, "totp", code_of(secret, 1))


async def test_a_code_by_message_is_typed_and_nothing_else(clients, at_sign_in, tmp_path):
    permit = (await clients["officer"].post("$factors/$permit", json={"reference": DOCTOR.reference})).json()["permit"]
    given = {"kind": "sms", "phone": "13812345678", "permit": permit}
    asked = (await clients["doctor"].post("$factors/$enrol", json=given)).json()
    code = json.loads((tmp_path / "messages.ndjson").read_text())["variables"]["code"]
    proof = {"kind": "sms", "challenge": asked["challenge"], "code": code}
    assert (await clients["doctor"].post("$factors/$confirm", json=proof)).status_code == 200
    with pytest.raises(PlatformError):
        await at_sign_in.verify(2, "sms", code)


async def test_a_demonstration_asks_for_none(at_sign_in):
    assert await AtSignIn(at_sign_in._factors, demonstration=True).needed("doctor") == ()


@pytest.mark.parametrize(("kind", "proof"), [("totp", "123456"), ("zqx", "1"), ("totp", "{"), ("sms", "x" * 30_000)])
async def test_whatever_is_typed_nothing_breaks(at_sign_in, kind, proof):
    with pytest.raises(NotProven):
        await at_sign_in.verify(2, kind, proof)


async def test_an_officer_resets_what_was_lost_and_nobody_else_does(clients):
    await enrolled(clients)
    for by, reference, status in (
        ("doctor", DOCTOR.reference, 403), ("officer", OFFICER.reference, 403), ("officer", "Practitioner/x", 404),
        ("officer", DOCTOR.reference, 200),
    ):  # fmt: skip
        for step in ("$remove", "$permit"):
            assert (await clients[by].post(f"$factors/{step}", json={"reference": reference})).status_code == status
    assert (await clients["doctor"].get("$factors")).json()["held"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "$factors", {}, 405), ("GET", "$factors/$enrol", None, 405), ("POST", "$factors/$zqx", {}, 404),
        ("POST", "$factors/$enrol/x", {}, 404), ("POST", "$factors/$enrol", {}, 400),
        ("POST", "$factors/$enrol", {"kind": "totp"}, 403),
        ("POST", "$factors/$enrol", {"kind": "totp", "permit": 1}, 400),
        ("POST", "$factors/$confirm", {"kind": "totp"}, 401), ("POST", "$factors/$permit", [], 400),
    ],
)  # fmt: skip
async def test_what_cannot_be(clients, method, path, body, status):
    assert (await clients["doctor"].request(method, path, json=body)).status_code == status
    assert (await clients["stranger"].get("$factors")).status_code == 404

"""Second factors, on a real database: enrolled, proven, refused when told again, locked, lost and reset."""

import asyncio
import json
from base64 import b32decode, b64decode, b64encode

import asyncpg
import httpx
import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.factors import NotProven, totp
from kangyun.access.platform import open_platform
from kangyun.base import clock
from kangyun.base.errors import Conflict, Forbidden, Invalid, PlatformError, Throttled

LI, WANG = 17, 18
IDENTITY = """
INSERT INTO identity (id, kind, handle, reference, institution, personal, vouched_by) OVERRIDING SYSTEM VALUE
VALUES ($1, 'guardian', 'h', $2, 'Organization/x', 'p', 'x')
"""
ABOUT = Circumstances("POST /sign-in", "192.0.2.1", "r1")
MESSAGES = """
[template.sign-in]
id = "KY-SIGN-IN"
variables = ["code", "minutes"]
zh = "{code} {minutes}"

[template.factor]
id = "KY-FACTOR"
variables = ["code", "minutes"]
zh = "{code} {minutes}"

[codes]
digits = 6
minutes = 5
tries = 5
pause = 0
an_hour = 1000
a_day = 1000
source_minutes = 10
source_most = 1000
"""


@pytest.fixture
async def installation(fresh_database, make_settings, tmp_path):
    """An installation whose messages go to a file, and without a pause between two codes."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "messages.toml").write_text(MESSAGES)
    platform = await open_platform(make_settings(demo=True), fresh_database)
    yield platform
    await platform.close()


@pytest.fixture
def factors(installation):
    return installation.people.factors


@pytest.fixture
def messages(tmp_path):
    """Returns the messages that were sent so far."""
    return lambda: [json.loads(line) for line in (tmp_path / "messages.ndjson").read_text().splitlines()]


@pytest.fixture
async def database(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


def code_of(secret, ahead=0):
    return totp.code_at(secret, totp.step_of(clock.now().timestamp()) + ahead)


async def with_totp(factors, identity=LI):
    """Enrols a time-based code and returns its secret."""
    permit = await factors.permit(identity, "Practitioner/security")
    asked = await factors.enrol(identity, "totp", {}, role="doctor", permit=permit)
    secret = b32decode(asked.ask["secret"])
    await factors.confirm(identity, "totp", {"challenge": asked.id, "code": code_of(secret, -1)})
    return secret


async def answer(factors, kind, identity=LI, **proof):
    asked = await factors.begin(identity, kind, ABOUT)
    return await factors.verify(identity, kind, {"challenge": asked.id, **proof}, ABOUT)


async def test_a_role_has_its_factors(factors):
    assert await factors.needed("security-administrator") == ("usb-key", "passkey", "totp")
    assert "sms" in await factors.needed("nurse")
    assert await factors.needed("resident") == ()
    assert await factors.needed("unheard-of") != ()


async def test_a_time_based_code_proves_once(factors, database):
    secret = await with_totp(factors)
    assert await answer(factors, "totp", code=code_of(secret))
    with pytest.raises(NotProven):
        await answer(factors, "totp", code=code_of(secret))
    assert [held.kind for held in await factors.held(LI)] == ["totp"]
    row = await database.fetchrow("SELECT sealed FROM factor")
    assert secret not in row["sealed"]
    rows = await database.fetch("SELECT action, outcome FROM audit WHERE action LIKE 'factor-%' ORDER BY id")
    assert [tuple(row) for row in rows] == [
        ("factor-permit", 200), ("factor-enrol", 200), ("factor-confirm", 200),
        ("factor-verify", 200), ("factor-verify", 401),
    ]  # fmt: skip


async def test_of_the_same_code_at_once_one_is_taken(factors):
    secret = await with_totp(factors)
    code = code_of(secret, 1)
    done = await asyncio.gather(*(answer(factors, "totp", code=code) for _ in range(3)), return_exceptions=True)
    assert [one for one in done if one is True] == [True]


async def test_wrong_answers_lock_and_who_has_waited_begins_anew(factors, database):
    secret = await with_totp(factors)
    for _ in range(5):
        with pytest.raises(NotProven):
            await answer(factors, "totp", code="000000")
    with pytest.raises(Throttled):
        await answer(factors, "totp", code=code_of(secret))
    await database.execute("UPDATE factor_failure SET locked_until = clock_timestamp() - interval '1 second'")
    assert await answer(factors, "totp", code=code_of(secret))


async def test_a_question_is_answered_once_and_by_whom_it_was_asked(factors, database):
    secret = await with_totp(factors)
    asked = await factors.begin(LI, "totp")
    proof = {"challenge": asked.id, "code": code_of(secret)}
    for identity, kind in ((WANG, "totp"), (LI, "usb-key"), (LI, "passkey")):
        with pytest.raises(NotProven):
            await factors.verify(identity, kind, proof)
    assert await factors.verify(LI, "totp", proof)
    with pytest.raises(NotProven):
        await factors.verify(LI, "totp", {"challenge": asked.id, "code": code_of(secret, 1)})
    late = await factors.begin(LI, "totp")
    await database.execute("UPDATE factor_challenge SET expires = clock_timestamp()")
    with pytest.raises(NotProven):
        await factors.verify(LI, "totp", {"challenge": late.id, "code": code_of(secret, 1)})


async def test_to_enrol_takes_leave(factors):
    with pytest.raises(Forbidden):
        await factors.enrol(LI, "totp", {}, role="doctor")
    permit = await factors.permit(LI, "Practitioner/security")
    for wrong in ("aaaa-aaaa-aaaa", permit[:-1]):
        with pytest.raises(Forbidden):
            await factors.enrol(LI, "totp", {}, role="doctor", permit=wrong)
    with pytest.raises(Forbidden):
        await factors.enrol(WANG, "totp", {}, role="doctor", permit=permit)
    await factors.enrol(LI, "totp", {}, role="doctor", permit=f" {permit.upper()} ")
    with pytest.raises(Forbidden):
        await factors.enrol(LI, "totp", {}, role="doctor", permit=permit)


async def test_an_officer_enrols_the_first_factor_and_no_second(factors):
    asked = await factors.enrol(LI, "totp", {}, role="security-administrator")
    code = code_of(b32decode(asked.ask["secret"]))
    await factors.confirm(LI, "totp", {"challenge": asked.id, "code": code})
    with pytest.raises(Forbidden):
        await factors.enrol(LI, "totp", {}, role="security-administrator")


async def test_what_was_not_proven_does_not_hold(factors):
    permit = await factors.permit(LI, "Practitioner/security")
    asked = await factors.enrol(LI, "totp", {}, role="doctor", permit=permit)
    with pytest.raises(NotProven):
        await factors.confirm(LI, "totp", {"challenge": asked.id, "code": "000000"})
    assert await factors.held(LI) == []
    with pytest.raises(Forbidden):
        await factors.begin(LI, "totp")


async def test_what_is_lost_is_removed_and_proves_nothing(factors):
    secret = await with_totp(factors)
    asked = await factors.begin(LI, "totp")
    assert await factors.remove(LI, None, "Practitioner/security") == 1
    with pytest.raises(NotProven):
        await factors.verify(LI, "totp", {"challenge": asked.id, "code": code_of(secret)})


async def test_a_code_by_message(factors, messages, database):
    permit = await factors.permit(LI, "Practitioner/security")
    given = {"phone": "+86 138-1234-5678"}
    asked = await factors.enrol(LI, "sms", given, role="nurse", permit=permit, about=ABOUT)
    assert asked.ask == {"phone": "138****5678"}
    (sent,) = messages()
    assert (sent["phone"], sent["template"], sent["channel"]) == ("13812345678", "KY-FACTOR", "sms")
    assert sent["variables"].keys() == {"code", "minutes"}
    await factors.confirm(LI, "sms", {"challenge": asked.id, "code": sent["variables"]["code"]})
    asked = await factors.begin(LI, "sms", ABOUT)
    code = messages()[-1]["variables"]["code"]
    with pytest.raises(PlatformError):
        await factors.verify(WANG, "sms", {"challenge": asked.id, "code": code})
    asked = await factors.begin(LI, "sms", ABOUT)
    proof = {"challenge": asked.id, "code": messages()[-1]["variables"]["code"]}
    assert await factors.verify(LI, "sms", proof)
    with pytest.raises(PlatformError):
        await factors.verify(LI, "sms", proof)
    rows = "\n".join(str(dict(row)) for row in await database.fetch("SELECT * FROM one_time_code"))
    assert "13812345678" not in rows
    await database.execute(IDENTITY, LI, "RelatedPerson/li")
    asked = ["RelatedPerson/li", "RelatedPerson/wang"]
    assert await factors.telephones(database, asked) == {"RelatedPerson/li": "13812345678"}
    await database.execute("UPDATE identity SET status = 'suspended'")
    assert await factors.telephones(database, asked) == {}
    assert code not in rows


async def test_a_usb_key_by_its_vendors_local_service(factors, local_service, certificate):
    permit = await factors.permit(LI, "Practitioner/security")
    given = {"key": b64encode(certificate[0]).decode(), "vendor": "generic"}
    asked = await factors.enrol(LI, "usb-key", given, role="steward", permit=permit)

    async def at_the_browser(asked):
        (vendor,) = asked.ask["vendors"]
        url = vendor["url"].replace("18080", str(local_service))
        async with httpx.AsyncClient() as browser:
            told = (await browser.request(vendor["method"], url, content=vendor["body"])).json()
        return {"challenge": asked.id, "vendor": vendor["id"], "signature": told[vendor["signature"]]}

    await factors.confirm(LI, "usb-key", await at_the_browser(asked))
    proof = await at_the_browser(await factors.begin(LI, "usb-key"))
    assert await factors.verify(LI, "usb-key", proof)
    with pytest.raises(NotProven):
        await factors.verify(LI, "usb-key", proof)
    other = await factors.begin(LI, "usb-key")
    with pytest.raises(NotProven):
        await factors.verify(LI, "usb-key", proof | {"challenge": other.id})


async def test_a_usb_key_is_one_persons(factors, sm2_key):
    sign, point = sm2_key
    for identity, outcome in ((LI, None), (WANG, Conflict)):
        permit = await factors.permit(identity, "Practitioner/security")
        given = {"key": b64encode(point).decode()}
        asked = await factors.enrol(identity, "usb-key", given, role="doctor", permit=permit)
        signature = sign(b64decode(json.loads(asked.ask["vendors"][0]["body"])["message"]))
        proof = {"challenge": asked.id, "signature": b64encode(signature).decode()}
        done = await asyncio.gather(factors.confirm(identity, "usb-key", proof), return_exceptions=True)
        assert isinstance(done[0], outcome or type(None))


async def test_a_usb_key_that_was_handed_in_is_given_out_again(factors, installation, sm2_key):
    identities = installation.sign_in.identities

    async def enrolled(name):
        id_ = await identities.admit(
            "staff", f"Practitioner/{name}", "Organization/h", name, roles=["doctor"], vouched_by="x", evidence="x"
        )
        permit = await factors.permit(id_, "Practitioner/security")
        given = {"key": b64encode(sm2_key[1]).decode()}
        asked = await factors.enrol(id_, "usb-key", given, role="doctor", permit=permit)
        message = b64decode(json.loads(asked.ask["vendors"][0]["body"])["message"])
        proof = {"challenge": asked.id, "signature": b64encode(sm2_key[0](message)).decode()}
        await factors.confirm(id_, "usb-key", proof)
        return id_

    first = await enrolled("li")
    with pytest.raises(Conflict):
        await enrolled("wang")
    await identities.leave(first, "Practitioner/security", "gone")
    assert [one.kind for one in await factors.held(await enrolled("zhao"))] == ["usb-key"]


async def test_a_passkey(factors, authenticator, make_authenticator, database):
    permit = await factors.permit(LI, "Practitioner/security")
    asked = await factors.enrol(LI, "passkey", {}, role="doctor", permit=permit, account="li")
    created = authenticator.create(asked.ask)
    await factors.confirm(LI, "passkey", {"challenge": asked.id, "credential": created})
    asked = await factors.begin(LI, "passkey")
    signed = authenticator.get(asked.ask)
    assert await factors.verify(LI, "passkey", {"challenge": asked.id, "credential": signed})
    with pytest.raises(NotProven):
        await factors.verify(LI, "passkey", {"challenge": asked.id, "credential": signed})
    # Another question, another passkey, another site, a copy whose counter stands back, one that asked for no PIN.
    asked = await factors.begin(LI, "passkey")
    with pytest.raises(NotProven):
        await factors.verify(LI, "passkey", {"challenge": asked.id, "credential": signed})
    with pytest.raises(NotProven):
        await answer(factors, "passkey", credential=make_authenticator().get((await factors.begin(LI, "passkey")).ask))
    for change in ({"origin": "https://evil.example"}, {"counter": -1}, {"flags": 0x01}):
        asked = await factors.begin(LI, "passkey")
        before = {name: getattr(authenticator, name) for name in change}
        for name, value in change.items():
            setattr(authenticator, name, value)
        with pytest.raises(NotProven):
            await factors.verify(LI, "passkey", {"challenge": asked.id, "credential": authenticator.get(asked.ask)})
        for name, value in before.items():
            setattr(authenticator, name, value)
        await database.execute("DELETE FROM factor_failure")
    authenticator.counter = 5
    asked = await factors.begin(LI, "passkey")
    assert await factors.verify(LI, "passkey", {"challenge": asked.id, "credential": authenticator.get(asked.ask)})


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"rawId": 1},
        {"rawId": "AAAA", "id": "AAAA"},
        {"id": "AA", "rawId": "AA", "response": 1, "type": "x"},
        "x",
        None,
    ],
)
async def test_whatever_a_passkey_answers_nothing_breaks(factors, authenticator, credential):
    permit = await factors.permit(LI, "Practitioner/security")
    asked = await factors.enrol(LI, "passkey", {}, role="doctor", permit=permit)
    with pytest.raises((NotProven, Invalid)):
        await factors.confirm(LI, "passkey", {"challenge": asked.id, "credential": credential})


@pytest.mark.parametrize("proof", [{}, {"challenge": 1}, {"challenge": "x" * 100}, {"challenge": "x", "code": ["1"]}])
@pytest.mark.parametrize("kind", ["totp", "sms", "usb-key", "passkey"])
async def test_whatever_is_answered_nothing_breaks(factors, kind, proof):
    with pytest.raises(PlatformError):
        await factors.verify(LI, kind, proof)


@pytest.mark.parametrize("given", [{}, {"phone": "12345"}, {"key": "zqx"}, {"key": "", "vendor": "none"}])
@pytest.mark.parametrize("kind", ["sms", "usb-key", "zqx"])
async def test_what_cannot_be_enrolled_costs_no_permit(factors, kind, given):
    permit = await factors.permit(LI, "Practitioner/security")
    with pytest.raises(Invalid):
        await factors.enrol(LI, kind, given, role="doctor", permit=permit)
    await factors.enrol(LI, "totp", {}, role="doctor", permit=permit)

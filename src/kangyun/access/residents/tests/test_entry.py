"""A resident's session, in the real register: begun, used, and ended."""

import json

import asyncpg
import pytest

from kangyun.access import replaying
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.consent import rows as consents
from kangyun.access.identities import revoked_again
from kangyun.access.identities.model import Proxy
from kangyun.access.identities.register import KIND
from kangyun.access.operations import Call, find
from kangyun.access.platform import open_platform
from kangyun.base.errors import SignInNeeded

NUMBER = "11010519491231002X"
PHONE = "13812345678"


async def age(database):
    """Makes all that was written so far eight days old."""
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE version SET instant = instant - interval '8 days'")
    await connection.close()


@pytest.fixture
async def region(open_client, fresh_database):
    """An administrator's client and nobody's, of a region with two registrations of Zhang San."""
    client = await open_client(demo=True)
    for id_ in ("a", "b"):
        patient = {
            "resourceType": "Patient", "id": id_, "name": [{"text": "张三"}], "identifier": [{"value": NUMBER}],
            "telecom": [{"system": "phone", "value": PHONE}],
        }  # fmt: skip
        (await client.put(f"Patient/{id_}", json=patient)).raise_for_status()
    await age(fresh_database)
    return client, await open_client(token=None, demo=True)


@pytest.fixture
async def platform(region, fresh_database, make_settings):
    opened = await open_platform(make_settings(demo=True), fresh_database)
    yield opened
    await opened.close()


async def post(client, step, **given):
    return await client.post(f"http://127.0.0.1:8080/residents/{step}", json=given)


async def proof(client, platform, tmp_path):
    async with platform.pool.connection() as connection:
        await connection.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")
    challenge = (await post(client, "code", phone=PHONE)).json()["challenge"]
    line = (tmp_path / "messages.ndjson").read_text().splitlines()[-1]
    return {"challenge": challenge, "code": json.loads(line)["variables"]["code"]}


async def entered(client, platform, tmp_path):
    """Binds Zhang San's telephone and returns the answer."""
    ticket = (await post(client, "sign-in", **await proof(client, platform, tmp_path))).json()["ticket"]
    return await post(client, "bind", ticket=ticket, name="张三", number=NUMBER)


async def test_who_comes_acts_for_all_their_registrations(region, platform, tmp_path):
    told = (await entered(region[1], platform, tmp_path)).json()
    actor = await platform.sign_in.actor(told["access_token"])
    assert actor.role == "resident"
    assert actor.purpose == "PATRQT"
    assert sorted(actor.patients) == ["a", "b"]
    assert actor.session
    again = await post(region[1], "sign-in", **await proof(region[1], platform, tmp_path))
    second = await platform.sign_in.actor(again.json()["access_token"])
    assert second.reference == actor.reference
    assert second.session != actor.session


async def test_a_registration_that_comes_later_is_theirs_when_the_telephone_has_stood_there_a_week(
    region, platform, tmp_path, fresh_database
):
    await entered(region[1], platform, tmp_path)
    patient = {
        "resourceType": "Patient", "id": "c", "name": [{"text": "张三"}], "identifier": [{"value": NUMBER}],
        "telecom": [{"system": "phone", "value": PHONE}],
    }  # fmt: skip
    (await region[0].put("Patient/c", json=patient)).raise_for_status()
    handle = await platform.people.residents.by_code(**await proof(region[1], platform, tmp_path))
    assert sorted(handle.patients) == ["a", "b"]
    await age(fresh_database)
    told = (await post(region[1], "sign-in", **await proof(region[1], platform, tmp_path))).json()
    assert sorted((await platform.sign_in.actor(told["access_token"])).patients) == ["a", "b", "c"]


async def test_who_was_shut_out_stays_out(region, platform, tmp_path):
    told = (await entered(region[1], platform, tmp_path)).json()
    actor = await platform.sign_in.actor(told["access_token"])
    known = await platform.sign_in.identities.find(actor.reference)
    await platform.sign_in.identities.suspend(known.id, "Practitioner/security", "phone was stolen")
    assert (await post(region[1], "sign-in", **await proof(region[1], platform, tmp_path))).status_code == 401
    await platform.sign_in.identities.leave(known.id, "Practitioner/security", "phone was stolen")
    assert (await post(region[1], "sign-in", **await proof(region[1], platform, tmp_path))).status_code == 401


async def test_what_is_ended_ends_the_sessions(region, platform, tmp_path):
    token = (await entered(region[1], platform, tmp_path)).json()["access_token"]
    told = await region[1].post("$resident-unbind", json={"patient": "b"}, headers={"authorization": f"Bearer {token}"})
    assert told.json() == {"ended": 1}
    assert not await platform.sign_in.is_good(token)
    again = await entered(region[1], platform, tmp_path)
    assert sorted((await platform.sign_in.actor(again.json()["access_token"])).patients) == ["a", "b"]


async def test_who_proves_less_than_an_identity_opens_is_not_let_in_as_it(region, platform, tmp_path):
    token = (await entered(region[1], platform, tmp_path)).json()["access_token"]
    entry, first = platform.people.entry, (await platform.sign_in.actor(token)).patients[0]
    with pytest.raises(SignInNeeded):
        await entry.begin((first,), "", f"Patient/{first}", ("sms",), "", "")
    assert await platform.sign_in.is_good(token)
    session, _ = await entry.begin((first,), "张三", "Practitioner/zhao", ("desk", "sms"), "", "")
    less, _ = await platform.sign_in.provider.issuing.of_session(session)
    assert (await platform.sign_in.actor(less)).patients == (first,)
    assert not await platform.sign_in.is_good(token)


OF_PEOPLE = ("identity", "identity_role", "identity_proxy", "identity_event", "session", "resident_binding")


async def erased(platform):
    """Has two officers erase both registrations of Zhang San."""

    async def by(officer, **given):
        actor = Actor(officer, "", "Organization/platform", "SYSADMIN", administrator=True)
        record = await platform.gate.open(actor, Circumstances("", "", "erasure"))
        parameters = [{"name": name, **value} for name, value in given.items()]
        call = Call("Patient", "a", {"resourceType": "Parameters", "parameter": parameters})
        answer = await find("erase", "Patient", "instance").carry_out(record, call)
        return next(one["valueInteger"] for one in answer["parameter"] if one["name"] == "request")

    reason = {"valueString": "本人书面申请抹除全部数据，已核验身份"}
    request = await by("Device/one", reason=reason, patient={"valueString": "b"})
    await by("Device/two", request={"valueInteger": request}, confirm={"valueBoolean": True})


async def test_who_is_erased_is_erased_from_the_registers_too_and_after_a_restore_again(
    region, platform, tmp_path, fresh_database
):
    token = (await entered(region[1], platform, tmp_path)).json()["access_token"]
    identities = platform.sign_in.identities
    father = await identities.admit(
        "guardian", "RelatedPerson/f", "Organization/platform", "张父", roles=["guardian"], vouched_by="x",
        evidence="x", proxies=[Proxy("a", "GUARD")],
    )  # fmt: skip
    known = (await identities.find((await platform.sign_in.actor(token)).reference)).id
    connection = await asyncpg.connect(fresh_database)
    before = {table: await connection.fetch(f"SELECT * FROM {table}") for table in OF_PEOPLE}
    await erased(platform)
    assert not await platform.sign_in.is_good(token)
    assert "ticket" in (await post(region[1], "sign-in", **await proof(region[1], platform, tmp_path))).json()
    assert await identities.get(known) is None
    assert await identities.proxies(father) == []
    assert await connection.fetchval("SELECT count(*) FROM resident_binding") == 0

    replaying.register(consents.KIND, consents.replay)
    replaying.register(KIND, revoked_again.replay)
    for table in OF_PEOPLE:  # As a backup of before brings it back.
        columns = list(before[table][0].keys())
        places = ", ".join(f"${number + 1}" for number in range(len(columns)))
        put = f"INSERT INTO {table} ({', '.join(columns)}) OVERRIDING SYSTEM VALUE VALUES ({places})"
        await connection.executemany(f"{put} ON CONFLICT DO NOTHING", [tuple(row) for row in before[table]])
    assert (await identities.get(known)).name == "张三"
    await replaying.replay(connection, platform.gate.ledger)
    assert await identities.get(known) is None
    assert (await identities.get(father)).name == "张父"
    assert await connection.fetchval("SELECT count(*) FROM resident_binding") == 0
    await connection.close()


async def trail(platform):
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT outcome, shape FROM audit WHERE actor = 'nobody' ORDER BY id")
    return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    ("step", "body", "status"),
    [
        ("residents/code", b'{"phone": "x"}', 400), ("residents/code", b'{"phone": "13812345678"}', 503),
        ("residents/code", b"[]", 400), ("residents/code", b"x" * 20_000, 413),
        ("residents/wechat", b'{"code": "x"}', 400), ("residents/sign-in", b'{"challenge": "x", "code": "1"}', 401),
        ("residents/bind", b'{"ticket": "00"}', 401), ("residents/desk", b"", 400),
        ("sign-in", b"{}", 400), ("sign-in", b"", 400), ("sign-in", b"x" * 70_000, 413),
        ("sign-in", b'{"user": "nobody", "password": "x"}', 401),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
async def test_each_attempt_that_fails_leaves_a_row(open_client, platform, step, body, status):
    client = await open_client(token=None)  # No demonstration, no gateway.
    answer = await client.post(f"http://127.0.0.1:8080/{step}", content=body)
    assert answer.status_code == status, answer.text
    assert await trail(platform) == [(status, f"POST /{step}")]


async def test_who_was_shut_out_leaves_a_row(region, platform, tmp_path):
    told = (await entered(region[1], platform, tmp_path)).json()
    actor = await platform.sign_in.actor(told["access_token"])
    known = await platform.sign_in.identities.find(actor.reference)
    await platform.sign_in.identities.suspend(known.id, "Practitioner/security", "phone was stolen")
    assert (await post(region[1], "sign-in", **await proof(region[1], platform, tmp_path))).status_code == 401
    assert await trail(platform) == [(401, "POST /residents/sign-in")]


async def test_the_portals_browser_gets_a_cookie_and_no_token(region, platform, tmp_path):
    await entered(region[1], platform, tmp_path)
    _, browser = region
    told = await post(browser, "sign-in", browser=True, **await proof(browser, platform, tmp_path))
    assert told.json() == {"signed_in": True}
    assert "httponly" in told.headers["set-cookie"].lower()
    token = await browser.post("http://127.0.0.1:8080/account/token", json={})
    assert (await platform.sign_in.actor(token.json()["access_token"])).role == "resident"
    assert (await post(browser, "leave")).json() == {"signed_in": False}
    assert (await browser.post("http://127.0.0.1:8080/account/token", json={})).status_code == 401
    assert not await platform.sign_in.is_good(token.json()["access_token"])


async def test_no_other_sites_form_signs_a_browser_in_or_out(region, platform, tmp_path):
    await entered(region[1], platform, tmp_path)
    body = json.dumps({"browser": True, **await proof(region[1], platform, tmp_path)})
    for step in ("sign-in", "leave"):
        answer = await region[1].post(
            f"http://127.0.0.1:8080/residents/{step}", content=body, headers={"content-type": "text/plain"}
        )
        assert answer.status_code == 415
        assert "set-cookie" not in answer.headers


async def test_a_demonstration_shows_the_code_it_would_have_sent(region, platform, tmp_path):
    shown = (await post(region[1], "code", phone=PHONE)).json()
    line = (tmp_path / "messages.ndjson").read_text().splitlines()[-1]
    assert shown["demonstration"] == json.loads(line)["variables"]["code"]


async def test_who_is_no_demonstration_shows_no_code(open_client, tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "providers.toml").write_text('[sms]\nkind = "record"\n')
    shown = await post(await open_client(token=None, demo=False), "code", phone=PHONE)
    assert set(shown.json()) == {"challenge", "minutes"}

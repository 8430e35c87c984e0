"""Residents come in by telephone, by voice, by WeChat, at a desk; strangers do not."""

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from kangyun.access.actor import Actor
from kangyun.access.oidc.issuing import Issuing
from kangyun.access.people import People
from kangyun.access.residents.realname import comparable, matches
from kangyun.access.signin import SignIn
from kangyun.base.numbers import resident_id

NUMBER = "11010519491231002X"
PHONE = "13812345678"
OTHER = "13900000000"
REGISTRAR = Actor("Practitioner/zhao", "赵登记", "Organization/h", "PATADMIN", role="registrar")
DOCTOR = Actor("Practitioner/li", "李医生", "Organization/h", "TREAT", role="doctor")
RESIDENT = Actor("Patient/a", "张三", "Organization/platform", "PATRQT", role="resident", patients=("a",))
GUARDIAN = Actor("RelatedPerson/b", "张父", "Organization/platform", "FAMRQT", role="guardian", patients=("a",))
ACTORS = {"registrar": REGISTRAR, "doctor": DOCTOR, "resident": RESIDENT, "guardian": GUARDIAN}


class Entry:
    """Begins no session: says who would have got one."""

    async def begin(self, patients, name, vouched_by, factors, source, request):
        return {"entered": list(patients), "vouched_by": vouched_by, "factors": list(factors)}, ""

    async def end(self, patients, by):
        """There are no sessions to end."""


async def token_of(issuing, session, ward=""):
    """Stands for a token: says of whom it would have been."""
    return session, 60


@pytest.fixture
def wechat():
    """WeChat's code2Session: a code is `code-OPENID`, good once."""

    class Api(BaseHTTPRequestHandler):
        used = ()

        def do_GET(self):
            query = parse_qs(urlsplit(self.path).query)
            code = query["js_code"][0]
            good = code.startswith("code-") and code not in Api.used and query["secret"] == ["s"]
            Api.used += (code,)
            body = {"openid": code[5:], "session_key": "k"} if good else {"errcode": 40029, "errmsg": "invalid code"}
            if code == "code-busy":
                body = {"errcode": -1}
            sent = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
async def region(monkeypatch, open_client, wechat, database):
    """Clients of a region with two registrations of Zhang San and one of a namesake, all of them a week old and more:
    administrator, nobody, staff."""
    known = SignIn.actor

    async def actor(self, token):
        return ACTORS.get(token) or await known(self, token)

    monkeypatch.setattr(SignIn, "actor", actor)
    monkeypatch.setattr(Issuing, "of_session", token_of)
    monkeypatch.setattr(People, "known", lambda self, register, entry: replace(self, entry=Entry()))
    settings = {
        "demo": True, "wechat_app": "a", "wechat_secret": "s", "wechat_url": f"http://{wechat}",
        "message_hosts": wechat,
    }  # fmt: skip
    client = await open_client(**settings)
    for id_, name, number, phone in (
        ("a", {"text": "张三"}, NUMBER, PHONE), ("b", {"family": "张", "given": ["三"]}, NUMBER.lower(), PHONE),
        ("c", {"text": "张三"}, "110105194912310038", OTHER),
    ):  # fmt: skip
        patient = {
            "resourceType": "Patient", "id": id_, "name": [name], "identifier": [{"system": "urn:id", "value": number}],
            "telecom": [{"system": "phone", "value": phone}] if phone else [{"system": "phone", "value": "0571-1"}],
        }  # fmt: skip
        (await client.put(f"Patient/{id_}", json=patient)).raise_for_status()
    await age(database)
    clients = {role: await open_client(token=role, **settings) for role in ACTORS}
    return clients | {"administrator": client, "nobody": await open_client(token=None, **settings)}


async def age(database):
    """Makes all that was written so far eight days old."""
    await database.execute("UPDATE version SET instant = instant - interval '8 days'")


async def register(region, id_, phone=PHONE, name="张三"):
    """Writes a registration with Zhang San's number; phone: "" for none."""
    patient = {
        "resourceType": "Patient", "id": id_, "name": [{"text": name}], "identifier": [{"value": NUMBER}],
        "telecom": [{"system": "phone", "value": phone or "0571-1"}],
    }  # fmt: skip
    (await region["administrator"].put(f"Patient/{id_}", json=patient)).raise_for_status()


@pytest.fixture
def sent(tmp_path):
    """Returns the messages that were sent so far."""
    return lambda: [json.loads(line) for line in (tmp_path / "messages.ndjson").read_text().splitlines()]


@pytest.fixture
async def database(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def prove(region, sent, database):
    """Proves a telephone: returns challenge and code, unused."""

    async def one(phone=PHONE, channel="sms"):
        await database.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")
        told = await post(region, "code", phone=phone, channel=channel)
        return {"challenge": told.json()["challenge"], "code": sent()[-1]["variables"]["code"]}

    return one


async def post(region, step, by="nobody", **given):
    return await region[by].post(f"http://127.0.0.1:8080/residents/{step}", json=given)


async def bound(region, prove):
    """Binds Zhang San's telephone."""
    ticket = (await post(region, "sign-in", **await prove())).json()["ticket"]
    return await post(region, "bind", ticket=ticket, name=" 张 三", number=NUMBER.lower())


@pytest.mark.parametrize("channel", ["sms", "voice"])
async def test_who_comes_the_first_time_says_who_they_are_and_then_a_code_is_enough(region, prove, sent, channel):
    told = await bound(region, prove)
    assert told.json()["access_token"]["factors"] == ["sms"]
    assert sorted(told.json()["access_token"]["entered"]) == ["a", "b"]
    again = await post(region, "sign-in", **await prove(channel=channel))
    assert sorted(again.json()["access_token"]["entered"]) == ["a", "b"]
    assert again.headers["cache-control"] == "no-store"
    assert sent()[-1]["channel"] == channel


@pytest.mark.parametrize(
    ("phone", "name", "number"),
    [
        (PHONE, "张四", NUMBER), (PHONE, "张三", "110105194912310038"), (OTHER, "张三", NUMBER),
        ("13700000000", "张三", NUMBER), (PHONE, "张三", "110105199912310029"),
    ],
)  # fmt: skip
async def test_whose_name_number_and_telephone_are_not_of_one_record_is_not_bound(region, prove, phone, name, number):
    number = number if resident_id.is_valid(number) else number[:17] + resident_id.check_character(number[:17])
    ticket = (await post(region, "sign-in", **await prove(phone))).json()["ticket"]
    told = await post(region, "bind", ticket=ticket, name=name, number=number)
    assert told.status_code == 403
    assert number not in told.text
    assert "ticket" in (await post(region, "sign-in", **await prove(phone))).json()


NEW = "13700000000"


@pytest.mark.parametrize("days", [0, 8])
async def test_who_registers_a_resident_with_a_telephone_of_their_own_opens_nothing(region, prove, database, days):
    await register(region, "x", NEW)
    await database.execute("UPDATE version SET instant = instant - make_interval(days => $1)", days)
    for phone in (NEW, PHONE):
        ticket = (await post(region, "sign-in", **await prove(phone))).json()["ticket"]
        told = await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)
        assert told.status_code == 403
        unknown = await post(region, "bind", ticket=ticket, name="李四", number=NUMBER)
        assert told.json()["issue"] == unknown.json()["issue"]


@pytest.mark.parametrize(("phone", "name"), [("", "张三"), (NEW, "李四")])
async def test_a_registration_of_the_number_that_says_otherwise_sends_to_the_desk(region, prove, phone, name):
    await register(region, "x", phone, name)
    assert (await bound(region, prove)).status_code == 403


async def test_a_telephone_opens_a_registration_that_has_stood_for_a_week(region, prove, database):
    await register(region, "y")
    assert sorted((await bound(region, prove)).json()["access_token"]["entered"]) == ["a", "b"]
    await age(database)
    assert sorted((await post(region, "sign-in", **await prove())).json()["access_token"]["entered"]) == ["a", "b", "y"]


@pytest.mark.parametrize("kept", [(), (PHONE,)], ids=["in its place", "beside it"])
async def test_a_telephone_that_was_put_into_a_registration_opens_nothing(region, prove, database, kept):
    """Whoever may write a registration could put his own there."""
    for id_ in ("a", "b"):
        patient = (await region["administrator"].get(f"Patient/{id_}")).json()
        patient["telecom"] = [{"system": "phone", "value": phone} for phone in (*kept, NEW)]
        (await region["administrator"].put(f"Patient/{id_}", json=patient)).raise_for_status()
    await age(database)
    for phone in (NEW, PHONE):
        ticket = (await post(region, "sign-in", **await prove(phone))).json()["ticket"]
        told = await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)
        assert told.status_code == 403


async def test_who_is_bound_by_a_telephone_gets_another_at_a_desk_only(region, prove, database):
    await bound(region, prove)
    await register(region, "a", NEW)
    await register(region, "b", NEW)
    await age(database)
    ticket = (await post(region, "sign-in", **await prove(NEW))).json()["ticket"]
    assert (await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)).status_code == 403


async def test_a_link_opens_nothing_that_the_telephone_does_not(region, prove, database):
    await database.execute("UPDATE resident_link SET resident = (SELECT min(resident) FROM resident_link)")
    assert sorted((await bound(region, prove)).json()["access_token"]["entered"]) == ["a", "b"]
    assert sorted((await post(region, "sign-in", **await prove())).json()["access_token"]["entered"]) == ["a", "b"]


async def test_nobody_guesses_numbers_by_it(region, prove, database):
    ticket = (await post(region, "sign-in", **await prove())).json()["ticket"]
    statuses = [
        (await post(region, "bind", ticket=ticket, name="张四", number=NUMBER)).status_code for _ in range(6)
    ]  # fmt: skip
    assert statuses == [403] * 5 + [429]
    assert (await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)).status_code == 429
    await database.execute("UPDATE resident_try SET began = began - interval '25 hours'")
    assert (await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)).status_code == 200


async def test_wechat(region, prove, database):
    ticket = (await post(region, "wechat", code="code-openid1")).json()["ticket"]
    assert (await post(region, "wechat", code="code-openid1")).status_code == 401
    assert (await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)).status_code == 401
    told = await post(region, "bind", ticket=ticket, name="张三", number=NUMBER, **await prove())
    assert told.json()["access_token"]["factors"] == ["wechat"]
    # By the same account he is told what is said to him.
    readers = await database.fetch("SELECT reader FROM outbox_reader WHERE holder IS NOT NULL ORDER BY reader")
    assert [row["reader"] for row in readers] == ["Patient/a", "Patient/b"]
    assert (await post(region, "wechat", code="code-busy")).status_code == 503
    for code in (None, 1, "x", "code/../..?a=b", "c" * 200):
        assert (await post(region, "wechat", code=code)).status_code == 401


async def at_desk(region, prove, phone=NEW, proven=NEW):
    """A registrar sees the card and names a telephone; a code to `proven` and the desk's are used."""
    told = await region["registrar"].post("$resident-desk", json={"name": "张三", "number": NUMBER, "phone": phone})
    desk = told.json()
    proof = await prove(proven) if proven else {}
    return await post(region, "desk", desk=desk["desk"], desk_code=desk["desk_code"], **proof)


async def theirs(database, *ids):
    """Makes these registrations the registrar's institution's own."""
    institution = await database.fetchval(
        "INSERT INTO institution (reference) VALUES ($1) ON CONFLICT (reference) DO UPDATE SET reference = $1 "
        "RETURNING id", REGISTRAR.institution,
    )  # fmt: skip
    numbers = [await database.fetchval("SELECT min(res) FROM resource")] if ids == ("a",) else []
    await database.execute(
        "UPDATE resource SET institution = $1 WHERE $2 OR res = ANY ($3::int8[])", institution, not numbers, numbers
    )


async def test_a_desk_saw_the_card(region, prove, database):
    await theirs(database)
    given = {"name": "张三", "number": NUMBER, "phone": NEW}
    assert (await region["doctor"].post("$resident-desk", json=given)).status_code == 403
    assert (await region["nobody"].post("$resident-desk", json=given)).status_code == 401
    assert (await region["registrar"].post("$resident-desk", json=given | {"name": "李四"})).status_code == 403
    assert (await region["registrar"].post("$resident-desk", json=given | {"phone": ""})).status_code == 400
    for proven, status in ((None, 401), (OTHER, 401), (NEW, 200)):
        done = await at_desk(region, prove, proven=proven)
        assert done.status_code == status
    assert done.json()["access_token"]["factors"] == ["desk", "sms"]
    assert done.json()["access_token"]["vouched_by"] == REGISTRAR.reference
    assert sorted((await post(region, "sign-in", **await prove(NEW))).json()["access_token"]["entered"]) == ["a", "b"]


async def test_a_desk_opens_its_own_registrations_and_tells_the_telephone_of_the_record(region, prove, database, sent):
    await theirs(database, "a")
    assert (await at_desk(region, prove)).json()["access_token"]["entered"] == ["a"]
    assert [one["phone"] for one in sent() if one["template"] == "KY-BOUND"] == [PHONE]


async def test_a_desk_opens_what_is_another_institution_s_by_its_telephone_only(region, prove):
    given = {"name": "张三", "number": NUMBER, "phone": NEW}
    assert (await region["registrar"].post("$resident-desk", json=given)).status_code == 403
    assert sorted((await at_desk(region, prove, PHONE, PHONE)).json()["access_token"]["entered"]) == ["a", "b"]


async def test_the_rows_of_desk_and_end_name_the_patients(region, prove, database):
    await at_desk(region, prove, PHONE, PHONE)
    await region["resident"].post("$resident-unbind", json={"patient": "a"})
    rows = await database.fetch(
        "SELECT action, cardinality(patients) FROM audit WHERE action IN ('resident-desk', 'resident-unbind')"
    )
    assert {tuple(row) for row in rows} == {("resident-desk", 2), ("resident-unbind", 2)}


async def test_what_is_bound_can_be_ended(region, prove):
    assert (await bound(region, prove)).status_code == 200
    for who in ("doctor", "guardian"):  # Who acts for somebody does not shut him out of his own record.
        assert (await region[who].post("$resident-unbind", json={"patient": "a"})).status_code == 403
    assert (await region["resident"].post("$resident-unbind", json={"patient": "c"})).status_code == 403
    assert (await region["resident"].post("$resident-unbind", json={"patient": "a"})).json() == {"ended": 1}
    assert "ticket" in (await post(region, "sign-in", **await prove())).json()


async def test_a_desk_ends_what_is_bound_of_those_whom_its_institution_has_registered(region, prove, database):
    """Any desk could shut anybody out else; whether there is such a registration is not told."""
    assert (await bound(region, prove)).status_code == 200
    for patient in ("a", "nobody"):
        refused = await region["registrar"].post("$resident-unbind", json={"patient": patient})
        assert (refused.status_code, "no registration at your" in refused.text) == (403, True)
    await theirs(database, "a")
    assert (await region["registrar"].post("$resident-unbind", json={"patient": "a"})).json() == {"ended": 1}


async def test_the_database_knows_no_telephone_name_or_number(region, prove, database):
    await bound(region, prove)
    await post(region, "bind", ticket=(await post(region, "wechat", code="code-openid1")).json()["ticket"],
               name="张三", number=NUMBER, **await prove())  # fmt: skip
    tables = ("resident_binding", "resident_try", "one_time_code", "audit", "outbox_reader")
    for table in tables:
        text = "\n".join(str(dict(row)) for row in await database.fetch(f"SELECT * FROM {table}"))
        assert [secret for secret in (PHONE, NUMBER, "张三", "openid1") if secret in text] == []


async def test_who_is_refused_leaves_a_row(region, prove, database):
    proof = await prove()
    assert (await post(region, "sign-in", **proof | {"code": "000000"})).status_code == 401
    rows = await database.fetch("SELECT outcome, shape FROM audit WHERE actor = 'nobody'")
    assert [tuple(row) for row in rows] == [(401, "POST /residents/sign-in")]


@pytest.mark.parametrize(
    ("step", "given", "status"),
    [
        ("code", {}, 400), ("code", {"phone": "110"}, 400), ("code", {"phone": PHONE, "channel": "fax"}, 400),
        ("code", {"phone": [PHONE]}, 400), ("sign-in", {}, 401), ("sign-in", {"challenge": {}, "code": []}, 401),
        ("bind", {}, 401), ("bind", {"ticket": "00"}, 401), ("bind", {"ticket": "zz" * 5000}, 413),
        ("sign-in", {"challenge": "\0", "code": "1"}, 401),
        ("bind", {"ticket": "é"}, 401), ("desk", {}, 401), ("desk", {"desk": 1, "desk_code": 2}, 401),
    ],
)  # fmt: skip
async def test_what_cannot_be(region, step, given, status):
    assert (await post(region, step, **given)).status_code == status


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', b"\xff", b"[" * 5000])
async def test_what_is_no_object(region, body):
    for path in ("http://127.0.0.1:8080/residents/sign-in", "$resident-desk"):
        assert (await region["registrar"].post(path, content=body)).status_code == 400


async def test_what_is_no_id(region):
    for patient in ("\0", "a\0", "", "a/b", "x" * 65, 1):
        assert (await region["registrar"].post("$resident-unbind", json={"patient": patient})).status_code == 400


async def test_a_ticket_is_over_after_ten_minutes(region, prove, monkeypatch):
    ticket = (await post(region, "sign-in", **await prove())).json()["ticket"]
    monkeypatch.setattr("kangyun.access.residents.entrance.time.time", lambda: 1e12)
    assert (await post(region, "bind", ticket=ticket, name="张三", number=NUMBER)).status_code == 401


@pytest.mark.parametrize(
    ("number", "valid"),
    [
        (NUMBER, True), ("110105194912310021", False), ("11010519491331002X", False), ("", False), ("1" * 18, False),
        ("440524188001010014", True), ("11010519491231002x", False),
    ],
)  # fmt: skip
def test_numbers_of_identity_cards(number, valid):
    assert resident_id.is_valid(number) is valid


def test_numbers_are_the_same_however_they_are_written():
    assert (
        resident_id.plain(" 110105 19491231 002x ")
        == resident_id.plain("１１０１０５１９４９１２３１００２Ｘ")
        == NUMBER
    )
    assert resident_id.forms(NUMBER) == (NUMBER, "110105491231002")


def test_names_are_the_same_however_they_are_written():
    assert comparable("阿卜杜拉•买买提 ") == comparable("阿卜杜拉·买买提") == comparable("阿卜杜拉．买买提")
    patient = {"name": [{"family": "SMITH", "given": ["John"]}], "identifier": [{"value": "110105491231002"}]}
    assert matches(patient, "john smith", NUMBER)
    for change in ({"active": False}, {"deceasedBoolean": True}, {"deceasedDateTime": "2020"}):
        assert not matches(patient | change, "john smith", NUMBER)
    assert matches(patient | {"deceasedBoolean": False}, "john smith", NUMBER)

"""The outbox over HTTP: one's own list, what comes back from providers and from links, and who may not say what."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from hashlib import sha1

import asyncpg
import httpx
import pytest
import pytest_asyncio

from kangyun.access.actor import Actor
from kangyun.access.messages.outbox import Notice, Outbox, Reader, Urgency
from kangyun.access.messages.outbox.channels import Installed
from kangyun.access.messages.outbox.contacts import Contacts, keep
from kangyun.access.messages.outbox.sending import Sent
from kangyun.access.messages.outbox.teller import Teller
from kangyun.access.messages.signatures import signature
from kangyun.base import clock
from kangyun.testing.people import know
from kangyun.testing.subscribing import Socket
from kangyun.web import subscriptions
from kangyun.web.app import Application

HOME = "Organization/county"
PEOPLE = {
    "li": Actor("Practitioner/li", "李", HOME, role="doctor"),
    "wang": Actor("Practitioner/wang", "王", HOME, role="doctor"),
    "duty": Actor("Practitioner/duty", "值班", HOME, role="duty-officer"),
    "app": Actor("Practitioner/li", "李", HOME, role="doctor", client="an-app"),
    "admin": Actor("Device/admin", "管理员", "Organization/platform", "SYSADMIN", role="system-administrator"),
}
ROOT = "http://127.0.0.1:8080"
KEY, TOKEN = b"k", b"wechat-token"
PROVIDERS = """
[sms]
kind = "gateway"
url = "http://127.0.0.1:9/"
secret = "key"
[wechat]
kind = "wechat"
app = "wx1"
secret = "key"
token = "token"
"""


ON_DUTY = """
WITH desk AS (
    INSERT INTO institution (reference) VALUES ('Organization/county')
    ON CONFLICT (reference) DO UPDATE SET reference = excluded.reference RETURNING id
)
INSERT INTO duty_shift (desk, day, starts, ends, who, given_by)
SELECT id, 'daily', '00:00', '00:00', $1, 'test' FROM desk
"""


class Noting:
    """A channel that notes."""

    dedupes, receipts, rate = False, True, 0.0

    def __init__(self):
        self.got = []

    async def send(self, parcel):
        self.got.append(parcel)
        return Sent(f"ref-{len(self.got)}")


@pytest.fixture
def settings(make_settings, tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/providers.toml").write_text(PROVIDERS)
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "token").write_bytes(TOKEN)
    return make_settings()


@dataclass
class Desk:
    """Two channels that note, and clients of people."""

    client: httpx.AsyncClient
    connection: asyncpg.Connection
    outbox: Outbox
    sms: Noting = field(default_factory=Noting)
    wechat: Noting = field(default_factory=Noting)
    teller: Teller | None = None

    async def tell(self, key="alarm/1", reader="Practitioner/li", role="doctor", asker=None):
        notice = Notice(
            key=key, urgency=Urgency.RED, template="warning", readers=(Reader(reader, role),), asker=asker or key,
            variables={"name": "王建国", "age": "70", "sentence": "收缩压 186"},
        )  # fmt: skip
        await self.outbox.put(self.connection, [notice])
        while await self.teller.tick():
            pass

    async def told(self):
        return [one.what for one in await self.outbox.take(self.connection, "alarm", 10)]

    async def ask(self, who, method, path, **given):
        return await self.client.request(
            method, path, headers={"authorization": f"Bearer {who}", "accept-language": "zh"}, **given
        )


@pytest_asyncio.fixture
async def desk(open_client, settings, platform, monkeypatch):
    """An outbox that reaches Li by WeChat and SMS, and what comes back to it."""
    know(monkeypatch, PEOPLE)
    made = Desk(await open_client(None), await asyncpg.connect(platform.pool.url), platform.gate.outbox)

    async def audit(_, holders):
        pass

    outbox = platform.gate.outbox
    now = clock.now()
    await keep(
        made.connection, outbox.letters, "Practitioner/li", now, addresses={"sms": "13800000001", "wechat": "o1"}
    )
    made.teller = Teller(
        platform.pool, outbox, Installed({"sms": made.sms, "wechat": made.wechat}),
        Contacts(platform.gate.store.reader, outbox.letters, {}), audit, "https://kangyun.example",
    )  # fmt: skip
    yield made
    await made.connection.close()


def values(answer, name):
    found = [one for one in answer["parameter"] if one["name"] == name]
    return [{part["name"]: list(part.values())[1] for part in one["part"]} if "part" in one else one for one in found]


def posted(**given):
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name.replace("_", "-"), **value}
            for name, several in given.items()
            for value in (several if isinstance(several, list) else [several])
        ],
    }


async def test_a_reader_s_list_is_his_own(desk):
    await desk.tell()
    mine = (await desk.ask("li", "GET", "$messages")).json()
    (line,) = values(mine, "message")
    assert line["text"] == "收缩压 186" and line["urgency"] == "red"
    assert values((await desk.ask("wang", "GET", "$messages")).json(), "message") == []
    assert (await desk.ask("app", "GET", "$messages")).status_code == 403
    read = posted(id={"valueInteger": line["id"]}, answered={"valueBoolean": True})
    assert (await desk.ask("wang", "POST", "$message-read", json=read)).json()["parameter"][0]["valueInteger"] == 0
    assert await desk.told() == []
    assert (await desk.ask("li", "POST", "$message-read", json=read)).json()["parameter"][0]["valueInteger"] == 1
    assert await desk.told() == ["answered"]


async def test_who_is_on_duty_has_the_desk_s_list(desk):
    await desk.tell(reader="desk/county", role="desk")
    (line,) = values((await desk.ask("duty", "GET", "$messages")).json(), "message")
    assert values((await desk.ask("li", "GET", "$messages")).json(), "message") == []
    answer = posted(id={"valueInteger": line["id"]}, answered={"valueBoolean": True})
    await desk.ask("duty", "POST", "$message-read", json=answer)
    (told,) = await desk.outbox.take(desk.connection, "alarm", 10)
    assert (told.what, told.reader, told.person) == ("answered", "desk/county", "Practitioner/duty")


@pytest.mark.parametrize(("who", "seen"), [("duty", 0), ("li", 1), ("wang", 0)])
async def test_where_a_roster_names_somebody_nobody_else_has_the_desk_s_list(desk, platform, who, seen):
    await platform.sign_in.identities.admit(
        "staff", "Practitioner/li", "Organization/county", "li", roles=["doctor"], vouched_by="Device/t", evidence="x",
        handle="li",
    )  # fmt: skip
    await desk.tell(reader="desk/county", role="desk")
    await desk.connection.execute(ON_DUTY, "Practitioner/li")
    id_ = await desk.connection.fetchval("SELECT id FROM outbox_note")
    assert len(values((await desk.ask(who, "GET", "$messages")).json(), "message")) == seen
    answer = posted(id={"valueInteger": id_}, answered={"valueBoolean": True})
    done = (await desk.ask(who, "POST", "$message-read", json=answer)).json()
    assert done["parameter"][0]["valueInteger"] == seen
    assert [one.person for one in await desk.outbox.take(desk.connection, "alarm", 10)] == ["Practitioner/li"] * seen


async def test_preferences_are_kept_within_bounds(desk):
    asked = posted(channel=[{"valueCode": "sms"}], night_begins={"valueTime": "12:00:00"}, language={"valueCode": "en"})
    kept = (await desk.ask("li", "POST", "$prefer-messages", json=asked)).json()["parameter"]
    assert {"name": "channel", "valueCode": "sms"} in kept
    assert {"name": "night-begins", "valueTime": "20:00:00"} in kept
    assert (await desk.ask("li", "GET", "$message-preferences")).json()["parameter"] == kept
    wrong = posted(channel=[{"valueCode": "pigeon"}])
    assert (await desk.ask("li", "POST", "$prefer-messages", json=wrong)).status_code == 400


async def test_figures_are_for_who_runs_it_and_have_no_content(desk):
    await desk.tell()
    assert (await desk.ask("li", "GET", "$outbox")).status_code == 403
    answer = await desk.ask("admin", "GET", "$outbox")
    assert values(answer.json(), "request") == [{"count": 1, "state": "handed", "channel": "wechat"}]
    assert "王" not in answer.text and "Practitioner" not in answer.text


def signed(receipts, stamp=None, key=KEY):
    stamp = str(int(time.time() if stamp is None else stamp))
    body = json.dumps({"receipts": receipts}).encode()
    headers = {"x-kangyun-timestamp": stamp, "x-kangyun-signature": signature(key, stamp.encode() + b"." + body)}
    return {"content": body, "headers": headers}


async def climb_to_sms(desk):
    desk.wechat.send = None  # A defect: what became of it is unknown, and the next channel follows.
    await desk.tell()


async def test_a_receipt_is_heard_once(desk):
    await climb_to_sms(desk)
    call = signed([{"reference": "ref-1", "state": "received"}])
    for heard in (1, 0):
        assert (await desk.client.post(f"{ROOT}/outbox/receipts/sms", **call)).json() == {"heard": heard}
    by_key = signed([{"key": desk.sms.got[0].key, "state": "answered"}])
    assert (await desk.client.post(f"{ROOT}/outbox/receipts/sms", **by_key)).json() == {"heard": 1}
    assert await desk.told() == ["received", "answered"]


async def test_an_answer_by_telephone_is_to_what_was_sent_there(desk):
    await climb_to_sms(desk)
    for phone, heard in (("13800000002", 0), ("13800000001", 1), ("13800000001", 0), ("x", 0)):
        call = signed([{"phone": phone, "state": "answered"}])
        assert (await desk.client.post(f"{ROOT}/outbox/receipts/sms", **call)).json() == {"heard": heard}


async def test_what_names_a_telephone_only_answers_one_message_and_is_heard_once(desk):
    answer = signed([{"phone": "13800000001", "state": "answered"}])

    async def heard(call):
        return (await desk.client.post(f"{ROOT}/outbox/receipts/sms", **call)).json()["heard"]

    desk.wechat.send = None
    await desk.tell("alarm/1")
    assert [await heard(answer), await heard(answer)] == [1, 0]
    await desk.tell("alarm/2")
    assert await heard(answer) == 0
    assert await heard(signed([{"phone": "13800000001", "state": "answered"}], time.time() + 1)) == 0
    await desk.tell("alarm/3")
    several = [{"phone": "13800000001", "state": "answered", "code": str(number)} for number in range(3)]
    assert await heard(signed(several)) == 0
    assert await heard(signed([{"phone": "13800000001", "state": "received"}])) == 0
    states = await desk.connection.fetch("SELECT key FROM outbox_message WHERE state = 'answered'")
    assert [row["key"] for row in states] == ["alarm/1"]


async def test_a_word_by_telephone_answers_what_was_told_twice_and_nothing_that_is_over(desk):
    desk.wechat.send = None
    await desk.tell("alarm/1/1", asker="alarm/1")
    await desk.connection.execute("UPDATE outbox_message SET state = 'unanswered'")
    await desk.outbox.withdraw(desk.connection, ["alarm/1"])
    for round_ in ("alarm/2/1", "alarm/2/2"):
        await desk.tell(round_, asker="alarm/2")
    call = signed([{"phone": "13800000001", "state": "answered"}])
    assert (await desk.client.post(f"{ROOT}/outbox/receipts/sms", **call)).json() == {"heard": 1}
    (told,) = await desk.outbox.take(desk.connection, "alarm", 10)
    assert (told.key, told.what) == ("alarm/2/2", "answered")


async def test_a_telephone_s_receipt_that_comes_twice_at_once_is_heard_once(desk):
    await climb_to_sms(desk)
    call = signed([{"phone": "13800000001", "state": "received"}])
    answers = await asyncio.gather(*(desk.client.post(f"{ROOT}/outbox/receipts/sms", **call) for _ in range(4)))
    assert sorted(answer.json()["heard"] for answer in answers) == [0, 0, 0, 1]
    assert await desk.told() == ["received"]


FORGED = {
    "another key": lambda: signed([{"reference": "ref-1", "state": "answered"}], key=b"guess"),
    "no key": lambda: signed([{"reference": "ref-1", "state": "answered"}], key=b" "),
    "an hour old": lambda: signed([{"reference": "ref-1", "state": "answered"}], time.time() - 3600),
    "an hour ahead": lambda: signed([{"reference": "ref-1", "state": "answered"}], time.time() + 3600),
    "another body": lambda: signed([]) | {"content": b'{"receipts":[{"reference":"ref-1","state":"answered"}]}'},
    "no signature": lambda: {"content": b'{"receipts":[{"reference":"ref-1","state":"answered"}]}'},
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_what_a_provider_did_not_sign_is_not_heard(desk, forged):
    await climb_to_sms(desk)
    assert (await desk.client.post(f"{ROOT}/outbox/receipts/sms", **forged())).status_code == 403
    assert await desk.told() == []


@pytest.mark.parametrize(("path", "status"), [("voice", 404), ("in-app", 404), ("pigeon", 404)])
async def test_a_channel_that_nobody_signs_for_hears_nothing(desk, path, status):
    call = signed([{"reference": "ref-1", "state": "answered"}], key=b"x")
    assert (await desk.client.post(f"{ROOT}/outbox/receipts/{path}", **call)).status_code == status


def wechat(token=TOKEN, stamp=None):
    stamp, nonce = str(int(time.time() if stamp is None else stamp)), "n1"
    right = sha1("".join(sorted((token.decode(), stamp, nonce))).encode()).hexdigest()
    return {"timestamp": stamp, "nonce": nonce, "signature": right}


EVENT = "<xml><Event>TEMPLATESENDJOBFINISH</Event><MsgID>ref-1</MsgID><Status>{}</Status></xml>"


async def test_wechat_says_that_it_arrived(desk):
    await desk.tell()
    assert (await desk.client.get(f"{ROOT}/outbox/receipts/wechat", params=wechat() | {"echostr": "e"})).text == "e"
    said = EVENT.format("success").encode()
    for forged in (wechat(b"guess"), wechat(stamp=time.time() - 3600)):
        assert (
            await desk.client.post(f"{ROOT}/outbox/receipts/wechat", params=forged, content=said)
        ).status_code == 403
    assert await desk.told() == []
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><xml><Event>&a;</Event></xml>'
    assert (await desk.client.post(f"{ROOT}/outbox/receipts/wechat", params=wechat(), content=bomb)).status_code == 200
    assert (await desk.client.post(f"{ROOT}/outbox/receipts/wechat", params=wechat(), content=said)).text == "success"
    assert await desk.told() == ["received"]


async def test_a_link_shows_nothing_and_answers_once(desk):
    await desk.tell()
    path = desk.wechat.got[0].link.replace("https://kangyun.example", ROOT)
    for _ in range(2):
        page = await desk.client.get(path)
        assert page.status_code == 200 and "王建国" not in page.text and "186" not in page.text
        assert "sandbox" not in page.headers["content-security-policy"]
    assert await desk.told() == []
    assert (await desk.client.post(path)).status_code == 200
    assert await desk.told() == ["answered"]
    assert (await desk.client.post(path)).status_code == 404
    assert (await desk.client.get(f"{ROOT}/m/guess")).status_code == 404


async def test_a_link_of_what_was_withdrawn_thanks_nobody(desk, platform):
    await desk.tell()
    path = desk.wechat.got[0].link.replace("https://kangyun.example", ROOT)
    async with platform.pool.connection() as connection, connection.transaction():
        await platform.gate.outbox.withdraw(connection, ["alarm/1"])
    assert (await desk.client.post(path)).status_code == 404
    assert "answered" not in await desk.told()


async def test_a_socket_that_is_bound_to_its_messages_rings_within_a_second(desk, fresh_database, settings):
    application = Application(settings, fresh_database)
    await application.open()
    socket = Socket(application, ((b"authorization", b"Bearer li"),), "")
    await socket.hear()
    await socket.say("bind messages")
    assert (await socket.hear())["text"] == "bound messages"
    await desk.tell("alarm/2", "Practitioner/wang")
    await desk.tell("alarm/3")
    async with asyncio.timeout(1):
        assert (await socket.hear())["text"] == "ping messages"
    await socket.leave()
    await application.close()


async def test_a_socket_hears_when_its_duty_begins(desk, fresh_database, settings, monkeypatch):
    monkeypatch.setattr(subscriptions, "DUTY_EVERY", 0.05)
    application = Application(settings, fresh_database)
    await application.open()
    readers = ["Practitioner/li"]

    async def who_reads(record):
        return list(readers)

    monkeypatch.setattr(subscriptions, "readers_of", who_reads)
    socket = Socket(application, ((b"authorization", b"Bearer li"),), "")
    await socket.hear()
    await socket.say("bind messages")
    assert (await socket.hear())["text"] == "bound messages"
    readers.append("desk/centre")
    async with asyncio.timeout(20):
        assert (await socket.hear())["text"] == "ping messages"
    await socket.leave()
    await application.close()

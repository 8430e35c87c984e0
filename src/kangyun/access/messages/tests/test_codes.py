"""One-time codes: good once, for some minutes and some tries, and not asked for without end."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import asyncpg
import pytest

from kangyun.access.messages import WrongCode, checked_phone
from kangyun.access.messages.senders import signature
from kangyun.access.platform import open_platform
from kangyun.base.errors import Invalid, Throttled, Unavailable

PHONE = "13812345678"


@pytest.fixture
async def open_codes(fresh_database, make_settings):
    """Opens the codes of an installation: `await open_codes(demo=True)`."""
    opened = []

    async def open_one(**given):
        opened.append(await open_platform(make_settings(**given), fresh_database))
        return opened[-1].people.codes

    yield open_one
    for platform in opened:
        await platform.close()


@pytest.fixture
async def codes(open_codes):
    return await open_codes(demo=True)


@pytest.fixture
async def database(fresh_database):
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


@pytest.fixture
def sent(tmp_path):
    """Returns the codes that were sent so far."""
    file = tmp_path / "messages.ndjson"
    return lambda: [json.loads(line)["variables"]["code"] for line in file.read_text().splitlines()]


@pytest.fixture
def gateway():
    """A gateway that notes what it is sent and answers as its `status` says."""

    class Gateway(BaseHTTPRequestHandler):
        status = 200
        got = ()

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            Gateway.got += ((self.headers["x-kangyun-signature"], body),)
            self.send_response(Gateway.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Gateway.port = server.server_address[1]
    yield Gateway
    server.shutdown()
    thread.join()
    server.server_close()


def send(codes, phone=PHONE, source="192.0.2.1", purpose="sign-in"):
    return codes.send("sign-in", purpose, phone, "sms", source, {"who": "li"})


async def test_a_code_is_good_once(codes, sent, tmp_path):
    id_ = await send(codes)
    (code,) = sent()
    assert len(code) == 6
    assert (tmp_path / "messages.ndjson").stat().st_mode & 0o777 == 0o600
    for wrong in ((id_, "other", code), ("x", "sign-in", code), (id_, "sign-in", code + "1"), (None, "sign-in", code)):
        with pytest.raises(WrongCode):
            await codes.check(*wrong)
    assert await codes.check(id_, "sign-in", f" {code[:3]} {code[3:]}") == {"who": "li"}
    with pytest.raises(WrongCode):
        await codes.check(id_, "sign-in", code)


async def test_of_many_at_once_one_is_right(codes, sent):
    id_ = await send(codes)
    done = await asyncio.gather(*(codes.check(id_, "sign-in", sent()[0]) for _ in range(4)), return_exceptions=True)
    assert sum(one == {"who": "li"} for one in done) == 1


async def test_after_five_tries_the_right_one_is_too_late(codes, sent):
    id_ = await send(codes)
    wrong = "000000" if sent()[0] != "000000" else "111111"
    await asyncio.gather(*(codes.check(id_, "sign-in", wrong) for _ in range(5)), return_exceptions=True)
    with pytest.raises(WrongCode):
        await codes.check(id_, "sign-in", sent()[0])


async def test_after_five_minutes_it_is_over(codes, sent, database):
    id_ = await send(codes)
    lasts = await database.fetchval("SELECT extract(epoch FROM expires - made)::int4 FROM one_time_code")
    assert lasts == 300
    await database.execute("UPDATE one_time_code SET expires = clock_timestamp()")
    with pytest.raises(WrongCode):
        await codes.check(id_, "sign-in", sent()[0])


async def test_a_new_code_ends_the_one_before(codes, sent, database):
    first = await send(codes)
    await database.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")
    await send(codes)
    with pytest.raises(WrongCode):
        await codes.check(first, "sign-in", sent()[0])


async def test_one_telephone_gets_one_a_minute_and_five_an_hour(codes, database):
    done = await asyncio.gather(*(send(codes) for _ in range(4)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in done) == ["Throttled", "Throttled", "Throttled", "str"]
    for _ in range(4):
        await database.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")
        await send(codes)
    await database.execute("UPDATE one_time_code SET made = made - interval '2 minutes'")
    with pytest.raises(Throttled):
        await send(codes)
    await database.execute("UPDATE one_time_code SET made = made - interval '1 hour'")
    await send(codes)


async def test_one_address_asks_for_so_many(codes):
    for number in range(30):
        await send(codes, f"138{number:08}")
    with pytest.raises(Throttled):
        await send(codes, "13900000000")
    await send(codes, "13900000000", source="192.0.2.2")


async def test_the_database_knows_neither_telephone_nor_code(codes, sent, database):
    await send(codes)
    row = str(dict(await database.fetchrow("SELECT * FROM one_time_code")))
    assert PHONE not in row
    assert sent()[0] not in row
    assert "192.0.2.1" not in row


async def test_a_code_that_is_handed_over(codes):
    id_, code = await codes.hand_over("desk", "Patient/li", 10, {"patient": "li"})
    assert len(code) == 8
    assert await codes.check(id_, "desk", code) == {"patient": "li"}


async def test_the_gateway_is_sent_what_it_needs_and_no_more(open_codes, gateway):
    host = f"127.0.0.1:{gateway.port}"
    codes = await open_codes(message_url=f"http://{host}/send", message_key="k", message_hosts=host)
    await send(codes)
    told, body = gateway.got[0]
    assert told == signature(b"k", body)
    message = json.loads(body)
    assert message.keys() == {"channel", "phone", "template", "variables", "key"}
    assert message["variables"].keys() == {"code", "minutes"}
    gateway.status = 500
    with pytest.raises(Unavailable):
        await send(codes, "13900000000")


async def test_without_a_gateway_nothing_leaves(open_codes):
    with pytest.raises(Unavailable):
        await send(await open_codes())


@pytest.mark.parametrize("text", ["13812345678", "+86 138 1234 5678", "0086-138-1234-5678", "１３８１２３４５６７８"])
def test_a_telephone_is_one_however_it_is_written(text):
    assert checked_phone(text) == PHONE


@pytest.mark.parametrize(
    "text", ["", "1381234567", "12812345678", "+1 5551234567", "x" * 50, None, 13812345678, "१३८१२३४५६७८"]
)
def test_what_is_no_telephone(text):
    with pytest.raises(Invalid):
        checked_phone(text)

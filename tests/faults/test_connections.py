"""What is no request, or no whole one, or more than one: the edge that faces the network, without the platform."""

import asyncio
import base64
import os
import socket

import pytest

from kangyun.web import connections, line

LINGER, STALL = 0.1, 0.5  # seconds
LARGE = 20_000_000  # bytes
GET = b"GET / HTTP/1.1\r\nhost: a\r\n"
POST = b"POST /echo HTTP/1.1\r\nhost: a\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n\r\n"


async def application(scope, receive, send):
    """`/` answers without a look at the body, `/echo` with its length, `/slow` a little later, `/large` at length."""
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        return
    answer = b"ok"
    if scope["path"] != "/":
        length, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            length, more = length + len(message["body"]), message["more_body"]
        answer = b"got %d." % length if scope["path"] != "/large" else b"x" * LARGE
    if scope["path"] == "/slow":
        await asyncio.sleep(1.0)
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.5)
    monkeypatch.setattr(line, "LINGER", LINGER)
    monkeypatch.setattr(line, "STALL", STALL)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    serving = asyncio.ensure_future(connections.serve(application, listener))
    yield listener.getsockname()[1]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    listener.close()
    await asyncio.sleep(2 * LINGER)


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port)


async def said(port, *parts):
    """Sends the parts one after the other and returns all that is answered until the connection ends."""
    reader, writer = await connect(port)
    answer = asyncio.ensure_future(reader.read())
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.01)
    try:
        return await asyncio.wait_for(answer, 5)
    finally:
        writer.close()


async def test_requests_of_one_connection_are_answered_one_after_the_other(port):
    reader, writer = await connect(port)
    for _ in range(3):
        writer.write(GET + b"\r\n")
        assert b" 200 " in await reader.readuntil(b"ok")
        await asyncio.sleep(0.3)  # An idle connection is not a late one.
    writer.close()


# --- heads


async def test_a_head_that_does_not_end_is_refused(port):
    parts = [b"x-%d: %s\r\n" % (number, b"a" * 4000) for number in range(17)]
    assert b" 431 " in await said(port, GET, *parts)
    assert b" 431 " in await said(port, GET, b"x: ", *[b"a" * 40_000] * 4)
    assert b" 431 " in await said(port, GET + b"x: " + b"a" * 66_000 + b"\r\n\r\n")


async def test_a_long_body_is_no_head(port):
    body = b"a" * 900_000
    head = POST + b"content-length: %d\r\n\r\n" % len(body)
    answer = await said(port, head + body + GET[:20], GET[20:] + b"connection: close\r\n\r\n")
    assert answer.count(b" 200 ") == 2


@pytest.mark.parametrize("begun", [b"", b"GET /hea", GET, b"\r\n"])
async def test_a_head_that_does_not_come_ends_the_connection(port, begun):
    assert await said(port, begun) == b""


async def test_a_second_head_that_does_not_come_ends_the_connection(port):
    reader, writer = await connect(port)
    writer.write(GET + b"\r\n")
    await reader.readuntil(b"ok")
    writer.write(GET)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_head_waits_for_the_answers_before_it(port):
    slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"
    reader, writer = await connect(port)
    writer.write(slow + slow + GET[:30])
    await reader.readuntil(b"got 0.")
    await reader.readuntil(b"got 0.")
    writer.write(GET[30:] + b"\r\n")
    assert b" 200 " in await reader.readuntil(b"ok")
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        GET + b"host: b\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nhost: a\r\n\r\n",
        b"GET /\r\n\r\n",
    ],
)
async def test_what_is_no_request_to_us_is_refused(port, head):
    answer = await said(port, head)
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1


async def test_of_too_many_requests_at_once_the_first_are_answered(port):
    answer = await said(port, (GET + b"\r\n") * 5000)
    assert answer.count(b" 200 ") == answer.count(b"HTTP/1.1") == connections.MOST_AT_ONCE + 1
    assert b"connection: close" in answer.rsplit(b"HTTP/1.1", 1)[1]


# --- bodies


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (GET + CHUNKED + b"0\r\n", b"t: vvvvvvvv\r\n" * 1000),  # trailers
        (GET + CHUNKED + b"0\r\nt: ", b"v" * 10_000),
        (GET + CHUNKED + b"5;", b"v" * 10_000),  # the extension of a chunk
        (GET + CHUNKED, b"1\r\na\r\n" * 1000),
        (GET + b"content-length: 4000000000000000000\r\n\r\n", b"v" * 10_000),
    ],
)
async def test_what_goes_on_after_the_answer_is_not_read_for_ever(port, begin, piece):
    reader, writer = await connect(port)
    writer.write(begin)
    assert b" 200 " in await reader.readuntil(b"ok")
    with pytest.raises(ConnectionError):
        async with asyncio.timeout(5):
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.01)
    writer.close()


@pytest.mark.parametrize("piece", [b"t: vvvvvvvv\r\n" * 1000, b"v" * 10_000])
async def test_trailers_do_not_fill_the_memory(port, piece):
    assert b" 400 " in await said(port, POST + CHUNKED + b"0\r\nt: ", *[piece] * 20)


async def test_trailers_are_passed_over(port):
    answer = await said(port, POST + CHUNKED + b"2\r\nab\r\n0\r\nhost: b\r\n\r\n" + GET + b"connection: close\r\n\r\n")
    assert b"got 2." in answer and answer.endswith(b"ok")


async def test_an_upgrade_that_is_unknown_is_passed_over(port):
    upgrade = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
    body = b"content-length: 3\r\n\r\n"
    last = GET + b"connection: close\r\n\r\n"
    for parts in ([POST + upgrade + body + b"abc" + last], [POST + upgrade, body + b"a", b"bc", last]):
        answer = await said(port, *parts)
        assert b"got 3." in answer and answer.endswith(b"ok")
    answer = await said(port, POST + upgrade + CHUNKED, b"2\r\nab\r\n", b"0\r\n\r\n", GET + upgrade + b"\r\n", last)
    assert b"got 2." in answer and answer.count(b" 200 ") == 3


async def test_an_answer_is_not_replaced_by_what_follows_it(port):
    slow = b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab"
    answer = await said(port, slow + b"garbage\r\n\r\n")
    assert b" 200 " in answer and b"got 2." in answer and answer.count(b"HTTP/1.1") == 1
    assert b" 400 " in await said(port, POST + CHUNKED + b"2\r\nab\r\nno number\r\n")


async def test_who_closes_his_side_is_answered(port):
    reader, writer = await connect(port)
    writer.write(b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nab")
    writer.write_eof()
    assert b"got 2." in await asyncio.wait_for(reader.read(), 5)
    writer.close()


async def test_who_does_not_read_is_cut_off(port):
    reader, writer = await connect(port)
    writer.write(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
    await asyncio.sleep(4 * STALL)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await asyncio.wait_for(reader.readexactly(LARGE), 5)
    writer.close()


async def test_who_reads_slowly_is_not_cut_off(port):
    reader, writer = await connect(port)
    writer.write(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(20):
        assert len(await asyncio.wait_for(reader.readexactly(LARGE // 20), 5)) == LARGE // 20
        await asyncio.sleep(STALL / 4)
    writer.close()


# --- websockets


def handshake(*more, method=b"GET", key=None):
    key = key or base64.b64encode(os.urandom(16))
    fields = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: " + key
    return method + b" / HTTP/1.1\r\nhost: a\r\n" + fields + b"\r\n" + b"".join(more) + b"\r\n"


async def test_a_handshake_makes_a_websocket(port):
    reader, writer = await connect(port)
    writer.write(handshake())
    assert b" 101 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    writer.close()


@pytest.mark.parametrize(
    "wrong",
    [handshake(b"x: " + b"a" * 9_000 + b"\r\n"), handshake(*[b"x: a\r\n"] * 200), handshake(key=b"short")],
)
async def test_a_handshake_that_cannot_be_read_is_refused(port, wrong):
    assert b" 400 " in await said(port, wrong)


async def test_a_handshake_with_a_body_or_of_another_method_is_a_request(port):
    assert b" 200 " in await said(port, handshake(b"connection: close\r\n", method=b"POST"))
    answer = await said(port, handshake(b"content-length: 2\r\n") + b"ab" + GET + b"connection: close\r\n\r\n")
    assert answer.count(b" 200 ") == 2


async def test_a_handshake_waits_its_turn(port):
    slow = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"
    answer = await said(port, slow + handshake(b"connection: close\r\n"))
    assert b" 101 " not in answer and answer.count(b" 200 ") == 2


# --- many


async def test_a_new_connection_takes_the_place_of_an_idle_one(port, monkeypatch):
    monkeypatch.setattr(connections, "most_connections", lambda: 10)
    held = [await connect(port) for _ in range(30)]
    slow, writer = held[-1]
    writer.write(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
    await asyncio.sleep(0.05)
    held += [await connect(port) for _ in range(30)]
    reader, last = held[-1]
    last.write(GET + b"\r\n")
    assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"ok"), 5)
    assert b" 200 " in await asyncio.wait_for(slow.readuntil(b"got 0."), 5)
    for _, one in held:
        one.close()

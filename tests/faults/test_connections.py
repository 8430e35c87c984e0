"""What comes before a request can be read: heads that do not end, or do not come."""

import asyncio
import socket

import pytest

from kangyun.web import connections


async def application(scope, receive, send):
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(connections, "HEAD_WITHIN", 0.5)
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    serving = asyncio.ensure_future(connections.serve(application, listener))
    yield listener.getsockname()[1]
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    listener.close()


async def connect(port):
    return await asyncio.open_connection("127.0.0.1", port)


GET = b"GET /health/live HTTP/1.1\r\nhost: a\r\n"


async def test_requests_of_one_connection_are_answered_one_after_the_other(port):
    reader, writer = await connect(port)
    for _ in range(3):
        writer.write(GET + b"\r\n")
        assert b" 200 " in await reader.readuntil(b"ok")
        await asyncio.sleep(0.3)  # An idle connection is not a late one.
    writer.close()


async def test_a_head_that_does_not_end_is_refused(port):
    reader, writer = await connect(port)
    writer.write(GET)
    answer = asyncio.ensure_future(reader.read())
    for number in range(40):
        writer.write(b"x-%d: %s\r\n" % (number, b"a" * 4000))
        if answer.done():
            break
        await asyncio.sleep(0.002)
    assert b" 400 " in await asyncio.wait_for(answer, 5)
    writer.close()


@pytest.mark.parametrize("begun", [b"", b"GET /hea", GET])
async def test_a_head_that_does_not_come_ends_the_connection(port, begun):
    reader, writer = await connect(port)
    writer.write(begun)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


async def test_a_second_head_that_does_not_come_ends_the_connection(port):
    reader, writer = await connect(port)
    writer.write(GET + b"\r\n")
    await reader.readuntil(b"ok")
    writer.write(GET)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()

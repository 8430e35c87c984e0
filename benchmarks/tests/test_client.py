"""The lean client against sockets that answer as HTTP allows, and as it does not."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.client import Connection, Failure, Response, Target

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

SIMPLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Name: value \r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n" + SIMPLE


async def ask(serve: Serve, times: int = 1, timeout: float = 5.0) -> list[Response]:
    """Asks a server that behaves as `serve` does, over one connection."""

    handlers: list[asyncio.Task[None]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        connection = Connection(Target.of(f"http://127.0.0.1:{port}/fhir"), timeout)
        try:
            return [await connection.request("GET", "Patient/1") for _ in range(times)]
        finally:
            connection.close()
            await asyncio.gather(*handlers)


def answering(answer: bytes, cuts: tuple[int, ...] = (), close: bool = False) -> Serve:
    """Serves `answer` to each request, cut into pieces at some places."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            places = [0, *sorted(cuts), len(answer)]
            for start, end in pairwise(places):
                writer.write(answer[start:end])
                await writer.drain()
                await asyncio.sleep(0)
            if close:
                return

    return serve


@pytest.mark.parametrize(
    ("answer", "body"),
    [(SIMPLE, b"hello"), (CHUNKED, b"hello world"), (INTERIM, b"hello"), (b"HTTP/1.1 204 No\r\n\r\n", b"")],
)
async def test_bodies_are_read_whole(answer, body):
    assert [r.body for r in await ask(answering(answer), times=3)] == [body] * 3


@given(cuts=st.lists(st.integers(1, len(CHUNKED) - 1), max_size=4), answer=st.sampled_from([SIMPLE, CHUNKED, INTERIM]))
@settings(max_examples=60, deadline=None)
def test_bodies_are_read_whole_wherever_the_network_cuts_them(cuts, answer):
    inside = tuple(cut for cut in cuts if cut < len(answer))
    responses = asyncio.run(ask(answering(answer, inside), times=2))
    assert {r.status for r in responses} == {200}
    assert {r.body for r in responses} == {asyncio.run(ask(answering(answer)))[0].body}


async def test_a_body_without_length_ends_with_the_connection():
    answer = b"HTTP/1.0 200 OK\r\n\r\nall of it"
    assert [r.body for r in await ask(answering(answer, close=True), times=2)] == [b"all of it"] * 2


async def test_headers_are_found_in_any_case():
    (response,) = await ask(answering(SIMPLE))
    assert response.header("x-NAME") == "value"
    assert response.header("Location") is None


async def test_a_lost_connection_is_opened_again():
    assert len(await ask(answering(SIMPLE.replace(b"X-Name: value", b"Connection: close")), times=3)) == 3


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "connection closed"),
    ],
)
async def test_what_is_no_response_is_a_failure(answer, kind):
    with pytest.raises(Failure, match=kind):
        await ask(answering(answer, close=True))


async def test_a_silent_server_times_out():
    with pytest.raises(Failure, match="timeout"):
        await ask(answering(b""), timeout=0.05)


async def test_a_closed_port_is_a_failure():
    connection = Connection(Target.of("http://127.0.0.1:1/fhir"))
    with pytest.raises(Failure, match="cannot connect"):
        await connection.request("GET", "metadata")


def test_requests_carry_base_token_and_length():
    target = Target.of("http://example.org/fhir/", token="secret")
    assert target.port == 80
    request = target.request("POST", "Patient", b"{}", {"Prefer": "return=minimal"})
    head, body = request.split(b"\r\n\r\n")
    assert head.startswith(b"POST /fhir/Patient HTTP/1.1\r\nHost: example.org:80\r\n")
    assert b"\r\nAuthorization: Bearer secret" in head
    assert b"\r\nContent-Length: 2" in head
    assert b"\r\nPrefer: return=minimal" in head
    assert body == b"{}"


@pytest.mark.parametrize("url", ["", "ftp://x/fhir", "127.0.0.1:8080"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(ValueError, match="URL"):
        Target.of(url)

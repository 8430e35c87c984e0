"""Calls out: where they may go, and that they end. Servers of the tests listen on this machine."""

import asyncio
import socket
import time

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from kangyun.access.outbound import Guard, Outbound
from kangyun.access.outbound.guard import is_public
from kangyun.base.errors import Forbidden, Invalid, PlatformError, Unavailable
from kangyun.base.logging import current, new_trace

OPEN = Guard.of("127.0.0.1", "KANGYUN_TEST")
CLOSED = Guard.of("", "KANGYUN_TEST")


@pytest_asyncio.fixture
async def serve():
    """Serves raw answers: `serve(bytes)` returns a base URL and the list of what was asked."""
    servers, handling = [], []

    async def start(answer, *, wait=0.0):
        asked = []

        async def handle(reader, writer):
            handling.append(asyncio.current_task())
            try:
                await answer_to(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass  # The other side hung up, which some tests are about, or the test is over.
            finally:
                writer.close()

        async def answer_to(reader, writer):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(x.split(b":")[1]) for x in head.lower().split(b"\r\n") if x.startswith(b"content-l")), 0)
            asked.append(head + await reader.readexactly(length))
            for part in answer if isinstance(answer, list) else [answer]:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(wait)

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked

    yield start
    for server in servers:
        server.close()
    for task in handling:
        task.cancel()
    await asyncio.gather(*handling, return_exceptions=True)


@pytest.fixture
def outbound():
    opened = Outbound(OPEN)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1"),
        *("255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1%eth0", "fc00::1", "::ffff:10.0.0.1"),
        *("64:ff9b::a00:1", "2002:0a00:0001::", "2002:7f00:0001::1", "ff02::1", "192.0.2.1", "198.18.0.1"),
    ],
)
def test_inner_addresses_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "114.114.114.114", "2400:3200::1", "64:ff9b::808:808"])
def test_addresses_of_the_open_internet_are(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/", "http://localhost:5432/", "http://127.1/", "http://2130706433/", "http://0x7f.1/"),
        *("https://[::1]/", "http://[::ffff:127.0.0.1]/", "http://0/"),
    ],
)
def test_no_form_of_an_inner_address_gets_past(url):
    with pytest.raises((Forbidden, Unavailable)):
        CLOSED.target(url)


@pytest.mark.parametrize(
    "url",
    [
        *("file:///etc/passwd", "ftp://example.org/", "http://", "//example.org/x", "http://u:p@example.org/"),
        *("http://example.org\r\nX: y/", "http://exa mple.org/", "http://example.org:99999/", "gopher://x/"),
        *("http://example.org/" + "x" * 3000, "http://例子.测试/", "http://[::1"),
    ],
)
def test_what_is_no_plain_http_url_is_invalid(url):
    with pytest.raises(Invalid):
        CLOSED.target(url)


@given(st.text(max_size=60))
def test_no_text_makes_it_fail_otherwise(text):
    try:
        CLOSED.check(f"http://{text}")
    except PlatformError as error:
        assert isinstance(error, Invalid)


def test_a_named_inner_host_may_be_called_on_its_port_only():
    guard = Guard.of("127.0.0.1:8080, 10.0.0.5", "KANGYUN_TEST")
    assert guard.target("http://127.0.0.1:8080/x?y=1").path == "/x?y=1"
    with pytest.raises(Forbidden):
        guard.target("http://127.0.0.1:8081/")
    assert guard.target("https://10.0.0.5/").authority == "10.0.0.5"


def test_a_name_with_one_inner_address_is_inner(monkeypatch):
    found = [(0, 0, 0, "", ("8.8.8.8", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **more: found)
    with pytest.raises(Forbidden):
        CLOSED.target("http://rebinding.example/")


async def test_a_message_is_sent_and_its_status_told(serve, outbound):
    url, asked = await serve(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    assert await outbound.send("PUT", f"{url}/x?y=z", {"content-type": "text/plain"}, "张".encode(), 5) == 202
    assert asked[0].startswith(b"PUT /x?y=z HTTP/1.1\r\n")
    assert asked[0].endswith("\r\n\r\n张".encode())


async def test_the_trace_is_passed_on(serve, outbound):
    url, asked = await serve(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    context = current.set(new_trace("asked-by-7"))
    await outbound.send("PUT", url, {}, b"", 5)
    sent, trace = asked[0].decode(), current.get()
    current.reset(context)
    assert f"traceparent: 00-{trace.trace}-{trace.span}-00\r\n" in sent


async def test_a_redirect_is_not_followed(serve, outbound):
    url, asked = await serve(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    assert await outbound.send("POST", url, {}, b"", 5) == 302
    assert len(asked) == 1


async def test_who_answers_nothing_or_nonsense_is_unavailable(serve, outbound):
    for answer in (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"):
        url, _ = await serve(answer)
        with pytest.raises(Unavailable):
            await outbound.send("POST", url, {}, b"", 5)
    with pytest.raises(Unavailable):
        await outbound.send("POST", "http://127.0.0.1:1/", {}, b"", 5)


async def test_a_receiver_that_drips_is_cut_off(serve, outbound):
    url, _ = await serve([b"HTTP/1.1 200 OK\r\n"] + [b"X-A: b\r\n"] * 50, wait=0.2)
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await outbound.send("POST", url, {}, b"", 1)
    assert time.monotonic() - began < 5


async def test_a_file_is_read_in_pieces(serve, outbound):
    body = b"x" * 3_000_000
    url, _ = await serve(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + body)
    assert b"".join([piece async for piece in outbound.read(url)]) == body
    url, _ = await serve(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert [piece async for piece in outbound.read(url)] == [b"abcde"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n9\r\nde", Unavailable),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Unavailable),
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", Unavailable),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Invalid),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", Invalid),
    ],
)
async def test_a_file_that_breaks_off_may_come_later_and_one_that_is_not_there_will_not(serve, outbound, answer, kind):
    url, _ = await serve(answer)
    with pytest.raises(kind):
        assert [piece async for piece in outbound.read(url)]

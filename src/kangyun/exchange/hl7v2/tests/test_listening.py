"""The listener on real sockets of 127.0.0.1: answers after storing, order, limits, TLS on both sides, trouble."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kangyun.exchange.hl7v2.acknowledging import Answer
from kangyun.exchange.hl7v2.batches import messages
from kangyun.exchange.hl7v2.framing import END, framed
from kangyun.exchange.hl7v2.listening import Bounds, Listener, Received, server_context
from kangyun.exchange.hl7v2.splitting import Limits, split


def message(control_id: str, body: str = "PID|1||P1") -> bytes:
    return f"MSH|^~\\&|HIS|H|K|R|20261123||ADT^A01|{control_id}|P|2.5\r{body}\r".encode()


class Shelf:
    """Keeps what it is given; `open` lets it return."""

    def __init__(self) -> None:
        self.groups: list[list[Received]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.error: Exception | None = None

    async def __call__(self, messages: Sequence[Received]) -> Sequence[Answer]:
        await self.open.wait()
        if self.error is not None:
            raise self.error
        self.groups.append(list(messages))
        return [Answer("AA") for _ in messages]

    @property
    def ids(self) -> list[str]:
        return [one.control_id for group in self.groups for one in group]


@asynccontextmanager
async def listening(
    shelf: Shelf, bounds: Bounds | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    listener = Listener(shelf, bounds)
    port = await listener.start("127.0.0.1", 0, tls)
    try:
        yield port
    finally:
        await listener.stop(1)


class Hospital:
    """One connection of a sender."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self) -> tuple[str, str]:
        raw = await asyncio.wait_for(self.reader.readuntil(END + b"\r"), 5)
        said = split(raw[1:-2]).segments[1]
        return said.text(1), said.text(2)

    async def closed(self) -> bytes:
        return await asyncio.wait_for(self.reader.read(), 5)


@asynccontextmanager
async def hospital(port: int, tls: ssl.SSLContext | None = None) -> AsyncIterator[Hospital]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        yield Hospital(reader, writer)
    finally:
        writer.close()


async def test_an_answer_comes_when_the_message_is_stored() -> None:
    shelf = Shelf()
    async with listening(shelf) as port, hospital(port) as his:
        shelf.open.clear()
        await his.send(framed(message("1")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(his.reader.read(1), 0.1)
        shelf.open.set()
        assert await his.answer() == ("AA", "1")
        assert shelf.groups[0][0].raw == message("1")
        assert shelf.groups[0][0].sender == "127.0.0.1"


async def test_a_connection_keeps_its_order() -> None:
    shelf = Shelf()
    names = [str(number) for number in range(50)]
    async with listening(shelf) as port, hospital(port) as his:
        await his.send(b"".join(framed(message(name)) for name in names))
        assert [await his.answer() for _ in names] == [("AA", name) for name in names]
    assert shelf.ids == names


async def test_a_batch_is_stored_in_its_order_and_answered_in_one() -> None:
    shelf = Shelf()
    names = [str(number) for number in range(150)]
    raw = b"BHS|^~\\&\r" + b"".join(map(message, names)) + b"BTS|150\r"
    async with listening(shelf) as port, hospital(port) as his:
        await his.send(framed(raw) + framed(message("next")))
        answer = await asyncio.wait_for(his.reader.readuntil(END + b"\r"), 5)
        assert [split(one).segments[1].text(2) for one in messages(answer[1:-2])] == names
        assert await his.answer() == ("AA", "next")
    assert shelf.ids == [*names, "next"]


async def test_a_batch_without_messages_is_answered() -> None:
    async with listening(Shelf()) as port, hospital(port) as his:
        await his.send(framed(b"BHS|^~\\&\rBTS|0\r"))
        answer = await asyncio.wait_for(his.reader.readuntil(END + b"\r"), 5)
        assert messages(answer[1:-2]) == []


async def test_a_batch_that_was_cut_is_kept_aside_as_one() -> None:
    shelf = Shelf()
    async with listening(shelf) as port, hospital(port) as his:
        await his.send(framed(b"BHS|^~\\&\r" + message("1") + b"BTS|2\r") + framed(message("2")))
        answer = await asyncio.wait_for(his.reader.readuntil(END + b"\r"), 5)
        (one,) = messages(answer[1:-2])
        assert split(one).segments[1].text(1) == "AE"
        assert await his.answer() == ("AA", "2")
    assert [[found.text for found in one.refusals] for group in shelf.groups for one in group] == [
        ["exchange.hl7v2.batch-count"], [],
    ]  # fmt: skip


async def test_connections_are_stored_together() -> None:
    shelf = Shelf()
    async with listening(shelf, Bounds(groups=1)) as port:
        shelf.open.clear()

        async def one(number: int) -> tuple[str, str]:
            async with hospital(port) as his:
                await his.send(framed(message(str(number))))
                return await his.answer()

        tasks = [asyncio.create_task(one(number)) for number in range(20)]
        await asyncio.sleep(0.2)
        shelf.open.set()
        assert sorted(await asyncio.gather(*tasks)) == sorted(("AA", str(number)) for number in range(20))
    assert len(shelf.groups) < 5
    assert sorted(map(len, shelf.groups))[-1] >= 15


async def test_a_store_that_fails_is_no_acknowledgement() -> None:
    shelf = Shelf()
    async with listening(shelf) as port, hospital(port) as his:
        shelf.error = RuntimeError("张三")
        await his.send(framed(message("1")))
        assert await his.answer() == ("AR", "1")
        shelf.error = None
        await his.send(framed(message("1")))
        assert await his.answer() == ("AA", "1")


async def test_bad_messages_are_kept_aside_and_the_next_one_works() -> None:
    shelf = Shelf()
    bounds = Bounds(largest=5000, split=Limits(text=2000))
    async with listening(shelf, bounds) as port, hospital(port) as his:
        await his.send(framed(message("1", "not a segment")))
        assert await his.answer() == ("AE", "1")
        await his.send(b"GET / HTTP/1.1\r\n\r\n" + framed(message("2")))
        assert await his.answer() == ("AA", "2")
        await his.send(framed(message("3", "OBX|1|" + "x" * 3000)))
        assert await his.answer() == ("AE", "3")
        await his.send(b"\x0b" + message("4") + b"x" * 300_000)
        assert await his.answer() == ("AE", "4")
        await his.send(b"x" * 300_000 + b"\x1c\r" + framed(message("5")))
        assert await his.answer() == ("AA", "5")
        await his.send(framed(b"hello") + framed(message("6")))
        assert await his.answer() == ("AR", "")
        assert await his.answer() == ("AA", "6")
        await his.send(b"\x0b" + message("7")[:40] + framed(message("8")))
        assert await his.answer() == ("AA", "8")
    aside = [one.refusals[0].text.rpartition(".")[2] for group in shelf.groups for one in group if one.message is None]
    assert aside == ["no-segment", "between-frames", "segment-too-long", "frame-too-large", "no-header", "frame-cut"]
    assert max(len(one.raw) for group in shelf.groups for one in group) < 5000


@pytest.mark.parametrize("sent", [b"", b"\x0bMSH|^~\\&|", b"rubbish"])
async def test_who_says_nothing_is_closed(sent: bytes) -> None:
    shelf = Shelf()
    async with listening(shelf, Bounds(idle=0.2)) as port, hospital(port) as his:
        await his.send(sent)
        assert await his.closed() == b""


async def test_a_message_that_never_ends_is_closed() -> None:
    shelf = Shelf()
    async with listening(shelf, Bounds(frame=0.5, idle=5)) as port, hospital(port) as his:

        async def drip() -> None:
            await his.send(b"\x0bMSH|^~\\&|")
            for _ in range(100):
                await his.send(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        assert await his.closed() == b""
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def test_connections_of_a_sender_are_counted() -> None:
    shelf = Shelf()
    async with listening(shelf, Bounds(of_sender=2)) as port, hospital(port) as one, hospital(port) as two:
        await one.send(framed(message("1")))
        assert await one.answer() == ("AA", "1")
        async with hospital(port) as three:
            assert await three.closed() == b""
        await two.send(framed(message("2")))
        assert await two.answer() == ("AA", "2")
        two.writer.close()
        await asyncio.sleep(0.1)
        async with hospital(port) as four:
            await four.send(framed(message("4")))
            assert await four.answer() == ("AA", "4")


async def test_what_is_being_stored_is_answered_when_it_stops() -> None:
    shelf = Shelf()
    listener = Listener(shelf)
    port = await listener.start("127.0.0.1", 0)
    async with hospital(port) as his, hospital(port) as idle:
        shelf.open.clear()
        await his.send(framed(message("1")))
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(listener.stop(5))
        await asyncio.sleep(0.1)
        shelf.open.set()
        assert await his.answer() == ("AA", "1")
        await stopping
        assert await idle.closed() == b""
    assert shelf.ids == ["1"]


@pytest.fixture
def certificates(tmp_path: Path) -> Callable[[str], tuple[Path, Path]]:
    """Gives a certificate and its key by name, of one authority, `authority`."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])

    def made(name: str) -> tuple[Path, Path]:
        own = key if name == "authority" else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(own.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=1))
        builder = builder.add_extension(x509.BasicConstraints(name == "authority", None), critical=True)
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        signed = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
        there, secret = tmp_path / f"{name}.pem", tmp_path / f"{name}.key"
        there.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return there, secret

    return made


async def test_both_sides_show_certificates(certificates: Callable[[str], tuple[Path, Path]]) -> None:
    authority, _ = certificates("authority")
    shelf = Shelf()
    theirs = ssl.create_default_context(cafile=str(authority))
    theirs.load_cert_chain(*certificates("hospital-one"))
    nobody = ssl.create_default_context(cafile=str(authority))
    async with listening(shelf, tls=server_context(*certificates("platform"), authority)) as port:
        async with hospital(port, theirs) as his:
            await his.send(framed(message("1")))
            assert await his.answer() == ("AA", "1")
        with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
            async with hospital(port, nobody) as his:
                await his.send(framed(message("2")))
                await his.answer()
    assert [one.sender for group in shelf.groups for one in group] == ["hospital-one"]

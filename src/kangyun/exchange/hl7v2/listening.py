"""The MLLP listener: takes messages from hospitals' connections and answers each once it has been stored.

Order: a connection's next message is looked at when the one before has been answered; that is how senders work, and it
keeps a patient's messages in the order of their events. Throughput comes of many connections: what waits while a group
is being stored is the next group.

What it is not: a store. `store` is given to it, and knows whose messages these are, what they come to, and whether one
came before (a sender that did not see the answer sends again: same sender, same control id). Where it raises, nobody is
told that anything is stored. What cannot be read goes to it, too, to be kept aside.

Source: HL7 v2.5.1 appendix C, C.4; transport by TLS 1.2 or later, and both sides by certificate, as IHE ITI TF-2 3.19
(ATNA) wants it.
"""

import asyncio
import logging
import secrets
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from kangyun.base.clock import now as _now
from kangyun.base.texts import Language
from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.hl7v2.acknowledging import Answer, acknowledged, judged, unavailable
from kangyun.exchange.hl7v2.batches import enveloped, is_batch, messages
from kangyun.exchange.hl7v2.framing import LARGEST, Fault, Frame, Framer, framed
from kangyun.exchange.hl7v2.message import Message, Segment
from kangyun.exchange.hl7v2.splitting import LONGEST_ID, Limits, Unreadable, head, split

logger = logging.getLogger(__name__)
_READ = 64 * 1024
_COMPANY = 0.005
"""Seconds that one waits for those who were answered with the one before: they send again at once."""
_UNANSWERED = ("exchange.hl7v2.between-frames", "exchange.hl7v2.frame-cut")


@dataclass(frozen=True, slots=True)
class Received:
    """What came in.

    sender:   whose connection it is: the name in its certificate, else its address.
    raw:      the bytes of the message; of what was refused by its frame only their beginning.
    message:  None where it could not be split; `refusals` say why.
    """

    sender: str
    at: datetime
    raw: bytes
    message: Message | None
    refusals: tuple[Refusal, ...] = ()

    @property
    def control_id(self) -> str:
        """MSH-10; by sender and this a message that is sent again is known. Empty where it could not be read."""
        return self.message.control_id if self.message is not None else self.refusals[0].place.source


Store = Callable[[Sequence[Received]], Awaitable[Sequence[Answer]]]
"""Stores messages in their order and returns what is answered to each, in the same order."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a sender may do.

    idle, frame:  seconds without a byte; seconds that one message may take from its first byte to its last.
    answer:       seconds in which an answer must be taken.
    connections, of_sender: at once, of all and of one sender.
    largest:      bytes of a message. split: see `splitting`.
    group, group_bytes, groups: messages and bytes that are stored together; groups that are stored at once.
    """

    idle: float = 600.0
    frame: float = 120.0
    answer: float = 30.0
    connections: int = 500
    of_sender: int = 32
    largest: int = LARGEST
    split: Limits = field(default_factory=Limits)
    group: int = 64
    group_bytes: int = 8 * 1024 * 1024
    groups: int = 2


class Listener:
    """Listens while it is started. One of it serves one port."""

    def __init__(
        self,
        store: Store,
        bounds: Bounds | None = None,
        *,
        clock: Callable[[], datetime] = _now,
        language: Language = "zh",
    ) -> None:
        self._store = store
        self._bounds = bounds or Bounds()
        self._clock = clock
        self._language = language
        self._waiting: asyncio.Queue[tuple[Sequence[Received], asyncio.Future[Sequence[Answer]]]] = asyncio.Queue()
        self._open: Counter[str] = Counter()
        self._serving: dict[asyncio.Task[None], bool] = {}
        self._storing: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None
        self._ending = False

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, shared: socket.socket | None = None
    ) -> int:
        """Begins to listen and returns the port, which the system gives out where it is 0.

        shared: the socket to listen on, where processes share a port.
        """
        place = {"host": host, "port": port} if shared is None else {"sock": shared}
        self._server = await asyncio.start_server(self._accept, ssl=tls, limit=_READ, **place)
        self._storing = [asyncio.create_task(self._store_groups()) for _ in range(self._bounds.groups)]
        port = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self, grace: float = 10.0) -> None:
        """Takes no more, answers what is being stored, and ends. grace: seconds for that."""
        self._ending = True
        if self._server is not None:
            self._server.close()
        for task, busy in self._serving.items():
            if not busy:
                task.cancel()
        if self._serving:
            await asyncio.wait(list(self._serving), timeout=grace)
        for task in (*self._serving, *self._storing):
            task.cancel()
        await asyncio.gather(*self._serving, *self._storing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        sender = _sender(writer)
        full = len(self._serving) >= self._bounds.connections or self._open[sender] >= self._bounds.of_sender
        if task is None or full or self._ending:
            logger.warning("hl7v2: a connection was refused: too many are open")
            writer.close()
            return
        self._serving[task] = False
        self._open[sender] += 1
        try:
            await self._serve(reader, writer, sender, task)
        except (OSError, TimeoutError, ssl.SSLError, asyncio.CancelledError):
            pass  # The line is gone, or closed by `stop`: the sender has no answer, and sends again.
        finally:
            del self._serving[task]
            self._open[sender] -= 1
            writer.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sender: str, task: asyncio.Task[None]
    ) -> None:
        framer, loop = Framer(self._bounds.largest), asyncio.get_running_loop()
        begun = 0.0
        while not self._ending:
            left = self._bounds.idle
            if framer.waiting:
                begun = begun or loop.time()
                left = min(left, begun + self._bounds.frame - loop.time())
            else:
                begun = 0.0
            data = b""
            try:
                async with asyncio.timeout(max(left, 0)):
                    data = await reader.read(_READ)
            except TimeoutError:
                logger.warning("hl7v2: a connection was idle, or its message took too long")
            self._serving[task] = True
            for found in framer.feed(data) if data else framer.end():
                begun = 0.0
                await self._take(found, sender, writer)
            self._serving[task] = False
            if not data:
                return

    async def _take(self, found: Frame | Fault, sender: str, writer: asyncio.StreamWriter) -> None:
        """Has one message stored, or those of a batch, and answers it."""
        if isinstance(found, Frame) and is_batch(found.message):
            answers = await self._batch(found, sender)
            # One without messages is answered as well: its sender waits.
            if answers is not None:
                writer.write(framed(enveloped(answers)))
        else:
            answers = await self._stored([self._read(found, sender)])
            if isinstance(found, Fault) and found.text in _UNANSWERED:
                return
            for one in answers:
                writer.write(framed(one))
        async with asyncio.timeout(self._bounds.answer):
            await writer.drain()

    async def _batch(self, found: Frame, sender: str) -> list[bytes] | None:
        """Has the messages of a batch stored in their order, some at a time; returns the answers, None: none wanted."""
        try:
            raws = messages(found.message)
        except Unreadable as unreadable:
            refused = Received(sender, self._clock(), found.message, None, (unreadable.refusal,))
            return await self._stored([(refused, None)])
        answers: list[bytes] = []
        for start in range(0, len(raws), self._bounds.group):
            some = raws[start : start + self._bounds.group]
            answers += await self._stored([self._read(Frame(raw), sender) for raw in some])
        return answers if answers or not raws else None

    async def _stored(self, some: Sequence[tuple[Received, Segment | None]]) -> list[bytes]:
        """Returns the answers to messages once they are stored."""
        done: asyncio.Future[Sequence[Answer]] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(([received for received, _ in some], done))
        return [
            one
            for (_, header), answer in zip(some, await done, strict=True)
            for one in acknowledged(header, answer, self._clock(), secrets.token_hex(8), self._language)
        ]

    def _read(self, found: Frame | Fault, sender: str) -> tuple[Received, Segment | None]:
        at = self._clock()
        if isinstance(found, Fault):
            header = head(found.head)
            place = Place(header.text(10)[:LONGEST_ID] if header is not None else "")
            refusal = Refusal(place, found.text, parameters={"at": found.at + 1})
            return Received(sender, at, found.head, None, (refusal,)), header
        return _split(found.message, sender, at, self._bounds.split)

    async def _store_groups(self) -> None:
        """Stores what waits, group by group."""
        together = 1
        while True:
            waiting = [await self._waiting.get()]
            if together > 1 + self._waiting.qsize():
                # Else one goes alone, and all the others after it, by turns: a group costs hardly less for one.
                await asyncio.sleep(_COMPANY)
            group = [*waiting[0][0]]
            size = sum(len(one.raw) for one in group)
            while len(group) < self._bounds.group and size < self._bounds.group_bytes and not self._waiting.empty():
                waiting.append(self._waiting.get_nowait())
                group += waiting[-1][0]
                size += sum(len(one.raw) for one in waiting[-1][0])
            together = len(waiting)
            answers = iter(await self._answers(group))
            for received, done in waiting:
                judged_ = [next(answers) for _ in received]
                if not done.done():
                    done.set_result(judged_)

    async def _answers(self, group: Sequence[Received]) -> list[Answer]:
        """Has a group stored, and returns the answer to each message."""
        try:
            answers: Sequence[Answer] = await self._store(group)
        except Exception as error:
            # What an error of the store says may quote a message: its type only.
            logger.error("hl7v2: a group could not be stored: %s", type(error).__name__)
            answers = []
        if len(answers) != len(group):
            if answers:
                logger.error("hl7v2: the store answered %s of %s messages", len(answers), len(group))
            return [unavailable(received.control_id) for received in group]
        return [
            answer if received.message is not None or answer.code == "AR" else _unread(received)
            for received, answer in zip(group, answers, strict=True)
        ]


def received(raw: bytes, sender: str, at: datetime) -> Received:
    """Returns a message as it would have come in."""
    return _split(raw, sender, at, Limits())[0]


def _split(raw: bytes, sender: str, at: datetime, limits: Limits) -> tuple[Received, Segment | None]:
    try:
        message = split(raw, limits)
    except Unreadable as unreadable:
        return Received(sender, at, raw, None, (unreadable.refusal,)), unreadable.header
    return Received(sender, at, raw, message), message.header


def _unread(received: Received) -> Answer:
    """Returns the answer to what could not be read and has been kept aside: it is not taken, whatever was said."""
    return judged(received.refusals)


def _sender(writer: asyncio.StreamWriter) -> str:
    certificate = writer.get_extra_info("peercert") or {}
    for part in certificate.get("subject", ()):
        for name, value in part:
            if name == "commonName":
                return str(value)
    address = writer.get_extra_info("peername")
    return str(address[0]) if address else ""


def server_context(certificate: Path, key: Path, clients: Path | None = None) -> ssl.SSLContext:
    """Returns the TLS side of a listener. clients: whose certificates senders must show, as a file; None: nobody's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    if clients is not None:
        context.load_verify_locations(clients)
        context.verify_mode = ssl.CERT_REQUIRED
    return context

"""One connection: bytes in and out, the CONNECT, and what makes it wait or ends it. What it may do is its `Session`.

Source of the order of packets: MQTT 5.0 and 3.1.1, sections 3.1 and 4.13 (4.8 of 3.1.1).
"""

import asyncio
import ssl
from time import monotonic
from typing import TYPE_CHECKING, cast

from kangyun.base.mqtt import (
    Connack,
    Connect,
    Disconnect,
    Frame,
    Kind,
    PacketError,
    Reason,
    Splitter,
    Version,
    read,
    return_code,
    write,
)

if TYPE_CHECKING:
    from kangyun.devices.mqtt.listener import Listener
    from kangyun.devices.mqtt.provisioning import Claiming
    from kangyun.devices.mqtt.session import Session

# Why nothing is read: until it is known who this is; until its messages are on disk; until its turn has come; until
# those of all are on disk. Each is a bit.
ADMITTING, DISK, TURN, ALL = 1, 2, 4, 8
_CONNECT = Kind.CONNECT << 4
_UNSAID_IN_3 = frozenset({Reason.MALFORMED_PACKET, Reason.PROTOCOL_ERROR, Reason.PACKET_TOO_LARGE})


class Connection(asyncio.Protocol):
    """The wire to one client."""

    __slots__ = (
        "_early", "_held", "_listener", "_splitter", "_task", "_transport", "address", "begun", "ending", "heard",
        "limit", "session", "unread", "version",
    )  # fmt: skip

    def __init__(self, listener: "Listener") -> None:
        self._listener = listener
        self._splitter = Splitter(listener.bounds.packet)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early: tuple[bytes, list[Frame]] | None = None
        self._held = 0
        self.version: Version = 4
        self.session: Session | Claiming | None = None
        self.address = ""
        self.heard = monotonic()
        self.begun = self.heard
        """When the packet began that is not whole yet; at first: when the connection was made. 0: none."""
        self.unread = 0.0
        """Since when the client does not read what it is sent."""
        self.limit = 0.0
        """Seconds without a packet after which it is gone; 0: none."""
        self.ending = False

    # --- the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # Those of uvloop are none by inheritance.
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        if not self._listener.opened(self):
            self.end()

    def connection_lost(self, error: Exception | None) -> None:
        self.ending = True
        if self._task is not None:
            self._task.cancel()
        self._listener.closed(self)
        self._transport = None

    def pause_writing(self) -> None:
        self.unread = monotonic()

    def resume_writing(self) -> None:
        self.unread = 0.0

    def data_received(self, data: bytes) -> None:
        if self.ending:
            return
        self.heard = monotonic()
        if self.session is None and self._task is None and not self._splitter.kept and data[0] != _CONNECT:
            self.end()  # Whoever does not begin with CONNECT is not answered (3.1, MQTT-3.1.0-1).
            return
        try:
            data, frames = self._splitter.feed(data)
            if self.session is not None:
                if not self._splitter.kept:
                    self.begun = 0.0
                elif not self.begun or frames:
                    self.begun = self.heard
                self.session.take(data, frames)
            elif frames:
                self._first(data, frames)
        except PacketError as error:
            self.refuse(error)

    # --- who it is

    def _first(self, data: bytes, frames: list[Frame]) -> None:
        """Reads the CONNECT; what comes behind it waits until it is known who this is."""
        if self._task is not None:
            assert self._early is not None  # One read may bring several pieces from TLS.
            before, known = self._early
            self._early = before + data, known + [(a, b + len(before), c + len(before)) for a, b, c in frames]
            return
        first, start, stop = frames[0]
        connect = read(first, data, start, stop, self.version)
        assert isinstance(connect, Connect)
        self.version = connect.version
        self._early = data, frames[1:]
        self.hold(ADMITTING)
        self._task = asyncio.get_running_loop().create_task(self._admit(connect))

    async def _admit(self, connect: Connect) -> None:
        session, answer = await self._listener.admission.answer(self, connect)
        if self.ending:
            return
        if session is None:
            self._refuse_connect(answer)
            return
        self._task, early, self._early = None, self._early, None
        keep_alive = answer.properties.get("server_keep_alive", connect.keep_alive)
        self.limit = keep_alive * 1.5
        self.begun = self.heard if self._splitter.kept else 0.0
        self.session = session
        self.send(write(answer, self.version))
        self._listener.entered(session)
        self.release(ADMITTING)
        if early is not None and early[1]:
            try:
                session.take(*early)
            except PacketError as error:
                self.refuse(error)

    def _refuse_connect(self, answer: Connack) -> None:
        reason = answer.reason if self.version == 5 else return_code(Reason(answer.reason))
        self.send(write(Connack(reason, properties=answer.properties), self.version))
        self.end()

    def certificate(self) -> bytes | None:
        """Returns the client's certificate (DER), which the TLS handshake has verified; None where it showed none."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport is not None else None
        return tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject | ssl.SSLSocket) else None

    # --- what is sent, what waits, the end

    def send(self, data: bytes) -> None:
        """Sends bytes, unless the connection is gone."""
        if self._transport is not None and self._is_open(self._transport):
            self._transport.write(data)

    @property
    def held(self) -> bool:
        """Whether nothing is read: then its silence is ours."""
        return self._held != 0

    def _is_open(self, transport: asyncio.Transport) -> bool:
        # One of uvloop's that has failed raises at each use until it says that it is lost.
        return not self.ending and not transport.is_closing()

    def hold(self, why: int) -> None:
        """Reads nothing more until `release`."""
        if not self._held and self._transport is not None and self._is_open(self._transport):
            self._transport.pause_reading()
        self._held |= why

    def release(self, why: int) -> None:
        """Reads on, where nothing else holds."""
        held, self._held = self._held, self._held & ~why
        if held and not self._held and self._transport is not None and self._is_open(self._transport):
            self._transport.resume_reading()

    def refuse(self, error: PacketError) -> None:
        """Ends the connection for a packet that may not be."""
        if self.session is None:
            known = self.version == 5 or error.reason not in _UNSAID_IN_3
            self._listener.refused(error.reason)
            if known and self._task is None:
                self._refuse_connect(Connack(error.reason))
            self.end()
            return
        self.session.note(error.reason)
        self.end(error.reason)

    def end(self, reason: Reason | None = None) -> None:
        """Closes the connection. reason: said in MQTT 5, which alone has a DISCONNECT by the server."""
        if self.ending or self._transport is None:
            return
        if reason is not None and self.version == 5 and self.session is not None:
            self.send(write(Disconnect(reason), 5))
        self.ending = True
        self._transport.close()

    def cut(self) -> None:
        """Ends the connection at once: who reads nothing is not waited for."""
        if self._transport is not None:
            self.ending = True
            self._transport.abort()

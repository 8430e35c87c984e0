"""The listener: connections in, one session a device, and what holds for all of them.

What it is given: who a device is, how a payload is read, where messages are kept, and who hears of refusals.
"""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

from kangyun.base.errors import Unavailable
from kangyun.base.mqtt import PacketError, Reason
from kangyun.devices.formats import Context
from kangyun.devices.lanes import lane_of
from kangyun.devices.log import Record
from kangyun.devices.mqtt.admission import Admission
from kangyun.devices.mqtt.backlog import Backlog
from kangyun.devices.mqtt.bounds import Bounds
from kangyun.devices.mqtt.connection import ALL, Connection
from kangyun.devices.mqtt.groups import Groups
from kangyun.devices.mqtt.needs import Credentials, Log, Provisioner, Read
from kangyun.devices.mqtt.provisioning import Claiming
from kangyun.devices.mqtt.session import Session
from kangyun.devices.register.model import Changed

logger = logging.getLogger(__name__)

OFFLINE = b'{"e":"offline"}'
"""In the format `plain`: what is kept of a will that is no message of its device."""
_BACKLOG = 4096
_CHECKED_AT_ONCE = 32


@dataclass(slots=True)
class Figures:
    """Counts since the start. stored: messages on disk. acknowledged: of QoS 1."""

    opened: int = 0
    stored: int = 0
    acknowledged: int = 0
    refused: Counter[str] = field(default_factory=Counter)


class Listener:
    """One for a process. Made within the loop that it runs in."""

    def __init__(
        self,
        credentials: Credentials,
        log: Log,
        read: Read,
        note: Callable[[int, str, str], None],
        bounds: Bounds | None = None,
        provisioner: Provisioner | None = None,
    ) -> None:
        self.bounds = bounds or Bounds()
        self.read = read
        self.groups = Groups(log, self._room)
        self.backlog = Backlog()
        self.figures = Figures()
        self.sessions: dict[int, Session] = {}
        self.on_entered: Callable[[Session], None] | None = None
        self.admission = Admission(self, credentials, provisioner)
        self._credentials = credentials
        self._note = note
        self._connections: set[Connection] = set()
        self._unknown: Counter[str] = Counter()
        self._waiting: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self._ending = False

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def start(
        self, host: str, port: int, tls: ssl.SSLContext | None = None, shared: socket.socket | None = None
    ) -> int:
        """Begins to listen and returns the port. shared: the socket to listen on, where processes share a port."""
        given: dict[str, Any] = {"host": host, "port": port} if shared is None else {"sock": shared}
        if tls is not None:
            given |= {"ssl": tls, "ssl_handshake_timeout": self.bounds.connect}
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), backlog=_BACKLOG, **given)
        self._sweeping = asyncio.create_task(self._sweep())
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self, grace: float = 5.0) -> None:
        """Lets nobody in, answers what is on its way to the disk, tells the devices, and ends. grace: seconds."""
        self._ending = True
        if self._server is not None:
            self._server.close()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in self._connections:
            connection.hold(ALL)
        until = monotonic() + grace
        while not self.groups.idle and monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.end(Reason.SERVER_SHUTTING_DOWN)
        while self._connections and monotonic() < until:
            await asyncio.sleep(0.01)
        for connection in list(self._connections):
            connection.cut()
        for task in self._tasks:
            task.cancel()

    # --- connections call

    def opened(self, connection: Connection) -> bool:
        """Counts a connection; returns whether there is room for it."""
        self._connections.add(connection)
        self.figures.opened += 1
        self._unknown[connection.address] += 1
        is_full = len(self._connections) > self.bounds.connections
        if not is_full and self._unknown[connection.address] <= self.bounds.unknown and not self._ending:
            return True
        self.refused(Reason.SERVER_BUSY)
        return False

    def closed(self, connection: Connection) -> None:
        """Forgets a connection, and keeps its will where it ended without a word."""
        self._connections.discard(connection)
        self._waiting.discard(connection)
        session = connection.session
        if session is None:
            self._known(connection)
        if not isinstance(session, Session) or session.over:
            return
        session.over = True
        if self.sessions.get(session.admitted.device) is session:
            del self.sessions[session.admitted.device]
        if session.will is not None and not self._ending:
            delay = session.will.properties.get("will_delay", 0)
            asyncio.get_running_loop().call_later(delay, self._keep_will, session)

    def entered(self, session: Session | Claiming) -> None:
        """A device is in: the session that it had is over."""
        self._known(session.connection)
        if not isinstance(session, Session):
            return
        former = self.sessions.get(session.admitted.device)
        self.sessions[session.admitted.device] = session
        if former is not None:
            self.take_over(former)
        if self.on_entered is not None:
            self.on_entered(session)

    def _known(self, connection: Connection) -> None:
        """Counts a connection no more among those of whom nobody knows who they are."""
        self._unknown[connection.address] -= 1
        if not self._unknown[connection.address]:
            del self._unknown[connection.address]

    def take_over(self, former: Session) -> None:
        """Ends a session whose device has come anew."""
        former.will = None
        former.over = True
        if self.sessions.get(former.admitted.device) is former:
            del self.sessions[former.admitted.device]
        former.connection.end(Reason.SESSION_TAKEN_OVER)

    def hold(self, connection: Connection) -> None:
        """Reads nothing more of a connection until there is room for all."""
        connection.hold(ALL)
        self._waiting.add(connection)

    def note(self, device: int, reason: str, place: str = "") -> None:
        """Notes a refusal for a device's owner."""
        self._note(device, reason, place)

    def refused(self, reason: Reason) -> None:
        """Counts a refusal."""
        self.figures.refused[reason.name.lower()] += 1

    # --- what changes meanwhile

    def changed(self, devices: Changed) -> None:
        """Hears that something of these devices changed (`devices.register.changes`): who may not stay, goes."""
        found = list(self.sessions) if devices is None else [one for one in devices if one in self.sessions]
        if found:
            task = asyncio.get_running_loop().create_task(self._check(found))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _check(self, devices: list[int]) -> None:
        places = asyncio.Semaphore(_CHECKED_AT_ONCE)

        async def one(device: int) -> None:
            session = self.sessions.get(device)
            if session is None:
                return
            async with places:
                try:
                    stays = await self._credentials.still(session.admitted)
                except Unavailable:
                    return  # The register tells again when it can be asked.
            if not stays and not session.over:
                self.refused(Reason.ADMINISTRATIVE_ACTION)
                session.connection.end(Reason.ADMINISTRATIVE_ACTION)

        await asyncio.gather(*(one(device) for device in devices))

    # --- what is looked at now and then

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self.bounds.sweep)
            now, today = monotonic(), time()
            for connection in list(self._connections):
                self._look(connection, now, today)

    def _look(self, connection: Connection, now: float, today: float) -> None:
        session, bounds = connection.session, self.bounds
        if connection.unread and now - connection.unread > bounds.unread:
            connection.cut()
        elif connection.ending:
            if now - connection.heard > bounds.unread:
                connection.cut()
        elif session is None:
            if now - connection.begun > bounds.connect:
                self.refused(Reason.KEEP_ALIVE_TIMEOUT)
                connection.cut()
        elif connection.begun and now - connection.begun > bounds.packet_seconds:
            connection.refuse(PacketError(Reason.MALFORMED_PACKET, "the packet does not come whole"))
        elif connection.limit and not connection.held and now - connection.heard > connection.limit:
            self.refused(Reason.KEEP_ALIVE_TIMEOUT)
            connection.end(Reason.KEEP_ALIVE_TIMEOUT)
        elif isinstance(session, Claiming):
            if session.until <= now:
                connection.end(Reason.MAXIMUM_CONNECT_TIME)
        elif session.admitted.until <= today:
            self.refused(Reason.NOT_AUTHORIZED)
            connection.end(Reason.NOT_AUTHORIZED)

    def _room(self) -> None:
        if self._waiting and self.groups.waiting < self.bounds.all_bytes // 2:
            waiting, self._waiting = self._waiting, set()
            for connection in waiting:
                connection.release(ALL)

    def _keep_will(self, session: Session) -> None:
        device, will = session.admitted.device, session.will
        if will is None or device in self.sessions or self._ending:
            return  # It is back, or it is we who go.
        received = int(time() * 1_000_000)
        message, refusals = self.read(session.admitted.format, will.payload, Context(received, session.admitted.zone))
        record = Record(device, received, session.admitted.format, will.payload)
        if refusals:
            message, _ = self.read("plain", OFFLINE, Context(received, session.admitted.zone))
            record = Record(device, received, "plain", OFFLINE)
        try:
            self.groups.keep(lane_of(message, received), record)
        except Unavailable:
            logger.warning("mqtt: a will was not kept: the log takes nothing")

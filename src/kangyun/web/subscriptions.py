"""Websocket subscriptions: [base]/websocket. A client binds the ids of its subscriptions and is pinged for each.

`bind messages` binds one's own list of messages ($messages): `ping messages` says that it has a new line.

`bind <id>` is answered by `bound <id>`; whenever the subscription matches, `ping <id>` follows. The client then asks by
the REST API for what it wants to see. The bearer token comes in the header, or as `token` in the query where the client
is a browser, which cannot set headers.

Close codes: 4401 no or no valid sign-in, 4404 no such subscription of one's own, 4408 nothing
bound in time, 4413 too much.

Source: https://hl7.org/fhir/R4/subscription.html#2.46.7.2
"""

import asyncio
import logging
import re
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.messages.outbox.bells import NAME as MESSAGES
from kangyun.access.messages.outbox.bells import NoteBells
from kangyun.access.operations.messages import readers_of
from kangyun.access.platform import Platform
from kangyun.access.subscriptions.sockets import Bells
from kangyun.base.errors import PlatformError, SignInNeeded
from kangyun.web.exchange import Receive, Scope, Send

logger = logging.getLogger(__name__)

PATH = "/fhir/websocket"
MOST_SOCKETS = 2_000  # of a process
MOST_BOUND = 100  # subscriptions of a socket
LONGEST_MESSAGE = 200
BIND_WITHIN = 60.0  # seconds
DUTY_EVERY = 10.0  # seconds between two looks whether somebody is still, or by now, on duty
SIGNED_IN_EVERY = 0.5  # seconds between two looks whether the sign-in still holds: a sign-out ends all within one
PROTOCOL, TOKEN_PROTOCOL = "kangyun", "bearer."
_BIND = re.compile(r"bind[ :]+([A-Za-z0-9\-.]{1,64})\s*")


class Sockets:
    """All websockets of a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._bells = Bells(platform.pool)
        self._notes = NoteBells(platform.pool)
        self._open = 0

    def close(self) -> None:
        """Stops looking for changes."""
        self._bells.close()
        self._notes.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one websocket to its end."""
        await receive()  # websocket.connect
        if self._open >= MOST_SOCKETS:
            await self._platform.door.turn_away(about_of(scope), 503, "websocket")
            await send({"type": "websocket.close", "code": 1013})
            return
        self._open += 1
        socket = _Socket(self._platform, self._bells, self._notes, scope, receive, send)
        try:
            await socket.serve()
        finally:
            self._open -= 1
            self._bells.leave(socket.ring)
            self._notes.leave(socket.ring)


def about_of(scope: Scope) -> Circumstances:
    """Returns what the audit row says of a websocket that comes."""
    return Circumstances("WEBSOCKET /websocket", (scope.get("client") or ("",))[0], uuid4().hex)


def accepted(scope: Scope) -> dict[str, Any]:
    """Returns the answer to a handshake: in our protocol, where it is offered."""
    ours = {"subprotocol": PROTOCOL} if PROTOCOL in scope.get("subprotocols", ()) else {}
    return {"type": "websocket.accept", **ours}


def token_of(scope: Scope) -> str:
    """Returns the bearer token of a websocket that comes. Raises SignInNeeded.

    A page of ours, which can send no header, names it among its protocols: `kangyun`, `bearer.<token>`. So it stands in
    no address, which proxies write down.
    """
    headers: dict[bytes, bytes] = dict(scope["headers"])
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    offered = [one for one in scope.get("subprotocols", ()) if one.startswith(TOKEN_PROTOCOL)]
    if offered:
        return str(offered[0]).removeprefix(TOKEN_PROTOCOL)
    query: bytes = scope.get("query_string", b"")
    given = parse_qs(query.decode("latin-1")).get("token")
    if not given:
        raise SignInNeeded
    return given[0]


class _Refused(Exception):
    """The socket is to be closed with this code."""

    def __init__(self, code: int) -> None:
        self.code = code


class _Socket:
    """One websocket."""

    def __init__(
        self, platform: Platform, bells: Bells, notes: NoteBells, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self._platform = platform
        self._bells = bells
        self._notes = notes
        self._scope = scope
        self._receive = receive
        self._send = send
        self._bound: set[str] = set()
        self._readers: list[str] = []
        self._rung: dict[str, None] = {}
        self._ringing = asyncio.Event()

    def ring(self, id_: str) -> None:
        """Has a ping sent; several of one subscription that wait become one."""
        self._rung[id_] = None
        self._ringing.set()

    async def serve(self) -> None:
        """Answers the client until it goes or must."""
        # The handshake first: a browser is told a close code only of a socket that was open.
        await self._send({"type": "websocket.accept"})
        tasks = []
        try:
            token = token_of(self._scope)
            await self._platform.sign_in.actor(token)
            parts = (self._listen(token), self._ping(), self._stay_signed_in(token), self._keep_duty(token))
            tasks = [asyncio.ensure_future(part) for part in parts]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SignInNeeded:
            await self._platform.door.turn_away(about_of(self._scope))
            await self._close(4401)
        except _Refused as refused:
            await self._close(refused.code)
        except PlatformError as error:
            logger.warning("websocket: %s", error.issues[0].text)
            await self._close(1013)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, token: str) -> None:
        while True:
            try:
                message = await asyncio.wait_for(self._receive(), None if self._bound else BIND_WITHIN)
            except TimeoutError:
                raise _Refused(4408) from None
            if message["type"] == "websocket.disconnect":
                return
            text: Any = message.get("text") or ""
            match = _BIND.fullmatch(text) if len(text) <= LONGEST_MESSAGE else None
            if match is not None:
                await self._bind(match[1], await self._platform.sign_in.actor(token))

    async def _bind(self, id_: str, actor: Actor) -> None:
        source = (self._scope.get("client") or ("",))[0]
        if id_ == MESSAGES:
            record = await self._platform.gate.open(actor, Circumstances("BIND /$messages", source, uuid4().hex))
            record.in_person()
            await record.leave_row("bind", 200, [])
            self._readers = await readers_of(record)
            await self._notes.listen(self._readers, self.ring)
            self._bound.add(id_)
            await self._send({"type": "websocket.send", "text": f"bound {id_}"})
            return
        record = await self._platform.gate.open(actor, Circumstances("BIND /Subscription/[id]", source, uuid4().hex))
        whose = None if actor.administrator else actor.reference
        allowed = record.reads("Subscription") and await self._bells.is_of(id_, whose)
        await record.leave_row("bind", 200 if allowed else 404, [])
        if not allowed:  # Somebody else's is one that there is not.
            raise _Refused(4404)
        if len(self._bound) >= MOST_BOUND:
            raise _Refused(4413)
        self._bound.add(id_)
        await self._bells.listen(id_, self.ring)
        await self._send({"type": "websocket.send", "text": f"bound {id_}"})

    async def _keep_duty(self, token: str) -> None:
        """Listens for the desk's list while its duty lasts: it begins and ends while the socket is open."""
        while True:
            await asyncio.sleep(DUTY_EVERY)
            if MESSAGES not in self._bound:
                continue
            actor = await self._platform.sign_in.actor(token)
            readers = await readers_of(await self._platform.gate.open(actor, about_of(self._scope)))
            if readers != self._readers:
                self._notes.leave(self.ring)
                await self._notes.listen(readers, self.ring)
                self._readers = readers
                self.ring(MESSAGES)  # What the list is has changed.

    async def _ping(self) -> None:
        while True:
            await self._ringing.wait()
            self._ringing.clear()
            rung, self._rung = self._rung, {}
            for id_ in rung:
                await self._send({"type": "websocket.send", "text": f"ping {id_}"})

    async def _stay_signed_in(self, token: str) -> None:
        while True:
            await asyncio.sleep(SIGNED_IN_EVERY)
            await self._platform.sign_in.hold(token)

    async def _close(self, code: int) -> None:
        await self._send({"type": "websocket.close", "code": code})

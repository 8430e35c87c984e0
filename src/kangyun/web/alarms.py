"""Alarms by websocket: /alarms/live. First all that is open, then each change, to whoever may see it.

    {"type": "snapshot", "number": 4711, "alarms": [...]}      what is open; what is not in it is closed or not his
    {"type": "changes", "number": 4713, "alarms": [...]}       alarms as they stand, the closed ones too
    {"type": "beat", "number": 4713}                           every 10 seconds that nothing changes

When somebody's duty begins or ends, he is told a snapshot of what is his then.
A client that comes back says `?since=` the last number and is told all that changed meanwhile; an alarm may be told
again, in its last version. Where the number is not known any more a snapshot comes. `lang=en` has the
sentences in English. The bearer token comes in the header, as the protocol `bearer.<token>` beside `kangyun`, or as
`token` in the query. What the client says is passed over.

Close codes: 4401 no or no valid sign-in, 4403 not one who looks after alarms, 4408 does not read.
"""

import asyncio
import contextlib
import logging
from time import monotonic
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec

from kangyun.access.actor import Circumstances
from kangyun.access.platform import Platform
from kangyun.base.errors import Forbidden, PlatformError, SignInNeeded
from kangyun.base.texts import language_of
from kangyun.devices.alarms.live import Live, View, Watcher
from kangyun.devices.alarms.raising import Alarms
from kangyun.web.exchange import Receive, Scope, Send
from kangyun.web.subscriptions import SIGNED_IN_EVERY, accepted, token_of

logger = logging.getLogger(__name__)

PATH = "/alarms/live"
MOST_SOCKETS = 500  # of a process
BEAT = 10.0  # seconds
READS_WITHIN = 10.0  # seconds: who has not taken a message by then is cut off, and resumes by number
SHAPE = "WEBSOCKET /alarms/live"


class AlarmSockets:
    """All websockets of a process on which alarms are told."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._live = Live(platform.pool)
        self._open = 0

    def close(self) -> None:
        """Stops listening for changes."""
        self._live.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one websocket to its end."""
        await receive()  # websocket.connect
        if self._open >= MOST_SOCKETS:
            await self._platform.door.turn_away(_about(scope), 503, "websocket")
            await send({"type": "websocket.close", "code": 1013})
            return
        self._open += 1
        socket = _Socket(self._platform, self._live, scope, receive, send)
        try:
            await socket.serve()
        finally:
            self._open -= 1


def _about(scope: Scope) -> Circumstances:
    return Circumstances(SHAPE, (scope.get("client") or ("",))[0], uuid4().hex)


class _Slow(Exception):
    """The client does not read."""


class _Socket:
    """One websocket."""

    def __init__(self, platform: Platform, live: Live, scope: Scope, receive: Receive, send: Send) -> None:
        self._platform = platform
        self._live = live
        self._scope = scope
        self._receive = receive
        self._send = send
        self._watcher = Watcher()

    async def serve(self) -> None:
        """Tells the client until it goes or must."""
        # The handshake first: a browser is told a close code only of a socket that was open.
        await self._send(accepted(self._scope))
        tasks: list[asyncio.Task[None]] = []
        try:
            token = token_of(self._scope)
            actor = await self._platform.sign_in.actor(token)
            gate = self._platform.gate
            record = await gate.open(actor, _about(self._scope))
            view = View(self._platform.pool, record, Alarms.of(gate), language_of(self._given("lang")))
            parts = (self._tell(view), self._listen(), self._stay_signed_in(token))
            tasks = [asyncio.ensure_future(part) for part in parts]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except SignInNeeded:
            await self._platform.door.turn_away(_about(self._scope))
            await self._close(4401)
        except Forbidden:
            await self._platform.door.turn_away(_about(self._scope), 403, "websocket")
            await self._close(4403)
        except _Slow:
            await self._close(4408)
        except PlatformError as error:
            logger.warning("alarms live: %s", error.issues[0].text)
            await self._close(1013)
        finally:
            self._live.leave(self._watcher)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _tell(self, view: View) -> None:
        # Changes are gathered from before the snapshot on: what is in both is told once.
        await self._live.join(self._watcher)
        number = await self._begin(view)
        looked = monotonic()
        while True:
            # Where something changes all the time, it is looked as often whose duty it is.
            left = looked + BEAT - monotonic()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._watcher.rung.wait(), max(left, 0))
            if monotonic() - looked >= BEAT:
                number, looked = await self._beat(view, max(number, self._watcher.number)), monotonic()
                continue
            self._watcher.rung.clear()
            rows, self._watcher.changed = list(self._watcher.changed.values()), {}
            number = max(number, self._watcher.number)
            alarms = await view.changes(rows)
            if alarms:
                await self._say("changes", number, alarms)

    async def _beat(self, view: View, number: int) -> int:
        if await view.has_shifted():
            alarms, number = await view.snapshot()
            await self._say("snapshot", number, alarms)
        else:
            await self._say("beat", number)
        return number

    async def _begin(self, view: View) -> int:
        given = self._given("since")
        missed = await view.since(int(given)) if given.isascii() and given.isdigit() and len(given) < 19 else None
        if missed is not None:
            await self._say("changes", missed[1], missed[0])
            return missed[1]
        alarms, number = await view.snapshot()
        await self._say("snapshot", number, alarms)
        return number

    def _given(self, name: str) -> str:
        query: bytes = self._scope.get("query_string", b"")
        return parse_qs(query.decode("latin-1")).get(name, [""])[0]

    async def _say(self, type_: str, number: int, alarms: list[dict[str, Any]] | None = None) -> None:
        told: dict[str, Any] = {"type": type_, "number": number}
        if alarms is not None:
            told["alarms"] = alarms
        message = {"type": "websocket.send", "text": msgspec.json.encode(told).decode()}
        try:
            await asyncio.wait_for(self._send(message), READS_WITHIN)
        except TimeoutError:
            raise _Slow from None

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "websocket.disconnect":
            pass

    async def _stay_signed_in(self, token: str) -> None:
        while True:
            await asyncio.sleep(SIGNED_IN_EVERY)
            await self._platform.sign_in.hold(token)

    async def _close(self, code: int) -> None:
        with contextlib.suppress(TimeoutError):  # Who does not read does not read this either.
            await asyncio.wait_for(self._send({"type": "websocket.close", "code": code}), READS_WITHIN)

"""What a process takes on at once: so many requests of each class, so many bytes of bodies, so long for a body to come.

interactive: one resource or a search.  feed: bundles.  bulk: $export and $import.

Beyond its limit a request waits a moment for a place, first come first served, and then is sent away: people who look
at a screen are told that the service is full (503), feeds and bulk jobs that they ask for too much (429). So a rush
costs a bounded queue, never memory, and a class never takes the places of another.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal

from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.database.places import Full, Places

Kind = Literal["interactive", "feed", "bulk"]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
# A queue longer than this many times the limit would only grow old.
QUEUE = 4
PATIENCE = {"interactive": 5.0, "feed": 20.0, "bulk": 0.1}  # seconds
# What is not answered by then is ended: the last resort against whatever hangs.
LONGEST = {"interactive": 60.0, "feed": 900.0, "bulk": 60.0}  # seconds
# A body must begin to come within this many seconds, and then come at this rate: else its sender would hold a place.
BODY_PATIENCE = 20.0
SLOWEST_BODY = 16_384  # bytes a second


class TooSlow(PlatformError):
    """The body did not come in time: 408."""

    code = "timeout"
    default_text = "web.body-too-slow"


class Limits:
    """The places of a process. `interactive=256, feed=8, bulk=2`: places of each class; `body_bytes`: of all bodies."""

    def __init__(self, *, body_bytes: int, **most: int) -> None:
        self.most = most
        self.refused = dict.fromkeys(most, 0)
        self.room = Room(body_bytes)
        self._places = {kind: Places(count, PATIENCE[kind], count * QUEUE) for kind, count in most.items()}

    @property
    def free(self) -> dict[str, int]:
        """How many places of each class are free."""
        return {kind: places.free for kind, places in self._places.items()}

    def in_use(self, kind: str) -> int:
        """How many requests of a class are being worked on."""
        return self._places[kind].in_use

    def waiting(self, kind: str) -> int:
        """How many requests of a class wait for a place."""
        return self._places[kind].waiting

    def place(self, kind: Kind) -> "Place":
        """Returns a place of a class, to be held. Raises Unavailable or Throttled when none comes free in time."""
        return Place(self, kind)

    async def take(self, kind: Kind) -> None:
        """Takes a place. Raises Unavailable, Throttled."""
        try:
            await self._places[kind].take()
        except Full:
            self.refused[kind] += 1
            raise Unavailable("web.full") if kind == "interactive" else Throttled("web.busy", kind=kind) from None

    def give(self, kind: Kind) -> None:
        """Gives a place back: to who has waited longest."""
        self._places[kind].give()


class Place:
    """A place that is held within `async with`."""

    __slots__ = ("_kind", "_limits")

    def __init__(self, limits: Limits, kind: Kind) -> None:
        self._limits = limits
        self._kind: Kind = kind

    async def __aenter__(self) -> None:
        await self._limits.take(self._kind)

    async def __aexit__(self, *error: object) -> None:
        self._limits.give(self._kind)


class Room:
    """The memory for request bodies: bytes as they came, and as they are unpacked."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    def open(self) -> "Share":
        """Returns the share of one request, still empty."""
        return Share(self)


class Share:
    """What one request takes of the room."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._taken = 0

    def take(self, count: int) -> None:
        """Takes `count` bytes more. Raises Throttled when there is no room; a request alone always has it."""
        if self._room.used > self._taken and self._room.used + count > self._room.most:
            raise Throttled("web.no-room")
        self._room.used += count
        self._taken += count

    def close(self) -> None:
        """Gives everything back."""
        self._room.used -= self._taken
        self._taken = 0


def in_time(receive: Receive) -> Receive:
    """Returns an ASGI `receive` that raises TooSlow where a body does not come in time."""
    deadline = 0.0

    async def next_message() -> MutableMapping[str, Any]:
        nonlocal deadline
        deadline = deadline or asyncio.get_running_loop().time() + BODY_PATIENCE
        try:
            async with asyncio.timeout_at(deadline):
                message = await receive()
        except TimeoutError:
            raise TooSlow from None
        deadline += len(message.get("body", b"")) / SLOWEST_BODY
        return message

    return next_message

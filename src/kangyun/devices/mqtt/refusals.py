"""What was refused of devices, gathered and told to their owners each second: counts of reasons, no values."""

import asyncio
import logging
from datetime import date, datetime
from zoneinfo import ZoneInfo

from kangyun.base import clock
from kangyun.base.errors import PlatformError
from kangyun.base.mqtt import Reason
from kangyun.database.leases import pause
from kangyun.database.pool import TROUBLES, Pool
from kangyun.devices.register.health import Refused, note_refused

logger = logging.getLogger(__name__)

EVERY = 1.0  # seconds
MOST = 20_000
"""Different refusals that wait to be told; more of them are only counted in the figures."""
TEXTS = {
    Reason.NOT_AUTHORIZED: "devices.mqtt.not-its-own",
    Reason.MESSAGE_RATE_TOO_HIGH: "devices.mqtt.too-many",
    Reason.CONNECTION_RATE_EXCEEDED: "devices.mqtt.comes-too-often",
    Reason.PACKET_TOO_LARGE: "devices.mqtt.too-large",
    Reason.RECEIVE_MAXIMUM_EXCEEDED: "devices.mqtt.too-many-unanswered",
}


def text_of(reason: Reason) -> str:
    """Returns the text that says to a device's owner why something of it was refused."""
    return TEXTS.get(reason, "devices.mqtt.malformed")


class Refusals:
    """One for a process."""

    def __init__(self, pool: Pool, zone: str) -> None:
        self._pool = pool
        self._zone = zone
        self._waiting: dict[tuple[int, str, str], tuple[int, datetime]] = {}

    def note(self, device: int, reason: str, place: str = "") -> None:
        """Notes a refusal. reason: the id of a text. place: where in the message, without its value."""
        known = self._waiting.get((device, reason, place))
        if known is not None or len(self._waiting) < MOST:
            count = known[0] if known is not None else 0
            self._waiting[device, reason, place] = count + 1, clock.now()

    async def flush(self) -> None:
        """Tells what waits. Raises Unavailable; then it waits on. What the database will not have is told no more."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        told = [Refused(device, reason, at, place, count) for (device, reason, place), (count, at) in waiting.items()]
        try:
            async with self._pool.connection() as connection, connection.transaction():
                await note_refused(connection, told, _today(self._zone))
        except PlatformError:
            for place, (count, at) in waiting.items():
                more, later = self._waiting.get(place, (0, at))
                self._waiting[place] = count + more, later
            raise

    async def follow(self, stop: asyncio.Event) -> None:
        """Tells each second until `stop`, and then once more."""
        while not stop.is_set():
            await pause(stop, EVERY)
            try:
                await self.flush()
            except TROUBLES as error:
                logger.warning("devices: refusals could not be told: %s", type(error).__name__)


def _today(zone: str) -> date:
    return clock.now().astimezone(ZoneInfo(zone)).date()

"""A device cries for help, and nobody is registered as its user.

There is no person to raise an alarm about, but help may be needed all the same: the duty desk of who gave it out is
told, once for a device, a kind and a quarter of an hour.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kangyun.access.gate import Gate
from kangyun.access.messages.outbox import Notice, Urgency
from kangyun.base import clock
from kangyun.devices.alarms.raising import SQL, Alarms
from kangyun.devices.alarms.readers import desk_reader, staff_reader
from kangyun.devices.alarms.roster import looks_after, on_duty
from kangyun.devices.metrics import event_kinds
from kangyun.devices.model import BACKFILL_AFTER
from kangyun.devices.places import in_words

ONCE_IN = BACKFILL_AFTER


class Cry(NamedTuple):
    """What a device of nobody said. at: microseconds. position: degrees, WGS-84; None where it said none."""

    device: int
    kind: str
    at: int
    position: tuple[float, float] | None


class Strays:
    """Tells of such devices. One for a process."""

    def __init__(self, gate: Gate, alarms: Alarms) -> None:
        self._gate, self._alarms = gate, alarms

    async def tell(self, connection: asyncpg.Connection, cries: Sequence[Cry]) -> int:
        """Has the desks told within the caller's transaction, of what is not old; returns how many notices are new."""
        now = clock.now()
        fresh = {
            (one.device, one.kind, one.at // ONCE_IN): one
            for one in cries
            if event_kinds()[one.kind].urgent and abs(now.timestamp() * 1e6 - one.at) < BACKFILL_AFTER
        }
        if not fresh:
            return 0
        rows = await connection.fetch(SQL["strays"], [one.device for one in fresh.values()])
        devices = {row["id"]: row for row in rows}
        desks = await self._alarms.desks_of(connection, {row["institution"] for row in rows})
        notices = [
            await self._notice(connection, devices[one.device], desks[devices[one.device]["institution"]], one, now)
            for one in fresh.values()
            if one.device in devices
        ]
        return len(await self._gate.outbox.put(connection, notices, now))

    async def _notice(
        self, connection: asyncpg.Connection, device: asyncpg.Record, desk: int, cry: Cry, now: datetime
    ) -> Notice:
        zone, plan = self._alarms.zone, self._alarms.plan
        name = await connection.fetchval(SQL["institution"], desk) or ""
        there, named = await on_duty(connection, plan, desk, name, now, zone)
        called = there if named else await looks_after(connection, plan, name)
        at = datetime.fromtimestamp(cry.at / 1e6, zone)
        place = in_words(cry.position) if cry.position is not None else ""
        return Notice(
            key=f"stray/{cry.device}/{cry.kind}/{cry.at // ONCE_IN}",
            urgency=Urgency.RED,
            template="stray",
            readers=(*map(staff_reader, called), desk_reader(name)),
            variables={"device": device["name"], "time": f"{at:%H:%M}", "place": place or "未知"},
        )

"""Who sees an alarm: who is on duty at the desk that looks after it, who has it in hand, and who treats the person.

Treating is what the gate says: an alarm is seen by clinical staff who see the registration. Who is neither sees
nothing, and is not told that there is something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kangyun.access.at_desk import seen_of
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden
from kangyun.devices.alarms.raising import Alarms
from kangyun.devices.alarms.roster import on_duty

DUTY = "duty-officer"
CLINICAL = frozenset({"doctor", "nurse", "family-doctor"})


@dataclass(frozen=True, slots=True)
class Watch:
    """What somebody watches at an instant. desk: the institution on whose desk he is on duty, None for none."""

    record: Record
    desk: int | None

    async def sees(self, rows: Sequence[Any]) -> list[Any]:
        """Returns those of alarms (`id`, `holder`, `desk`, `owner`) that he sees, in their order."""
        actor = self.record.actor
        if actor.administrator:
            return list(rows)
        mine = {row["id"] for row in rows if self.desk == row["desk"] or row["owner"] == actor.reference}
        if actor.role in CLINICAL:
            asked = {row["holder"] for row in rows if row["id"] not in mine}
            seen = await seen_of(self.record, asked)
            mine |= {row["id"] for row in rows if row["holder"] in seen}
        return [row for row in rows if row["id"] in mine]


def may_watch(record: Record) -> None:
    """Raises Forbidden for whoever has nothing to do with alarms."""
    actor = record.actor
    if not (actor.administrator or actor.role in CLINICAL or actor.role == DUTY) or actor.client:
        raise Forbidden("devices.alarms.not-yours")


async def at_desk(record: Record) -> bool:
    """Whether an actor is on duty now: who has the lines that the outbox says to his institution's desk."""
    actor = record.actor
    if actor.client or not (actor.role in CLINICAL or actor.role == DUTY):
        return False
    return (await watch(record, Alarms.of(record.gate), clock.now())).desk is not None


async def watch(record: Record, alarms: Alarms, now: datetime) -> Watch:
    """Returns what an actor watches now. Raises Forbidden."""
    may_watch(record)
    actor = record.actor
    async with record.store.pool.connection() as connection:
        there, named = await on_duty(connection, alarms.plan, record.institution, actor.institution, now, alarms.zone)
    fallback = there[0] if not named else ""
    duty = actor.reference in there or (fallback == f"role:{DUTY}" and actor.role == DUTY)
    return Watch(record, record.institution if duty else None)

"""The ladder climbed: what is due is told, once and in order; what became of it is heard; nobody answered, who is next.

Timers are rows, and the row is crossed off in the transaction that puts the notices: a process that is killed has told
nothing or all of it. It is in the alarm's hands meanwhile, so that whoever answers at the same moment comes before or
after, and never in between. After an outage all that was due is told late, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from kangyun.access.at_desk import close_by_alarm
from kangyun.access.circle import Circle, circle_of
from kangyun.access.events.people import called
from kangyun.access.gate import Gate
from kangyun.access.messages.outbox import Outcome
from kangyun.access.staff.posts import let_in
from kangyun.database.savepoint import under_savepoint
from kangyun.devices.alarms.acting import STOPPED, Act, act, climb_on, note
from kangyun.devices.alarms.plan import Whom
from kangyun.devices.alarms.raising import FOLLOWED, SQL, Alarms, micros_of, place_of
from kangyun.devices.alarms.readers import RESPONSIBLE, Telling, gap_notice, whom_of
from kangyun.devices.alarms.roster import looks_after, on_duty, roster_of, staffed
from kangyun.devices.alarms.states import after
from kangyun.devices.alarms.words import Said, read_evidence
from kangyun.devices.signals import Level, Warning

AT_ONCE = 200
REPEATED: tuple[Whom, ...] = ("desk", "head")
WHY = "alarm: who is to be told"
_EMPTY = Circle((), (), "", "", None, (), "", (), (), ())


@dataclass(frozen=True, slots=True)
class Ladder:
    """Climbs. One for a process; of several processes the one with the lease does."""

    gate: Gate
    alarms: Alarms

    async def due(self, now: datetime, without: Sequence[int] = ()) -> list[int]:
        """Returns the alarms of which something is due, what was due first first; `without` those."""
        async with self.gate.store.pool.connection() as connection:
            return [row["alarm"] for row in await connection.fetch(SQL["due"], now, AT_ONCE, list(without))]

    async def next_due(self) -> datetime | None:
        """Returns when something is due next."""
        async with self.gate.store.pool.connection() as connection:
            found: datetime | None = await connection.fetchval(SQL["next_due"])
        return found

    async def climb(self, alarm: int, now: datetime) -> int:
        """Does what is due of an alarm, and returns how many timers that were. One transaction."""
        async with self.gate.store.pool.connection() as connection:
            known = await connection.fetchrow(SQL["whose"], alarm)
        if known is None:  # Erased meanwhile.
            return 0
        # Read beforehand, so that nobody waits for it with the alarm in hand; what it is for is looked at again then.
        # Of one that was answered, too: it may be handed over, or cry again before it is in hand.
        circle = await self._circle(known) if known["state"] != "closed" else _EMPTY
        async with self.gate.store.pool.connection() as connection, connection.transaction():
            rows = await connection.fetch(SQL["lock"], [alarm])
            if not rows:
                return 0
            row = rows[0]
            timers = await connection.fetch(SQL["timers_due"], alarm, now)
            for timer in timers:
                row = await self._fire(connection, row, timer, circle, now)
            if timers:
                await self._go_on(connection, row, now)
                await connection.execute(SQL["touch"], [alarm])
        return len(timers)

    async def hear(self, now: datetime) -> int:
        """Takes in what became of notices: who answered has the alarm, who was not reached is followed by the next."""
        async with self.gate.store.pool.connection() as connection, connection.transaction():
            outcomes = await self.gate.outbox.take(connection, "alarm", AT_ONCE)
            for one in outcomes:
                # What it said of one alarm keeps nobody from hearing of the others.
                hearing = partial(self._hear, connection, one, now)
                await under_savepoint(connection, f"alarms: an outcome of {one.asker} was not heard", hearing)
        return len(outcomes)

    async def tell_gaps(self, now: datetime) -> int:
        """Tells who would look after alarms of the hours to come for which a roster has nobody; each gap once.

        Returns how many are new. A desk without a roster at all is its fallback's business always, and is not told.
        """
        plan, zone = self.alarms.plan, self.alarms.zone
        async with self.gate.store.pool.connection() as connection, connection.transaction():
            notices = []
            for row in await connection.fetch(SQL["desks"]):
                roster = await roster_of(connection, row["desk"], zone)
                there = await staffed(connection, roster, row["reference"])
                gaps = roster.gaps(now, now + timedelta(hours=plan.gap_hours), there)
                fallback = plan.fallback_of(row["reference"])
                notices += [gap_notice(row["reference"], fallback, one, now, zone) for one in gaps]
            return len(await self.gate.outbox.put(connection, notices, now))

    async def _circle(self, known: Any) -> Circle:
        return await circle_of(self.gate, known["person"], known["holder"], WHY)

    async def _fire(self, connection: asyncpg.Connection, row: Any, timer: Any, circle: Circle, now: datetime) -> Any:
        """Does what one timer asks, and crosses it off. Returns the alarm's row as it is then."""
        tells = timer["kind"] in ("tell", "repeat", "tell-one")
        stopped = row["state"] in STOPPED if timer["kind"] in ("tell", "repeat") else row["state"] != "acknowledged"
        if timer["kind"] == "tell-one":
            stopped = (
                row["state"] == "closed" if timer["whom"] in FOLLOWED else stopped or row["owner"] != timer["whom"]
            )
        await connection.execute(SQL["cross_off"], timer["id"], now, stopped)
        if stopped:
            return row
        if tells:
            return await self._tell(connection, row, timer, circle, now)
        state = after(row["state"], "lapse")
        changed = await connection.fetchrow(SQL["change"], row["id"], state, None, 1, now, None, None)
        if row["owner"]:
            await close_by_alarm(connection, self.gate, row["id"], row["owner"])
        await note(connection, self.alarms, row, "lapse", "", f"{timer['kind']} {timer['whom']}")
        await climb_on(connection, self.alarms, changed, now, anew=True)
        return (await connection.fetch(SQL["lock"], [row["id"]]))[0]

    async def _tell(self, connection: asyncpg.Connection, row: Any, timer: Any, circle: Circle, now: datetime) -> Any:
        plan, zone = self.alarms.plan, self.alarms.zone
        late = now - timer["due"]
        minutes = int(late / timedelta(minutes=1)) if late > timedelta(minutes=plan.late_after) else 0
        evidence = await self._newest(connection, row)
        desk = await connection.fetchval(SQL["institution"], row["desk"]) or ""
        there, named = await on_duty(connection, plan, row["desk"], desk, now, zone)
        heads = await looks_after(connection, plan, desk)
        alone = timer["kind"] == "tell-one" and timer["whom"] not in FOLLOWED
        has = row["owner"] if row["state"] == "acknowledged" else ""
        doctor = (await called(connection, self.gate.store, [has])).names.get(has, "") if has in circle.doctors else ""
        told = Telling(
            row["id"], row["holder"], row["rule"], row["level"], timer["round"], timer["rung"],
            "owner" if alone else timer["whom"], circle,
            desk, there if named else heads, heads, plan.emergency_of(desk),
            Said(evidence, circle, now, zone, minutes, has, doctor), timer["whom"] if alone else "",
        ).notices()  # fmt: skip
        await self.gate.outbox.put(connection, told, now)
        climbs = timer["kind"] != "tell-one" and timer["rung"] != await connection.fetchval(
            SQL["first_rung"], row["id"], timer["round"]
        )
        if climbs and row["state"] == "raised":
            await connection.execute(SQL["change"], row["id"], after(row["state"], "climb"), None, 0, now, None, None)
            await note(connection, self.alarms, row, "climb", "", timer["whom"])
        said = "told" if told else "nobody"
        detail = " ".join([timer["whom"], *(reader.reference for one in told for reader in one.readers)])
        await note(connection, self.alarms, row, said, "", f"{detail} +{minutes}min" if minutes else detail)
        if not told and timer["whom"] in RESPONSIBLE and row["level"] == Level.RED:
            await climb_on(connection, self.alarms, row, now)
        return (await connection.fetch(SQL["lock"], [row["id"]]))[0]

    async def _go_on(self, connection: asyncpg.Connection, row: Any, now: datetime) -> None:
        """Has the desk and the head told again where a red alarm's ladder is at its end and nobody has answered."""
        if row["level"] != Level.RED or row["state"] in STOPPED:
            return
        due = now + timedelta(minutes=self.alarms.plan.repeat_every)
        await connection.execute(SQL["set_repeats"], row["id"], row["round"], list(REPEATED), due)

    async def _newest(self, connection: asyncpg.Connection, row: Any) -> Warning:
        """Returns what the alarm rests on: of its level, the newest."""
        found = await connection.fetchrow(SQL["newest_evidence"], row["id"])
        place = place_of(found["holder"], found["rule"], micros_of(found["at"]))
        return read_evidence(await self.alarms.kept.open(connection, found["key"], found["sealed"], place))

    async def _hear(self, connection: asyncpg.Connection, one: Outcome, now: datetime) -> None:
        alarm = int(one.asker.rpartition("/")[2])
        rows = await connection.fetch(SQL["lock"], [alarm])
        if not rows:  # Erased meanwhile.
            return
        (row,) = rows
        while row["joined"] is not None:  # It became part of another, which is the one to be answered now.
            (row,) = await connection.fetch(SQL["lock"], [row["joined"]])
        alarm = row["id"]
        detail = " ".join(part for part in (whom_of(one.key), one.reader, one.channel) if part)
        await note(connection, self.alarms, row, f"notice-{one.what}", "", detail)
        await connection.execute(SQL["touch"], [alarm])
        if row["state"] in STOPPED and not (row["state"] == "acknowledged" and row["owner"] == one.reader):
            return
        by = one.person or one.reader.replace("desk/", "Organization/")
        takes = one.what == "answered" and one.reader.startswith(("Practitioner/", "desk/"))
        gone = takes and by.startswith("Practitioner/") and not await let_in(connection, by)
        if takes and not gone:
            await act(connection, self.alarms, self.gate.outbox, alarm, Act("acknowledge", by), now)
            return
        silent = (gone or one.what in ("unanswered", "not-reached")) and whom_of(one.key) in RESPONSIBLE
        if silent and row["level"] == Level.RED and row["state"] not in STOPPED:
            await climb_on(connection, self.alarms, row, now)

"""What people do about an alarm: answer, escalate, note, hand over, close. One row changed, and one event more.

Whoever acts holds the alarm's row, and so does the clock (`devices.alarms.ladder`): of two at once one comes first, and
the other meets what it made. What was answered stands in the row, so that no restart loses it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import asyncpg

from kangyun.access.at_desk import close_by_alarm
from kangyun.base.errors import Invalid, NotFound
from kangyun.devices.alarms.raising import SQL, Alarms
from kangyun.devices.alarms.states import State, after, known_outcome
from kangyun.devices.signals import Level

STOPPED = frozenset({"acknowledged", "closed"})
"""States in which nobody more is told."""


class Withdraws(Protocol):
    """What is asked of the outbox here."""

    async def withdraw(self, connection: asyncpg.Connection, askers: list[str]) -> int: ...


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does. step: of the table. words: what he says; outcome, to: where the step needs them.

    minutes: within which he promises to be done.
    """

    step: str
    by: str
    words: str = ""
    outcome: str = ""
    to: str = ""
    minutes: int | None = None

    @property
    def said(self) -> set[str]:
        """Which of what a step may need was said."""
        return {name for name in ("words", "outcome", "to") if getattr(self, name).strip()}


async def act(
    connection: asyncpg.Connection, alarms: Alarms, outbox: Withdraws, id_: int, asked: Act, now: datetime
) -> State:
    """Does something about an alarm within the caller's transaction, and returns the state after it.

    Who answers what he has answered changes nothing. Raises NotFound, RuleBroken, Invalid.
    """
    row = await locked(connection, id_)
    outcome = known_outcome(asked.outcome) if asked.step == "close" and asked.outcome else None
    following = after(row["state"], asked.step, asked.said)
    if asked.minutes is not None and not 0 < asked.minutes <= alarms.plan.longest_promise:
        raise Invalid("devices.alarms.promise", most=alarms.plan.longest_promise, at="minutes")
    again = asked.step == "acknowledge" and row["state"] == "acknowledged" and row["owner"] == asked.by
    if again and not asked.words and asked.minutes is None and not await connection.fetchval(SQL["handed"], id_):
        return following
    anew = asked.step == "escalate" and await connection.fetchval(SQL["next_rung"], id_) is None
    owner = {"acknowledge": asked.by, "hand-over": asked.to}.get(asked.step)
    changed = await connection.fetchrow(
        SQL["change"], id_, following, outcome, 1 if anew else 0, now, owner, asked.by if outcome else None
    )
    if row["owner"] and changed["owner"] != row["owner"]:
        await close_by_alarm(connection, alarms.gate, id_, row["owner"])
    await note(connection, alarms, row, asked.step, asked.by, outcome or asked.to, asked.words)
    if following in STOPPED and asked.step != "note":
        # Who answers once more and promises nothing takes nothing back.
        promised = asked.step == "acknowledge" and asked.minutes is None
        await connection.execute(SQL["stop_all_but_promises" if promised else "stop_timers"], [id_])
        await outbox.withdraw(connection, [f"alarm/{id_}"])
        await _set_timer(connection, alarms, changed, asked, now)
    answered = asked.step == "acknowledge" and row["state"] != "acknowledged"
    if answered and row["level"] == Level.RED:
        await connection.execute(SQL["tell_back"], id_, now, "family")
    if asked.step == "escalate":
        await climb_on(connection, alarms, changed, now, anew=anew)
    return following


async def locked(connection: asyncpg.Connection, id_: int) -> Any:
    """Returns an alarm's row, which is the caller's until his transaction ends. Raises NotFound."""
    rows = await connection.fetch(SQL["lock"], [id_])
    if not rows:
        raise NotFound
    return rows[0]


async def climb_on(
    connection: asyncpg.Connection, alarms: Alarms, row: Any, now: datetime, *, anew: bool = False
) -> None:
    """Has the next rung climbed now. anew: the whole ladder, from its first rung on, of a new round."""
    if anew:
        await alarms.set_ladders(connection, [row], now)
        return
    following = await connection.fetchval(SQL["next_rung"], row["id"])
    if following is not None and following > now:
        await connection.execute(SQL["bring_forward"], row["id"], following, now)


async def note(
    connection: asyncpg.Connection, alarms: Alarms, row: Any, what: str, by: str = "", detail: str = "", words: str = ""
) -> None:
    """Leaves an event; words are sealed, as they are about the person."""
    key = sealed = None
    if words:
        ((key, sealed),) = await alarms.kept.seal_about(
            connection, [(row["holder"], row["institution"], words.encode(), words_of(row["id"]))]
        )
    await connection.execute(SQL["note_event"], row["id"], what, by, detail, key, sealed)


def words_of(alarm: int) -> str:
    """Returns where the words of an alarm's events belong."""
    return f"alarm-words/{alarm}"


async def _set_timer(connection: asyncpg.Connection, alarms: Alarms, row: Any, asked: Act, now: datetime) -> None:
    """Sets when it comes back: what was promised is not done, or who it was handed to has not answered."""
    if row["state"] == "closed":
        return
    handed = asked.step == "hand-over"
    kind, minutes = ("hand-over", alarms.plan.hand_over) if handed else ("promise", asked.minutes)
    # What comes back when; and who has it now is told of it, but not by himself.
    timers = [] if minutes is None else [(kind, now + timedelta(minutes=minutes))]
    timers += [("tell-one", now)] if handed and asked.to != asked.by else []
    for kind, due in timers:
        # By the version of this change: said twice in a moment, the second stopped the first and is set all the same.
        await connection.execute(
            SQL["set_timers"], [row["id"]], [row["round"]], [row["version"]], [kind], [asked.to or asked.by], [due]
        )

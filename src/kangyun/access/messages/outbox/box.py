"""`Outbox`: where notices are put, within the transaction of who asks, and where he hears what became of them.

A notice that was put is told once, whatever is killed: its row stands when the caller's transaction does. Putting it
again, or by two at once, changes nothing.

    await outbox.put(connection, [Notice(key="alarm/17/doctor", urgency=Urgency.RED, …, asker="alarm/17")])
    for outcome in await outbox.take(connection, "alarm", 100): …        # in a transaction that acts on it
    await outbox.withdraw(connection, ["alarm/17"])                      # the alarm was closed
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import asyncpg

from kangyun.access.messages.outbox import statements as sql
from kangyun.access.messages.outbox.letters import Letter, Letters
from kangyun.access.messages.outbox.model import Notice, Outcome
from kangyun.access.messages.outbox.rules import Rules, first_due, read_rules, zone_of
from kangyun.access.messages.outbox.templates import Templates, read_templates
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings
from kangyun.store.keys import KeyRing

LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Outbox:
    """The platform's one outbox. One for a process."""

    letters: Letters
    rules: Rules
    templates: Templates
    zone: tzinfo

    async def put(
        self, connection: asyncpg.Connection, notices: Sequence[Notice], now: datetime | None = None
    ) -> frozenset[str]:
        """Puts notices, in one statement of the caller's transaction; returns the keys that are new.

        Raises Invalid for a notice that nobody could be told: a defect of who asks.
        """
        if not notices:
            return frozenset()
        now = now or clock.now()
        # Sorted, so that two that put the same keys wait for each other in one order.
        rows = [self._row(one, now) for one in sorted({one.key: one for one in notices}.values(), key=_key)]
        told = await connection.fetch(sql.PUT, now, *(list(column) for column in zip(*rows, strict=True)))
        return frozenset(row["key"] for row in told)

    async def withdraw(self, connection: asyncpg.Connection, askers: Sequence[str]) -> int:
        """Tells no more of what these have asked for, and returns how many messages that stopped."""
        stopped = await connection.fetch(sql.WITHDRAW, list(askers), clock.now())
        # What ended before waits no longer for a word by telephone: that would be said of something else.
        await connection.execute(sql.AWAIT_NO_MORE, list(askers))
        return len(stopped)

    async def take(self, connection: asyncpg.Connection, kind: str, most: int) -> list[Outcome]:
        """Takes out what became of notices whose askers are `kind/…`, the oldest first. Within the transaction that
        acts on it: if that fails, they are there again."""
        rows = await connection.fetch(sql.TAKE, f"{kind}/", f"{kind}0", most)
        found = sorted(rows, key=lambda row: row["id"])
        return [Outcome(*(row[name] for name in Outcome.__struct_fields__)) for row in found]

    def _row(self, one: Notice, now: datetime) -> tuple[object, ...]:
        wrong = (
            not (one.key and one.readers and len(one.key) <= LONGEST_KEY),
            "\0" in one.key or "\0" in one.asker,
            any(not self.templates.has(one.template, reader.role) for reader in one.readers),
        )
        if any(wrong):
            raise Invalid("access.messages.outbox.no-such-notice", template=one.template)
        due = first_due(self.rules, one.urgency, max(now, one.not_before or now), self.zone)
        letter = Letter(one.readers, dict(one.variables))
        return (
            *(one.key, int(one.urgency), one.template, one.readers[0].reference, one.holder, one.asker),
            *(self.letters.seal(one.key, letter), one.not_after, due),
        )


def _key(notice: Notice) -> str:
    return notice.key


def outbox_of(settings: Settings, keys: KeyRing) -> Outbox:
    """Opens the outbox of an installation. Raises Invalid for a region's own rules that cannot be read."""
    rules = read_rules(settings.data)
    templates = read_templates(settings.data, rules.public.variables, rules.public.forbidden)
    return Outbox(Letters(keys), rules, templates, zone_of(settings.time_zone))

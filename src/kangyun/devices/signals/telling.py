"""What is found beside a reading, by the clock or by night, is told once: within one transaction with its memory."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import asyncpg

from kangyun.database.statements import statements
from kangyun.devices.signals.course import Told
from kangyun.devices.signals.model import Level, Warning
from kangyun.devices.signals.rules import RuleTable

SQL = statements("devices.signals")
Tell: TypeAlias = Callable[[asyncpg.Connection, Iterable[Warning]], Awaitable[Any]]
"""What raises alarms, within the caller's transaction and as its last act: `alarms.Alarms.raise_`."""


async def tell_new(
    connection: asyncpg.Connection, warnings: list[Warning], rules: RuleTable, tell: Tell
) -> list[Warning]:
    """Tells what is not told yet, or long ago, and keeps that. Returns what was told."""
    holders, names = [one.holder for one in warnings], [one.rule for one in warnings]
    rows = await connection.fetch(SQL["told_of"], holders, names)
    told = {
        (row["holder"], row["rule"]): Told(Level(row["level"]), row["at"], row["calm"]) for row in rows
    }  # fmt: skip
    fresh = []
    for one in warnings:
        former = told.get((one.holder, one.rule))
        if former is None or not former.still(rules[one.rule], one.level, one.at):
            fresh.append(one)
    if fresh:
        columns = list(zip(*((one.holder, one.rule, int(one.level), one.at, True) for one in fresh), strict=True))
        await connection.execute(SQL["keep_told"], *map(list, columns))
        await tell(connection, fresh)
    return fresh

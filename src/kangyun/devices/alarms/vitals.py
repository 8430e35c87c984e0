"""How alarms do, in figures that hold nothing of anybody: for `/metrics` and who runs a region."""

from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from kangyun.database.statements import statements
from kangyun.database.vitals import Vitals
from kangyun.devices.alarms.plan import LEVELS

SQL = statements("devices.alarms")


async def alarm_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns how many alarms are open and nobody's, and for how long what is due was not told."""
    open_ = {row["level"]: row for row in await connection.fetch(SQL["vitals"])}
    lag = await connection.fetchval(SQL["lag"])
    told: Vitals = []
    for name, text in (("open", "Alarms that are not closed."), ("unanswered", "Alarms that nobody has answered.")):
        for level, number in LEVELS.items():
            value = open_[number][name] if number in open_ else 0
            told.append((f'kangyun_alarms_{name}{{level="{level}"}}', text, value))
    told.append(("kangyun_alarms_lag_seconds", "Age of the oldest timer of an alarm that is due.", lag))
    return told


@dataclass(frozen=True, slots=True)
class Standing:
    """Alarms that are not closed, by level, and how many of them nobody has answered."""

    open: Mapping[str, int]
    unanswered: int


async def standing(connection: asyncpg.Connection, institution: str | None) -> Standing:
    """Returns how alarms stand: of an institution's duty desk, of all for None."""
    rows = {row["level"]: row for row in await connection.fetch(SQL["standing"], institution)}
    counts = {level: rows[number]["open"] if number in rows else 0 for level, number in LEVELS.items()}
    return Standing(counts, sum(row["unanswered"] for row in rows.values()))

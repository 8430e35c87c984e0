"""How alarms do, in figures that hold nothing of anybody: for `/metrics`."""

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

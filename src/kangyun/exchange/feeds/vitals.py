"""How feeds do, in figures that hold nothing of what is in them: for `/metrics` and `doctor`."""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from kangyun.database.vitals import Vitals
from kangyun.exchange.feeds.register import SQL


async def intake_vitals(connection: asyncpg.Connection) -> Vitals:
    """Returns for each feed what waits, how long, what was parked, and what was kept aside within a day."""
    told = []
    for row in await connection.fetch(SQL["vitals"]):
        feed = f'{{feed="{row["name"]}"}}'
        told += [
            (f"kangyun_intake_waiting{feed}", "Deliveries that wait to be taken in.", row["waiting"]),
            (f"kangyun_intake_lag_seconds{feed}", "Age of the oldest delivery that waits.", row["lag"]),
            (f"kangyun_intake_parked{feed}", "Deliveries that could not be read as a whole.", row["parked"]),
            (f"kangyun_intake_rows{feed}", "Rows taken in within a day.", row["rows"]),
            (f"kangyun_intake_aside{feed}", "Rows that were kept aside within a day.", row["aside"]),
        ]
    # All of one name together, as the format of the figures wants it.
    return sorted(told, key=lambda one: one[0].partition("{")[0])


@dataclass(frozen=True, slots=True)
class Condition:
    """What is to be looked into, by the names of feeds: parked deliveries, stopped tables, waiting, certificates.

    aside: institutions whose HL7 v2 messages were refused and wait for repair, each with how many.
    """

    parked: Sequence[str]
    stopped: Sequence[str]
    late: Sequence[str]
    ending: Sequence[str]
    aside: Sequence[str]


async def condition(connection: asyncpg.Connection, late_after: float, days: int) -> Condition:
    """Returns what is to be looked into. late_after: seconds that a delivery may wait; days: of certificates."""
    found: dict[str, list[str]] = {"parked": [], "stopped": [], "late": [], "ending": [], "aside": []}
    for row in await connection.fetch(SQL["condition"], late_after, days):
        found[row["what"]].append(row["which"])
    return Condition(**found)

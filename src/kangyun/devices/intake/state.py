"""How the intake does, for who looks after the installation: figures only."""

from dataclasses import dataclass

import asyncpg

from kangyun.devices.intake.asides import SQL


@dataclass(frozen=True, slots=True)
class State:
    """silent: no intake has told anything for a while. records, seconds: of events and live readings that wait.

    history: records of the back-fill that wait. sources: of the log that were ever read. asides: records put aside.
    """

    silent: bool
    sources: int
    records: int
    seconds: float
    history: int
    asides: int


async def state_of(connection: asyncpg.Connection) -> State:
    """Returns how the intake does, as it told last."""
    row = await connection.fetchrow(SQL["state"])
    return State(**dict(row))

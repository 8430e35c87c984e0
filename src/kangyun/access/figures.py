"""How large the record is and how much it is looked at, in figures of nobody: estimates and kept sums, no counting."""

from dataclasses import dataclass
from datetime import date

import asyncpg

from kangyun.database.statements import statements

SQL = statements("access")


@dataclass(frozen=True, slots=True)
class Use:
    """How much the record was looked at on a day.

    looks: who of the staff opened whose record, each pair once; people: who did; emergencies: of the looks. As far as
    the watch over the audit trail has come, seconds behind.
    """

    looks: int
    people: int
    emergencies: int


@dataclass(frozen=True, slots=True)
class Size:
    """Estimates of the server: resources, and registrations of residents."""

    records: int
    registrations: int


async def use_of(connection: asyncpg.Connection, day: date, institution: str | None) -> Use:
    """Returns how much staff of an institution, of all for None, looked at records on a day."""
    return Use(**dict(await connection.fetchrow(SQL["looks"], day, institution)))


async def size_of(connection: asyncpg.Connection) -> Size:
    """Returns how large the record is, as the server estimates it."""
    return Size(**dict(await connection.fetchrow(SQL["sizes"])))

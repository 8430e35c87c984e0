"""Alerts in the database: found by the background work, shown and answered by the audit administrator."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

import asyncpg

from kangyun.access.alerts.rules import LONGEST_PAST
from kangyun.access.alerts.watch import Alert, Day, Row
from kangyun.access.trail.chain import START, Place

OPEN, LOOKED_AT, CLOSED = "open", "looked-at", "closed"
STATES = (OPEN, LOOKED_AT, CLOSED)
# state now -> state after
STEPS = {LOOKED_AT: OPEN, CLOSED: LOOKED_AT}

_COLUMNS = "instant, institution, outcome, action, actor, purpose, shape, source, patients, role, way"
_SEALED = f"""
SELECT a.xid, a.id, {_COLUMNS} FROM audit AS a
WHERE a.xid >= $1 AND (a.xid > $1 OR a.id > $2)
    AND (a.xid, a.id) <= (SELECT s.xid, s.id FROM audit_seal AS s ORDER BY s.number DESC LIMIT 1)
ORDER BY a.xid, a.id LIMIT $3
"""
_SINCE = f"""
SELECT a.xid, a.id, {_COLUMNS} FROM audit AS a
WHERE a.instant >= $1 AND (a.instant, a.id) > ($1, $2) AND (a.xid, a.id) <= ($3::int8, $4::int8)
ORDER BY a.instant, a.id LIMIT $5
"""
_INSTANT = "SELECT instant FROM audit WHERE id = $1 AND xid = $2"
_PLACE = "SELECT xid, id FROM audit_watch"
_REMEMBER = """
INSERT INTO audit_watch (xid, id) VALUES ($1, $2)
ON CONFLICT (singleton) DO UPDATE SET xid = excluded.xid, id = excluded.id
"""
_ALERT = """
INSERT INTO audit_alert (
    rule, actor, patient, source, began, ended, role, institution, count, ceiling, usual, definition
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (rule, actor, patient, source, began) DO UPDATE
SET count = greatest(audit_alert.count, excluded.count), role = excluded.role, institution = excluded.institution,
    usual = excluded.usual
"""
_DAY = """
INSERT INTO audit_day (actor, day, patients, rows, refused, emergencies, looks) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (actor, day) DO UPDATE SET
    patients = greatest(audit_day.patients, excluded.patients),
    rows = greatest(audit_day.rows, excluded.rows),
    refused = greatest(audit_day.refused, excluded.refused),
    emergencies = greatest(audit_day.emergencies, excluded.emergencies),
    looks = greatest(audit_day.looks, excluded.looks)
"""
_PAST = "SELECT actor, day, patients, rows, refused, emergencies FROM audit_day WHERE actor = ANY ($1) AND day >= $2"
_FORGET = "DELETE FROM audit_day WHERE day < $1"
_SHOWN = """
l.id, l.rule, l.definition, l.actor, l.patient, l.source, l.began, l.ended, l.role, i.reference AS institution, l.count,
l.ceiling, l.usual, l.made, l.state, l.reason, l.changed_by, l.changed
"""
_LIST = f"""
SELECT {_SHOWN} FROM audit_alert AS l LEFT JOIN institution AS i ON i.id = l.institution
WHERE ($1::text[] IS NULL OR l.state = ANY ($1)) AND ($2::text IS NULL OR l.rule = $2) AND l.id < $3
ORDER BY l.id DESC LIMIT $4
"""
_ONE = f"SELECT {_SHOWN} FROM audit_alert AS l LEFT JOIN institution AS i ON i.id = l.institution WHERE l.id = $1"
_STEP = """
UPDATE audit_alert SET state = $2, reason = $3, changed_by = $4, changed = clock_timestamp()
WHERE id = $1 AND state = $5 RETURNING id
"""


class Shown(NamedTuple):
    """An alert as it stands."""

    id: int
    rule: str
    definition: str
    actor: str
    patient: int
    source: str
    began: datetime
    ended: datetime
    role: str
    institution: str | None
    number: int
    limit: int
    usual: int
    made: datetime
    state: str
    reason: str
    changed_by: str
    changed: datetime | None


async def place(connection: asyncpg.Connection) -> Place:
    """Returns up to where was looked."""
    row = await connection.fetchrow(_PLACE)
    return Place(*row) if row else START


async def sealed_rows(connection: asyncpg.Connection, after: Place, most: int) -> tuple[list[Row], Place]:
    """Returns the next sealed rows behind a place, and the place of the last of them."""
    found = await connection.fetch(_SEALED, *after, most)
    return [_row(one) for one in found], Place(found[-1]["xid"], found[-1]["id"]) if found else after


async def rows_since(
    connection: asyncpg.Connection, since: tuple[datetime, int], upto: Place, most: int
) -> tuple[list[Row], tuple[datetime, int]]:
    """Returns rows in the order of time, up to a place of the trail, and where to go on."""
    found = await connection.fetch(_SINCE, *since, *upto, most)
    return [_row(one) for one in found], (found[-1]["instant"], found[-1]["id"]) if found else since


async def instant_of(connection: asyncpg.Connection, at: Place) -> datetime | None:
    """Returns the instant of the row at a place, None where it is not there any more."""
    found: datetime | None = await connection.fetchval(_INSTANT, at.id, at.xid)
    return found


async def past(connection: asyncpg.Connection, actors: Iterable[str], today: date) -> dict[str, Sequence[Day]]:
    """Returns what people did on the days before."""
    wanted = list(actors)
    found: dict[str, Sequence[Day]] = {actor: [] for actor in wanted}
    for actor, *day in await connection.fetch(_PAST, wanted, today - timedelta(days=LONGEST_PAST)):
        found[actor].append(Day(*day))  # type: ignore[attr-defined]
    return found


async def remember(
    connection: asyncpg.Connection, alerts: Sequence[Alert], days: Sequence[tuple[str, Day]], at: Place,
    definitions: Mapping[str, str],
) -> None:  # fmt: skip
    """Writes what was found up to a place, all of it or nothing. definitions: of the rules, by their ids."""
    async with connection.transaction():
        if alerts:
            await connection.executemany(_ALERT, [(*alert, definitions[alert.rule]) for alert in alerts])
        if days:
            await connection.executemany(_DAY, [(actor, *day) for actor, day in days])
            await connection.execute(_FORGET, max(day.day for _, day in days) - timedelta(days=LONGEST_PAST))
        await connection.execute(_REMEMBER, *at)


async def listed(
    connection: asyncpg.Connection, states: Sequence[str] | None, rule: str | None, before: int, most: int
) -> list[Shown]:
    """Returns alerts, newest first."""
    return [Shown(*row) for row in await connection.fetch(_LIST, states, rule, before, most)]


async def one(connection: asyncpg.Connection, id_: int) -> Shown | None:
    """Returns an alert, None where there is none."""
    row = await connection.fetchrow(_ONE, id_)
    return Shown(*row) if row else None


async def step(connection: asyncpg.Connection, id_: int, state: str, reason: str, by: str) -> bool:
    """Takes an alert to its next state. Returns whether it was in the one before."""
    return await connection.fetchval(_STEP, id_, state, reason, by, STEPS[state]) is not None


def _row(found: asyncpg.Record) -> Row:
    _, _, *rest, role, way = found
    return Row._make((*rest, role or "", way or ""))

"""Searching and reading AuditEvents."""

from typing import Any

import asyncpg

from kangyun.access.events.asking import Conditions
from kangyun.access.events.people import Called, called
from kangyun.access.events.registered import Registered, registered
from kangyun.access.events.rights import knows_all_types, own_patients, refuse_scopes
from kangyun.access.events.rows import COLUMNS, JOINED, Seen, names, opened_detail, told
from kangyun.access.events.showing import event
from kangyun.access.events.words import EXTERNAL
from kangyun.access.record import Page, Query, Record, Stored
from kangyun.access.trail.archiving import archived_before
from kangyun.base import clock
from kangyun.base.errors import Invalid, Issue, NotFound, NotSupported
from kangyun.fhir import Resource
from kangyun.store.body import text_of
from kangyun.store.model import CREATED
from kangyun.store.visible import EVERYTHING, seen

TYPE = "AuditEvent"
CHEAPER = "date, patient"
_SORTS = frozenset({"date", "_lastUpdated"})
_ONE = f"SELECT {COLUMNS} FROM audit AS a {JOINED} WHERE a.id = $1"
_OWN = f"{_ONE} AND a.patients && $2::int8[] AND {told('$2::int8[]')}"
_LARGEST_ID = (1 << 63) - 1


async def search(record: Record, query: Query) -> Page:
    """Returns a page of AuditEvents, newest first unless asked otherwise. Raises Forbidden, NotSupported, TooCostly."""
    refuse_scopes(record.actor.scopes, "s")
    store = record.store
    rising = _rising(query)
    async with store.pool.connection() as connection:
        own = await own_patients(connection, store, record.actor)
        async with store.searcher.in_time(connection, CHEAPER):
            conditions = Conditions(connection, store, own, record.sight)
            await conditions.read(query)
            page = await _page(connection, record, query, conditions, own, rising=rising)
        archived = await archived_before(connection)
    if archived is not None and page.next is None:
        said: dict[str, str | int] = {"before": clock.instant(archived)}
        query.ignored.append(Issue("information", "incomplete", "access.archived", None, said))
    await record.leave_row("search", 200, sorted(conditions.asked_for))
    return page


async def read(record: Record, id_: str) -> Stored:
    """Returns one AuditEvent. Raises NotFound, also for one that is about nobody of one's own, and Forbidden."""
    refuse_scopes(record.actor.scopes, "r")
    store, found = record.store, None
    async with store.pool.connection() as connection:
        own = await own_patients(connection, store, record.actor)
        if id_.isascii() and id_.isdecimal() and len(id_) < 20 and int(id_) <= _LARGEST_ID:
            asked = (_ONE, int(id_)) if own is None else seen(_OWN, record.sight, int(id_), sorted(own))
            found = await connection.fetchrow(*asked)
        if found is None:
            raise NotFound
        row = Seen(*found)
        stored = (await _shown(connection, record, [row], own))[0]
    await record.leave_row("read", 200, sorted(own & set(row.patients) if own is not None else row.patients))
    return stored


def _rising(query: Query) -> bool:
    if any(one.code not in _SORTS for one in query.sort):
        raise NotSupported("fhir.search.sort", parameter=next(one.code for one in query.sort if one.code not in _SORTS))
    return bool(query.sort) and not query.sort[0].descending


async def _page(
    connection: asyncpg.Connection, record: Record, query: Query, conditions: Conditions, own: frozenset[int] | None,
    *, rising: bool,
) -> Page:  # fmt: skip
    sight = record.sight
    counting = f"SELECT count(*) FROM audit AS a WHERE {' AND '.join(conditions.parts) or 'TRUE'}"
    counted = seen(counting, sight, *conditions.arguments)
    if query.summary == "count" or query.count == 0:
        return Page([], await connection.fetchval(*counted))
    cursors, asked = record.store.searcher.cursors, query.asked
    place = cursors.read(query.cursor, record.actor.reference, asked) if query.cursor else None
    sql = _sql(conditions, place, query.count, rising)
    found = await connection.fetch(*seen(sql, sight, *conditions.arguments))
    rows = [Seen(*row) for row in found[: query.count]]
    page = Page(await _shown(connection, record, rows, own))
    if len(found) > query.count:
        micros = await connection.fetchval(_MICROS, rows[-1].instant)
        page.next = cursors.write([micros, rows[-1].id], record.actor.reference, asked)
    elif place is None:
        page.total = len(rows)
    if page.total is None and query.total in ("accurate", "estimate"):
        page.total = await connection.fetchval(*counted)
    return page


_MICROS = "SELECT (extract(epoch FROM $1::timestamptz) * 1000000)::int8"


def _sql(conditions: Conditions, place: list[Any] | None, count: int, rising: bool) -> str:
    where = list(conditions.parts)
    if place is not None:
        if len(place) != 2 or not all(isinstance(one, int) for one in place):
            raise Invalid("fhir.search.cursor")
        micros, id_ = (conditions.place(one) for one in place)
        sign = ">" if rising else "<"
        instant = f"'epoch'::timestamptz + {micros}::int8 * interval '1 microsecond'"
        where.append(f"(a.instant, a.id) {sign} ({instant}, {id_}::int8)")
    way = "ASC" if rising else "DESC"
    order = f"a.instant {way}, a.id {way} LIMIT {count + 1}"
    condition = " AND ".join(where) or "TRUE"
    if not conditions.by_patient:
        return f"SELECT {COLUMNS} FROM audit AS a {JOINED} WHERE {condition} ORDER BY {order}"
    # All of a patient's rows first: walked in the order of time, a patient of few rows would cost the whole trail.
    return (
        f"WITH m AS MATERIALIZED (SELECT * FROM audit AS a WHERE {condition}) "
        f"SELECT {COLUMNS} FROM m AS a {JOINED} ORDER BY {order}"
    )


async def _shown(
    connection: asyncpg.Connection, record: Record, rows: list[Seen], own: frozenset[int] | None
) -> list[Stored]:
    named = await names(connection, record.store, rows, EVERYTHING if own is None else record.sight)
    # What the registers say of people is for who sees the whole trail.
    known = await registered(connection, record.store.keys, rows) if own is None else {}
    parties = {one for row in rows for one in (row.actor, row.institution, row.client) if one} if own is None else set()
    people = await called(connection, record.store, parties)
    return [
        Stored(
            0, TYPE, str(row.id), 1, row.instant, CREATED,
            text_of(_resource(record, row, named, own, known.get(row.id), people), None),
        )
        for row in rows
    ]  # fmt: skip


def _resource(
    record: Record, row: Seen, named: dict[int, str], own: frozenset[int] | None, known: Registered | None,
    people: Called,
) -> Resource:  # fmt: skip
    """As it was sent, where it happened elsewhere and names nothing that is not to be named; else made of the row."""
    whole = knows_all_types(record.actor)
    if row.origin == EXTERNAL and row.detail is not None and whole and (own is None or own >= set(row.patients)):
        return opened_detail(record.store.keys, row)
    return event(row, named, own, whole=whole, known=known, people=people)

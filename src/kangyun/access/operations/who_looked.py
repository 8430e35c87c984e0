"""`Patient/[id]/$who-looked`: who looked at a record, in sentences, newest first. Not of the specification.

The resident and an auditor are told of all; staff who treat the resident, of looks by their own institution only. To
the resident and a guardian a look is one over all registrations that are his: he knows of one record of his, and a
search for it leaves a row of all of them. To others it is of the one that is asked for.

start, end   days between which is told; by default all that the trail holds
_count       about how many looks a page has; a page ends with a day
"""

from collections.abc import Collection
from datetime import datetime, time, timedelta
from typing import Any

from kangyun.access.events.looks import Look, looks, name_of, sentence
from kangyun.access.events.people import Called, called
from kangyun.access.events.rights import knows_all_types, own_patients, refuse_scopes, sees_all
from kangyun.access.events.rows import COLUMNS, JOINED, NOT_REFUSED_TO_THEM, Seen, shown, told
from kangyun.access.family.ties import names_of
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.access.trail.archiving import archived_before
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound
from kangyun.fhir import Resource
from kangyun.fhir.search.dates import EARLIEST, LATEST, bounds
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.standing import SQL as STANDING
from kangyun.store.visible import EVERYTHING, seen

KNOWN = frozenset({"start", "end", "_count"})
ACTION = "who-looked"
COUNT, LARGEST = 100, 1000
MOST_ROWS = 5000
"""Rows that are read at once."""
_ROWS = f"""
WITH m AS MATERIALIZED (
    SELECT * FROM audit AS a WHERE a.patients && $1::int8[] AND a.patients <> '{{}}'
    AND a.instant >= $2::timestamptz AND a.instant < $3::timestamptz AND CONDITION
)
SELECT {COLUMNS} FROM m AS a {JOINED} ORDER BY a.instant DESC, a.id DESC LIMIT $4
"""
_TO_AUDITORS = _ROWS.replace("CONDITION", "TRUE")
_TO_OTHERS = _ROWS.replace("CONDITION", told("$1::int8[]"))
# Which institution else somebody goes to is not told to one of them.
_TO_HOUSE = _ROWS.replace("CONDITION", "a.institution = $5::int4")
# The resident learns of each look, of what is hidden without what it was.
_TO_HIM = (
    _ROWS.replace("CONDITION", NOT_REFUSED_TO_THEM)
    .replace("SELECT * FROM", f"SELECT a.*, {shown('$1::int8[]')} AS told FROM")
    .replace(COLUMNS, f"{COLUMNS}, a.told")
)


async def who_looked(record: Record, call: Call) -> Resource:
    """Returns looks as Parameters. Raises Forbidden for whose record it is not, NotFound, Invalid."""
    refuse_scopes(record.actor.scopes, "s")
    assert call.type is not None and call.id is not None
    start, end, count = _wish(record, call)
    store = record.store
    async with store.pool.connection() as connection:
        treats = _treats(record)
        own = None if treats else await own_patients(connection, store, record.actor)
        sight = record.sight if treats else EVERYTHING
        current = (await store.reader.locate(connection, [(call.type, call.id)], sight)).get((call.type, call.id))
        is_seen = current is not None and current.stored is not None
        if (treats and not is_seen) or (own is not None and (current is None or current.res not in own)):
            raise Forbidden("access.events.not-yours")
        if current is None or current.stored is None:
            raise NotFound
        same = [row["patient"] for row in await connection.fetch(STANDING["of_same"], [current.res])] if own else []
        about = sorted({current.res, *((own or frozenset()) & set(same))})
        async with store.searcher.in_time(connection, "start"):
            house = (record.institution,) if treats else ()
            asked = seen(_statement(record, own), record.sight, about, start, end, MOST_ROWS, *house)
            rows = [_row(*row) for row in await connection.fetch(*asked)]
        found, before = _page(record, rows, count)
        moments = [(name, one.first) for one in found for name in (one.actor, one.institution, one.client) if name]
        names = await called(connection, store, {name for name, _ in moments}, moments)
        family = [str(call.id), *record.actor.patients]
        names.names.update(await names_of(connection, record.gate, family, {one.actor for one in found}))
        archived = await archived_before(connection)
    await record.leave_row(ACTION, 200, about)
    mine = frozenset({f"{call.type}/{call.id}", *(f"Patient/{id_}" for id_ in record.actor.patients)})
    answer = parameters(*(_part(record, look, names, mine, call) for look in found))
    if archived is not None:
        answer["parameter"].append({"name": "archived", "valueInstant": clock.instant(archived)})
    if before is not None:
        place = store.searcher.cursors.write([before.isoformat()], record.actor.reference, list(call.bound))
        answer["parameter"].append({"name": "next", "valueString": place})
    return answer


def _treats(record: Record) -> bool:
    """Whether it is staff in a role that sees residents by what they permit: nobody's guardian, and no auditor."""
    actor = record.actor
    return record.sight.granted_closed is not None and not (actor.patients or actor.client or sees_all(actor))


def _statement(record: Record, own: Collection[int] | None) -> str:
    if _treats(record):
        return _TO_HOUSE
    if own is None:
        return _TO_AUDITORS
    himself = record.actor.role == "resident" and not record.actor.client
    return _TO_HIM if himself else _TO_OTHERS


def _row(*columns: Any) -> Seen:
    """Returns a row; of one that ends with False, what was looked at is left out."""
    row = Seen(*columns[: len(Seen._fields)])
    hidden = columns[len(Seen._fields) :] == (False,)
    return row._replace(shape="", about=None, written=None, detail=None) if hidden else row


def _wish(record: Record, call: Call) -> tuple[datetime, datetime, int]:
    inputs = Inputs.of(call.parameters, KNOWN)
    store = record.store
    start, end, count = inputs.text("start"), inputs.text("end"), inputs.count("_count")
    first = bounds(start.replace(" ", "+"), store.zone)[0] if start else EARLIEST
    # What comes while one reads is of the next time.
    last = bounds(end.replace(" ", "+"), store.zone)[1] if end else clock.now()
    if call.cursor is not None:
        (place,) = store.searcher.cursors.read(call.cursor, record.actor.reference, list(call.bound))
        last = datetime.fromisoformat(place)
    if first >= last:
        raise Invalid("fhir.search.value", parameter="end")
    return max(first, _REACH[0]), min(last, _REACH[1]), COUNT if count is None else max(min(count, LARGEST), 1)


# The ends of Python's calendar, which no zone carries further.
_REACH = EARLIEST + timedelta(days=2), LATEST - timedelta(days=2)


def _page(record: Record, rows: list[Seen], count: int) -> tuple[list[Look], datetime | None]:
    """Returns looks of whole days, and the instant before which there may be more, None where there are none."""
    zone = record.store.zone
    days: list[list[Seen]] = []
    for row in rows:
        day = row.instant.astimezone(zone).date()
        if not days or days[-1][0].instant.astimezone(zone).date() != day:
            days.append([])
        days[-1].append(row)
    if len(rows) == MOST_ROWS and len(days) > 1:
        days.pop()  # It may go on behind what was read.
    found: list[Look] = []
    for place, of_day in enumerate(days):
        found += looks(of_day, zone, whole=knows_all_types(record.actor))
        whole = place + 1 == len(days) and len(rows) < MOST_ROWS
        if len(found) >= count or place + 1 == len(days):
            begin = datetime.combine(of_day[-1].instant.astimezone(zone).date(), time(), zone)
            # A day of more rows than are read at once is told in parts.
            cut = len(days) == 1 and len(rows) == MOST_ROWS
            return found, None if whole else of_day[-1].instant if cut else begin
    return found, None


def _part(record: Record, look: Look, names: Called, mine: frozenset[str], call: Call) -> dict[str, Any]:
    said: list[dict[str, Any]] = [
        {"name": "text", "valueString": sentence(look, names, mine, call.language, record.store.zone)},
        {"name": "first", "valueInstant": clock.instant(look.first)},
        {"name": "last", "valueInstant": clock.instant(look.last)},
        {"name": "count", "valueInteger": look.count},
        {"name": "who", "valueReference": _reference(look.actor, look, names, call)},
        {"name": "done", "valueCode": look.verb},
        {"name": "refused", "valueBoolean": look.refused},
        {"name": "emergency", "valueBoolean": look.emergency},
    ]
    for part in ("institution", "client"):
        if getattr(look, part):
            said.append({"name": part, "valueReference": _reference(getattr(look, part), look, names, call)})
    for part in ("role", "purpose", "way", "what"):
        if getattr(look, part):
            said.append({"name": part, "valueCode": getattr(look, part)})
    return {"name": "look", "part": said}


def _reference(reference: str, look: Look, names: Called, call: Call) -> dict[str, str]:
    known = {"reference": reference} if "/" in reference else {}
    return known | {"display": name_of(reference, names, call.language, look.first)}

"""`$messages`, `$message-read`, `$held-back`, `$message-preferences`, `$prefer-messages`, `$outbox`. Not of the
specification.

$messages             by GET: unread, _count; one's own list, newest first, and how many nobody has read
$message-read         by POST: id (several), answered; true says that one has it and does something about it
$held-back            by GET: days; what was not told for the day's number was reached
$message-preferences  by GET; $prefer-messages by POST: channel (several, in order), night-begins, night-ends, language
$outbox               by GET, for who runs the installation: counts by state, and what providers did not take

What stands in a line was said to this reader by a rule that chose him. Where he does not see the resident any more, a
line that is not red says no more than that there was something.
"""

from collections.abc import Awaitable, Callable
from datetime import time, timedelta
from typing import Any

import asyncpg

from kangyun.access.events.rows import standing
from kangyun.access.messages.outbox import Outbox, Urgency
from kangyun.access.messages.outbox import reading as table
from kangyun.access.messages.outbox.contacts import Contacts, keep
from kangyun.access.messages.outbox.hearing import channel_of, read_notes
from kangyun.access.messages.outbox.rules import Chosen, night_of
from kangyun.access.operations.model import Call, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

COUNT, LARGEST = 50, 200
MOST_READ = 500
MOST_DAYS = 31
AT_A_DESK = frozenset({"duty-officer"})
"""Roles whose list has what is said to their institution's duty desk, too, where nobody keeps a roster."""
DeskRule = Callable[[Record], Awaitable[bool]]
"""Says whether an actor is on duty now at the desk of his institution. It must answer for any role."""
_NEWEST = (1 << 63) - 1

_desk_rules: list[DeskRule] = []


def register_desk_rule(rule: DeskRule) -> None:
    """Lets this rule, in place of the role alone, say from now on who has the lines of a desk."""
    _desk_rules[:] = [rule]


def own_readers(record: Record) -> list[str]:
    """Returns the references under which somebody himself is told: of a resident, all registrations."""
    actor = record.actor
    more = [f"Patient/{id_}" for id_ in actor.patients] if actor.role == "resident" else []
    return list(dict.fromkeys([actor.reference, *more]))


async def readers_of(record: Record) -> list[str]:
    """Returns the references under which somebody is told: his own and, while he is on duty, the desk."""
    actor = record.actor
    at_desk = await _desk_rules[0](record) if _desk_rules else actor.role in AT_A_DESK
    return [*own_readers(record), *([f"desk/{actor.institution.rpartition('/')[2]}"] if at_desk else [])]


async def messages(record: Record, call: Call) -> Resource:
    """Returns one's own list. Raises Forbidden for an application."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"unread", "_count"}))
    count = inputs.count("_count")
    most = COUNT if count is None else max(min(count, LARGEST), 1)
    readers, cursors, before = await readers_of(record), record.store.searcher.cursors, _NEWEST
    if call.cursor is not None:
        (before,) = cursors.read(call.cursor, record.actor.reference, list(call.bound))
    async with record.store.pool.connection() as connection:
        unread = await table.count_unread(connection, readers)
        rows = await table.notes(connection, readers, before, most + 1, unread=inputs.boolean("unread", False))
        lines = await _lines(connection, record, rows[:most], call)
    answer = parameters({"name": "unread", "valueInteger": unread}, *lines)
    if len(rows) > most:
        place = cursors.write([rows[most - 1]["id"]], record.actor.reference, list(call.bound))
        answer["parameter"].append({"name": "next", "valueString": place})
    await record.leave_row("messages", 200, _holders(rows[:most]))
    return answer


async def message_read(record: Record, call: Call) -> Resource:
    """Notes that lines were read, or answered: whoever asked is told. Raises Forbidden for an application."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"id", "answered"}))
    ids = [_number(one) for one in inputs.all("id")]
    if not ids or len(ids) > MOST_READ:
        raise Invalid("fhir.search.value", parameter="id")
    answered = inputs.boolean("answered", False)
    readers, person = await readers_of(record), record.actor.reference
    async with record.store.pool.connection() as connection, connection.transaction():
        holders = await table.holders(connection, readers, ids)
        done = await read_notes(connection, readers, ids, clock.now(), answered=answered, person=person)
        await record.leave_row_within(connection, "message-answered" if answered else "message-read", 200, holders)
    return parameters({"name": "count", "valueInteger": done})


async def held_back(record: Record, call: Call) -> Resource:
    """Returns what was held back of one's own. Raises Forbidden for an application."""
    record.in_person()
    days = Inputs.of(call.parameters, frozenset({"days"})).count("days")
    since = clock.now() - timedelta(days=1 if days is None else max(min(days, MOST_DAYS), 1))
    readers = await readers_of(record)
    async with record.store.pool.connection() as connection:
        rows = await table.held_back(connection, readers, since)
        lines = await _lines(connection, record, rows, call)
    await record.leave_row("held-back", 200, _holders(rows))
    return parameters({"name": "count", "valueInteger": len(rows)}, *lines)


async def message_preferences(record: Record, call: Call) -> Resource:
    """Returns how one is told. Raises Forbidden for an application."""
    record.in_person()
    Inputs.of(call.parameters, frozenset())
    answer = await _preferences(record)
    await record.leave_row("message-preferences", 200, [])
    return answer


async def prefer_messages(record: Record, call: Call) -> Resource:
    """Keeps how one wants to be told; what is red comes by the other channels, too. Raises Forbidden, Invalid."""
    record.in_person()
    inputs = Inputs.of(call.parameters, frozenset({"channel", "night-begins", "night-ends", "language"}))
    channels = [channel_of(one) for one in inputs.texts("channel")]
    if None in channels or len(set(channels)) < len(channels):
        raise Invalid("fhir.search.value", parameter="channel")
    language = inputs.text("language") or "zh"
    if language not in ("zh", "en"):
        raise Invalid("fhir.search.value", parameter="language")
    begins, ends = (_time(inputs, name) for name in ("night-begins", "night-ends"))
    chosen = Chosen(tuple(one for one in channels if one is not None), begins, ends, language)
    actor = record.actor
    holders = await record.gate.numbers(actor.patients) if actor.role == "resident" else ()
    async with record.store.pool.connection() as connection, connection.transaction():
        for reader in own_readers(record):
            holder = holders[0] if holders else None
            await keep(connection, record.gate.outbox.letters, reader, clock.now(), holder=holder, chosen=chosen)
        await record.leave_row_within(connection, "prefer-messages", 200)
    return await _preferences(record)


async def outbox(record: Record, call: Call) -> Resource:
    """Returns figures of the last day, without any content. Raises Forbidden for all but who runs the installation."""
    record.administrators_only()
    Inputs.of(call.parameters, frozenset())
    async with record.store.pool.connection() as connection:
        found = await table.figures(connection, clock.now())
    await record.leave_row("outbox", 200, [])
    return parameters(*(_figure(name, row) for name, rows in found.items() for row in rows))


async def _preferences(record: Record) -> Resource:
    outbox: Outbox = record.gate.outbox
    contacts = Contacts(record.store.reader, outbox.letters, {})
    reader = own_readers(record)[0]
    async with record.store.pool.connection() as connection:
        contact = (await contacts.of(connection, [reader]))[reader]
    begins, ends = night_of(outbox.rules, contact.chosen)
    return parameters(
        *({"name": "channel", "valueCode": one} for one in contact.chosen.order or outbox.rules.order.other),
        *({"name": "reachable", "valueCode": one} for one in contact.addresses),
        {"name": "night-begins", "valueTime": f"{begins:%H:%M:%S}"},
        {"name": "night-ends", "valueTime": f"{ends:%H:%M:%S}"},
        {"name": "language", "valueCode": contact.chosen.language},
    )


async def _lines(connection: asyncpg.Connection, record: Record, rows: list[Any], call: Call) -> list[Resource]:
    holders = set(_holders(rows))
    seen = await standing(connection, record.store, holders, record.sight) if holders else {}
    return [_line(record.gate.outbox, row, row["holder"] is None or row["holder"] in seen, call) for row in rows]


def _line(outbox: Outbox, row: Any, sees: bool, call: Call) -> Resource:
    letter = outbox.letters.open(row["key"], row["sealed"])
    reader = letter.readers[row["turn"]]
    urgency = Urgency(row["urgency"])
    role = reader.role if sees or urgency is Urgency.RED else "public"
    variables = {"time": f"{row['made'].astimezone(outbox.zone):%m-%d %H:%M}", **letter.variables, **reader.variables}
    said = outbox.templates.sentence(row["template"], role, variables, call.language)
    parts: list[dict[str, Any]] = [
        {"name": "id", "valueInteger": row["id"]},
        {"name": "urgency", "valueCode": urgency.name.lower()},
        {"name": "template", "valueCode": row["template"]},
        {"name": "text", "valueString": said},
        {"name": "state", "valueCode": row["state"]},
        {"name": "made", "valueInstant": clock.instant(row["made"])},
        {"name": "times", "valueInteger": row["times"]},
    ]
    for name in ("read", "answered"):
        if row[name] is not None:
            parts.append({"name": name, "valueInstant": clock.instant(row[name])})
    return {"name": "message", "part": parts}


def _figure(name: str, row: Any) -> Resource:
    parts: list[dict[str, Any]] = [{"name": "count", "valueInteger": row["count"]}]
    if "urgency" in row:
        parts.append({"name": "urgency", "valueCode": Urgency(row["urgency"]).name.lower()})
    parts += ({"name": one, "valueCode": row[one]} for one in ("state", "channel", "code") if row.get(one))
    if "seconds" in row:
        parts.append({"name": "seconds", "valueDecimal": round(row["seconds"], 3)})
    return {"name": name, "part": parts}


def _holders(rows: list[Any]) -> list[int]:
    return sorted({row["holder"] for row in rows if row["holder"] is not None})


def _number(value: object) -> int:
    """Reads a number that a client may have sent as text. Raises Invalid."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 19:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _NEWEST:
        raise Invalid("fhir.search.value", parameter="id")
    return value


def _time(inputs: Inputs, name: str) -> str:
    """Returns a time of the day as it was given, empty where it was not. Raises Invalid."""
    given = inputs.text(name) or ""
    try:
        return f"{time.fromisoformat(given):%H:%M}" if given else ""
    except ValueError:
        raise Invalid("fhir.search.value", parameter=name) from None

"""Readings that somebody types, as an operation: `Patient/[id]/$add-reading`, by the resident, the family or staff.

    line      `152/94 78`, `血糖 5.6 空腹`; or metric, value and unit
    place     home, office or ambulatory; absent: office for staff, home for everybody else
    at        when it was measured; absent: now
    confirm   what the question before gave, to say that it is right

The first answer asks back where something is implausible or very unusual, and stores nothing; with `confirm` it is
taken. A typed reading is in the log like any other before it is answered, marked as typed, under a device of its
person's own that nobody can connect as.
"""

from datetime import datetime, timedelta
from math import isfinite

import asyncpg
import msgspec

from kangyun.access.identities.model import is_staff
from kangyun.access.keyed import Digester
from kangyun.access.operations.model import Call, Input, Operation, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.crypto import derived_key
from kangyun.base.errors import Invalid, RuleBroken
from kangyun.base.texts import say
from kangyun.devices.doors.line import Value, values_of
from kangyun.devices.doors.opened import Taken, doors_of
from kangyun.devices.doors.plausible import doubts
from kangyun.devices.formats import TYPED
from kangyun.devices.formats.clocks import microseconds, rules
from kangyun.devices.formats.values import PLACES, Refused, known
from kangyun.devices.metrics import metrics_by_number
from kangyun.devices.register.changes import tell
from kangyun.devices.register.rights import registration
from kangyun.fhir import Resource
from kangyun.fhir.terminology.operations.parameters import Inputs

ACTION = "add-reading"
KIND = "typed"
_KNOWN = frozenset({"line", "metric", "value", "unit", "place", "at", "confirm"})
_TYPED_KINDS = ("episodic", "continuous", "daily")


class _Asked(msgspec.Struct, frozen=True):
    """What is to be stored: the same the second time, or it is asked again."""

    values: tuple[Value, ...]
    place: str
    at: int


async def add_reading(record: Record, call: Call) -> Resource:
    """Takes what somebody typed, or asks back. Raises Invalid, RuleBroken, Forbidden, NotFound, Unavailable."""
    record.in_person()
    inputs = Inputs.of(call.parameters, _KNOWN)
    asked = _asked(record, inputs)
    try:
        questions = doubts(asked.values)
    except Refused as why:
        raise Invalid(why.text, at="unit") from None
    holder = await registration(record, call.id or "")
    word = _word(record, holder, asked)
    confirmed = inputs.text("confirm")
    if confirmed is not None and confirmed != word:
        raise RuleBroken("devices.doors.typed-changed", at="confirm")
    if questions and confirmed is None:
        await record.leave_row(ACTION, 200, [holder])
        return parameters(
            {"name": "state", "valueCode": "asked"},
            *({"name": "question", "valueString": one.say(call.language)} for one in questions),
            {"name": "confirm", "valueString": word},
            {"name": "at", "valueInstant": clock.instant(_instant(asked.at))},
        )
    async with record.store.pool.connection() as connection, connection.transaction():
        device = await own_device(connection, record, holder)
        await record.leave_row_within(connection, ACTION, 200, [holder])
    taken = await doors_of(record.gate).keep(device, TYPED, 0, _payload(asked))
    return _told(taken, call)


def _asked(record: Record, inputs: Inputs) -> _Asked:
    line, metric = inputs.text("line"), inputs.text("metric")
    if (line is None) == (metric is None):
        raise Invalid("devices.doors.typed-nothing", at="line")
    values = values_of(line) if line is not None else [_named(metric or "", inputs)]
    place = inputs.text("place") or ("office" if is_staff(record.actor.role) else "home")
    if place not in PLACES:
        raise Invalid("devices.doors.typed-place", at="place")
    return _Asked(tuple(values), place, microseconds(_at(inputs)) // 1000 * 1000)


def _named(metric: str, inputs: Inputs) -> Value:
    one = known().get(metric)
    if one is None or one.metric.kind not in _TYPED_KINDS:
        raise Invalid("devices.doors.typed-metric", at="metric")
    given = inputs.all("value")
    try:
        (number,) = (float(str(one)) for one in given)
    except ValueError:
        raise Invalid("devices.formats.not-a-number", at="value") from None
    if not isfinite(number):
        raise Invalid("devices.formats.not-a-number", at="value")
    return Value(metric, number, inputs.text("unit") or "")


def _at(inputs: Inputs) -> datetime:
    said, now = inputs.text("at"), clock.now()
    if said is None:
        return now
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise Invalid("devices.formats.time", at="at") from None
    if at.tzinfo is None:
        raise Invalid("devices.formats.time", at="at")
    if at > now + timedelta(seconds=rules().ahead_seconds):
        raise RuleBroken("devices.doors.typed-future", at="at")
    if at < rules().earliest:
        raise RuleBroken("devices.doors.typed-old", at="at")
    return at


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(0, tz=rules().earliest.tzinfo) + timedelta(microseconds=at)


def _word(record: Record, holder: int, asked: _Asked) -> str:
    """What confirms just this: nobody can say it who was not asked."""
    digests = Digester(derived_key(record.store.keys.index_key, "typed readings"))
    return digests.of("confirm", str(holder), msgspec.json.encode(asked).decode()).hex()[:32]


def _payload(asked: _Asked) -> bytes:
    readings = [
        {"m": one.metric, "v": one.value, "p": asked.place, "t": asked.at // 1000}
        | ({"u": one.unit} if one.unit else {})
        for one in asked.values
    ]
    return msgspec.json.encode({"r": readings})


async def own_device(connection: asyncpg.Connection, record: Record, holder: int) -> int:
    """Returns the number of what stands for a person's own typing, made when he first does."""
    name = f"{KIND}-{holder}"
    found = await connection.fetchval("SELECT id FROM device WHERE name = $1", name)
    if found is None:
        found = await connection.fetchval(_MAKE, name, record.institution, TYPED, KIND)
        await connection.execute(_GIVE, found, holder, rules().earliest)
        await tell(connection, [found])
    return int(found)


def _told(taken: Taken, call: Call) -> Resource:
    kept = [
        {"name": "reading", "part": [
            {"name": "metric", "valueCode": (metric := metrics_by_number()[one.metric]).name},
            {"name": "title", "valueString": say(f"devices.metrics.{metric.name}", call.language)},
            {"name": "value", "valueQuantity": {
                "value": one.value, "code": metric.unit, "system": "http://unitsofmeasure.org",
            }},
        ]}
        for one in taken.message.readings
    ]  # fmt: skip
    refused = [{"name": "refused", "valueString": say(one.text, call.language)} for one in taken.refusals]
    return parameters({"name": "state", "valueCode": "kept" if kept else "refused"}, *kept, *refused)


_MAKE = """
INSERT INTO device (name, institution, format, kind, state) VALUES ($1, $2, $3, $4, 'claimed')
ON CONFLICT (name) DO UPDATE SET format = excluded.format RETURNING id
"""
_GIVE = """
INSERT INTO device_user (device, key, holder, since) VALUES ($1, '', $2, $3) ON CONFLICT DO NOTHING
"""

TYPED_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "add-reading", frozenset({"instance"}), add_reading, "urn:kangyun:operation:add-reading",
        (
            Input("line", "string"), Input("metric", "code"), Input("value", "decimal"), Input("unit", "code"),
            Input("place", "code"), Input("at", "dateTime"), Input("confirm", "string"),
        ),
        frozenset({"Patient"}), affects_state=True,
    ),
)  # fmt: skip

"""`Patient/[id]/$limits`, `$set-limits`, `$rhythm`, `$forecast`, `$news2`: what rules know of a person. Not of FHIR.

A resident's id stands for all of his registrations that are seen. What is seen is what is seen of the person's
Observations; limits are set by a doctor in person, with the reason, and each change leaves its row in the trail.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import asyncpg
import numpy as np

from kangyun.access.alongside import registrations
from kangyun.access.kept import Kept
from kangyun.access.operations import Call, Input, Operation
from kangyun.access.operations.model import Level, parameters
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid
from kangyun.devices.metrics import metrics, metrics_by_number
from kangyun.devices.series import days as series_days
from kangyun.devices.series.asking import seen_series, wish
from kangyun.devices.series.charting import Buckets
from kangyun.devices.series.packing import UNJUDGED
from kangyun.devices.series.reading import Readings
from kangyun.devices.signals import news2, rhythm
from kangyun.devices.signals.forecast import SHARES, forecast
from kangyun.devices.signals.keeping import age_on, read_tables
from kangyun.devices.signals.limits import CONDITIONS, JUDGED, LEVELS, Facts, Own, conflicts
from kangyun.devices.signals.model import Floats, Ints
from kangyun.devices.signals.rules import MINUTE
from kangyun.devices.signals.telling import SQL
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.terminology.operations.parameters import Inputs

SETTING = frozenset({"doctor", "family-doctor"})
"""Roles that set limits for those whom they see."""
HOUR, DAY = 3_600_000_000, 86_400_000_000  # microseconds
MOST_HOURS, MOST_REASON = 168, 500
SET = frozenset({"metric", "side", "level", "value", "until", "why", "condition", "conditions"})
_SEEN = (Input("metric", "code"),)
_ANY = frozenset({"metric"})


@dataclass(frozen=True, slots=True)
class _Wish:
    """One limit, None where only conditions are set; value None to take it back. conditions: None to leave them."""

    own: Own | None
    taken_back: bool
    until: datetime | None
    why: str
    conditions: tuple[str, ...] | None


async def limits(record: Record, call: Call) -> dict[str, Any]:
    """Returns the limits that stand for a person: the doctor's with who and why, then the table's with sources."""
    record.may_read("Observation")
    table, _ = read_tables(record.gate.settings.data)
    kept = Kept(record.store)
    async with record.store.pool.connection() as connection:
        found = await registrations(record, connection, str(call.id), "limits")
        numbers = sorted(one.res for one in found)
        person = await connection.fetchrow(SQL["person"], numbers[0])
        own = []
        for number in numbers:
            for row in await connection.fetch(SQL["standing_limits"], number):
                why = await kept.open(connection, row["key"], row["why"], _place(number))
                own.append(_own_part(row, why.decode()))
    await record.leave_row("limits", 200, numbers)
    patient = (await record.read("Patient", str(call.id), whole=True)).resource
    conditions = frozenset(person["conditions"]) if person is not None else frozenset()
    facts = Facts(_age(patient, clock.now().date()), conditions)
    own += [
        {
            "name": "limit",
            "part": [
                {"name": "metric", "valueCode": one.metric},
                {"name": "place", "valueCode": metrics()[one.metric].place or "any"},
                {"name": "purpose", "valueString": one.purpose}, {"name": "level", "valueCode": one.level},
                {"name": "is", "valueCode": one.bound}, {"name": "value", "valueDecimal": Decimal(str(one.value))},
                {"name": "edition", "valueString": one.edition}, {"name": "source", "valueString": one.source},
                {"name": "verified", "valueBoolean": one.verified},
            ],
        }
        for one in table.of(facts)
    ]  # fmt: skip
    return parameters(*({"name": "condition", "valueCode": one} for one in sorted(conditions)), *own)


async def set_limits(record: Record, call: Call) -> dict[str, Any]:
    """Sets, replaces or takes back a limit of a person, and what the rules are to know of his conditions.

    Raises Forbidden for who is no doctor or comes by an application, NotFound, Gone, Invalid.
    """
    record.in_person()
    if record.actor.role not in SETTING:
        raise Forbidden("devices.signals.no-right")
    asked = _asked(record, call)
    patient = (await record.read("Patient", str(call.id), whole=True)).resource
    kept = Kept(record.store)
    async with record.store.pool.connection() as connection, connection.transaction():
        found = await registrations(record, connection, str(call.id), "set-limits")
        numbers = sorted(one.res for one in found)
        for number in numbers:
            await _set(record, connection, kept, number, asked, _born(patient))
        await connection.execute(SQL["tell_change"], numbers)
    await record.leave_row("set-limits", 200, numbers)
    return await limits(record, Call(call.type, call.id, parameters(), call.language))


async def _set(
    record: Record, connection: asyncpg.Connection, kept: Kept, number: int, asked: _Wish, born: date | None
) -> None:  # fmt: skip
    by = record.actor.reference
    row = await connection.fetchrow(SQL["person"], number)
    conditions = asked.conditions
    if conditions is None:
        conditions = tuple(row["conditions"]) if row is not None else ()
    await connection.execute(SQL["set_person"], number, born, list(conditions), by)
    own = asked.own
    if own is None:
        return
    metric = metrics()[own.metric].number
    await connection.execute(SQL["end_limits"], number, metric, own.side, int(own.level), by)
    if asked.taken_back:
        return
    names = metrics_by_number()
    standing = [
        Own(names[row["metric"]].name, row["side"], LEVELS_BY_NUMBER[row["level"]], row["value"])
        for row in await connection.fetch(SQL["standing_limits"], number)
    ]
    if own in conflicts([*standing, own]):
        raise Invalid("devices.signals.wrong-limit", place="value", at="value")
    ((key, sealed),) = await kept.seal_about(
        connection, [(number, record.institution, asked.why.encode(), _place(number))]
    )  # fmt: skip
    await connection.execute(
        SQL["set_limit"], number, metric, own.side, int(own.level), own.value, by, key, sealed, asked.until
    )


def _asked(record: Record, call: Call) -> _Wish:
    inputs = Inputs.of(call.parameters, SET)
    why = (inputs.text("why") or "").strip()
    if not why or len(why) > MOST_REASON:
        raise Invalid("devices.signals.wrong-limit", place="why", at="why")
    named = inputs.texts("condition")
    conditions = tuple(sorted(set(named))) if named or inputs.boolean("conditions", False) else None
    if set(named) - set(CONDITIONS):
        raise Invalid("devices.signals.wrong-limit", place="condition", at="condition")
    end = inputs.text("until")
    until = bounds(end.replace(" ", "+"), record.store.zone)[1] if end else None
    if until is not None and until <= clock.now():
        raise Invalid("devices.signals.wrong-limit", place="until", at="until")
    metric = inputs.text("metric")
    if metric is None:
        if conditions is None:
            raise Invalid("devices.signals.wrong-limit", place="metric", at="metric")
        return _Wish(None, False, until, why, conditions)
    side, level = inputs.text("side"), inputs.text("level")
    if metric not in JUDGED or side not in ("low", "high") or level not in ("yellow", "amber", "red"):
        raise Invalid("devices.signals.wrong-limit", place="metric, side, level", at="metric")
    values = inputs.all("value")
    try:
        value = float(Decimal(str(values[0]))) if values else 0.0
    except InvalidOperation:
        raise Invalid("devices.signals.wrong-limit", place="value", at="value") from None
    own = Own(metric, "high" if side == "high" else "low", LEVELS[level], value)
    if values and conflicts([own]):
        raise Invalid("devices.signals.wrong-limit", place="value", at="value")
    return _Wish(own, not values, until, why, conditions)


async def show_rhythm(record: Record, call: Call) -> dict[str, Any]:
    """Returns the band of a metric for a chart: middle and what is usual, by hour, of working days and of weekends."""
    asked = wish(record, call, _ANY)
    if asked.metrics is None or len(asked.metrics) != 1 or asked.metrics[0].name not in rhythm.populations():
        raise Invalid("devices.series.no-such-metric", at="metric")
    metric = asked.metrics[0]
    async with record.store.pool.connection() as connection:
        found = await seen_series(record, connection, call, asked, "rhythm")
        row = None
        for holder in sorted({one.holder for one in found.series if one.holder is not None}):
            row = row or await connection.fetchrow(SQL["rhythm"], holder, metric.number)
    await record.leave_row("rhythm", 200, list(found.persons))
    if row is None:
        raise Invalid("devices.signals.not-measured")
    middle, spread = np.array(row["middle"]), np.array(row["spread"])
    beyond = rhythm.populations()[metric.name].beyond
    parts: list[dict[str, Any]] = [
        {"name": "metric", "valueCode": metric.name}, {"name": "days", "valueInteger": row["days"]},
        {"name": "learnt", "valueInstant": clock.instant(row["at"])},
    ]  # fmt: skip
    for name, first in (("workday", 0), ("weekend", 24)):
        here = slice(first, first + 24)
        wide = beyond * spread
        for kind, each in (("middle", middle), ("low", middle - wide), ("high", middle + wide)):
            parts.append({"name": f"{name}-{kind}", "valueSampledData": _sampled(each[here], metric.unit)})
    return parameters(*parts)


async def show_forecast(record: Record, call: Call) -> dict[str, Any]:
    """Returns the next hours of a metric with intervals that have held for the person's own past, by SHARES."""
    inputs = Inputs.of(call.parameters, frozenset({"metric", "hours"}))
    ahead = max(1, min(inputs.count("hours") or 24, MOST_HOURS))
    plain = parameters(*(one for one in call.parameters.get("parameter", []) if one.get("name") == "metric"))
    asked = wish(record, Call(call.type, call.id, plain, call.language), _ANY)
    if asked.metrics is None or len(asked.metrics) != 1 or asked.metrics[0].name not in rhythm.populations():
        raise Invalid("devices.series.no-such-metric", at="metric")
    metric = asked.metrics[0]
    offset = _offset(record)
    now = int(clock.now().timestamp() * 1_000_000) // HOUR * HOUR
    readings = Readings(Kept(record.store))
    async with readings.reading() as connection:
        found = await seen_series(record, connection, call, asked, "forecast")
        numbers = [one.id for one in found.series]
        count = rhythm.KEPT_DAYS * 24
        charts = await readings.chart(connection, numbers, now - count * HOUR, now, count)
    await record.leave_row("forecast", 200, list(found.persons))
    hours, values = _hours_of(list(charts.values()), metric.resolution)
    if not len(hours):
        raise Invalid("devices.signals.not-measured")
    local = hours + offset // HOUR
    learnt = rhythm.learn(metric.name, local // 24, local % 24, values)
    rest = np.full(count, np.nan)
    place = hours - (now // HOUR - count)
    rest[place] = rhythm.deviations(metric.name, local // 24, local % 24, values)
    steps = now // HOUR + np.arange(ahead)
    made = forecast(rest, learnt.middle[_slot(steps + offset // HOUR)])
    lines = {"middle": made.middle}
    for number, share in enumerate(SHARES):
        lines |= {f"low-{share:.0%}": made.low[number], f"high-{share:.0%}": made.high[number]}
    return parameters(
        {"name": "metric", "valueCode": metric.name},
        {"name": "start", "valueInstant": clock.instant(series_days.instant(now))},
        *({"name": name, "valueSampledData": _sampled(each, metric.unit)} for name, each in lines.items()),
    )


async def show_news2(record: Record, call: Call) -> dict[str, Any]:
    """Returns the NEWS2 of the last measurements, with what is missing of it; no total while anything is."""
    asked = wish(record, call, frozenset())
    _, rules = read_tables(record.gate.settings.data)
    wanted = {"systolic-home": "systolic", "systolic-office": "systolic"} | {
        name: name for name in news2.INPUTS if name != "systolic"
    }
    readings = Readings(Kept(record.store))
    async with readings.reading() as connection:
        found = await seen_series(record, connection, call, asked, "news2")
        known = metrics_by_number()
        mine = [one for one in found.series if known[one.metric].name in wanted]
        newest = [one for one in await readings.last(connection, mine) if not one.mark & UNJUDGED]
        person = await connection.fetchrow(SQL["person"], found.persons[0]) if found.persons else None
    await record.leave_row("news2", 200, list(found.persons))
    conditions = frozenset(person["conditions"]) if person is not None else frozenset()
    last = max((one.at for one in newest), default=0)
    values: dict[str, float] = {}
    for one in sorted(newest, key=lambda each: each.at):
        if last - one.at <= rules["news2"].within * MINUTE:
            metric = known[one.series.metric]
            values[wanted[metric.name]] = one.value * metric.resolution
    scale = 2 if "spo2-scale-2" in conditions else 1
    score = news2.score(values, scale=scale, oxygen="oxygen" in conditions)
    parts: list[dict[str, Any]] = [
        {"name": "scale", "valueInteger": scale}, {"name": "oxygen", "valueBoolean": "oxygen" in conditions},
        {"name": "consciousness", "valueString": "taken as alert"},
        {"name": "level", "valueCode": score.level.name.lower()},
        *({"name": "missing", "valueCode": name} for name in score.missing),
        *({"name": f"points-{name}", "valueInteger": points} for name, points in score.points.items()),
    ]  # fmt: skip
    if last:
        parts.append({"name": "at", "valueInstant": clock.instant(series_days.instant(last))})
    if score.total is not None:
        parts.append({"name": "total", "valueInteger": score.total})
    return parameters(*parts)


def _hours_of(charts: Sequence[Any], step: float) -> tuple[Ints, Floats]:
    """Returns the hours since 1970 with a value, and their mean over devices."""
    hours, values = [np.zeros(0, np.int64)], [np.zeros(0)]
    for chart in charts:
        if isinstance(chart, Buckets):
            there = chart.count > 0
            hours.append((chart.since + chart.place[there] * chart.period) // HOUR)
            values.append(chart.mean[there] * step)
        else:
            judged = (chart.mark & UNJUDGED) == 0
            day, hour, value = rhythm.hourly(chart.at[judged], chart.value[judged] * step, 0)
            hours.append(day * 24 + hour)
            values.append(value)
    whole, inverse = np.unique(np.concatenate(hours), return_inverse=True)
    sums = np.bincount(inverse, np.concatenate(values), len(whole))
    return whole, np.asarray(sums / np.maximum(np.bincount(inverse, minlength=len(whole)), 1), np.float64)


def _slot(hours: Ints) -> Ints:
    return hours % 24 + 24 * ((hours // 24 + 3) % 7 >= 5)


def _sampled(values: Floats, unit: str) -> dict[str, Any]:
    data = " ".join("E" if np.isnan(one) else f"{one:.1f}" for one in values)
    origin = {"value": Decimal(0), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return {"origin": origin, "period": Decimal(3_600_000), "dimensions": 1, "data": data}


def _own_part(row: Any, why: str) -> dict[str, Any]:
    part: list[dict[str, Any]] = [
        {"name": "metric", "valueCode": metrics_by_number()[row["metric"]].name},
        {"name": "purpose", "valueString": "告警"}, {"name": "own", "valueBoolean": True},
        {"name": "level", "valueCode": LEVELS_BY_NUMBER[row["level"]].name.lower()},
        {"name": "is", "valueCode": "at-least" if row["side"] == "high" else "at-most"},
        {"name": "value", "valueDecimal": Decimal(str(row["value"]))}, {"name": "by", "valueString": row["by"]},
        {"name": "since", "valueInstant": clock.instant(row["since"])}, {"name": "why", "valueString": why},
    ]  # fmt: skip
    if row["until"] is not None:
        part.append({"name": "until", "valueInstant": clock.instant(row["until"])})
    return {"name": "limit", "part": part}


LEVELS_BY_NUMBER = {int(level): level for level in LEVELS.values()}


def _place(number: int) -> str:
    return f"signal_limit/{number}"


def _born(patient: Any) -> date | None:
    """Returns the birth date; of one that is known by its year or month only, the middle of that."""
    numbers = [int(one) for one in str(patient.get("birthDate", "")).split("-") if one]
    if not numbers:
        return None
    year, month, day = (*numbers, *(7, 1)[len(numbers) - 1 :]) if len(numbers) < 3 else numbers
    return date(year, month, day)


def _age(patient: Any, today: date) -> float | None:
    return age_on(_born(patient), today)


def _offset(record: Record) -> int:
    offset = clock.now().astimezone(record.store.zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) * 1_000_000


_PATIENT = frozenset({"Patient"})
_INSTANCE: frozenset[Level] = frozenset({"instance"})
SIGNAL_OPERATIONS: tuple[Operation, ...] = (
    Operation("limits", _INSTANCE, limits, "urn:kangyun:operation:limits", (), _PATIENT),
    Operation(
        "set-limits", _INSTANCE, set_limits, "urn:kangyun:operation:set-limits",
        (
            Input("metric", "code"), Input("side", "code"), Input("level", "code"), Input("value", "decimal"),
            Input("until", "dateTime"), Input("why", "string"), Input("condition", "code", True),
            Input("conditions", "boolean"),
        ),
        _PATIENT, affects_state=True,
    ),
    Operation("rhythm", _INSTANCE, show_rhythm, "urn:kangyun:operation:rhythm", _SEEN, _PATIENT),
    Operation(
        "forecast", _INSTANCE, show_forecast, "urn:kangyun:operation:forecast", (*_SEEN, Input("hours", "integer")),
        _PATIENT,
    ),
    Operation("news2", _INSTANCE, show_news2, "urn:kangyun:operation:news2", (), _PATIENT),
)  # fmt: skip

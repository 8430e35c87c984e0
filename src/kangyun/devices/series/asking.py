"""Whose series somebody sees: the registration asked for, or all of a resident's, and of these what the gate shows.

Each series is seen as an Observation of its metric about its person would be (`access.alongside`), made by the
institution that gave the device out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from kangyun.access.alongside import Thing, registrations, seen_alongside
from kangyun.access.kept import Kept
from kangyun.access.operations import Call
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.database.statements import statements
from kangyun.devices.metrics import Metric, metrics_by_number
from kangyun.devices.series import days
from kangyun.devices.series.coding import example, named
from kangyun.devices.series.reading import Readings, Series
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.terminology.operations.parameters import Inputs

SQL = statements("devices.series")
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wish:
    """metrics: None for all. since, until: microseconds."""

    metrics: tuple[Metric, ...] | None
    since: int
    until: int
    points: int | None
    form: str


def wish(record: Record, call: Call, known: frozenset[str], span: timedelta = WEEK) -> Wish:
    """Reads what is asked for; without times the last of `span`. Raises Invalid."""
    inputs = Inputs.of(call.parameters, known)
    found: list[Metric] = []
    for text in (part.strip() for one in inputs.texts("metric") for part in one.split(",")):
        of_it = named(text)
        if not of_it:
            raise Invalid("devices.series.no-such-metric", at="metric")
        found += of_it
    zone = record.store.zone
    start, end = inputs.text("start"), inputs.text("end")
    until = bounds(end.replace(" ", "+"), zone)[1] if end else clock.now()
    since = bounds(start.replace(" ", "+"), zone)[0] if start else until - span
    if since >= until:
        raise Invalid("devices.series.span", at="end")
    at = (days.microseconds(_reachable(since)), days.microseconds(_reachable(until)))
    return Wish(tuple(dict.fromkeys(found)) or None, *at, inputs.count("points"), inputs.text("form") or "")


def _reachable(instant: datetime) -> datetime:
    return max(_REACH[0], min(instant, _REACH[1]))


_REACH = days.instant(-(1 << 52)), days.instant(1 << 52)  # 1827 to 2112


@dataclass(frozen=True, slots=True)
class Seen:
    """The series that are seen, and the registrations that were asked for. devices: what is shown of each."""

    series: Sequence[Series]
    persons: Sequence[int]
    devices: dict[int, str]

    def metric(self, series: Series) -> Metric:
        """Returns the metric of a series."""
        return metrics_by_number()[series.metric]


async def seen_series(record: Record, connection: asyncpg.Connection, call: Call, asked: Wish, action: str) -> Seen:
    """Returns the series that are seen. Raises NotFound, Gone, Forbidden."""
    record.may_read("Observation")
    found = await registrations(record, connection, str(call.id), action)
    persons = sorted(one.res for one in found)
    numbers = None if asked.metrics is None else [one.number for one in asked.metrics]
    series = await Readings(Kept(record.store)).of_holders(connection, persons, numbers)
    rows = await connection.fetch(SQL["devices"], sorted({one.device for one in series}))
    devices = {row["id"]: row for row in rows}
    known = metrics_by_number()
    things = [
        Thing(
            example(known[one.metric]),
            one.holder or 0,
            devices[one.device]["institution"] if one.device in devices else 0,
        )
        for one in series
    ]
    shown = await seen_alongside(record, connection, things)
    kept = [one for one, is_shown in zip(series, shown, strict=True) if is_shown]
    return Seen(kept, persons, {number: row["name"] for number, row in devices.items()})

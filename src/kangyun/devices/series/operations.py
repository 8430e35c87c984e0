"""`Patient/[id]/$series`, `$last-readings`, `$series-samples`: what devices measured of a person. Not of the
specification; each may be asked of a resident's id, and shows then what is seen of all registrations.

metric    names or LOINC codes; by default all ($last-readings), else it must be said
start, end  days or instants; by default the last week, of $series the last year
points    of $series: at most so many stretches, 500 by default
form      of $series-samples: `xlsx` for a workbook, as a Binary
"""

import asyncio
import base64
from collections.abc import Iterable
from datetime import timedelta, tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kangyun.access.kept import Kept
from kangyun.access.operations import Call, Input, Operation
from kangyun.access.operations.model import parameters
from kangyun.access.record import Record
from kangyun.access.staff.sheets import XLSX, workbook
from kangyun.base import clock
from kangyun.base.errors import Invalid, TooCostly
from kangyun.base.texts import Language, say
from kangyun.devices.metrics import Metric
from kangyun.devices.model import Mark, Wave
from kangyun.devices.series import days
from kangyun.devices.series import erasing as erasing  # An erasure of a person reaches series, too.
from kangyun.devices.series.asking import Seen, Wish, seen_series, wish
from kangyun.devices.series.batch import Whole
from kangyun.devices.series.charting import Buckets
from kangyun.devices.series.coding import codings, decimals, quantity, rounded
from kangyun.devices.series.packing import Curve
from kangyun.devices.series.reading import Readings, Series
from kangyun.devices.series.waves import MOST_SAMPLES as MOST_OF_WAVES
from kangyun.devices.series.waves import Waves

POINTS, MOST_POINTS = 500, 2_000
MOST_SAMPLES = 100_000
YEAR = timedelta(days=366)
_SPAN = (Input("metric", "code", True), Input("start", "dateTime"), Input("end", "dateTime"))
_TEXTS = "devices.series"


async def series(record: Record, call: Call) -> dict[str, Any]:
    """Returns a chart of each metric and device: the least, the most and the mean of each stretch of time.

    What is silent is `E` (FHIR's mark of no data), never a line. Raises Invalid, NotFound, Gone, Forbidden.
    """
    asked = wish(record, call, frozenset({"metric", "start", "end", "points"}), YEAR)
    _one_metric(asked)
    points = max(min(asked.points or POINTS, MOST_POINTS), 1)
    readings = Readings(Kept(record.store))
    async with readings.reading() as connection:
        found = await seen_series(record, connection, call, asked, "series")
        charts = await readings.chart(connection, [one.id for one in found.series], asked.since, asked.until, points)
    await record.leave_row("series", 200, list(found.persons))
    return parameters(
        *(_part(found, one, charts[one.id], asked, call.language) for one in found.series if one.id in charts)
    )


async def last_readings(record: Record, call: Call) -> dict[str, Any]:
    """Returns the newest sample of each metric and device. Raises as `series`."""
    asked = wish(record, call, frozenset({"metric"}))
    readings = Readings(Kept(record.store))
    async with readings.reading() as connection:
        found = await seen_series(record, connection, call, asked, "last-readings")
        newest = await readings.last(connection, found.series)
    await record.leave_row("last-readings", 200, list(found.persons))
    answer = []
    for one in sorted(newest, key=lambda one: -one.at):
        metric = found.metric(one.series)
        parts = _head(found, one.series, metric, call.language)
        parts.append({"name": "at", "valueInstant": clock.instant(days.instant(one.at))})
        parts.append({"name": "value", "valueQuantity": quantity(metric, one.value * metric.resolution)})
        answer.append({"name": "reading", "part": [*parts, *_marks(one.mark)]})
    return parameters(*answer)


async def series_samples(record: Record, call: Call) -> dict[str, Any]:
    """Returns samples as they are, as SampledData or as a workbook. Raises as `series`, and TooCostly.

    A wave (an ECG) is a part of its own, `wave`, of one period; a workbook has none.
    """
    asked = wish(record, call, frozenset({"metric", "start", "end", "form"}))
    _one_metric(asked)
    readings, waves = Readings(Kept(record.store)), Waves(Kept(record.store))
    async with readings.reading() as connection:
        found = await seen_series(record, connection, call, asked, "series-samples")
        curves = await readings.curves(connection, [one.id for one in found.series], asked.since, asked.until)
        wavy = [one for one in found.series if asked.form != "xlsx" and found.metric(one).kind == "wave"]
        weight = await waves.weight(connection, [one.id for one in wavy], asked.since, asked.until)
        fits = sum(map(len, curves.values())) <= MOST_SAMPLES and weight <= MOST_OF_WAVES
        drawn = [
            (one, wave)
            for one in (wavy if fits else ())
            for wave in await waves.read(connection, one.id, one.metric, asked.since, asked.until)
        ]
    if not fits:
        await record.leave_row("series-samples", 422, list(found.persons))
        raise TooCostly(f"{_TEXTS}.too-many", most=MOST_OF_WAVES if weight > MOST_OF_WAVES else MOST_SAMPLES)
    await record.leave_row("series-samples", 200, list(found.persons))
    kept = [(one, curves[one.id]) for one in found.series if one.id in curves]
    if asked.form == "xlsx":
        # Seconds of work, for so many rows.
        return await asyncio.to_thread(_workbook, found, kept, call.language, record.store.zone)
    return parameters(
        *(_part(found, one, curve, asked, call.language) for one, curve in kept),
        *(_wave(found, one, wave, call.language) for one, wave in drawn),
    )


def _wave(found: Seen, one: Series, wave: Wave, language: Language) -> dict[str, Any]:
    metric = found.metric(one)
    data = {
        "origin": quantity(metric, 0) | {"value": wave.origin}, "period": rounded(wave.period / 1000, 3),
        "factor": wave.factor, "dimensions": 1, "data": " ".join(map(str, wave.samples)),
    }  # fmt: skip
    start = {"name": "start", "valueInstant": clock.instant(days.instant(wave.at))}
    return {
        "name": "wave",
        "part": [*_head(found, one, metric, language), start, {"name": "values", "valueSampledData": data}],
    }


def _one_metric(asked: Wish) -> None:
    if asked.metrics is None:
        raise Invalid(f"{_TEXTS}.needs-metric", at="metric")


def _head(found: Seen, one: Series, metric: Metric, language: Language) -> list[dict[str, Any]]:
    called = {"coding": codings(metric), "text": say(f"devices.metrics.{metric.name}", language)}
    parts: list[dict[str, Any]] = [{"name": "code", "valueCodeableConcept": called}]
    if one.device in found.devices:
        parts.append({"name": "device", "valueString": found.devices[one.device]})
    return parts


def _marks(mark: int) -> list[dict[str, Any]]:
    return [{"name": "mark", "valueCode": str(one.name).lower()} for one in Mark if one and mark & one]


def _part(found: Seen, one: Series, shown: Curve | Buckets, asked: Wish, language: Language) -> dict[str, Any]:
    metric = found.metric(one)
    parts = _head(found, one, metric, language)
    parts += _of_curve(metric, shown) if isinstance(shown, Curve) else _of_buckets(metric, shown, asked.until)
    return {"name": "series", "part": parts}


def _of_curve(metric: Metric, curve: Curve) -> list[dict[str, Any]]:
    """Samples of any instants: SampledData, and beside it where each stands, in milliseconds from the first."""
    first = int(curve.at[0])
    offsets = (curve.at - first) / 1000
    return [
        {"name": "start", "valueInstant": clock.instant(days.instant(first))},
        {"name": "offsets", "valueString": _numbers(offsets, 3)},
        {"name": "values", "valueSampledData": _data(metric, 1, curve.value)},
        *_marked(curve.mark),
    ]


def _of_buckets(metric: Metric, buckets: Buckets, until: int) -> list[dict[str, Any]]:
    count = int(-(-(until - buckets.since) // buckets.period))
    milliseconds = buckets.period / 1000
    parts: list[dict[str, Any]] = [
        {"name": "start", "valueInstant": clock.instant(days.instant(buckets.since))},
        {"name": "period", "valueDecimal": rounded(milliseconds, 3)},
    ]
    inside = (buckets.place >= 0) & (buckets.place < count)
    place = buckets.place[inside]
    for name in ("low", "high", "mean"):
        dense = np.full(count, np.nan)
        dense[place] = getattr(buckets, name)[inside]
        parts.append({"name": name, "valueSampledData": _data(metric, milliseconds, dense, 2 if name == "mean" else 0)})
    for name, values in (("count", buckets.all), ("mark", buckets.mark)):
        dense_counts = np.zeros(count, np.int64)
        dense_counts[place] = values[inside]
        if name == "count" or dense_counts.any():
            parts.append({"name": name, "valueString": " ".join(map(str, dense_counts.tolist()))})
    return parts


def _marked(mark: Whole) -> list[dict[str, Any]]:
    return [{"name": "mark", "valueString": " ".join(map(str, mark.tolist()))}] if mark.any() else []


def _data(metric: Metric, period: float, values: NDArray[np.float64] | Whole, digits: int = 0) -> dict[str, Any]:
    """Returns values in steps as SampledData, in the metric's unit by its factor; E where there is none."""
    return {
        "origin": {"value": 0, "unit": metric.unit, "system": "http://unitsofmeasure.org", "code": metric.unit},
        "period": rounded(period, 3), "factor": rounded(metric.resolution, decimals(metric)), "dimensions": 1,
        "data": _numbers(values, digits),
    }  # fmt: skip


def _numbers(values: NDArray[np.float64] | Whole, digits: int) -> str:
    return " ".join("E" if one != one else str(rounded(one, digits)) for one in values.tolist())


def _workbook(found: Seen, kept: Iterable[tuple[Series, Curve]], language: Language, zone: tzinfo) -> dict[str, Any]:
    def told(text: str) -> str:
        return say(f"{_TEXTS}.{text}", language)

    def rows() -> Iterable[list[str]]:
        for one, curve in kept:
            metric = found.metric(one)
            name, places = say(f"devices.metrics.{metric.name}", language), decimals(metric)
            device = found.devices.get(one.device, "")
            for at, value, mark in zip(curve.at.tolist(), curve.value.tolist(), curve.mark.tolist(), strict=True):
                when = days.instant(at).astimezone(zone).isoformat(" ", "seconds")
                marks = " ".join(told(f"mark-{int(flag)}") for flag in Mark if flag and mark & flag)
                yield [when, name, f"{value * metric.resolution:.{places}f}", metric.unit, marks, device]

    header = [told(name) for name in ("time", "metric", "value", "unit", "marks", "device")]
    data = base64.b64encode(workbook(told("title"), header, rows())).decode()
    return {"resourceType": "Binary", "contentType": XLSX, "data": data}


_PATIENT = frozenset({"Patient"})
SERIES_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "series", frozenset({"instance"}), series, "urn:kangyun:operation:series",
        (*_SPAN, Input("points", "integer")), _PATIENT,
    ),
    Operation(
        "last-readings", frozenset({"instance"}), last_readings, "urn:kangyun:operation:last-readings",
        (Input("metric", "code", True),), _PATIENT,
    ),
    Operation(
        "series-samples", frozenset({"instance"}), series_samples, "urn:kangyun:operation:series-samples",
        (*_SPAN, Input("form", "code")), _PATIENT,
    ),
)  # fmt: skip

"""What of samples becomes Observations. Pure: samples in, resources out.

A measurement that somebody made is one Observation; pressures of one instant are one, with components. What a device
measures on and on comes as the summary of a day, all of it in components, so that no search takes a mean for a reading.
So does a stretch that a rule found. What is doubted, or asked about, does not come at all: it is seen in the curve.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from kangyun.base import clock
from kangyun.devices.metrics import Metric
from kangyun.devices.model import Mark
from kangyun.devices.series import days
from kangyun.devices.series.coding import OWN, PRESSURE, category, codings, example, panel_of, quantity
from kangyun.devices.series.packing import UNJUDGED, Curve
from kangyun.fhir import Resource

STATISTICS = "http://terminology.hl7.org/CodeSystem/observation-statistics"
RULES = "urn:kangyun:code-system:device-rule"
CURVE, MARKED = "urn:kangyun:extension:curve", "urn:kangyun:extension:reading-mark"
_SPACE = UUID("8d5c1c5e-2f0f-5a43-9c55-6b6c5d7a9e10")
_SUMMED = frozenset(("{steps}", "m", "kcal", "min"))
"""Units of what adds up in a day."""


@dataclass(frozen=True, slots=True)
class About:
    """Whom an Observation is about, and by what it was measured. person: the id of the Patient."""

    person: str
    device: Mapping[str, Any]


def observation_id(*said: str | int) -> str:
    """Returns the id of the Observation of a thing: the same whenever it is made again."""
    return str(uuid5(_SPACE, "/".join(map(str, said))))


def measurement(about: About, at: int, values: Mapping[Metric, tuple[int, int]]) -> Resource | None:
    """Returns what was measured at an instant: of a metric, or of a panel. None where all of it is doubted.

    values: by metric, each its value in steps and its mark; in the order in which components stand.
    """
    judged = {metric: value for metric, (value, mark) in values.items() if not mark & UNJUDGED}
    if not judged:
        return None
    first = next(iter(judged))
    place = panel_of(first)
    resource = _begun(about, first)
    if place is not None:
        resource["code"] = {"coding": [*PRESSURE, {"system": OWN, "code": f"pressure-{place}"}]}
        resource["component"] = [
            {"code": {"coding": codings(one)}, "valueQuantity": quantity(one, value * one.resolution)}
            for one, value in judged.items()
        ]
    else:
        resource["valueQuantity"] = quantity(first, judged[first] * first.resolution)
    marks = 0
    for _, mark in values.values():
        marks |= mark
    return resource | {"effectiveDateTime": _instant(at)} | _marks(marks)


def summary(about: About, metric: Metric, since: int, until: int, curve: Curve) -> Resource | None:
    """Returns what a day comes to. None where nothing of it is judged."""
    resource = _statistics(about, metric, curve)
    if resource is None:
        return None
    asked = f"metric={metric.name}&start={_instant(since)}&end={_instant(until)}"
    resource["extension"] = [{"url": CURVE, "valueUrl": f"Patient/{about.person}/$series?{asked}"}]
    return resource | {"effectivePeriod": {"start": _instant(since), "end": _instant(until)}}


def stretch(about: About, metric: Metric, since: int, until: int, rule: str, curve: Curve) -> Resource | None:
    """Returns what a rule found from one sample to another, both included."""
    resource = _statistics(about, metric, curve)
    if resource is None:
        return None
    resource["interpretation"] = [{"coding": [{"system": RULES, "code": rule}]}]
    return resource | {"effectivePeriod": {"start": _instant(since), "end": _instant(until)}}


def _begun(about: About, metric: Metric) -> Resource:
    found = example(metric) | {"category": category(metric), "subject": {"reference": f"Patient/{about.person}"}}
    return found | {"device": dict(about.device)}


def _statistics(about: About, metric: Metric, curve: Curve) -> Resource | None:
    values = curve.value[(curve.mark & UNJUDGED) == 0]
    if not len(values):
        return None
    step = metric.resolution
    told = [
        ("minimum", quantity(metric, int(values.min()) * step)),
        ("average", quantity(metric, float(values.mean()) * step, 1)),
        ("maximum", quantity(metric, int(values.max()) * step)),
        ("median", quantity(metric, float(np.median(values)) * step, 1)),
    ]
    if metric.unit in _SUMMED:
        told.append(("sum", quantity(metric, int(values.sum()) * step)))
    components = [_component(code, {"valueQuantity": value}) for code, value in told]
    components.append(_component("count", {"valueInteger": len(values)}))
    return _begun(about, metric) | {"component": components}


def _component(code: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"code": {"coding": [{"system": STATISTICS, "code": code}]}, **value}


def _marks(mark: int) -> dict[str, Any]:
    told = [str(one.name).lower() for one in Mark if one and mark & one]
    return {"extension": [{"url": MARKED, "valueCode": one} for one in told]} if told else {}


def _instant(at: int) -> str:
    return clock.instant(days.instant(at))

"""How what is measured is called in the record. Pure.

Each thing has our own code, which tells home from office; LOINC and the code of ISO/IEEE 11073-10101 stand beside it,
as HL7's Personal Health Device guide has it. What has no LOINC code is no matter of the record: a battery, a room.

Source: http://hl7.org/fhir/R4/observation-vitalsigns.html; http://hl7.org/fhir/uv/phd.
"""

from decimal import Decimal
from typing import Any

from kangyun.devices.metrics import Metric, metrics
from kangyun.fhir import Resource

LOINC, MDC, UCUM = "http://loinc.org", "urn:iso:std:iso:11073:10101", "http://unitsofmeasure.org"
OWN = "urn:kangyun:code-system:metric"
PRESSURE = [{"system": LOINC, "code": "85354-9"}, {"system": MDC, "code": "150020"}]
"""Of a panel of systolic and diastolic pressure."""
# What of a place makes a panel, in the order of its components; what is not required comes where it was measured.
PANELS: dict[str, tuple[str, ...]] = {
    "home": ("systolic-home", "diastolic-home", "mean-pressure-home", "heart-rate"),
    "office": ("systolic-office", "diastolic-office", "mean-pressure-office", "pulse-office"),
    "ambulatory": ("systolic-ambulatory", "diastolic-ambulatory", "mean-pressure-ambulatory", "pulse-ambulatory"),
}
_ACTIVITY = ("steps", "sleep", "distance", "calories", "active-minutes", "awakenings")


def is_recorded(metric: Metric) -> bool:
    """Whether the record hears of a metric."""
    return bool(metric.loinc) and metric.kind in ("episodic", "continuous", "daily")


def panel_of(metric: Metric) -> str | None:
    """Returns the place whose panel a metric belongs to; None of what stands alone, as a heart rate may."""
    named = (place for place, names in PANELS.items() if metric.name in names and metric.name != "heart-rate")
    return next(named, None)


def codings(metric: Metric) -> list[Resource]:
    """Returns the codes of a metric, our own last."""
    found = [{"system": LOINC, "code": metric.loinc}] if metric.loinc else []
    if metric.mdc:
        found.append({"system": MDC, "code": str(metric.mdc)})
    return [*found, {"system": OWN, "code": metric.name}]


def category(metric: Metric) -> list[Resource]:
    """Returns vital-signs, or activity of steps, sleep and the like."""
    code = "activity" if metric.name.startswith(_ACTIVITY) else "vital-signs"
    return [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": code}]}]


def example(metric: Metric) -> Resource:
    """Returns what a sample of a metric would be in the record, but for its person and its value."""
    coded = codings(metric)
    place = panel_of(metric)
    if place is not None:
        coded = [*PRESSURE, *coded]
    return {"resourceType": "Observation", "status": "final", "category": category(metric), "code": {"coding": coded}}


def quantity(metric: Metric, value: float, digits: int = 0) -> dict[str, Any]:
    """Returns a value as a Quantity, with as many decimals as its resolution has, and so many more."""
    return {
        "value": rounded(value, decimals(metric) + digits), "unit": metric.unit, "system": UCUM, "code": metric.unit,
    }  # fmt: skip


def rounded(value: float, places: int) -> Decimal | int:
    """Returns a number as it is written; a whole one without a point."""
    found = round(value, places)
    return int(found) if found == int(found) else Decimal(f"{found:.{places}f}").normalize()


def decimals(metric: Metric) -> int:
    """Returns how many decimals a metric's resolution has."""
    return next(places for places in range(10) if abs(round(metric.resolution, places) - metric.resolution) < 1e-12)


def named(text: str) -> list[Metric]:
    """Returns the metrics of a name, or of a LOINC code, which may be of several places."""
    known = metrics()
    return [known[text]] if text in known else [one for one in known.values() if one.loinc and one.loinc == text]

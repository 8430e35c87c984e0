"""Where a result lies by the range that came with it. A comparison of the laboratory's own figures and no judgement.

Source: FHIR R4, Observation.referenceRange and Observation.interpretation.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def flags_of(part: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the codes of an Observation's interpretation, or of a component's: as its laboratory said, else by range.

    H or L where it said nothing and gave one range for everybody, in the unit of the value; else none.
    """
    codings = (coding for one in part.get("interpretation", ()) for coding in one.get("coding", ()))
    said = tuple(str(one["code"]) for one in codings if one.get("code"))
    return said or _side(part.get("valueQuantity") or {}, part.get("referenceRange", ()))


def _side(quantity: Mapping[str, Any], ranges: Any) -> tuple[str, ...]:
    if "value" not in quantity or "comparator" in quantity or len(ranges) != 1:
        return ()
    one = ranges[0]
    bounds = [bound for bound in (one.get("low"), one.get("high")) if bound and "value" in bound]
    if "appliesTo" in one or "age" in one or not all(_alike(bound, quantity) for bound in bounds):
        return ()
    value, low, high = (
        Decimal(str(quantity["value"])),
        one.get("low", {}).get("value"),
        one.get("high", {}).get("value"),
    )
    if low is not None and value < Decimal(str(low)):
        return ("L",)
    return ("H",) if high is not None and value > Decimal(str(high)) else ()


def _alike(bound: Mapping[str, Any], quantity: Mapping[str, Any]) -> bool:
    """Whether two are in one unit, as far as both say it."""
    return all(name not in bound or name not in quantity or bound[name] == quantity[name] for name in ("unit", "code"))

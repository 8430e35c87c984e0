"""OBX-5 and its neighbours: what was found. Pure.

A laboratory's `NM` holds `<0.5`, `3.5↑` and 阴性; its `ST` holds numbers. So the text decides, not the type that was
declared: a comparator, a ratio, a range, an ordinal, a flag behind the number; what is none of these is a text, and
stays as it was written. Nothing is refused here but a time that is none.

Units: UCUM where the text is UCUM or a spelling of it that the conventions know; else the text alone. `10^9/L` comes
apart at its `^` where the sender did not escape it, and is put together again.
"""

import re
from decimal import Decimal
from functools import lru_cache

from kangyun.base.errors import Invalid
from kangyun.base.units import parse
from kangyun.exchange.hl7v2.mapping import datatypes
from kangyun.exchange.hl7v2.mapping.making import Feed, Making
from kangyun.exchange.hl7v2.mapping.updating import NO_VALUE
from kangyun.exchange.hl7v2.message import Marks, Repetition, Segment
from kangyun.fhir import Resource

UCUM = "http://unitsofmeasure.org"
ORDINAL = "urn:kangyun:code-system:laboratory-ordinal"
INTERPRETATION = datatypes.HL7 + "v3-ObservationInterpretation"
_NUMBER = r"[+-]?(?:\d{1,20}(?:\.\d{1,20})?|\.\d{1,20})"
_QUANTITY = re.compile(rf"(<=|>=|=<|=>|<|>|≤|≥|＜|＞|小于|大于)?\s*({_NUMBER})\s*(↑{{1,3}}|↓{{1,3}}|\*)?")
_RATIO = re.compile(rf"([<>≤≥]=?)?\s*({_NUMBER})\s*[::]\s*({_NUMBER})")
_RANGE = re.compile(rf"({_NUMBER})\s*(?:-|--|~|～|—|–|至)\s*({_NUMBER})")
_PLAIN = str.maketrans("＜＞：", "<>:")
_SIGNS = {"=<": "<=", "=>": ">="}


def value(making: Making, segment: Segment) -> Resource:
    """Returns the elements of an Observation that say what an OBX found: its value, or why there is none."""
    declared = segment.text(2).upper()
    parts = segment.first(5)
    found: Resource | None
    if declared in ("CE", "CWE", "CF", "CNE"):
        concept = datatypes.concept(making, segment, 5, "result")
        found = {"valueCodeableConcept": concept} if concept else None
        flag = making.code("ordinal_flags", making.code("ordinals", concept["text"])) if concept else ""
        return _with_flags(making, segment, found, flag)
    if declared in ("DT", "TS", "DTM") and (said := datatypes.time(making, segment, 5)):
        return _with_flags(making, segment, {"valueDateTime": said}, "")
    if declared == "SN":
        text = "".join(parts.text(component) for component in range(1, 5))
    elif declared in ("TX", "FT"):
        text = "\n".join(one.whole() for one in segment.repetitions(5))
    else:
        # As it was written: laboratories do not escape the sign between the limits of a range, `5~10`.
        text = segment.marks.repetition.join(one.whole() for one in segment.repetitions(5))
    found, flag = read(making.feed, text, unit(making, segment, 6))
    return _with_flags(making, segment, found, flag)


def read(feed: Feed, text: str, unit: Resource) -> tuple[Resource | None, str]:
    """Returns the value that a text is, and the flag that stands in it; None where it says nothing."""
    plain = text.translate(_PLAIN)
    # First, since `+1` is a step of an ordinal and no number.
    if ordinal := feed.code("ordinals", plain.replace(" ", "").replace("（", "(").replace("）", ")")):
        coding = {"system": ORDINAL, "code": ordinal}
        return {"valueCodeableConcept": {"coding": [coding], "text": text}}, feed.code("ordinal_flags", ordinal)
    if quantity := _QUANTITY.fullmatch(plain):
        sign, number, flag = quantity.groups()
        found: Resource = {"value": _decimal(number)}
        if sign:
            found["comparator"] = comparator(feed, sign)
        return {"valueQuantity": found | unit}, feed.code("flags", (flag or "")[:2])
    if ratio := _RATIO.fullmatch(plain):
        sign, number, other = ratio.groups()
        numerator: Resource = {"value": _decimal(number)}
        whole: Resource = {"numerator": numerator, "denominator": {"value": _decimal(other)}}
        if sign:
            # `>1:80` is more diluted than 1:80: the comparator is the denominator's.
            whole["denominator"]["comparator"] = comparator(feed, sign)
        return {"valueRatio": whole}, ""
    if (range_ := _RANGE.fullmatch(plain)) and Decimal(range_[1]) <= Decimal(range_[2]):
        low, high = ({"value": _decimal(number)} | unit for number in range_.groups())
        return {"valueRange": {"low": low, "high": high}}, ""
    return ({"valueString": text}, "") if text else (None, "")


def comparator(feed: Feed, sign: str) -> str:
    """Returns the comparator of FHIR."""
    return feed.code("comparators", _SIGNS.get(sign, sign))


def unit(making: Making, segment: Segment, field: int) -> Resource:
    """Returns the unit elements of a Quantity; none where there is no unit. Shared: do not change it."""
    raw = segment.raw(field)
    return _unit(making.feed, raw, segment.marks) if 0 < len(raw) <= datatypes.LONGEST else {}


@lru_cache(4096)
def _unit(feed: Feed, raw: str, marks: Marks) -> Resource:
    parts = Repetition(raw, marks)
    first, second, system = parts.text(1), parts.text(2), parts.text(3)
    power = re.fullmatch(r"[x×*]?10", first) and re.match(r"\d+(?:/|$)", second)
    text = f"{first}^{second}" if power else first or second
    code = feed.code("units", text.lower()) or (text if system == "UCUM" or is_ucum(text) else "")
    shown = text if power else second or text
    if code and is_ucum(code):
        return {"unit": shown, "system": UCUM, "code": code}
    return {"unit": shown} if shown else {}


@lru_cache(4096)
def is_ucum(text: str) -> bool:
    """Whether a text is a unit of UCUM."""
    try:
        parse(text)
    except Invalid:
        return False
    return not text.isdecimal()


def reference_range(making: Making, segment: Segment) -> list[Resource]:
    """Returns the reference range of OBX-7, with its limits where it has two or one. Shared: do not change it."""
    raw, of = segment.raw(7), segment.raw(6)
    if not raw:
        return []
    return (_range if len(raw + of) <= datatypes.LONGEST else _range.__wrapped__)(making.feed, raw, of, segment.marks)


@lru_cache(16384)
def _range(feed: Feed, raw: str, raw_unit: str, marks: Marks) -> list[Resource]:
    text = Repetition(raw, marks).whole()
    if not text:
        return []
    found: Resource = {}
    of = _unit(feed, raw_unit, marks) if 0 < len(raw_unit) <= datatypes.LONGEST else {}
    plain = text.translate(_PLAIN)
    if (both := _RANGE.fullmatch(plain)) and Decimal(both[1]) <= Decimal(both[2]):
        found = {"low": {"value": _decimal(both[1])} | of, "high": {"value": _decimal(both[2])} | of}
    elif (one := _QUANTITY.fullmatch(plain)) and one[1]:
        side = "high" if comparator(feed, one[1]).startswith("<") else "low"
        found = {side: {"value": _decimal(one[2])} | of}
    return [found | {"text": text}]


def _with_flags(making: Making, segment: Segment, found: Resource | None, flag: str) -> Resource:
    """Returns a value with its interpretation: what OBX-8 says, else what stands in the value."""
    codes = [making.code("flags", one.text(1)) for one in segment.repetitions(8)] if segment.raw(8) else []
    whole = dict(found or {"dataAbsentReason": NO_VALUE})
    if said := [one for one in codes if one] or ([flag] if flag else []):
        whole["interpretation"] = [{"coding": [{"system": INTERPRETATION, "code": one}]} for one in said]
    return whole


@lru_cache(16384)
def _decimal(text: str) -> Decimal:
    return Decimal("0" + text if text[0] == "." else text.removeprefix("+"))

"""A laboratory's result as one text: number, comparator, titre, ordinal, words; arrows, flags and remarks beside it.

`<0.5` is a number with its comparator, `1:80` a ratio, 阴性 and `2+` a code of ours, `3-5` a range, all else words.
`+-` is one step (trace), never a sign; `-` alone means negative only where the reference range is in words, else that
nothing was filled in. What was written is kept with each. A flag of the sender counts, even where the number and the
range say another thing: that is told.

Source: `exchange.conventions`; codes of interpretation: HL7 v3 ObservationInterpretation.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, NamedTuple

from kangyun.base.errors import Invalid
from kangyun.base.numbers.fillers import narrow
from kangyun.base.units import parse
from kangyun.exchange import conventions
from kangyun.exchange.tables.values.cells import answer, said

ORDINALS = "urn:kangyun:code-system:laboratory-ordinal"
ORIGINAL = "urn:kangyun:extension:original-text"
"""Extension of an Observation: the result as it was written."""
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
UCUM = "http://unitsofmeasure.org"
# Abnormal hints of the TB_ tables (YCTS).
_HINTS = {"1": "N", "2": "A", "3": "H", "4": "L"}
_NUMBER = r"[+-]?\d{1,15}(?:\.\d{1,12})?"
_REMARK = re.compile(r"[(【\[](?P<note>[^()\[\]【】]*[^\d()\[\]【】+±/-][^()\[\]【】]*)[)】\]]$")
_RATIO = re.compile(r"(?P<mark>[<>]=?|[≤≥])?\s*(1)\s*[:：]\s*(\d{1,9})(?:\s*[(]?[+＋]?[)]?)?")
_RANGE = re.compile(rf"({_NUMBER})\s*(?:-|~|--|—|–|至)\s*({_NUMBER})")
_RAISED_DIGITS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_LOWERED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_LEADING = re.compile(rf"({_NUMBER})\s*(.*)", re.DOTALL)


_RAISED = re.compile("[\u00b2\u00b3\u00b9\u2070-\u209c\u00bc-\u00be\u2150-\u215f]")
"""Raised digits and fractions: in one width 10⁹ would be 109."""


class Result(NamedTuple):
    """elements: of an Observation. found: what was put right or contradicts, as a text of this package."""

    elements: Mapping[str, Any]
    found: str


@lru_cache(8192)
def result(cell: str, unit: str = "", reference: str = "", hint: str = "") -> Result:
    """Returns value, interpretation, reference range and note of a result. Shared: do not change what it holds.

    unit: as it was written. reference: the range as it was written. hint: YCTS 1 to 4, else a flag.
    """
    limits = _limits(reference)
    elements: dict[str, Any] = {}
    text, note = _without_remark(narrow(cell))
    text, flag = _without_flag(text)
    if _RAISED.search(cell):
        value: dict[str, Any] | None = {"valueString": answer(cell)}
    else:
        value = _value(text, unit, negative_dash=bool(said(reference)) and not limits)
    if value and "valueString" in value:
        value = {"valueString": answer(cell)}
    if value is None:
        elements["dataAbsentReason"] = _DATA_ABSENT
    else:
        elements |= value
        elements["extension"] = [{"url": ORIGINAL, "valueString": answer(cell) or narrow(cell)}]
    told = flag or _flag(said(hint))
    if told:
        elements["interpretation"] = [{"coding": [{"system": INTERPRETATION, "code": told}]}]
    if said(reference):
        elements["referenceRange"] = [_limit_elements(limits, unit) | {"text": answer(reference)}]
    if note:
        elements["note"] = [{"text": note}]
    return Result(elements, "flag-contradicts-range" if _contradicts(elements, limits, told) else "")


_DATA_ABSENT = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]}


@lru_cache(4096)
def quantity_unit(unit: str) -> Mapping[str, str]:
    """Returns the unit of a Quantity: as it was written, with the UCUM code where it is known or is one."""
    text = said(_RAISED_DIGITS.sub(lambda found: "^" + found[0].translate(_LOWERED), unit))
    if not text:
        return {}
    code = conventions.units().get(text.casefold().replace("µ", "μ"))
    if code is None and text.isascii():
        try:
            parse(text)
            code = text
        except Invalid:
            code = None
    return {"unit": text} | ({"system": UCUM, "code": code} if code else {})


def _value(text: str, unit: str, *, negative_dash: bool) -> dict[str, Any] | None:
    """Returns the value[x] that a text without flag and remark says, None where it says nothing."""
    if text in ("-", "—", "--"):
        return _ordinal("negative", text) if negative_dash else None
    ordinal = conventions.ordinals().get(text.casefold())
    if ordinal:
        return _ordinal(ordinal, text)
    if not said(text):
        return None
    ratio = _RATIO.fullmatch(text)
    if ratio:
        mark = {"≤": "<=", "≥": ">="}.get(ratio["mark"] or "", ratio["mark"])
        over = {"value": int(ratio[2])}
        return {"valueRatio": {"numerator": ({"comparator": mark} if mark else {}) | over,
                               "denominator": {"value": int(ratio[3])}}}  # fmt: skip
    between = _RANGE.fullmatch(text)
    if between and Decimal(between[1]) <= Decimal(between[2]):
        return {"valueRange": {"low": _quantity(between[1], unit), "high": _quantity(between[2], unit)}}
    comparator, rest = _compared(text)
    number = _LEADING.fullmatch(rest)
    if number and (not number[2] or _same_unit(number[2], unit)):
        return {"valueQuantity": _quantity(number[1], unit if said(unit) else number[2], comparator)}
    return {"valueString": text}


def _quantity(number: str, unit: str, comparator: str = "") -> dict[str, Any]:
    value = Decimal(number.removeprefix("+"))
    return {"value": value} | ({"comparator": comparator} if comparator else {}) | dict(quantity_unit(unit))


def _same_unit(beside: str, unit: str) -> bool:
    """Whether what stands behind a number is its unit: the column's, or where that is empty any that is known."""
    here = quantity_unit(beside)
    return "code" in here and (not said(unit) or here["code"] == quantity_unit(unit).get("code"))


def _ordinal(code: str, text: str) -> dict[str, Any]:
    name = conventions.ordinal_names()[code]
    return {"valueCodeableConcept": {"coding": [{"system": ORDINALS, "code": code, "display": name}], "text": text}}


def _compared(text: str) -> tuple[str, str]:
    """Returns the comparator that a text begins with, and the rest."""
    for written, comparator in _comparators():
        if text.startswith(written):
            return comparator, text[len(written) :].strip()
    return "", text


def _without_remark(text: str) -> tuple[str, str]:
    found = _REMARK.search(text)
    if found is None or not text[: found.start()].strip() or text.casefold() in conventions.ordinals():
        return text, ""
    return text[: found.start()].strip(), found["note"].strip()


def _without_flag(text: str) -> tuple[str, str]:
    """Returns the text without the flag at an end of it, and the flag: only where a number is left.

    A letter counts only beside a bare number: the L of mmol/L is none.
    """
    folded = text.casefold()
    if len(folded) != len(text):
        return text, ""
    for written, flag in _flags():
        size = len(written)
        ends = [text[:-size]] if folded.endswith(written) else []
        ends += [text[size:]] if folded.startswith(written) else []
        for bare in map(str.strip, ends):
            number = _LEADING.fullmatch(_compared(bare)[1])
            if number and (not number[2] or not written.isascii()):
                return bare, flag
    return text, ""


def _flag(text: str) -> str:
    return _HINTS.get(text) or next((flag for written, flag in _flags() if written == text.casefold()), "")


@lru_cache(4096)
def _limits(reference: str) -> tuple[Decimal | None, Decimal | None] | None:
    """Returns the limits of a range that is one number or two; None for words and for nothing."""
    text = narrow(reference)
    between = _RANGE.fullmatch(text)
    if between:
        return Decimal(between[1]), Decimal(between[2])
    comparator, rest = _compared(text)
    if not comparator or not re.fullmatch(_NUMBER, rest):
        return None
    return (None, Decimal(rest)) if comparator.startswith("<") else (Decimal(rest), None)


def _limit_elements(limits: tuple[Decimal | None, Decimal | None] | None, unit: str) -> dict[str, Any]:
    low, high = limits or (None, None)
    named = dict(quantity_unit(unit))
    sides = {"low": low, "high": high}
    return {side: {"value": value} | named for side, value in sides.items() if value is not None}


def _contradicts(elements: Mapping[str, Any], limits: tuple[Decimal | None, Decimal | None] | None, flag: str) -> bool:
    value = elements.get("valueQuantity", {})
    if not limits or "value" not in value or "comparator" in value or not flag:
        return False
    low, high = limits
    below = low is not None and value["value"] < low
    above = high is not None and value["value"] > high
    return (flag[0] == "H" and not above) or (flag[0] == "L" and not below) or (flag == "N" and (below or above))


@cache
def _flags() -> tuple[tuple[str, str], ...]:
    """Flags as they are written, the longest first."""
    return tuple(sorted(conventions.flags().items(), key=lambda pair: -len(pair[0])))


@cache
def _comparators() -> tuple[tuple[str, str], ...]:
    return tuple(sorted(conventions.comparators().items(), key=lambda pair: -len(pair[0])))

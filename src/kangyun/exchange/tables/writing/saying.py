"""The rules of mappings read backwards: what the cells of a rule's columns said, by what became of them. Pure.

`SAYS` gives for a rule the function of what stands in a resource: a text for each of the rule's columns, in their
order; an empty one where nothing is known. A rule that is not in it says nothing that a column is needed for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from html import unescape
from typing import Any

from kangyun.exchange import conventions
from kangyun.exchange.tables.mapping.model import Leaf
from kangyun.exchange.tables.mapping.rules import Scope
from kangyun.exchange.tables.values import laboratory
from kangyun.exchange.tables.values.coded import list_of
from kangyun.fhir.china import canonical, maps

Says = Callable[[Any, Leaf, Scope], Sequence[str]]
BEIJING = timezone(timedelta(hours=8))
_DAY = len("2026-01-05")
_PAPERS = "identity-document"
_TAG = re.compile(r"<[^>]*>")
_HINTS = {"N": "1", "A": "2", "H": "3", "L": "4"}
_COMPARED = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def system_of(named: str) -> str:
    """Returns the system of a rule's word: of a list, or the one that is named."""
    return canonical(named) if ":" in named else list_of(named).system


def paper_systems() -> frozenset[str]:
    """Returns the systems of the numbers of papers."""
    return frozenset(paper.system for paper in conventions.papers().values())


def moment(said: str) -> str:
    """Returns a date or dateTime as the tables have it, in Beijing's time; empty for one without a day."""
    if len(said) <= _DAY:
        return _plain_day(said)
    return f"{datetime.fromisoformat(said).astimezone(BEIJING):%Y-%m-%d %H:%M:%S}"


def _plain_day(said: str) -> str:
    return said[:_DAY].replace("-", "") if len(said) >= _DAY else ""


def _text(said: Any, leaf: Leaf, scope: Scope) -> Sequence[str]:
    return (f"{said:f}" if isinstance(said, Decimal) else str(said),)


def _text_or(said: str, leaf: Leaf, scope: Scope) -> Sequence[str]:
    return ("" if said == " ".join(leaf.args) else said,)


def _day(said: str, leaf: Leaf, scope: Scope) -> Sequence[str]:
    return (_plain_day(said),)


def _moment(said: str, leaf: Leaf, scope: Scope) -> Sequence[str]:
    return (moment(said),)


def _coding(said: Mapping[str, Any], leaf: Leaf, scope: Scope) -> Sequence[str]:
    return _own(scope, leaf.args[0], said.get("code", "")), said.get("display", "")


def _coding_by(said: Mapping[str, Any], leaf: Leaf, scope: Scope) -> Sequence[str]:
    kinds = [code for code, system in scope.table(leaf.args[0]).items() if canonical(system) == said.get("system")]
    kind = next((code for code in kinds if code != "*"), "")
    return (said.get("code", ""), said.get("display", ""), kind) if kinds else ()


def _concept(said: Mapping[str, Any], leaf: Leaf, scope: Scope) -> Sequence[str]:
    of_list = [one for one in said.get("coding", ()) if one.get("system") == system_of(leaf.args[0])]
    return _coding(of_list[0], leaf, scope) if of_list else ()


def _own(scope: Scope, list_: str, code: str) -> str:
    """Returns a code of a list as the dialect has it."""
    own = scope.table(list_) if ":" not in list_ else {}
    return next((mine for mine, theirs in own.items() if theirs == code), code)


def _gender(said: str, leaf: Leaf, scope: Scope) -> Sequence[str]:
    return (_own(scope, "sex", _sexes().get(said, "")),)


@cache
def _sexes() -> Mapping[str, str]:
    """Returns the code of GB/T 2261.1 by the gender it comes to; of several the first."""
    found: dict[str, str] = {}
    for code in sorted(list_of("sex").names):
        found.setdefault(maps.translated("sex-to-administrative-gender", code) or "", code)
    return found


def _table(said: Any, leaf: Leaf, scope: Scope) -> Sequence[str]:
    return (next((code for code, value in scope.table(leaf.args[0]).items() if value == said and code.strip("*")), ""),)


def _document(said: Mapping[str, Any], leaf: Leaf, scope: Scope) -> Sequence[str]:
    system = list_of(_PAPERS).system
    coding: Mapping[str, Any] = next(
        (one for one in said.get("type", {}).get("coding", ()) if one.get("system") == system), {}
    )
    return said["value"], _own(scope, _PAPERS, coding.get("code", "")), coding.get("display", "")


def _period(said: Mapping[str, str], leaf: Leaf, scope: Scope) -> Sequence[str]:
    start, end = said.get("start", ""), said.get("end", "")
    if not leaf.args:
        return moment(start), moment(end)
    return _plain_day(start), _hour(start), _plain_day(end), _hour(end)


def _hour(said: str) -> str:
    return str(int(said[11:13])) if len(said) > _DAY else ""


def _signed(said: Decimal, leaf: Leaf, scope: Scope) -> Sequence[str]:
    refund, paid = (*leaf.args, "")[:2]
    return f"{abs(said):f}", refund if said < 0 else paid


def _narrative(said: Mapping[str, str], leaf: Leaf, scope: Scope) -> Sequence[str]:
    lines = re.sub(r"<br\s*/?>", "\n", said.get("div", ""))
    return (unescape(_TAG.sub("", lines)).strip(),)


def _laboratory(said: Mapping[str, Any], leaf: Leaf, scope: Scope) -> Sequence[str]:
    """Returns result, unit, range and hint of an Observation: the result as it was written, where that is known."""
    limits = (said.get("referenceRange") or [{}])[0]
    written = [one["valueString"] for one in said.get("extension", ()) if one["url"] == laboratory.ORIGINAL]
    sides = (
        said.get("valueQuantity"), *(said.get("valueRange", {}).get(side) for side in ("low", "high")),
        limits.get("low"), limits.get("high"),
    )  # fmt: skip
    unit = next((one["unit"] for one in sides if one and "unit" in one), "")
    flags = [
        one["code"]
        for concept in said.get("interpretation", ())
        for one in concept.get("coding", ())
        if one.get("system") == laboratory.INTERPRETATION
    ]
    return written[0] if written else _value(said), unit, _range(limits), _hint(flags[0]) if flags else ""


def _value(said: Mapping[str, Any]) -> str:
    if "valueQuantity" in said:
        return _quantity(said["valueQuantity"])
    if "valueString" in said:
        return str(said["valueString"])
    if "valueCodeableConcept" in said:
        concept = said["valueCodeableConcept"]
        return str(concept.get("text") or next((one.get("display", "") for one in concept.get("coding", ())), ""))
    if "valueRatio" in said:
        ratio = said["valueRatio"]
        return f"{_quantity(ratio.get('numerator', {}))}:{_quantity(ratio.get('denominator', {}))}"
    if "valueRange" in said:
        return f"{_quantity(said['valueRange'].get('low', {}))}-{_quantity(said['valueRange'].get('high', {}))}"
    return ""


def _quantity(said: Mapping[str, Any]) -> str:
    value = said.get("value")
    number = "" if value is None else f"{value:f}" if isinstance(value, Decimal) else str(value)
    return _COMPARED.get(said.get("comparator", ""), "") + number


def _range(limits: Mapping[str, Any]) -> str:
    low, high = _quantity(limits.get("low", {})), _quantity(limits.get("high", {}))
    return str(
        limits.get("text") or (f"{low}-{high}" if low and high else f"≥{low}" if low else f"≤{high}" * bool(high))
    )


def _hint(code: str) -> str:
    words = (written for written, flag in sorted(conventions.flags().items()) if flag == code)
    return _HINTS.get(code) or next(words, "")


SAYS: Mapping[str, Says] = {
    **dict.fromkeys(("text", "answer", "name", "patient-name", "address", "key", "value", "phone"), _text),
    **dict.fromkeys(("number", "positive"), _text),
    **dict.fromkeys(("moment", "instant"), _moment),
    "text-or": _text_or, "day": _day, "coding": _coding, "coding-by": _coding_by, "code": _concept, "gender": _gender,
    "table": _table, "document": _document, "period": _period, "signed": _signed, "narrative": _narrative,
    "laboratory": _laboratory,
}  # fmt: skip

"""What is stored of a message that says only what has changed. Pure.

A sender leaves out what it did not mean to change, and writes `""` for what is no more. So what stands and was not said
stays, and what was said is taken whole. Some lists hold what stands in several fields or segments, each of which may be
said without the others: theirs is taken row by row, by what tells the rows apart (`_BY_ROW`), and a row that is not
said stays; of the others a list replaces a list. Periods and the way in and out of a stay are told end by end. A status
or a class that had to be there and was not said (`unknown`) takes the place of nothing.

What follows from the order of events: a stay that has its end stays finished until the end is taken back (A13), however
late a message of its course comes in; one that was cancelled (A11) lives again by its beginning only (A01, A04, A05).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from kangyun.fhir import Resource

UNKNOWN_CLASS = {"system": "http://terminology.hl7.org/CodeSystem/v3-NullFlavor", "code": "UNK"}
NO_VALUE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "unknown"}]}
TAKEN_BACK = "entered-in-error"
_BY_PART = ("period", "hospitalization")
_UNSAID = {"status": "unknown", "class": UNKNOWN_CLASS}
_CHOICES = ("value", "deceased")


def updated(standing: Mapping[str, Any] | None, said: Mapping[str, Any], deleted: Collection[str]) -> Resource:
    """Returns what is to stand.

    standing: what stands now under the id; None where there is nothing.
    deleted:  paths of elements that the sender said are no more: `period.end`, `birthDate`. A choice goes by its name
              without a type: `deceased`. A row goes by its list and what tells it apart: `participant.ATND`.
    """
    if standing is None:
        return dict(said)
    said = _said_now(standing, said, deleted)
    told = {base for base in _CHOICES for key in said if _is_choice(key, base)}
    whole = {key: value for key, value in standing.items() if not _gone(key, deleted, told)} | dict(said)
    for element, nothing in _UNSAID.items():
        if element in standing and said.get(element) == nothing:
            whole[element] = standing[element]
    for element in _BY_PART:
        parts = {**standing.get(element, {}), **said.get(element, {})}
        kept = {
            key: value
            for key, value in parts.items()
            if f"{element}.{key}" not in deleted or key in said.get(element, {})
        }
        whole.pop(element, None)
        if kept and element not in deleted:
            whole[element] = kept
    for element in [one for one in _BY_ROW if one in whole and one in standing]:
        whole[element] = _rows(element, standing[element], said.get(element, ()), deleted)
        if not whole[element]:
            del whole[element]
    # The code that was written for a value goes with the value.
    for element in [one for one in whole if one.startswith("_") and one[1:] in said and one not in said]:
        del whole[element]
    return _in_course(standing, whole, deleted) if whole["resourceType"] == "Encounter" else whole


def identifier_key(identifier: Mapping[str, Any]) -> str:
    """Returns what tells a kind of number from others: its type and its system."""
    type_ = identifier.get("type", {})
    code = next((coding.get("code", "") for coding in type_.get("coding", ())), type_.get("text", ""))
    return f"{code}|{identifier.get('system', '')}"


def _said_now(standing: Mapping[str, Any], said: Mapping[str, Any], deleted: Collection[str]) -> Mapping[str, Any]:
    """Returns what is said without what says less than stands: no value for a value, death without its day."""
    less = set()
    if said.get("dataAbsentReason") == NO_VALUE and "value" not in deleted and _has_value(standing):
        less.add("dataAbsentReason")
    if said.get("deceasedBoolean") is True and "deceasedDateTime" in standing and "deceased" not in deleted:
        less.add("deceasedBoolean")
    return {key: value for key, value in said.items() if key not in less} if less else said


def _in_course(standing: Mapping[str, Any], whole: Resource, deleted: Collection[str]) -> Resource:
    if standing.get("status") == TAKEN_BACK and "status" not in deleted:
        return whole | {"status": TAKEN_BACK}
    has_ended = standing.get("status") == "finished" and "end" in whole.get("period", {})
    if not has_ended or whole["status"] not in ("planned", "in-progress"):
        return whole
    places = [
        one | {"status": "completed"} if one.get("status") == "active" else one for one in whole.get("location", ())
    ]
    return whole | {"status": "finished"} | ({"location": places} if places else {})


def _rows(element: str, standing: Any, said: Any, deleted: Collection[str]) -> list[Any]:
    """Returns the rows of a list: those that are said, and those of other keys that stand and were not deleted.

    Each stays in its place, so that what says a part of it again makes no version.
    """
    key = _BY_ROW[element]
    told: dict[str, list[Any]] = {}
    names = {key(one) for one in said}
    for one in said:
        told.setdefault(key(one), []).append(one)
    ranked = {_rank(one) for one in said if "rank" in one} if element == "diagnosis" else ()
    rows: list[Any] = []
    for one in standing:
        if (name := key(one)) in told:
            rows += told.pop(name)
        elif name not in names and f"{element}.{name}" not in deleted:
            rows.append({k: v for k, v in one.items() if k != "rank"} if ranked and _rank(one) in ranked else one)
    return rows + [one for some in told.values() for one in some]


def _rank(diagnosis: Mapping[str, Any]) -> tuple[str, Any]:
    """Returns use and rank of a diagnosis: which is the first of its use one message says after the other."""
    return str(diagnosis.get("use", "")), diagnosis.get("rank")


def _participant(participant: Mapping[str, Any]) -> str:
    types = (coding.get("code", "") for type_ in participant.get("type", ()) for coding in type_.get("coding", ()))
    return next(types, "")


_BY_ROW: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "identifier": identifier_key,
    "extension": lambda one: str(one.get("url", "")),
    "result": lambda one: str(one.get("reference", "")),
    "diagnosis": lambda one: str(one.get("condition", {}).get("reference", "")),
    "participant": _participant,
    "contact": lambda one: str(one.get("name", {}).get("text", "")),
}


def _has_value(resource: Mapping[str, Any]) -> bool:
    return any(_is_choice(key, "value") for key in resource)


def _is_choice(key: str, base: str) -> bool:
    return key.startswith(base) and key[len(base) : len(base) + 1].isupper()


def _gone(key: str, deleted: Collection[str], told: Collection[str]) -> bool:
    """Whether an element goes. told: choices that are said; with the value of a result goes what was said of it."""
    name = key.removeprefix("_")
    if name in deleted or any(_is_choice(name, base) and (base in told or base in deleted) for base in _CHOICES):
        return True
    return name in ("dataAbsentReason", "interpretation") and ("value" in told or "value" in deleted)

"""Which resources stand in which section of a summary, in which order. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from kangyun.base.texts import Language
from kangyun.exchange.summary.words import when
from kangyun.fhir import Resource


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section as `data/sections.toml` has it. months: how far back; None: without end. most: entries."""

    name: str
    code: str
    display: str
    zh: str
    en: str
    types: tuple[str, ...]
    most: int
    needed: bool = False
    months: int | None = None

    def title(self, language: Language) -> str:
        """Returns its heading."""
        return self.zh if language == "zh" else self.en


class Rules(msgspec.Struct, frozen=True, rename={"left_out": "left-out", "sections": "section"}):
    """The whole of `data/sections.toml`."""

    edition: str
    sections: tuple[Section, ...]
    left_out: Mapping[str, tuple[str, ...]]
    past: Mapping[str, tuple[str, ...]]
    observation: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Filled:
    """A section with what stands in it, newest first. more: entries that were left out as too many."""

    section: Section
    entries: tuple[Resource, ...]
    more: int = 0


@cache
def rules() -> Rules:
    """Returns the shipped sections."""
    text = files("kangyun.exchange.summary").joinpath("data", "sections.toml").read_bytes()
    return msgspec.toml.decode(text, type=Rules)


def types() -> tuple[str, ...]:
    """Returns all types that may stand in a summary."""
    return tuple(sorted({type_ for section in rules().sections for type_ in section.types}))


def filled(resources: Iterable[Resource], today: date) -> list[Filled]:
    """Returns the sections: those that are needed, and of the others those that hold something.

    Of what is said again and again (a diagnosis of each visit, a pressure of each day) the newest stands there.
    """
    by_section: dict[str, list[Resource]] = {}
    for one in resources:
        name = _section_of(one)
        if name is not None:
            by_section.setdefault(name, []).append(one)
    made = [_fill(section, by_section.get(section.name, ()), today) for section in rules().sections]
    return [one for one in made if one.entries or one.section.needed]


def _section_of(one: Resource) -> str | None:
    told = rules()
    if any(_codes(one.get(element)) & set(codes) for element, codes in told.left_out.items()):
        return None
    match one["resourceType"]:
        case "Condition":
            over = any(_codes(one.get(element)) & set(codes) for element, codes in told.past.items())
            return "past-illness" if over else "problems"
        case "Observation":
            categories = {code for category in one.get("category", ()) for code in _codes(category)}
            return next((told.observation[code] for code in sorted(categories & told.observation.keys())), "results")
        case type_:
            return next((section.name for section in told.sections if type_ in section.types), None)


def _fill(section: Section, found: Sequence[Resource], today: date) -> Filled:
    since = "" if section.months is None else _months_before(today, section.months)
    recent = [one for one in found if not since or not when(one) or when(one) >= since]
    oldest = sorted(recent, key=lambda one: (when(one), one["id"]))
    newest = sorted({_named(one): one for one in oldest}.values(), key=lambda one: (when(one), one["id"]), reverse=True)
    return Filled(section, tuple(newest[: section.most]), max(len(newest) - section.most, 0))


def _named(one: Resource) -> tuple[Any, ...]:
    """By what two entries are the same; a vaccination and an operation are each of their day."""
    concept = next((one[name] for name in _CONCEPTS if isinstance(one.get(name), dict)), None)
    if concept is None or one["resourceType"] in _EACH:
        return one["resourceType"], one["id"]
    codings = tuple(sorted((two.get("system", ""), two.get("code", "")) for two in concept.get("coding", ())))
    return one["resourceType"], codings or concept.get("text", one["id"])


def _codes(element: Any) -> set[str]:
    if isinstance(element, str):
        return {element}
    return {str(coding.get("code")) for coding in (element or {}).get("coding", ())}


def _months_before(today: date, months: int) -> str:
    year, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(year, month + 1, 1).isoformat()


_CONCEPTS = ("code", "medicationCodeableConcept", "vaccineCode")
_EACH = frozenset({"Immunization", "Procedure", "DeviceUseStatement", "CarePlan"})

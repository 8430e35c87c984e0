"""What fields of a hospital's messages mean where the standard leaves it open, by a file that its engineer writes.

`data/conventions.toml` is the file of the platform, with every section explained, over the words that every format
knows (`exchange.conventions`); a hospital's own has the same
sections and only what differs. A mistake in it is told by the name of its row.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.exchange import conventions as words

OWNERS = ("patient", "visit", "order", "report")
_PLACE = re.compile(r"([A-Z][A-Z0-9]{2})-(\d{1,3})(?:\.(\d{1,2}))?(?:\.(\d{1,2}))?")
_TARGET = re.compile(r"(patient|visit|order|report)\.(number\.[\w-]+|phone|ethnicity|extension\.[a-z0-9-]+)")
_SECTIONS = {"edition", "keys", "fields", "numbers", "systems", "codes", "dates"}


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a message: segment, field, component, sub-component."""

    segment: str
    field: int
    component: int = 1
    subcomponent: int = 1

    @property
    def written(self) -> str:
        """As people write it."""
        return f"{self.segment}-{self.field}.{self.component}"


@dataclass(frozen=True, slots=True)
class Conventions:
    """Of one hospital. fields: by whose they are, (where, what). numbers: kind -> (code, system)."""

    patient_kinds: tuple[str, ...]
    visit_key: tuple[Spot, ...]
    fields: Mapping[str, tuple[tuple[Spot, str], ...]]
    numbers: Mapping[str, tuple[str, str]]
    systems: Mapping[str, str]
    codes: Mapping[str, Mapping[str, str]]
    no_dates: frozenset[str]


@cache
def standard() -> Conventions:
    """Returns those of the platform alone."""
    return _made(_shipped())


def conventions(text: str) -> Conventions:
    """Returns a hospital's file laid over the platform's. Raises Invalid, naming what is wrong in it."""
    try:
        own = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Invalid("exchange.hl7v2.mapping.file", problem=str(error)) from None
    for section, rows in own.items():
        if section not in _SECTIONS or (section != "edition" and not isinstance(rows, dict)):
            raise Invalid("exchange.hl7v2.mapping.file-section", section=section)
    return _made(_laid(_shipped(), own))


@cache
def _shipped() -> Mapping[str, Any]:
    own = tomllib.loads(files(__package__).joinpath("data", "conventions.toml").read_text("utf-8"))
    return _laid(_words(), own)


def _words() -> Mapping[str, Any]:
    """Returns the words that every format knows, in the sections of this one. Codes are looked up in capitals."""
    tables = {"flags": words.flags(), "ordinals": words.ordinals(), "comparators": words.comparators()}
    codes = {name: {written.upper(): code for written, code in rows.items()} for name, rows in tables.items()}
    return {
        "numbers": {code: [paper.kind, paper.system] for code, paper in words.papers().items()},
        "codes": codes | {"ordinal_flags": dict(words.ordinal_flags()), "units": dict(words.units())},
        "dates": {"none": sorted(day.replace("-", "") for day in words.sentinels())},
    }


def _laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a table with the rows of another laid over it."""
    laid = dict(under)
    for key, value in over.items():
        laid[key] = _laid(laid.get(key, {}), value) if isinstance(value, dict) else value
    return laid


def _made(table: Mapping[str, Any]) -> Conventions:
    fields: dict[str, list[tuple[Spot, str]]] = {owner: [] for owner in OWNERS}
    numbers = {kind: _number(kind, value) for kind, value in table["numbers"].items()}
    for place, target in table["fields"].items():
        found = _TARGET.fullmatch(target) if isinstance(target, str) else None
        if found is None or (found[2].startswith("number.") and found[2][7:] not in numbers):
            raise Invalid("exchange.hl7v2.mapping.file-target", place=place)
        fields[found[1]].append((_spot(place), found[2]))
    return Conventions(
        patient_kinds=tuple(_texts("patient", table["keys"]["patient"])),
        visit_key=tuple(map(_spot, _texts("visit", table["keys"]["visit"]))),
        fields={owner: tuple(rows) for owner, rows in fields.items()},
        numbers=numbers,
        systems={name.upper(): str(system) for name, system in table["systems"].items()},
        codes={name: {str(code): str(meant) for code, meant in rows.items()} for name, rows in table["codes"].items()},
        no_dates=frozenset(_texts("none", table["dates"]["none"])),
    )


def _number(kind: str, value: object) -> tuple[str, str]:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value) and value[1]:
        return value[0], value[1]
    raise Invalid("exchange.hl7v2.mapping.file-target", place=kind)


def _texts(name: str, value: object) -> list[str]:
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        return value
    raise Invalid("exchange.hl7v2.mapping.file-target", place=name)


def _spot(place: str) -> Spot:
    found = _PLACE.fullmatch(place)
    if found is None:
        raise Invalid("exchange.hl7v2.mapping.file-place", place=place)
    return Spot(found[1], int(found[2]), int(found[3] or 1), int(found[4] or 1))

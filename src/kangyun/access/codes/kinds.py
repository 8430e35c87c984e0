"""The kinds of codes that are mapped, and the names of institutions' own lists. Pure.

An institution's own list is `urn:kangyun:code-system:local:{institution}:{list}`: the id of its Organization, and what
the list is of (`result-item`, `charge-item`, `drug`, …), whichever format brought it. A region's own has `region`.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec

from kangyun.fhir import Resource
from kangyun.fhir.china import canonical

LOCAL = "urn:kangyun:code-system:local:"
REGION = "region"
SYSTEM, MAP = "urn:kangyun:code-system:", "urn:kangyun:concept-map:"


class Kind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of codes, as `kinds.toml` has it."""

    zh: str
    en: str
    types: dict[str, str]
    sources: tuple[str, ...]
    targets: tuple[str, ...]


@cache
def kinds() -> Mapping[str, Kind]:
    """Returns the kinds by name."""
    table = tomllib.loads(files(__package__).joinpath("data", "kinds.toml").read_text("utf-8"))
    return {name: msgspec.convert(row, Kind) for name, row in table.items() if isinstance(row, dict)}


@cache
def kind_of_type(type_: str) -> str | None:
    """Returns the kind of a resource type, None for one that is not mapped."""
    return next((name for name, kind in kinds().items() if type_ in kind.types), None)


def is_source(kind: str, system: str) -> bool:
    """Whether codes of a system (its canonical name) are mapped."""
    return system.startswith(LOCAL) or system in kinds()[kind].sources


def owner_of(system: str) -> str:
    """Returns whose list a system is: the institution's id, `region` for what is nobody's own."""
    if not system.startswith(LOCAL):
        return REGION
    return system.removeprefix(LOCAL).partition(":")[0]


def map_of(system: str) -> str:
    """Returns the url of the ConceptMap from a system."""
    return MAP + system.removeprefix(SYSTEM) if system.startswith(SYSTEM) else f"{MAP}from:{system}"


def element_of(resource: Resource) -> str | None:
    """Returns the name of the coded element that is mapped in a resource; None where there is none."""
    kind = kind_of_type(resource["resourceType"])
    if kind is None:
        return None
    element = kinds()[kind].types[resource["resourceType"]]
    return element if resource.get(element, {}).get("coding") else None


def key_of(coding: Resource) -> tuple[str, str] | None:
    """Returns the canonical system and the code of a Coding; None for one that lacks either."""
    system, code = coding.get("system"), coding.get("code")
    return (canonical(system), code) if system and code else None

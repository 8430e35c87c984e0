"""The one table of Chinese code systems: what each is called here, what else it is called, its edition.

A code system or a namespace of identifiers has one canonical name: `urn:oid:` and its OID where it has one, FHIR's
own name where FHIR gives one, else a URN of ours. Documents and programs write a dozen other names for the same;
`canonical` brings them to the one. It never looks at codes, and not at the name of a field: the marital status of a
front page (1 digit) and of GB/T 2261.2 (2 digits) are two systems, and which one a column has is for the feed to say.

Source: data/SOURCE.md
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

from kangyun.fhir import Resource

ORIGINAL = "urn:kangyun:extension:original-system"
"""Extension of a Coding or an Identifier: the name of its system as it came."""

_OID = re.compile(r"(?:urn:oid:)?([0-2](?:\.(?:0|[1-9][0-9]*)){3,})", re.IGNORECASE)

Kind = Literal["codes", "identifiers"]
Presence = Literal["complete", "fragment", "not-present"]


@dataclass(frozen=True, slots=True)
class System:
    """A code system or a namespace of identifiers.

    list:      id of its codes in the data of this package, empty where they are not shipped.
    edition:   the one that is meant where none is named, empty where it is not known.
    content:   whether the codes here are all of it, some, or none.
    certainty: where the row was seen. Nothing here was checked against a standard's own text.
    """

    name: str
    list: str
    kind: Kind
    standard: str
    zh: str
    en: str
    edition: str
    content: Presence
    certainty: str


def rows(file: str) -> list[dict[str, str]]:
    """Returns the rows of a CSV file of this package's data."""
    text = files(__package__).joinpath("data", file).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def systems() -> Mapping[str, System]:
    """Returns the table, by canonical name."""
    return {row["name"]: System(**row) for row in rows("systems.csv")}  # type: ignore[arg-type]


@cache
def aliases() -> Mapping[str, str]:
    """Returns the canonical name of each other name that is accepted."""
    return {row["alias"]: row["name"] for row in rows("aliases.csv")}


@lru_cache(maxsize=4096)
def canonical(name: str) -> str:
    """Returns the canonical name of a system, and a name that is not in the table as it is."""
    known = aliases().get(name)
    if known is not None:
        return known
    if name in systems():
        return name
    found = _OID.fullmatch(name.strip())
    if found is None:
        return aliases().get(name.strip(), name)
    oid = f"urn:oid:{found[1]}"
    return aliases().get(oid, oid if oid in systems() else name)


def system(name: str) -> System | None:
    """Returns what the table says of a system under any of its names, None where it is not in the table."""
    return systems().get(canonical(name))


def edition(name: str) -> str | None:
    """Returns the edition of a system that is meant where none is named, None where that is not known."""
    found = system(name)
    return (found.edition or None) if found is not None else None


def normalised(element: Mapping[str, Any]) -> Resource:
    """Returns a Coding or an Identifier with the canonical name of its system; another one that it came with is kept.

    For whoever makes resources of feeds. What others write into the record stays as they wrote it, and is found under
    either name.
    """
    name = element.get("system")
    if not isinstance(name, str) or canonical(name) == name:
        return dict(element)
    kept = {"url": ORIGINAL, "valueUri": name}
    return {**element, "system": canonical(name), "extension": [*element.get("extension", ()), kept]}

"""The kinds of documents, their sections, and what data elements are: the tables of `data`. Pure.

Source: data/SOURCE.md
"""

import csv
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

DOCUMENT_CODES = "2.16.156.10011.2.4"
ELEMENTS = "2.16.156.10011.2.2.1"
LOINC = "2.16.840.1.113883.6.1"
CONFIDENTIALITY = "2.16.840.1.113883.5.25"
DOCUMENT_NUMBER = "2.16.156.10011.1.1"
TYPE_ID = "2.16.840.1.113883.1.3"


class Kind(NamedTuple):
    """A kind of shared document. template: its templateId. titles: others that were seen, apart by `; `."""

    standard: str
    code: str
    zh: str
    template: str
    titles: str
    certainty: str


class Section(NamedTuple):
    """A section of a kind: its code (LOINC, or a data element), empty where it has a name only."""

    code: str
    name: str
    certainty: str

    @property
    def key(self) -> str:
        """What it is called where sections are told apart."""
        return self.code or self.name


class Role(NamedTuple):
    """What a data element becomes. code: LOINC, unit: UCUM, where the role has them."""

    element: str
    role: str
    code: str
    unit: str
    name: str
    certainty: str


class Element(NamedTuple):
    """A data element of WS 363. format: as the standard writes formats, empty where it is not known."""

    zh: str
    type: str
    format: str


class Title(NamedTuple):
    """What a text of a Composition is by its title. element: empty where it is narrative only."""

    title: str
    element: str
    section: str
    certainty: str


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath("data", name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def table(name: str) -> Mapping[str, Any]:
    """Returns a TOML file of `data`."""
    return tomllib.loads(files(__package__).joinpath("data", f"{name}.toml").read_text("utf-8"))


@cache
def kinds() -> Mapping[str, Kind]:
    """Returns the kinds by their codes: C0001, HSDA00.01."""
    return {row["code"]: Kind(**row) for row in _rows("documents.csv")}


@cache
def sections() -> Mapping[str, Sequence[Section]]:
    """Returns the sections of each kind that were seen, in their order."""
    found: dict[str, list[Section]] = defaultdict(list)
    for row in _rows("sections.csv"):
        found[row["document"]].append(Section(row["code"], row["name"], row["certainty"]))
    return found


@cache
def section_names() -> Mapping[str, str]:
    """Returns the commonest name of each section by its key."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for many in sections().values():
        for one in many:
            found[one.key][one.name] += 1
    return {key: max(names, key=lambda name: names[name]) for key, names in found.items()}


@cache
def roles() -> Mapping[str, Role]:
    """Returns roles by data element."""
    return {row["element"]: Role(**row) for row in _rows("roles.csv")}


@cache
def role_elements() -> Mapping[str, Role]:
    """Returns the first element of each role by the role's name."""
    found: dict[str, Role] = {}
    for one in roles().values():
        found.setdefault(one.role, one)
    return found


@cache
def elements() -> Mapping[str, Element]:
    """Returns the data elements."""
    return {row["element"]: Element(row["zh"], row["type"], row["format"]) for row in _rows("elements.csv")}


@cache
def titles() -> Mapping[str, Title]:
    """Returns what is known by the titles of texts."""
    return {row["title"]: Title(**row) for row in _rows("titles.csv")}


@cache
def text_elements() -> Mapping[str, Title]:
    """Returns the same by data element, the first title of each."""
    found: dict[str, Title] = {}
    for one in titles().values():
        if one.element:
            found.setdefault(one.element, one)
    return found

"""The front page N041 written out of the record: the mapping that reads it, read backwards. Pure.

Resources of one stay become the columns that the mapping takes them from, once, by the first template that names the
column. It writes what the record says, and judges nothing: what was never said stays empty.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from kangyun.exchange.tables.mapping.feed import Feed
from kangyun.exchange.tables.mapping.model import Template, load
from kangyun.exchange.tables.mapping.rules import Scope
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.writing.files import content, inert
from kangyun.exchange.tables.writing.page import Cells, Page, fits
from kangyun.exchange.tables.writing.saying import SAYS
from kangyun.fhir import Resource

N041 = ("n041", "N041")
POSITION = "urn:kangyun:extension:position"
_LAST = 10**6
_DAYS = {"moment": SAYS["day"]}
"""A front page has days where the record may have times."""


class Written(NamedTuple):
    """A row by its columns. left_out: resources that have no place on it, as `Type/id`: a sixteenth diagnosis."""

    cells: Mapping[str, str]
    left_out: tuple[str, ...]


def front_page(resources: Iterable[Resource], institution: str) -> Written:
    """Returns the front page of one stay. resources: its Patient, Encounter, Conditions, Procedures and Claim.

    institution: its name, as USERNAME of a CSV has it.
    """
    columns = tables()[N041]
    cells: Cells = {"USERNAME": institution}
    waiting = sorted(resources, key=lambda one: (_position(one), one["resourceType"], one.get("id", "")))
    owned: dict[str, str] = {}
    mapping = load("front-page")
    scope = Scope(Feed("", "", "", N041[0]), mapping.codes)
    for template in mapping.resources:
        fitting = [one for one in waiting if one["resourceType"] == template.type and fits(template.body, one)]
        for number, resource in _places(template, fitting):
            owner = f"{template.kind}-{number}"
            page = Page(columns, scope, cells, owned=owned, owner=owner, number=number, says=_DAYS)
            page.write(template.body, resource)
            if page.named:
                waiting.remove(resource)
    left = tuple(f"{one['resourceType']}/{one.get('id', '')}" for one in waiting)
    return Written({name: inert(cells.get(name, "")) for name in columns}, left)


def as_csv(pages: Iterable[Written], encoding: str = "utf-8-sig") -> bytes:
    """Returns front pages as a file: a header and a row each. encoding: `gb18030` where the receiver wants GBK."""
    return content(list(tables()[N041]), [page.cells for page in pages], encoding)


def _places(template: Template, fitting: Sequence[Resource]) -> list[tuple[int, Resource]]:
    """Returns resources with their numbers on the page: the first alone, or the first ones of a group."""
    first, last = template.each
    return [*zip(range(first, last + 1), fitting, strict=False)]


def _position(resource: Resource) -> int:
    found = [one for one in resource.get("extension", ()) if one["url"] == POSITION]
    return int(found[0]["valueInteger"]) if found else _LAST

"""An institution's records of a period, written as the tables of a receiver's dialect, lot by lot."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from kangyun.access import outward, upward
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.gate import Gate
from kangyun.access.outward import Lot, Wanted
from kangyun.access.record import Record
from kangyun.exchange.tables.mapping import Feed, load
from kangyun.exchange.tables.recognition import tables
from kangyun.exchange.tables.writing import Left, Rows, Writer, front_page, targets, unfilled
from kangyun.fhir import Resource

FRONT_PAGE = "n041"
_NAMED = ("Encounter", "DiagnosticReport")


@dataclass(frozen=True, slots=True)
class Given:
    """What is given. to: the platform, as `Organization/…`, as residents may deny it. by: who has it written.

    feed: the institution, with the platform's dialect. code: the institution's at the platform, its own where empty.
    """

    feed: Feed
    to: str
    by: str
    begins: datetime
    ends: datetime
    code: str = ""


class Sheet(NamedTuple):
    """A table that is written. header: column and what it is called. empty: columns that are never filled."""

    name: str
    header: Mapping[str, str]
    empty: Sequence[str]


def sheets(dialect: str) -> list[Sheet]:
    """Returns the tables of a dialect; none of one that nothing is written in."""
    if dialect == FRONT_PAGE:
        header = {name: column.zh for name, column in tables()[FRONT_PAGE, "N041"].items()}
        return [Sheet("N041", header, ())]
    return [Sheet(one.table, one.columns, unfilled(one)) for one in targets(dialect)]


async def given(gate: Gate, what: Given) -> AsyncIterator[Rows]:
    """Yields the rows of each lot; its audit row is left before."""
    wanted = Wanted(what.feed.institution, what.begins, what.ends, _types(what.feed.dialect), _NAMED)
    asker = upward.Asker(what.to)
    about = Circumstances("feed write", "", uuid4().hex)
    # The row is in the name of who has it written, of the platform that gets it.
    actor = Actor(what.by, "", what.to, upward.PURPOSE)
    seen = {"Patient", *wanted.types, *wanted.named}
    record: Record = await upward.opened_for(gate, actor, about, asker, seen, masked=False)
    writer = Writer(what.feed, what.code)
    name = await _called(gate, what.feed.institution) if what.feed.dialect == FRONT_PAGE else ""
    async for lot in outward.lots(record, wanted):
        yield _front_pages(lot, name) if what.feed.dialect == FRONT_PAGE else writer.rows(lot.due, lot.known)


def _types(dialect: str) -> frozenset[str]:
    if dialect == FRONT_PAGE:
        return frozenset({"Encounter", "Condition", "Procedure", "Claim"})
    return frozenset(template.type for one in targets(dialect) for template in one.mapping.resources) - {"Patient"}


async def _called(gate: Gate, institution: str) -> str:
    place = ("Organization", institution.rpartition("/")[2])
    async with gate.store.pool.connection() as connection:
        found = (await gate.store.reader.locate(connection, [place])).get(place)
    return str(found.stored.resource.get("name", "")) if found is not None and found.stored is not None else ""


def _front_pages(lot: Lot, name: str) -> Rows:
    """Returns the front pages of the stays that are over."""
    rows, left = [], Counter[Left]()
    for stay in lot.due:
        if stay["resourceType"] != "Encounter" or stay.get("class", {}).get("code") != "IMP":
            continue
        page = front_page([one for name_, one in lot.known.items() if _is_of(stay, name_, one)], name)
        lacking = [column for column in _MUST if not page.cells[column]]
        if lacking:
            left[Left("Encounter", "left-no-key", "+".join(lacking))] += 1
            continue
        rows.append(page.cells)
        left.update(Left(one.partition("/")[0], "left-element") for one in page.left_out)
    return Rows({"N041": rows} if rows else {}, left)


def _is_of(stay: Resource, reference: str, resource: Resource) -> bool:
    """Whether a resource belongs to a stay: it, its Patient, what names it, and the Claim of the same days."""
    whose = stay.get("subject", {}).get("reference")
    if resource["resourceType"] == "Claim":
        claimed: Resource = resource.get("patient", {})
        return claimed.get("reference") == whose and resource.get("billablePeriod") == stay.get("period")
    of: Resource = resource.get("encounter", {})
    return resource is stay or reference == whose or of.get("reference") == f"Encounter/{stay['id']}"


_MUST = tuple(name for name in load("front-page").key if "|" not in name and not name.endswith("?"))

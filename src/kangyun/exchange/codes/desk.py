"""The desk: which codes are used how often and what stands of them, suggestions, lists loaded.

Whoever works for one institution asks of its own lists only; what the region's terminologist asks of all. What is
written is `access.codes.table`'s; each look and each change leaves its row in the audit trail.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import asyncpg

from kangyun.access.codes.counting import types_of
from kangyun.access.codes.kinds import LOCAL, kinds
from kangyun.access.codes.table import Listed, Proposal, house_of, propose
from kangyun.access.record import Record
from kangyun.base.errors import Invalid
from kangyun.database.statements import statements
from kangyun.exchange.codes import shipped
from kangyun.exchange.codes.suggesting import Index, Local, Suggestion
from kangyun.fhir.china import canonical
from kangyun.fhir.search.dates import BEIJING

SQL = statements("exchange.codes")
State = Literal["unmapped", "proposed", "approved", "unneeded"]
STATES: tuple[State, ...] = ("unmapped", "proposed", "approved", "unneeded")
_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)
MOST = 20_000
"""Codes of one answer: as many as a workbook is read with."""
MOST_INDEXES = 8
_INDEXES: dict[tuple[str, int], Index] = {}
"""Lists that were asked lately, made ready: by system and content."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for. kind: of codes. target: the list that they are mapped to; empty for the first of the kind.

    institution: the id of one; empty for all that may be asked of. state: None for all. most, skip: a page.
    """

    kind: str
    target: str = ""
    institution: str = ""
    state: State | None = None
    most: int = 100
    skip: int = 0

    def __post_init__(self) -> None:
        """Raises Invalid for what there is not."""
        if self.kind not in kinds():
            raise Invalid("exchange.codes.no-kind", known="、".join(kinds()))
        if self.target and self.target_system not in kinds()[self.kind].targets:
            raise Invalid("exchange.codes.no-target", known="、".join(kinds()[self.kind].targets))
        if self.institution and not _ID.fullmatch(self.institution):
            raise Invalid("exchange.codes.no-institution")
        if self.state is not None and self.state not in STATES:
            raise Invalid("exchange.codes.no-state", known="、".join(STATES))
        if not (0 < self.most <= MOST and self.skip >= 0):
            raise Invalid("exchange.codes.page", most=MOST)

    @property
    def target_system(self) -> str:
        """The canonical name of the list."""
        return canonical(self.target) if self.target else kinds()[self.kind].targets[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """A code in use, and what stands of it. row: the number of the proposal or decision; standing: what is approved.

    ending: who asked that it be withdrawn.

    name, unit, specimen: as the institution says. count: of resources. first, last: days, in Beijing.
    """

    system: str
    code: str
    name: str
    unit: str
    specimen: str
    count: int
    first: date | None
    last: date | None
    state: State
    row: int | None = None
    target: str = ""
    target_name: str = ""
    relation: str = ""
    proposer: str = ""
    remark: str = ""
    ending: str = ""
    standing: int | None = None
    suggestions: list[Suggestion] = field(default_factory=list)


async def entries(record: Record, asked: Asked) -> list[Entry]:
    """Returns codes in use, the most used first. Raises Forbidden."""
    house = house_of(record.actor)
    whose = house if house is not None else asked.institution
    prefix = f"{LOCAL}{whose}:" if whose else ""
    async with record.gate.store.pool.connection() as connection:
        rows = await connection.fetch(
            SQL["used"], types_of(asked.kind), asked.target_system, prefix, asked.state, asked.most, asked.skip
        )  # fmt: skip
    await record.leave_row("codes-list", 200, [])
    return [_entry(row) for row in rows]


def _entry(row: asyncpg.Record) -> Entry:
    return Entry(**(dict(row) | {"first": _day(row["first"]), "last": _day(row["last"])}))


def _day(moment: datetime | None) -> date | None:
    return moment.astimezone(BEIJING).date() if moment is not None else None


async def listed(record: Record, system: str) -> tuple[Listed, ...]:
    """Returns a list as the region has loaded it, else as it comes with the platform; empty where neither is."""
    async with record.gate.store.pool.connection() as connection:
        rows = await connection.fetch(SQL["listed"], system)
    return tuple(Listed(*row) for row in rows) or shipped.listed(system)


async def index_of(record: Record, asked: Asked) -> Index:
    """Returns the list that codes of a kind are mapped to, ready to be asked. Raises Invalid where it is not here."""
    found = await listed(record, asked.target_system)
    if not found:
        raise Invalid("exchange.codes.not-loaded", list=asked.target_system)
    national: Mapping[str, str] = {}
    for source in kinds()[asked.kind].targets:
        national = national or shipped.national(source, asked.target_system)
    key = asked.target_system, hash(found)
    if key not in _INDEXES:
        while len(_INDEXES) >= MOST_INDEXES:
            _INDEXES.pop(next(iter(_INDEXES)))
        _INDEXES[key] = await asyncio.to_thread(Index, found, national)
    return _INDEXES[key]


async def with_suggestions(found: Sequence[Entry], index: Index, most: int = 3) -> list[Entry]:
    """Fills in what codes that are not mapped may stand for, beside what else the process does."""
    return await asyncio.to_thread(_filled, found, index, most)


def _filled(found: Sequence[Entry], index: Index, most: int) -> list[Entry]:
    for one in found:
        if one.state == "unmapped":
            one.suggestions.extend(index.suggest(Local(one.code, one.name, one.unit, one.specimen), most))
    return list(found)


async def propose_best(record: Record, asked: Asked, least: float) -> int:
    """Proposes the best suggestion of each code that has one of so many points. Returns how many; others decide."""
    index = await index_of(record, asked)
    found = await with_suggestions(await entries(record, asked), index, most=2)
    proposals = [
        Proposal(one.system, one.code, asked.target_system, best.target.code, best.target.name, remark=told(best))
        for one in found
        if (best := _clear(one.suggestions, least)) is not None
    ]
    return await propose(record, proposals)


def _clear(suggestions: Sequence[Suggestion], least: float) -> Suggestion | None:
    """Returns the best where it has so many points, and more than the next."""
    match suggestions:
        case [best] if best.score >= least:
            return best
        case [best, following, *_] if best.score >= least and best.score > following.score:
            return best
    return None


async def propose_national(record: Record, asked: Asked) -> int:
    """Proposes the national map to a list, whole, as the platform brings it. Returns how many rows are new."""
    proposals: list[Proposal] = []
    for source in kinds()[asked.kind].targets:
        names = {one.code: one.name for one in await listed(record, asked.target_system)}
        table = shipped.national(source, asked.target_system)
        proposals += [
            Proposal(source, code, asked.target_system, target, names.get(target, ""), remark=shipped.EDITION)
            for code, target in table.items()
        ]
    if not proposals:
        raise Invalid("exchange.codes.no-map", list=asked.target_system)
    return await propose(record, proposals)


async def open_proposals(record: Record, asked: Asked) -> list[int]:
    """Returns the numbers of proposals of others that wait for a decision, the oldest first."""
    prefix = f"{LOCAL}{asked.institution}:" if asked.institution else ""
    async with record.gate.store.pool.connection() as connection:
        rows = await connection.fetch(SQL["proposed"], asked.target_system, prefix, record.actor.reference)
    return [row["id"] for row in rows]


async def totals(record: Record, asked: Asked) -> dict[str, tuple[int, int]]:
    """Returns of each state how many codes, and how many uses, are in it. Raises Forbidden."""
    house = house_of(record.actor)
    whose = house if house is not None else asked.institution
    prefix = f"{LOCAL}{whose}:" if whose else ""
    async with record.gate.store.pool.connection() as connection:
        rows = await connection.fetch(SQL["totals"], types_of(asked.kind), asked.target_system, prefix)
    await record.leave_row("codes-totals", 200, [])
    return {row["state"]: (row["codes"], row["uses"]) for row in rows}


def told(suggestion: Suggestion) -> str:
    """Returns a suggestion's reason and score, as a remark keeps them."""
    return f"{suggestion.reason} {suggestion.score:g}"

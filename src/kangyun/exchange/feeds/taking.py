"""Entries and refusals of one file, taken into the record: as many records at once as a transaction does well.

A record (a row, a message) is stored with all of its resources or kept aside with why; what is wrong with one is no
other's fault. What is there already makes no version, so a file may be taken again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeAlias

from kangyun.access.intake import check
from kangyun.access.record import Operation, Record
from kangyun.base.errors import PlatformError
from kangyun.exchange.entries import Entry, Refusal, is_about_nobody
from kangyun.exchange.feeds.storing import AT_ONCE, refused, row_of, store
from kangyun.exchange.hl7v2.mapping import updated
from kangyun.fhir import Resource

SAME = ("unchanged", "matched")
ABOUT_NOBODY = "exchange.feeds.about-nobody"

Rows: TypeAlias = list[list[Entry]]


@dataclass(slots=True)
class Taken:
    """What became of a file. rows: that came to something; kept aside: those that were not stored.

    left_out, put_right: values; those that were taken all the same, as `Refusal.taken` says.
    """

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    aside: int = 0
    left_out: int = 0
    put_right: int = 0


@dataclass(slots=True)
class Taking:
    """Takes one file. tell: is told each refusal, in the order of the rows as far as the formats give it.

    stored: is told of each row that is stored its first entry, and whether it made no version.
    """

    record: Record
    tell: Callable[[Refusal], object]
    stored: Callable[[Entry, bool], object] = lambda entry, same: None
    taken: Taken = field(default_factory=Taken)

    async def take(self, made: Iterable[Entry | Refusal]) -> Taken:
        """Stores the entries and tells the refusals. Raises Unavailable, Throttled: what is stored by then stays."""
        waiting: Rows = []
        for row in self._rows(made):
            waiting.append(row)
            if sum(map(len, waiting)) >= AT_ONCE:
                await self._store(waiting)
                waiting = []
        await self._store(waiting)
        return self.taken

    def _rows(self, made: Iterable[Entry | Refusal]) -> Iterator[list[Entry]]:
        for _, parts in groupby(made, key=row_of):
            row = []
            for one in parts:
                if isinstance(one, Entry):
                    row.append(one)
                else:
                    self._refuse(one)
            if row:
                self.taken.rows += 1
                faults = faults_of(row)
                for fault in faults:
                    self.tell(fault)
                if faults:
                    self.taken.aside += 1
                else:
                    yield row

    def _refuse(self, refusal: Refusal) -> None:
        self.tell(refusal)
        if refusal.whole:
            self.taken.rows += refusal.place.row is not None
            self.taken.aside += 1
        elif refusal.taken:
            self.taken.put_right += 1
        else:
            self.taken.left_out += 1

    async def _store(self, rows: Rows) -> None:
        for row, outcome in zip(rows, await store(self.record, [self.whole(row) for row in rows]), strict=True):
            if isinstance(outcome, PlatformError):
                self.taken.aside += 1
                self.tell(refused(row[0].origin, outcome))
                continue
            self.stored(row[0], all(done.status in SAME for done in outcome))
            for done in outcome:
                self.taken.created += done.status == "created"
                self.taken.updated += done.status == "updated"
                self.taken.unchanged += done.status in SAME

    def whole(self, row: Sequence[Entry]) -> list[Operation]:
        """Returns the interactions that store the entries of a record."""
        return [
            self.record.operation(
                "update", one.resource["resourceType"], id=one.id, resource=dict(one.resource),
                onto=_onto if one.partial else None,
            )
            for one in row
        ]  # fmt: skip


def _onto(standing: Resource | None, said: Resource) -> Resource:
    return updated(standing, said, ())


def faults_of(row: Sequence[Entry]) -> list[Refusal]:
    """Returns why a record cannot be stored, as far as it says so itself."""
    found = []
    for one in row:
        if is_about_nobody(one.resource):
            found.append(Refusal(one.origin, ABOUT_NOBODY))
        try:
            check(dict(one.resource))
        except PlatformError as error:
            found.append(refused(one.origin, error))
    return found

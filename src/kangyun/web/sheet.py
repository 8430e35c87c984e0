"""A list that somebody has before him, as a workbook.

    POST /fhir/$sheet        {title, columns, rows, about}: the rows as the page received them

What is text stays text, so that no identifier loses its digits; what is a number is one. about: for each row the
resource that it is about, such as "Patient/7". The persons are counted together with those of `$export`, a row that
names nobody as one person where the actor's role sees persons. Above the limit a list is asked for with `_reason`, and
is given once, the same list of the same persons, when a second officer has confirmed it. The workbook begins with the
watermark; one row of the audit trail says how many rows left.
"""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import msgspec

from kangyun.access.keyed import Digester
from kangyun.access.named import persons_named, registrations_of
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.staff.sheets import XLSX, Value, listing
from kangyun.base.crypto import derived_key
from kangyun.base.errors import Forbidden, Invalid, Malformed
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.export_approval import KIND, REASON
from kangyun.web.marks import Marks
from kangyun.web.shape import shape
from kangyun.web.staff import NO_STORE

NAME = "$sheet"
MOST_ROWS, MOST_COLUMNS = 20_000, 60
Cell = Annotated[str, msgspec.Meta(max_length=32_767)] | int | float | None  # what Excel holds in a cell


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    columns: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(min_length=1, max_length=MOST_COLUMNS)
    ]
    rows: Annotated[list[list[Cell]], msgspec.Meta(max_length=MOST_ROWS)]
    about: list[str] = []


class SheetDesk:
    """Makes workbooks of lists. One for a process."""

    def __init__(self, platform: Platform, marks: Marks) -> None:
        self._approvals = platform.people.approvals
        self._digester = Digester(derived_key(platform.gate.store.keys.index_key, "sheet-rows", 32))
        self._marks = marks

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is this one."""
        return request.segments == [NAME]

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers a request. Raises Forbidden for applications, and for too many persons without a second officer."""
        record.in_person()
        if request.method != "POST":
            raise NotAllowed(request.method, "POST")
        asked = _read(await request.body())
        persons = await persons_named(record, asked.about)
        counted = persons | self._nameless(asked, persons, record)
        await self._check(asked, counted, request, record)
        mark = await self._marks.of(record.actor)
        # Seconds, for a long list: nobody else waits for it.
        book = await asyncio.to_thread(listing, asked.title, mark, asked.columns, asked.rows)
        record.asks(f"{shape(request)} [{len(asked.rows)}]")
        await record.leave_row("sheet", 200, await registrations_of(record, persons.values()))
        headers = {"content-disposition": 'attachment; filename="list.xlsx"', **NO_STORE}
        return Answer(200, book, headers, resource=False, media_type=XLSX)

    def _nameless(self, asked: _Asked, persons: dict[int, int], record: Record) -> dict[int, int]:
        """Returns for the rows that name nobody, and may be about somebody, a number of their own, below zero."""
        if not record.reads("Patient"):
            return {}
        rest = (place for place in range(len(asked.rows)) if place not in persons)
        return {place: self._number(asked.rows[place]) for place in rest}

    def _number(self, row: Sequence[Value]) -> int:
        return -1 - int.from_bytes(self._digester.of(msgspec.json.encode(row))[:7], "big")

    async def _check(self, asked: _Asked, counted: dict[int, int], request: HttpRequest, record: Record) -> None:
        """Passes a list of few, and once one that was confirmed. Raises Forbidden for what has to be confirmed."""
        approvals, of = self._approvals, sorted(set(counted.values()))
        if await approvals.few(KIND, record.actor, of):
            return
        detail = {
            "sheet": asked.title, "columns": asked.columns, "rows": len(asked.rows),
            "of": self._digester.of(msgspec.json.encode(of)).hex(),
        }  # fmt: skip
        own = {
            one.state: one.id for one in await approvals.listed(record.actor)
            if (one.asker, one.kind, one.detail) == (record.actor.reference, KIND, detail)
        }  # fmt: skip
        limit, reason = approvals.rules[KIND].above, request.option(REASON)
        if "confirmed" in own:
            await approvals.granted(KIND, own["confirmed"], record.actor, detail)
            await record.leave_row("approval-use", 200, [])
            return
        if "open" in own:
            raise Forbidden("web.sheet-waits", limit=limit, id=own["open"])
        if reason is None:
            raise Forbidden("web.sheet-reason", limit=limit, at=REASON)
        waiting = await approvals.ask(KIND, record.actor, reason, detail, persons=len(of))
        await record.leave_row("approval-ask", 202, [])
        raise Forbidden("web.sheet-waits", limit=limit, id=waiting)


def _read(body: bytes) -> _Asked:
    try:
        asked = msgspec.json.decode(body, type=_Asked)
    except msgspec.ValidationError as error:
        raise Invalid("web.json-member", member=str(error).rpartition(" - at ")[2]) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("web.json-object") from None
    if any(len(row) != len(asked.columns) for row in asked.rows):
        raise Invalid("web.json-member", member="rows")
    if len(asked.about) > len(asked.rows):
        raise Invalid("web.json-member", member="about")
    return asked

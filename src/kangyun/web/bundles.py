"""Batch and transaction: a Bundle in, what became of each entry out.

A transaction is one commit; its reads come after its writes, and one that fails is said in its place: what was written
stands by then. A batch's entries stand for themselves: those that ask for a plain write are written together as long
as that goes well, because a commit each would cost ten times as much, and one by one when it does not. What is carried
out by itself leaves its own row, as it would alone.

Source: https://hl7.org/fhir/R4/http.html#transaction
"""

import asyncio

from kangyun.access.record import Record
from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.base.statuses import status_of
from kangyun.fhir.json import encode
from kangyun.web import answers
from kangyun.web.entries import SLICE, Entry, read_entries
from kangyun.web.exchange import Answer, HttpRequest
from kangyun.web.outcome import outcome, unexpected
from kangyun.web.rest import Rest
from kangyun.web.shape import interaction, shape

# Entries of a batch that are written in one commit.
TOGETHER = 200


class Bundles:
    """Carries out Bundles that are sent to the base."""

    def __init__(self, rest: Rest, base_path: str) -> None:
        self._rest = rest
        self._base_path = base_path

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers POST of a batch or transaction."""
        kind, entries = await read_entries(request, record, self._rest.base)
        carry_out = self._transaction if kind == "transaction" else self._batch
        parts = await carry_out(entries, request, record)
        if not record.outcome:
            await record.leave_row(kind, 200, [])
        return Answer(200, answers.bundle(f"{kind}-response", [parts[entry.number] for entry in entries]))

    async def _transaction(self, entries: list[Entry], request: HttpRequest, record: Record) -> dict[int, bytes]:
        parts: dict[int, bytes] = {}
        await self._write([entry for entry in entries if entry.operation], "transaction", request, record, parts)
        for entry in entries:
            if entry.operation is None:
                parts[entry.number] = await self._alone(entry, request, record)
        return parts

    async def _batch(self, entries: list[Entry], request: HttpRequest, record: Record) -> dict[int, bytes]:
        parts: dict[int, bytes] = {}
        waiting: list[Entry] = []
        for entry in entries:
            if entry.stands_alone:
                waiting.append(entry)
            if len(waiting) == TOGETHER or not entry.stands_alone:
                await self._together(waiting, request, record, parts)
                waiting = []
            if not entry.stands_alone:
                parts[entry.number] = await self._alone(entry, request, record)
        await self._together(waiting, request, record, parts)
        return parts

    async def _together(
        self, entries: list[Entry], request: HttpRequest, record: Record, parts: dict[int, bytes]
    ) -> None:
        try:
            await self._write(entries, "batch", request, record, parts)
        except (Unavailable, Throttled) as error:
            parts.update({entry.number: _refused(error, request) for entry in entries})
        except PlatformError:
            for entry in entries:
                parts[entry.number] = await self._alone(entry, request, record)

    async def _write(
        self, entries: list[Entry], action: str, request: HttpRequest, record: Record, parts: dict[int, bytes]
    ) -> None:
        operations = [entry.operation for entry in entries if entry.operation]
        wished = request.prefer.get("return", "")
        done = await record.commit(operations, action) if operations else []
        for place, (entry, one) in enumerate(zip(entries, done, strict=True)):
            if place % SLICE == SLICE - 1:
                await asyncio.sleep(0)
            wish = wished if record.reads(operations[place].type) else "minimal"
            parts[entry.number] = answers.written_entry(
                one.status, one.stored, self._rest.base, wish, request.language
            )  # fmt: skip

    async def _alone(self, entry: Entry, request: HttpRequest, record: Record) -> bytes:
        """Carries out one entry, which leaves a row of its own; what is wrong with it is said in its place."""
        before, record.outcome = record.outcome, 0
        shape_of_all = record.circumstances.shape
        inner = entry.inner(request, self._base_path)
        try:
            if entry.error is not None:
                raise entry.error
            record.asks(shape(inner))
            try:
                return await self._carried_out(entry, inner, request, record)
            except Exception as error:
                await record.refuse(interaction(inner), status_of(error))
                raise
        except PlatformError as error:
            return _refused(error, request)
        except Exception as error:
            return answers.refused_entry(500, encode(outcome([unexpected(error)], request.language)))
        finally:
            record.outcome = record.outcome or before
            record.asks(shape_of_all)

    async def _carried_out(self, entry: Entry, inner: HttpRequest, request: HttpRequest, record: Record) -> bytes:
        if entry.operation is None:
            return answers.answered_entry(await self._rest.answer(inner, record))
        parts: dict[int, bytes] = {}
        await self._write([entry], entry.operation.method, request, record, parts)
        return parts[entry.number]


def _refused(error: PlatformError, request: HttpRequest) -> bytes:
    return answers.refused_entry(status_of(error), encode(outcome(error.issues, request.language)))

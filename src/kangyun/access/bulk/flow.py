"""Lines to tasks, tasks to hands, in an order that keeps the last of several lines of one resource the last.

Chunks are written side by side, and finished ones are told in the order of the input: so one number says how far an
input has come. A chunk that has a resource of one which is still being written waits for that.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kangyun.access.bulk.model import Line, Refusal, Task, Written
from kangyun.access.bulk.sources import Lines, name_of
from kangyun.base.errors import Issue, Unavailable

MOST_LINES = 1000
MOST_BYTES = 4_000_000
# Chunks that are done but wait for one before them: more would only be forgotten after a stop.
AHEAD = 4


@dataclass(slots=True)
class Chunk:
    """Lines that are written together, or a file.

    type:  the only one that its lines may be of, empty for any. last: the number of its last line.
    names: what it writes. source: what it is from, for whoever gave it.
    alone: nothing is written beside it: others refer to what it brings.
    keep_ids, request, again: as of a Task.
    """

    type: str = ""
    lines: list[Line] = field(default_factory=list)
    names: set[tuple[str, str]] = field(default_factory=set)
    refused: list[Refusal] = field(default_factory=list)
    last: int = 0
    size: int = 0
    kind: Literal["lines", "bundle"] = "lines"
    source: str = ""
    alone: bool = False
    keep_ids: bool = False
    request: str = ""
    again: bool = False

    def task(self, number: int) -> Task:
        """Returns what is handed over."""
        return Task(number, self.kind, self.lines, self.type, self.keep_ids, self.request, self.again)


class Crew(Protocol):
    """Who writes: processes of ours (`hands`), or another server."""

    @property
    def places(self) -> int:
        """How many tasks are worked on at once."""

    async def give(self, task: Task) -> "asyncio.Future[Written]":
        """Gives a task, waiting until somebody has room for it."""


Chunks = AsyncGenerator[Chunk, None]


async def chunks_of(lines: Lines, type_: str, after: int) -> Chunks:
    """Puts lines behind the one of number `after` together."""
    chunk = Chunk(type_)
    async with aclosing(lines):
        async for line in lines:
            number = line if isinstance(line, int) else line.number
            if number <= after:
                continue
            chunk.last = number
            if isinstance(line, int):
                chunk.refused.append(Refusal(number, (Issue("error", "too-long", "access.bulk.line-too-long"),)))
                chunk.size += 1000
            else:
                chunk.lines.append(line)
                chunk.size += len(line.text)
                name = name_of(line.text)
                if name is not None:
                    chunk.names.add(name)
            if len(chunk.lines) + len(chunk.refused) >= MOST_LINES or chunk.size >= MOST_BYTES:
                yield chunk
                chunk = Chunk(type_)
    if chunk.last:
        yield chunk


async def write_chunks(crew: Crew, chunks: Chunks, done: Callable[[Chunk, Written], object]) -> None:
    """Has chunks written, and tells of each, in their order, what became of it. Raises Unavailable."""
    pending: deque[tuple[Chunk, asyncio.Future[Written]]] = deque()

    async def finish() -> None:
        chunk, answer = pending[0]
        written = await answer
        if written.failed:
            raise Unavailable(issues=written.failed)
        pending.popleft()
        done(chunk, written)

    try:
        number = 0
        async with aclosing(chunks):
            async for chunk in chunks:
                while pending and (
                    chunk.alone
                    or len(pending) >= crew.places + AHEAD
                    or pending[0][1].done()
                    or any(not chunk.names.isdisjoint(other.names) for other, _ in pending)
                ):
                    await finish()
                number += 1
                pending.append((chunk, await crew.give(chunk.task(number))))
                if chunk.alone:
                    await finish()
        while pending:
            await finish()
    finally:
        for _, answer in pending:
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # Looked at: the first one that failed is what is told.

"""Looks whether the audit trail is as it was sealed. Reads only; may run beside everything else."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

import asyncpg

from kangyun.access.trail import rows
from kangyun.access.trail.chain import BEFORE_ALL, START, Fault, Row, Seal, faults
from kangyun.access.trail.roots import Root

AT_ONCE = 100  # seals whose rows are read together


@dataclass(slots=True)
class Progress:
    """How far it has come."""

    seals: int = 0
    rows: int = 0
    waiting: int = 0  # rows that no seal holds yet


async def verify(
    connection: asyncpg.Connection, roots: Iterable[Root], tell: Callable[[Progress], None] = lambda progress: None
) -> AsyncIterator[Fault]:
    """Yields each fault, in the order of the trail; `tell` is told how far it has come, at last of all."""
    progress = Progress()
    kept = {root.seal: root.digest for root in roots}
    number, place, before = 0, START, BEFORE_ALL
    while some := await rows.seals(connection, number, AT_ONCE):
        found = await rows.between(connection, place, some[-1].last)
        begin = 0
        for seal in some:
            for missing in range(number + 1, seal.number):
                yield Fault("seal-missing", missing)
            end = _end(found, begin, seal)
            for fault in faults(seal, before, found[begin:end]):
                yield fault
            if kept.pop(seal.number, seal.digest) != seal.digest:
                yield Fault("root-differs", seal.number)
            number, place, before, begin = seal.number, seal.last, seal.digest, end
            progress.seals += 1
        progress.rows += len(found)
        tell(progress)
    for missing in sorted(kept):
        yield Fault("seal-missing", missing)
    progress.waiting = await rows.waiting(connection, place)
    tell(progress)


def _end(found: list[Row], begin: int, seal: Seal) -> int:
    """Returns where the rows of a seal end."""
    end = begin
    while end < len(found) and (found[end].xid, found[end].id) <= seal.last:
        end += 1
    return end

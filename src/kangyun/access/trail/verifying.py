"""Looks whether the audit trail is as it was sealed. Reads only; may run beside everything else."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass

import asyncpg

from kangyun.access.trail import rows
from kangyun.access.trail.chain import BEFORE_ALL, START, Fault, Row, Seal, faults
from kangyun.access.trail.roots import Root

AT_ONCE = 20  # seals whose rows are read together


@dataclass(slots=True)
class Progress:
    """How far it has come. waiting: rows that no seal holds yet; late: those of them that one should hold by now."""

    seals: int = 0
    rows: int = 0
    waiting: int = 0
    late: int = 0


async def verify(
    connection: asyncpg.Connection, roots: Iterable[Root], tell: Callable[[Progress], None] = lambda progress: None
) -> AsyncIterator[Fault]:
    """Yields each fault, in the order of the trail; `tell` is told how far it has come, at last of all."""
    progress = Progress()
    kept: dict[int, set[bytes]] = {}
    for root in roots:
        kept.setdefault(root.seal, set()).add(root.digest)
    number, place, before = 0, START, BEFORE_ALL
    while some := await rows.seals(connection, number, AT_ONCE):
        found = await rows.between(connection, place, some[-1].last)
        begin = 0
        for seal in some:
            if seal.number != number + 1:
                yield Fault("seal-missing", number + 1, seal.number - 1)
            end = _end(found, begin, seal)
            for fault in faults(seal, before, found[begin:end]):
                yield fault
            if kept.pop(seal.number, {seal.digest}) != {seal.digest}:
                yield Fault("root-differs", seal.number)
            number, place, before, begin = seal.number, seal.last, seal.digest, end
            progress.seals += 1
        progress.rows += len(found)
        tell(progress)
    for missing in sorted(kept):
        yield Fault("seal-missing", missing, missing)
    progress.waiting, progress.late = await rows.waiting(connection, place)
    tell(progress)


def _end(found: list[Row], begin: int, seal: Seal) -> int:
    """Returns where the rows of a seal end."""
    end = begin
    while end < len(found) and (found[end].xid, found[end].id) <= seal.last:
        end += 1
    return end

"""Looks whether the audit trail is as it was sealed. Reads only; may run beside everything else."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from kangyun.access.trail import archive, rows
from kangyun.access.trail.chain import BEFORE_ALL, START, Fault, Place, Row, faults
from kangyun.access.trail.institutions import differing
from kangyun.access.trail.roots import Root
from kangyun.store.digests import Place as Gone

AT_ONCE = 20  # seals whose rows are read together
_ARCHIVES = "SELECT number, first_seal, last_seal, xid, id, rows, seal, file, digest FROM audit_archive ORDER BY number"
# Rows where all stand in an archive: somebody put them there.
_EARLIER = f"SELECT min(a.id) FROM audit AS a WHERE NOT ({rows.BEHIND}) AND EXISTS (SELECT FROM audit_archive)"
_COMMITS = """
SELECT id, (extract(epoch FROM instant - timestamptz '2000-01-01 00:00:00Z') * 1000000)::int8, institution, actor,
    purpose, digest
FROM commit WHERE id = ANY ($1::int8[])
"""


@dataclass(slots=True)
class Progress:
    """How far it has come. waiting: rows that no seal holds yet; late: those of them that one should hold by now.
    archives: files that were read through; commits: how many of their rows are of commits; expunged: the versions that
    went by what their rows say; registered: number and shape of those that tell of the register."""

    seals: int = 0
    rows: int = 0
    waiting: int = 0
    late: int = 0
    archives: int = 0
    commits: int = 0
    registered: list[tuple[int, str]] = field(default_factory=list)
    expunged: set[Gone] = field(default_factory=set)


async def verify(
    connection: asyncpg.Connection,
    roots: Iterable[Root],
    tell: Callable[[Progress], None] = lambda progress: None,
    archives: Path | None = None,
) -> AsyncIterator[Fault]:
    """Yields each fault, in the order of the trail; `tell` is told how far it has come, at last of all.

    archives: the folder of the parts that are in files; they come first, and what is in the database goes on from them.
    """
    progress = Progress()
    kept: dict[int, set[bytes]] = {}
    roots = list(roots)
    for root in roots:
        kept.setdefault(root.seal, set()).add(root.digest)
    number, place, before = 0, START, BEFORE_ALL
    for part in await connection.fetch(_ARCHIVES):
        if part["first_seal"] != number + 1:
            yield Fault("seal-missing", number + 1, part["first_seal"] - 1)
        async for fault in _archived(connection, part, before, archives, kept, progress):
            yield fault
        number, place, before = part["last_seal"], Place(part["xid"], part["id"]), part["seal"]
        tell(progress)
    earlier = await connection.fetchval(_EARLIER, *place)
    if earlier:
        yield Fault("rows-before", number, earlier)
    while some := await rows.seals(connection, number, AT_ONCE):
        found = await rows.between(connection, place, some[-1].last)
        begin = 0
        for seal in some:
            if seal.number != number + 1:
                yield Fault("seal-missing", number + 1, seal.number - 1)
            end = rows.end_of(found, begin, seal)
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
    for root in (await differing(connection, roots))[:1]:
        yield Fault("institutions-differ", root.seal)
    progress.waiting, progress.late = await rows.waiting(connection, place)
    tell(progress)


async def _archived(
    connection: asyncpg.Connection, part: asyncpg.Record, before: bytes, folder: Path | None,
    kept: dict[int, set[bytes]], progress: Progress,
) -> AsyncIterator[Fault]:  # fmt: skip
    """Yields the faults of a part that is in a file, by what the database says of it. before: the seal before it."""
    first, number, count, place = part["first_seal"], part["first_seal"] - 1, 0, START
    path = (folder or Path()) / part["file"]
    try:
        if archive.sm3_of(path) != part["digest"]:
            yield Fault("archive-changed", first, part["number"])
        for block in archive.read(path):
            if isinstance(block, archive.Head):
                continue
            if block.seal.number != number + 1:
                yield Fault("seal-missing", number + 1, block.seal.number - 1)
            for fault in faults(block.seal, before, block.rows):
                yield fault
            if kept.pop(block.seal.number, {block.seal.digest}) != {block.seal.digest}:
                yield Fault("root-differs", block.seal.number)
            progress.registered += archive.registered(block.rows)
            progress.expunged.update(archive.expunged(block.rows))
            for row in await _other_commits(connection, block.rows, progress):
                yield Fault("commit-differs", block.seal.number, row)
            number, before, place = block.seal.number, block.seal.digest, block.seal.last
            count += len(block.rows)
            progress.seals += 1
    except FileNotFoundError:
        yield Fault("archive-missing", first, part["number"])
        for seal in [seal for seal in kept if first <= seal <= part["last_seal"]]:
            del kept[seal]  # What cannot be looked at is said once.
        return
    except (OSError, archive.Broken):
        yield Fault("archive-broken", number + 1, part["number"])
        return
    noted = (part["last_seal"], part["seal"], part["rows"], (part["xid"], part["id"]))
    if (number, before, count, tuple(place)) != noted:
        yield Fault("archive-differs", first, part["number"])
    progress.rows += count
    progress.archives += 1


async def _other_commits(connection: asyncpg.Connection, found: Iterable[Row], progress: Progress) -> list[int]:
    """Returns the rows whose commit does not say any more who wrote what they were sealed with, and when."""
    commits = {row.id: told for row in found if (told := archive.told_of(row.content)) is not None}
    if not commits:
        return []
    progress.commits += len(commits)
    rows_now = await connection.fetch(_COMMITS, [told.commit for told in commits.values()])
    now = {row["id"]: archive.Told(*row) for row in rows_now}
    return [id_ for id_, told in commits.items() if now.get(told.commit) != told]

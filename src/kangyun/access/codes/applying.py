"""What was decided, applied to what is stored: found by the index, written through the gate as the platform.

Nothing is worked out here: each resource with a code about which something was decided is written as it is, and what is
written gets the codings that stand now (`codings`). So a run can be repeated, gone on with after a stop, and takes away
what was withdrawn; a resource that has all of it already is not written. A run takes what was decided until SETTLE ago:
by then every process knows it, so nothing that is written beside the run is missed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.codes.codings import Codings
from kangyun.access.codes.counting import SEGMENT, TYPES, opened
from kangyun.access.gate import Gate
from kangyun.access.record import Operation, Record, Stored
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.errors import Gone, NotFound, PlatformError, Throttled, Unavailable
from kangyun.database.rounds import make_rounds_alone, work_off
from kangyun.fhir import Resource
from kangyun.store.segments import segment_of
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import visible

logger = logging.getLogger(__name__)

ACTION = ORIGIN = "codes"
PLATFORM = replace(ADMINISTRATOR, reference="Device/codes")
SETTLE = 10.0
"""Seconds from a decision until it is applied: longer than a process remembers, and than a chunk of a write takes."""
LOOK = 2.0  # seconds
CODES = 500  # of one run
FOUND = 100_000  # resources that one look at the index finds
AT_ONCE = 200  # resources of one transaction


@dataclass(slots=True)
class Run:
    """How far a run is. after: the `res` that it came to. failed: could not be written, and stay as they are."""

    id: int
    after: int
    looked: int
    changed: int
    failed: int


async def keep_applied(gate: Gate, stop: asyncio.Event) -> None:
    """Applies what is decided until `stop`. Of several processes, the one with the lease does."""

    async def work(connection: asyncpg.Connection) -> None:
        await work_off(connection, lambda: apply(gate, stop=stop), LOOK, stop)

    await make_rounds_alone(gate.store.pool, "codes-apply", work, LOOK, stop)


async def apply(gate: Gate, *, settle: float | None = None, stop: asyncio.Event | None = None) -> Run | None:
    """Carries out the run that was begun, or a new one of what was decided so many seconds ago (SETTLE).

    Returns None where there is nothing to apply. stop: ends it where it is; it is gone on with later.
    """
    wait = SETTLE if settle is None else settle
    async with gate.store.pool.connection() as connection, connection.transaction():
        row = await connection.fetchrow(_UNFINISHED) or await connection.fetchrow(_BEGIN, CODES, wait)
        if row is None or row["id"] is None:
            return None
        run = Run(*row)
        codes = [(one["system"], one["code"]) for one in await connection.fetch(_CODES, run.id)]
    record = await gate.open(PLATFORM, Circumstances("PATCH /[type]/[id]", "", f"codes-{run.id}", True, 1, ORIGIN))
    async for some in _found(gate, codes, run.after):
        await _write(record, run, some)
        run.after = some[-1]
        async with gate.store.pool.connection() as connection:
            await connection.execute(_CAME_TO, run.id, run.after, run.looked, run.changed, run.failed)
        if stop is not None and stop.is_set():
            return run
    async with gate.store.pool.connection() as connection, connection.transaction():
        await connection.execute("DELETE FROM code_change WHERE run = $1", run.id)
        await connection.execute("UPDATE code_run SET ended = clock_timestamp() WHERE id = $1", run.id)
    return run


async def _found(gate: Gate, codes: Sequence[tuple[str, str]], after: int) -> AsyncIterator[list[int]]:
    """Yields the numbers of resources that have one of the codes, in their order, as many as one transaction has."""
    bound = {type_: gate.store.indexer.bound(type_)["code"] for type_ in TYPES}
    tokens = sorted({one.codes(system, code)[0] for one in bound.values() for system, code in codes})
    types = [TYPE_NUMBERS[type_] for type_ in TYPES]
    async with gate.store.pool.connection() as connection:
        last = await connection.fetchval(f"SELECT coalesce(max(r.res), 0) FROM resource AS r WHERE {visible('r')}")
    for segment in range(segment_of(after), segment_of(last) + 1):
        below = (segment + 1) * SEGMENT
        while True:
            async with gate.store.pool.connection() as connection:
                rows = await connection.fetch(_RES, max(after, segment * SEGMENT - 1), below, types, tokens, FOUND)
            for start in range(0, len(rows), AT_ONCE):
                yield [row["res"] for row in rows[start : start + AT_ONCE]]
            if len(rows) < FOUND:
                break
            after = rows[-1]["res"]


async def _write(record: Record, run: Run, res: Sequence[int]) -> None:
    """Writes those of some resources that lack a coding, or have one too many."""
    store = record.gate.store
    async with store.pool.connection() as connection:
        standing = await opened(connection, store, res)
        resources = [one.resource for one in standing]
        wanted = await Codings().complete(connection, resources)
    lacking = [one for one, old, new in zip(standing, resources, wanted, strict=True) if old is not new]
    run.looked += len(res)
    await _commit(record, run, lacking)


async def _commit(record: Record, run: Run, some: Sequence[Stored]) -> None:
    """Writes resources together; where that is refused, halves of them, down to the one that is to blame."""
    if not some:
        return
    operations: list[Operation] = [record.operation("patch", one.type, id=one.id, patch=_as_it_is) for one in some]
    try:
        done = await record.commit(operations, ACTION, whole=True)
        run.changed += sum(one.status == "updated" for one in done)
    except (Unavailable, Throttled):
        raise
    except PlatformError as error:
        if len(some) == 1:
            if not isinstance(error, NotFound | Gone):  # Else it was deleted meanwhile.
                run.failed += 1
                logger.warning("codes: %s not written: %s", some[0].type, error.issues[0].text)
            return
        middle = len(some) // 2
        await _commit(record, run, some[:middle])
        await _commit(record, run, some[middle:])


def _as_it_is(resource: Resource) -> Resource:
    return resource


async def waiting(gate: Gate) -> int:
    """Returns of how many codes something was decided that is not applied yet."""
    async with gate.store.pool.connection() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM code_change"))


_UNFINISHED = "SELECT id, after, looked, changed, failed FROM code_run WHERE ended IS NULL ORDER BY id LIMIT 1"
_BEGIN = """
WITH due AS (
    SELECT c.system, c.code FROM code_change AS c
    WHERE c.run IS NULL AND c.changed <= clock_timestamp() - make_interval(secs => $2)
    ORDER BY c.changed LIMIT $1 FOR UPDATE
), run AS (
    INSERT INTO code_run (after) SELECT 0 WHERE EXISTS (SELECT FROM due) RETURNING id, after, looked, changed, failed
), begun AS (
    UPDATE code_change AS c SET run = (SELECT id FROM run) FROM due AS d WHERE c.system = d.system AND c.code = d.code
)
SELECT id, after, looked, changed, failed FROM run
"""
_CODES = "SELECT system, code FROM code_change WHERE run = $1"
_CAME_TO = "UPDATE code_run SET after = $2, looked = $3, changed = $4, failed = $5 WHERE id = $1"
_RES = f"""
SELECT r.res FROM resource AS r
WHERE r.res > $1 AND r.res < $2 AND r.type = ANY ($3::int2[]) AND r.tok && $4::int8[] AND NOT r.deleted
AND {visible("r")} ORDER BY r.res LIMIT $5
"""

"""A chunk of resources, one a line, put into the record under their own ids: in one transaction where all are good.

A resource that is refused takes no other with it. The same resource several times in a chunk becomes versions, in
order.
"""

import logging
from collections.abc import Iterable, Sequence
from uuid import uuid4

from kangyun.access.bulk.model import Line, Refusal, Written, told
from kangyun.access.intake import check
from kangyun.access.record import Done, Operation, Record
from kangyun.base.errors import Invalid, Issue, PlatformError, Throttled, Unavailable
from kangyun.fhir.json import decode
from kangyun.store.bulk_import import Ahead

logger = logging.getLogger(__name__)

Numbered = tuple[int, Operation]
# One transaction holds the feed back for as long as it takes: well under a second for so many.
MOST_AT_ONCE = 2000


async def write_lines(record: Record, ahead: Ahead, lines: Sequence[Line], type_: str, action: str) -> Written:
    """Writes a chunk. Raises Unavailable, Throttled; some of it may be written by then."""
    written = Written(refused=[])
    operations: list[Numbered] = []
    for line in lines:
        try:
            operations.append((line.number, operation_of(record, line.text, type_)))
        except Exception as error:
            written.refused.append(told(line.number, issues_of(error)))
    # Of one type, they seldom refer to each other; who refers to them comes when they are there.
    await ahead.make((operation for _, operation in operations), own=not type_)
    await write_each(record, operations, action, written)
    written.refused.sort(key=_by_line)
    return written


async def write_each(record: Record, operations: Sequence[Numbered], action: str, written: Written) -> None:
    """Commits operations that stand for themselves, in order; counts, and tells what was refused."""
    rest = list(operations)
    while rest:
        wave, rest = _first_of_each(rest)
        for start in range(0, len(wave), MOST_AT_ONCE):
            await _write(record, wave[start : start + MOST_AT_ONCE], action, written)


def operation_of(record: Record, text: bytes, type_: str = "") -> Operation:
    """Returns the update that a resource's JSON stands for. Raises PlatformError when it may not be written."""
    resource = decode(text)
    own_type, id_ = resource.get("resourceType"), resource.get("id")
    if type_ and own_type != type_:
        raise Invalid("access.bulk.other-type", expected=type_)
    check(resource)
    if not id_:
        raise Invalid("access.bulk.id-needed", at=f"{own_type}.id")
    return record.operation("update", str(own_type), id=id_, resource=resource, text=text)


async def _write(record: Record, operations: Sequence[Numbered], action: str, written: Written) -> None:
    """Commits operations together; when that is refused, halves of them, down to the one that is to blame."""
    try:
        done = await record.commit([operation for _, operation in operations], action)
    except (Unavailable, Throttled):
        raise
    except Exception as error:
        if len(operations) == 1:
            written.refused.append(told(operations[0][0], issues_of(error)))
            return
        middle = len(operations) // 2
        await _write(record, operations[:middle], action, written)
        await _write(record, operations[middle:], action, written)
        return
    count(done, written)


def issues_of(error: Exception) -> tuple[Issue, ...]:
    """Returns what is told of a refusal. A defect of ours is one resource's refusal, too, and no end of an import."""
    if isinstance(error, PlatformError):
        return error.issues
    incident = uuid4().hex[:12]
    # The exception's text may quote a patient's data.
    logger.error("unexpected error %s %s", incident, type(error).__name__)
    return (Issue("fatal", "exception", "base.internal", None, {"incident": incident}),)


def count(done: Iterable[Done], written: Written) -> None:
    """Counts what became of operations."""
    for status in (one.status for one in done):
        written.created += status == "created"
        written.updated += status == "updated"
        written.unchanged += status in ("unchanged", "matched")
        written.deleted += status in ("deleted", "absent")


def _first_of_each(operations: Sequence[Numbered]) -> tuple[list[Numbered], list[Numbered]]:
    """Parts the first mention of each resource from the later ones."""
    seen: set[tuple[str, str | None]] = set()
    first: list[Numbered] = []
    later: list[Numbered] = []
    for numbered in operations:
        name = (numbered[1].type, numbered[1].id)
        (later if name in seen else first).append(numbered)
        if name[1] is not None:
            seen.add(name)
    return first, later


def _by_line(refusal: Refusal) -> int:
    return refusal.line

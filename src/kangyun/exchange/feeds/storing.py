"""Wholes (the resources of a row, of a message) committed together; where that is refused, halves of them, down to the
one that is to blame. So one fault costs a few transactions, and no other's resources."""

from collections.abc import Iterator, Sequence

from kangyun.access.record import Done, Operation, Record
from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.exchange.entries import Entry, Place, Refusal

ACTION = "feed"
AT_ONCE = 200
"""Resources of one transaction; a whole that has more goes alone."""

Whole = Sequence[Operation]


async def store(record: Record, wholes: Sequence[Whole]) -> list[Sequence[Done] | PlatformError]:
    """Commits wholes in their order. Returns what became of each. Raises Unavailable, Throttled: some may be stored."""
    outcomes: list[Sequence[Done] | PlatformError] = []
    for together in _groups(wholes):
        outcomes += await _store(record, together)
    return outcomes


def _groups(wholes: Sequence[Whole]) -> Iterator[list[Whole]]:
    """Yields what goes into one transaction: not too much, and each resource once."""
    group: list[Whole] = []
    there: set[tuple[str, str | None]] = set()
    for whole in wholes:
        names = {(one.type, one.id) for one in whole}
        if group and (sum(map(len, group)) + len(whole) > AT_ONCE or not there.isdisjoint(names)):
            yield group
            group, there = [], set()
        group.append(whole)
        there |= names
    if group:
        yield group


async def _store(record: Record, wholes: Sequence[Whole]) -> list[Sequence[Done] | PlatformError]:
    operations = [one for whole in wholes for one in whole]
    if not operations:
        return [() for _ in wholes]
    try:
        done = await record.commit(operations, ACTION, whole=True)
    except (Unavailable, Throttled):
        raise
    except PlatformError as error:
        if len(wholes) == 1:
            return [error]
        middle = len(wholes) // 2
        return [*await _store(record, wholes[:middle]), *await _store(record, wholes[middle:])]
    rest = iter(done)
    return [[next(rest) for _ in whole] for whole in wholes]


def refused(origin: Place, error: PlatformError) -> Refusal:
    """Returns why a record was not stored, by the first fault that is told of it."""
    issue = next((issue for issue in error.issues if issue.severity in ("error", "fatal")), error.issues[0])
    return Refusal(Place(origin.source, origin.row, issue.at), issue.text, None, issue.parameters)


def row_of(one: Entry | Refusal) -> int | None:
    """Returns the row of a file that something came of; None of the file as a whole."""
    return one.origin.row if isinstance(one, Entry) else one.place.row

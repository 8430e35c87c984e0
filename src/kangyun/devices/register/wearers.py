"""Who used a device at an instant: the rule, and what a process keeps of it for whole groups of readings.

A device may have several users, told apart by the key that is pressed. A reading is nobody's where a shared device does
not say by whom it was pressed: then it is asked (`questions`), and judged by nobody. Where it was asked, the answer
counts from then on, whatever the rule would say, so that what is taken in once more is whose it was the first time.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from kangyun.database.pool import Pool
from kangyun.devices.register.mind import Mind

NOBODY = 0
"""In place of a holder's number in arrays."""
_NEVER = (1 << 63) - 1


class Use(msgspec.Struct, frozen=True, gc=False):
    """Somebody uses a device: key '' where it has no keys. From `since` until before `until`, microseconds."""

    key: str
    holder: int
    since: int
    until: int = _NEVER


def holder_at(uses: Iterable[Use], key: str, at: int) -> int | None:
    """Returns who uses a device at an instant, by the key that a reading names ('' for none); None: nobody certain.

    Whose the key is, he; else the device's only user, where either the reading names no key or the device has none.
    """
    current = [use for use in uses if use.since <= at < use.until]
    if key:
        for use in current:
            if use.key == key:
                return use.holder
    holders = {use.holder for use in current}
    if len(holders) == 1 and (not key or any(not use.key for use in current)):
        return holders.pop()
    return None


def is_shared(uses: Iterable[Use], at: int) -> bool:
    """Whether more than one person uses a device at an instant."""
    return len({use.holder for use in uses if use.since <= at < use.until}) > 1


class _History(msgspec.Struct, frozen=True, gc=False):
    """All users that a device has had; and by key and instant, whose readings are that were asked about."""

    uses: tuple[Use, ...]
    answers: dict[tuple[str, int], int]

    def holder(self, key: str, at: int) -> int:
        answer = self.answers.get((key, at))
        if answer is not None:
            return answer
        if len(self.uses) == 1:  # As nearly all: one user, ever.
            use = self.uses[0]
            if not key or key == use.key or not use.key:
                return use.holder if use.since <= at < use.until else NOBODY
        return holder_at(self.uses, key, at) or NOBODY


class Wearers:
    """Who uses which device, kept for a process; `forget` is to be told of `Changes`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._mind = Mind(self._read)
        self.forget = self._mind.forget

    async def at(self, device: int, key: str, at: int) -> int | None:
        """Returns who uses a device at an instant (microseconds), None where that is not certain."""
        return (await self._mind.of([device]))[device].holder(key, at) or None

    async def of(self, devices: Sequence[int], keys: Sequence[str], at: Sequence[int]) -> npt.NDArray[np.int64]:
        """Returns the holders of a group of readings, NOBODY where that is not certain. Two statements at most."""
        histories = await self._mind.of(devices)
        holders = (
            histories[device].holder(key, instant) for device, key, instant in zip(devices, keys, at, strict=True)
        )
        return np.fromiter(holders, np.int64, len(devices))

    async def uses(self, devices: Iterable[int]) -> dict[int, tuple[Use, ...]]:
        """Returns all users that these devices have had, by device. Raises Unavailable."""
        return {device: one.uses for device, one in (await self._mind.of(devices)).items()}

    async def _read(self, devices: list[int]) -> dict[int, _History]:
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_USES, devices)
            answers = await connection.fetch(_ANSWERS, devices)
        read: dict[int, list[Use]] = {device: [] for device in devices}
        for row in rows:
            until = row["until"] if row["until"] is not None else _NEVER
            read[row["device"]].append(Use(row["key"], row["holder"], row["since"], until))
        found = {device: _History(tuple(uses), {}) for device, uses in read.items()}
        for row in answers:
            found[row["device"]].answers[row["key"], row["at"]] = row["holder"] or NOBODY
        return found


_USES = """
SELECT device, key, holder, (extract(epoch FROM since) * 1000000)::int8 AS since,
    (extract(epoch FROM until) * 1000000)::int8 AS until
FROM device_user WHERE device = ANY ($1::int8[]) ORDER BY device, since
"""
_ANSWERS = """
SELECT device, key, (extract(epoch FROM at) * 1000000)::int8 AS at, holder FROM device_question
WHERE device = ANY ($1::int8[])
"""

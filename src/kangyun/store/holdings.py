"""Resources of a few types that a process keeps in memory, because many answers need all of them.

`changes` asks in one statement whether any of them was written since it was last called, and reads what was: an
answer is right from the commit on, whichever process wrote it. For types that are few (terminology, profiles), never
for what is about patients. What a process answers everybody from is what everybody may see: `sight` says it.
"""

from collections.abc import Callable, Iterable

import asyncpg

from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight, seen

# Each write raises the sum of the versions; what was expunged changes the others.
_STATE = (
    "SELECT count(*), coalesce(sum(r.version), 0)::int8, coalesce(bit_xor(r.res), 0) "
    "FROM resource AS r WHERE r.type = ANY ($1::int2[]) AND {visible:r}"
)
_ROWS = (
    "SELECT r.res, r.version, r.deleted, i.reference AS institution FROM resource AS r "
    "JOIN institution AS i ON i.id = r.institution WHERE r.type = ANY ($1::int2[]) AND {visible:r}"
)
_BODIES = (
    "SELECT v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body "
    "FROM unnest($1::int8[], $2::int4[]) AS w(res, version) JOIN version AS v USING (res, version)"
)
CHUNK = 100


class Holdings:
    """What is known of the current resources of some types. The caller sees to it that one task calls at a time.

    sight: what is held. institutions: who wrote what is held, by `res`.
    """

    def __init__(self, reader: Reader, types: Iterable[str]) -> None:
        self.sight: Callable[[], Sight] = lambda: EVERYTHING
        self.institutions: dict[int, str] = {}
        self._reader = reader
        self._types = [TYPE_NUMBERS[name] for name in types]
        self._state: tuple[int, ...] = (0, 0, 0)
        self._known: dict[int, int] = {}

    async def changes(self, connection: asyncpg.Connection) -> dict[int, Stored | None]:
        """Returns by `res` what was written since the last call; None for what is there no more."""
        sight = self.sight()
        if tuple(await connection.fetchrow(*seen(_STATE, sight, self._types))) == self._state:
            return {}
        rows = await connection.fetch(*seen(_ROWS, sight, self._types))
        alive = {row["res"]: row["version"] for row in rows if not row["deleted"]}
        found: dict[int, Stored | None] = dict.fromkeys(self._known.keys() - alive.keys())
        wanted = [(res, version) for res, version in alive.items() if self._known.get(res) != version]
        for start in range(0, len(wanted), CHUNK):
            for stored in await self._read(connection, wanted[start : start + CHUNK]):
                found[stored.res] = stored
        self._known = {res: version for res, version in alive.items() if res in found or res in self._known}
        self._state = _state(rows)
        self.institutions = {row["res"]: row["institution"] for row in rows}
        return found

    async def _read(self, connection: asyncpg.Connection, wanted: list[tuple[int, int]]) -> list[Stored]:
        res, versions = zip(*wanted, strict=True)
        rows = await connection.fetch(_BODIES, res, versions)
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        return [self._reader.stored(row, row["res"]) for row in rows]


def _state(rows: list[asyncpg.Record]) -> tuple[int, ...]:
    """The state that these rows are, as `_STATE` tells it."""
    mixed = 0
    for row in rows:
        mixed ^= row["res"]
    return len(rows), sum(row["version"] for row in rows), mixed

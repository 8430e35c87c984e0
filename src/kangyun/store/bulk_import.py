"""What makes writing side by side go smoothly: names and keys that several chunks need are made ahead of them.

A chunk that refers to what has not come yet gives it a name, and the first resource about a patient makes the patient's
key. Chunks that are written at the same time meet there: one of them would have to be prepared again. So each chunk has
what it needs of both made before it, in a small transaction of its own in which meeting costs nothing. What is left
unused (the chunk was refused) is a name without a resource, as any reference to nothing leaves one, or an empty key.
"""

from collections.abc import Callable, Iterable

import asyncpg
from asyncpg.pgproto.pgproto import UUID

from kangyun.fhir.references import references
from kangyun.store.interactions import Operation
from kangyun.store.reader import Name
from kangyun.store.references import local_target, relative
from kangyun.store.store import Store

MOST_KNOWN = 500_000


class Ahead:
    """Makes names and keys ahead. One for a process and an institution.

    may_register: whether the writer may write about a Patient of an id that is still to come: else no key is made.
    """

    def __init__(self, store: Store, institution: int, may_register: Callable[[str], bool]) -> None:
        self._store = store
        self._institution = institution
        self._may_register = may_register
        self._known: set[Name] = set()
        # References are repeated more often than not: each text is read once.
        self._texts: set[str] = set()

    async def make(self, operations: Iterable[Operation], *, own: bool = True) -> None:
        """Makes what these operations will need and nobody has made yet.

        own: also the names of what they write. Without, a commit makes those itself, which is cheaper where what is
        written beside it hardly refers to them.
        """
        ids, bases = self._store.ids, self._store.bases
        wanted: set[Name] = set()
        texts: set[str] = set()
        for operation in operations:
            if own and operation.id is not None and ids.res_of(operation.id) is None:
                wanted.add((operation.type, operation.id))
            if operation.resource is not None:
                operation.links = references(operation.resource, operation.text)
                texts.update([link["reference"] for link in operation.links])
        texts -= self._texts
        for text in texts:
            target = local_target(relative(text, bases))
            if target is not None and ids.res_of(target[1]) is None:
                wanted.add(target)
        wanted -= self._known
        if wanted:
            await self._make_names(wanted)
        for known in (self._known, self._texts):
            if len(known) > MOST_KNOWN:
                known.clear()
        self._known |= wanted
        self._texts |= texts

    async def _make_names(self, wanted: set[Name]) -> None:
        async with self._store.pool.connection() as connection:
            known = await self._store.reader.names(connection, list(wanted))
        missing = sorted(wanted - known.keys())
        if not missing:
            return
        numbers = await self._store.numbers.take(len(missing))
        hasher = self._store.keys.hasher
        rows = sorted((UUID(hasher.name(*name)), res) for name, res in zip(missing, numbers, strict=True))
        async with self._store.pool.connection() as connection:
            made = {row["res"] for row in await connection.fetch(_NAMES, *zip(*rows, strict=True))}
            patients = [
                res
                for (type_, id_), res in zip(missing, numbers, strict=True)
                if type_ == "Patient" and self._may_register(id_)
            ]
            await self._make_keys(connection, [res for res in patients if res in made])

    async def _make_keys(self, connection: asyncpg.Connection, patients: list[int]) -> None:
        if not patients:
            return
        numbers = await self._store.keys.numbers(connection, len(patients))
        rows = [
            self._store.keys.new_row(number, patient, self._institution)
            for patient, number in zip(patients, numbers, strict=True)
        ]
        try:
            await connection.execute(_KEYS, rows)
        except asyncpg.ForeignKeyViolationError:
            # Of an epoch that has ended meanwhile: those who need one make it themselves.
            await self._store.keys.reload(connection)


async def committed(store: Store, request: str) -> int:
    """Returns how many versions a request of the last days has left, 0 where it was never carried out."""
    async with store.pool.connection() as connection:
        return int(await connection.fetchval(_COMMITTED, request))


# There is no index by request: the commits of the last days are looked through, after a stop only.
_COMMITTED = """
SELECT coalesce(sum(cardinality(res)), 0) FROM commit
WHERE request = $1 AND instant > clock_timestamp() - interval '7 days'
"""
_NAMES = """
INSERT INTO name SELECT n.hash, n.res FROM unnest($1::uuid[], $2::int8[]) AS n(hash, res)
ON CONFLICT DO NOTHING RETURNING res
"""
_KEYS = "INSERT INTO data_key SELECT k.* FROM unnest($1::data_key_row[]) AS k ON CONFLICT DO NOTHING"

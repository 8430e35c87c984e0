"""Content that is kept sealed beside the record.

By an institution's own data key: what its feeds delivered, before it is in the record. Nobody is shown it: it is there
to be taken in, again where a mapping was wrong, and is dropped after a time that the installation sets. By a person's
own key: what alarms rest on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from kangyun.base.crypto import Sealer
from kangyun.base.errors import Unavailable
from kangyun.store.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """Seals and opens. One for a process."""

    store: Store

    async def key_of(self, institution: int) -> int:
        """Returns the number of an institution's data key, which is made where it has none. Raises Unavailable."""
        keys = self.store.keys
        found = keys.key_for(None, institution)
        if found is not None:
            return found
        # In a transaction of its own: what a process remembers must be there whatever becomes of its caller's.
        async with self.store.pool.connection() as connection:
            await keys.bring_for(connection, [], institution)
            if keys.key_for(None, institution) is None:
                (number,) = await keys.numbers(connection, 1)
                await connection.execute(_NEW_KEY, *keys.new_row(number, None, institution))
                await keys.bring_for(connection, [], institution)
        found = keys.key_for(None, institution)
        if found is None:
            raise Unavailable
        return found

    async def seal(self, institution: int, plain: bytes, place: str) -> tuple[int, bytes]:
        """Returns the key's number and the sealed content; `place` says where it belongs, and opens it again."""
        number = await self.key_of(institution)
        sealer = self.store.keys.sealer(number)
        if sealer is None:  # Pushed out by others in this moment.
            raise Unavailable
        return number, sealer.seal(plain, place.encode())

    async def seal_about(
        self, connection: asyncpg.Connection, contents: Sequence[tuple[int, int, bytes, str]]
    ) -> list[tuple[int, bytes]]:
        """Seals contents of persons: (registration, its institution, content, place) each, by the person's own key.

        So what is sealed is gone when the person is erased. By the institution's key where the person has none. All of
        it within the caller's transaction.
        """
        keys = self.store.keys
        await keys.bring_for(connection, sorted({one[0] for one in contents}), 0)
        sealed = []
        for patient, institution, plain, place in contents:
            number = keys.key_for(patient, institution)
            sealer = keys.sealer(number) if number is not None else None
            if number is None or sealer is None:
                number, sealer = await self._within(connection, institution)
            sealed.append((number, sealer.seal(plain, place.encode())))
        return sealed

    async def _within(self, connection: asyncpg.Connection, institution: int) -> tuple[int, Sealer]:
        """Returns an institution's key, which is made by the caller's transaction, and so not remembered."""
        keys = self.store.keys
        row = await connection.fetchrow(_KEY, institution)
        if row is None:
            (number,) = await keys.numbers(connection, 1)
            await connection.execute(_NEW_KEY, *keys.new_row(number, None, institution))
            row = await connection.fetchrow(_KEY, institution)
        return row["id"], keys.opened(tuple(row))

    async def open(self, connection: asyncpg.Connection, key: int, sealed: bytes, place: str) -> bytes:
        """Returns what was sealed. Raises Unreadable."""
        await self.store.keys.bring(connection, [key])
        sealer = self.store.keys.sealer(key)
        if sealer is None:
            raise Unavailable
        return sealer.open(sealed, place.encode())


_KEY = "SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE patient IS NULL AND institution = $1"
_NEW_KEY = """
INSERT INTO data_key (id, patient, institution, epoch, wrapped) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""

"""Content that is kept sealed beside the record, by an institution's own data key or by a person's.

An institution's: what its feeds delivered, before it is in the record. It is no part of the record and nobody is shown
it: it is there to be taken in, again where a mapping was wrong, and is dropped after a time that the installation sets.
What is in it about somebody who was erased is looked for by ids (`erased`) and taken out.

A person's (a registration's, as the store has it): what devices measured, what alarms rest on. Who destroys the key of
an erased person has made it unreadable, wherever a copy of it may be.
"""

from collections.abc import Collection, Sequence
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

    async def keys_of(
        self, connection: asyncpg.Connection, persons: Collection[int], institution: int
    ) -> dict[int, int]:
        """Returns the numbers of persons' own data keys, for `seal_by`. Who was erased has none."""
        keys = self.store.keys
        # As the table has them: what this process remembers, another may have destroyed just now.
        there = await keys.bring_for(connection, list(persons), institution)
        found = {person: keys.key_for(person, institution) for person in persons if person in there}
        return {person: key for person, key in found.items() if key is not None}

    def seal_by(self, key: int, plain: bytes, place: str) -> bytes:
        """Seals under a key that was brought just now. Raises Unavailable."""
        sealer = self.store.keys.sealer(key)
        if sealer is None:  # Pushed out by others in this moment.
            raise Unavailable
        return sealer.seal(plain, place.encode())

    async def bring(self, connection: asyncpg.Connection, keys: Collection[int]) -> None:
        """Brings keys into memory, for `open_by`. Raises Unreadable for one that is gone though nobody destroyed it."""
        await self.store.keys.bring(connection, keys)

    def open_by(self, key: int, sealed: bytes, place: str) -> bytes:
        """Opens what was sealed under a key that was brought just now. Raises Unreadable, Unavailable."""
        sealer = self.store.keys.sealer(key)
        if sealer is None:
            raise Unavailable
        return sealer.open(sealed, place.encode())

    async def seal(self, institution: int, plain: bytes, place: str) -> tuple[int, bytes]:
        """Returns the key's number and the sealed content; `place` says where it belongs, and opens it again."""
        number = await self.key_of(institution)
        return number, self.seal_by(number, plain, place)

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

    async def erased(self, connection: asyncpg.Connection, names: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
        """Returns those of some types and ids under which something stood that was erased."""
        found = await self.store.reader.locate(connection, names)
        return {name for name, one in found.items() if one.erased}

    async def open(self, connection: asyncpg.Connection, key: int, sealed: bytes, place: str) -> bytes:
        """Returns what was sealed. Raises Unreadable."""
        await self.bring(connection, [key])
        return self.open_by(key, sealed, place)


_KEY = "SELECT id, patient, institution, epoch, wrapped FROM data_key WHERE patient IS NULL AND institution = $1"
_NEW_KEY = """
INSERT INTO data_key (id, patient, institution, epoch, wrapped) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""

"""Which telephone or WeChat account is whose: in the database, by keyed digests."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from kangyun.access.addresses import Addresses, shipped
from kangyun.access.identities.register import KIND
from kangyun.access.keyed import Digester
from kangyun.access.ledger import Ledger
from kangyun.access.tries import count_try
from kangyun.base.crypto import derived_key
from kangyun.base.errors import Conflict, Forbidden, Throttled
from kangyun.database.pool import Pool
from kangyun.store.keys import KeyRing
from kangyun.store.visible import visible

A_DAY = 5
"""So often a day somebody may say a name and a number by one telephone; `addresses.toml` has it of an address."""


@dataclass(frozen=True, slots=True)
class Handle:
    """What somebody has proven to hold: a telephone's number, or WeChat's openid."""

    channel: str
    value: str


@dataclass(frozen=True, slots=True)
class Bindings:
    """Reads and writes bindings. ledger: where it stands that one was ended, so that a restore does not revive it."""

    pool: Pool
    digester: Digester
    ledger: Ledger
    addresses: Addresses = field(default_factory=shipped)

    async def patients(self, handle: Handle) -> tuple[str, ...]:
        """Returns the ids of the Patients that a handle is bound to; none where it is not."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_FIND, handle.channel, self._digest(handle))
        return tuple(row["patients"]) if row else ()

    async def bind(
        self,
        handle: Handle,
        patients: tuple[str, ...],
        by: str,
        phone: Handle | None = None,
        whole: datetime | None = None,
    ) -> None:
        """Binds. Raises Conflict where the handle is somebody else's: a desk must end that first.

        whole: from when on the residents' other registrations are opened, too.
        phone: that proved it without a desk. Then Forbidden where one of these Patients has another telephone already,
        or a handle that opens not exactly these: all handles of a resident open the same.
        """
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(_ONE_BY_ONE)
            if phone is not None and await connection.fetchval(
                _OTHERS, list(patients), handle.channel, self._digest(handle), self._digest(phone)
            ):
                raise Forbidden("access.residents.no-match")
            row = await connection.fetchrow(f"{_FIND} FOR UPDATE", handle.channel, self._digest(handle))
            if row is None:
                try:
                    await connection.execute(_BIND, handle.channel, self._digest(handle), list(patients), by, whole)
                except asyncpg.UniqueViolationError:
                    raise Conflict("access.residents.bound-already") from None
            elif set(row["patients"]) & set(patients):
                both = sorted({*row["patients"], *patients})
                await connection.execute("UPDATE resident_binding SET patients = $2 WHERE id = $1", row["id"], both)
            else:
                raise Conflict("access.residents.bound-already")

    async def widen(self, patients: tuple[str, ...], more: tuple[str, ...]) -> None:
        """Opens more registrations by what these are bound by: all handles of a resident open the same."""
        async with self.pool.connection() as connection:
            await connection.execute(_WIDEN, list(patients), list(more))

    async def is_whole(self, patients: Sequence[str]) -> bool:
        """Whether somebody is bound by what opens all that is linked to these registrations."""
        async with self.pool.connection() as connection:
            return bool(await connection.fetchval(_IS_WHOLE, list(patients)))

    async def are_by_desk(self, patients: Sequence[str]) -> bool:
        """Whether a desk has bound one of these registrations, and not only who holds a handle by himself."""
        async with self.pool.connection() as connection:
            return bool(await connection.fetchval(_BY_DESK, list(patients)))

    async def residents(self, patients: list[int]) -> list[int]:
        """Returns whose registrations these are by the index, all named by their internal numbers."""
        async with self.pool.connection() as connection:
            return [row["resident"] for row in await connection.fetch(_RESIDENTS, patients)]

    async def own(self, patients: list[int], institution: int) -> set[int]:
        """Returns which of some registrations an institution has written, all by their internal numbers."""
        async with self.pool.connection() as connection:
            return {row["res"] for row in await connection.fetch(_OWN, patients, institution)}

    async def at_home(self, patient: int, institution: int) -> bool:
        """Whether an institution has written a registration, or another of the same resident; by internal numbers."""
        async with self.pool.connection() as connection:
            return bool(await connection.fetchval(_AT_HOME, patient, institution))

    async def end(self, patients: Sequence[str], by: str) -> list[tuple[str, ...]]:
        """Ends all bindings of some Patients, and returns which Patients each of them opened."""
        return await self._ended(_END, list(patients), by)

    async def release(self, handle: Handle, by: str) -> int:
        """Ends the binding of a handle, which has come to somebody else."""
        return len(await self._ended(_RELEASE, handle.channel, self._digest(handle), by))

    async def count_try(self, handle: Handle, source: str) -> None:
        """Counts that a name and a number were said. Raises Throttled."""
        from_there = self.addresses.one.said_a_day * self.addresses.times(source)
        subjects = ((self._digest(handle), A_DAY), (self.digester.of("source", source), from_there))
        async with self.pool.connection() as connection:
            for subject, most in subjects:
                if await count_try(connection, subject) > most:
                    raise Throttled("access.residents.too-many")

    async def _ended(self, statement: str, *given: object) -> list[tuple[str, ...]]:
        async with self.pool.connection() as connection, connection.transaction():
            rows = await connection.fetch(statement, *given)
            for row in rows:
                told = {"what": "unbind", "at": row["ended"].isoformat()}
                await asyncio.to_thread(self.ledger.append, KIND, f"binding/{row['id']}", told)
        return [tuple(row["patients"]) for row in rows]

    def _digest(self, handle: Handle) -> bytes:
        return self.digester.of(handle.channel, handle.value)


def bindings_of(pool: Pool, keys: KeyRing, ledger: Ledger, addresses: Addresses | None = None) -> Bindings:
    """Returns the bindings of an installation. addresses: None where nothing is tried by them."""
    digester = Digester(derived_key(keys.index_key, "residents-digest", 32))
    return Bindings(pool, digester, ledger, addresses or shipped())


_FIND = "SELECT id, patients FROM resident_binding WHERE channel = $1 AND handle = $2 AND ended IS NULL"
_BY_DESK = """
SELECT EXISTS (SELECT FROM resident_binding
    WHERE ended IS NULL AND patients && $1::text[] AND bound_by NOT LIKE 'Patient/%')
"""
_BIND = "INSERT INTO resident_binding (channel, handle, patients, bound_by, whole) VALUES ($1, $2, $3, $4, $5)"
_OWN = "SELECT res FROM resource WHERE res = ANY ($1::int8[]) AND institution = $2"
_ONE_BY_ONE = "SELECT pg_advisory_xact_lock(hashtext('resident_binding'))"
_OTHERS = """
SELECT EXISTS (SELECT FROM resident_binding
    WHERE ended IS NULL AND patients && $1::text[] AND NOT (channel = $2 AND handle = $3)
    AND (channel = 'phone' AND handle <> $4 OR NOT (patients @> $1::text[] AND patients <@ $1::text[])))
"""
_WIDEN = """
UPDATE resident_binding SET patients = ARRAY(SELECT unnest(patients) UNION SELECT unnest($2::text[]) ORDER BY 1)
WHERE ended IS NULL AND patients && $1::text[]
"""
_IS_WHOLE = """
SELECT EXISTS (SELECT FROM resident_binding
    WHERE ended IS NULL AND patients && $1::text[] AND whole <= clock_timestamp())
"""
_RESIDENTS = "SELECT DISTINCT resident FROM resident_link WHERE patient = ANY ($1::int8[]) ORDER BY 1"
_AT_HOME = f"""
SELECT EXISTS (SELECT FROM resource AS r WHERE r.institution = $2 AND {visible("r")} AND r.res IN (
    SELECT $1::int8 UNION ALL
    SELECT l.patient FROM resident_link AS k JOIN resident_link AS l ON l.resident = k.resident WHERE k.patient = $1
))
"""
_END = """
UPDATE resident_binding SET ended = clock_timestamp(), ended_by = $2
WHERE patients && $1::text[] AND ended IS NULL RETURNING id, ended, patients
"""
_RELEASE = """
UPDATE resident_binding SET ended = clock_timestamp(), ended_by = $3
WHERE channel = $1 AND handle = $2 AND ended IS NULL RETURNING id, ended, patients
"""

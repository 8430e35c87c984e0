"""Erasing a resident: a request that one officer makes and another confirms, and what is then carried out.

What is erased and what is not says `store.erasure`. Other parts that hold something about patients (consents compiled
to rows, series, the lake) register an eraser: it is called within the same transaction, in the order of registration,
with the numbers of the patients and of their resources. What lies outside of the database an eraser cannot undo if the
commit fails: it should only note there what is to be done.

The entry of the ledger (`access.ledger`) is on disk before the database commits.

Source: facts/store.md 5.5; GB/T 35273-2020 8.3; GB/T 39725-2020 (an approval by a second person for irreversible
operations).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import asyncpg
import msgspec

from kangyun.access.approvals.rules import Rule
from kangyun.access.identities import erased
from kangyun.access.ledger import Ledger
from kangyun.base import clock
from kangyun.base.crypto import Sealer, derived_key
from kangyun.base.errors import Conflict, Forbidden, Gone, NotFound
from kangyun.database.pool import Pool
from kangyun.database.rounds import make_rounds
from kangyun.store.erasure import SERIAL, Eraser, Extent, extent_of, sweep
from kangyun.store.expunge import AUDIT
from kangyun.store.model import Stored
from kangyun.store.store import Store

ROLES = frozenset({"security-administrator"})
"""Whose officers may ask; an administrator may as well."""
SWEEP_EVERY = 60.0  # seconds
KIND: Final = "erasure"
# Where a region's own rules say nothing of erasures: as if who may ask were who may confirm.
UNSAID = Rule(confirms=ROLES, hours=72)
EraseAlso = Callable[[asyncpg.Connection, Sequence[int], Sequence[int]], Awaitable[None]]
"""Erases what it holds about patients: their numbers, and those of the resources about them. May be called again."""

Mark = Callable[[asyncpg.Connection, Sequence[str] | None], Awaitable[None]]
"""Notes that what it keeps as it came is to be looked through: of these institutions, of all for None."""

_erasers: dict[str, EraseAlso] = {}
_marks: dict[str, Mark] = {}


def register(name: str, eraser: EraseAlso) -> None:
    """Adds an eraser, once for a name: it is called in each erasure from now on, in this order."""
    _erasers[name] = eraser


def register_mark(name: str, mark: Mark) -> None:
    """Adds who keeps what institutions sent and cannot say whom it is about, once for a name: it is called behind the
    erasers, with the institutions that wrote what is erased."""
    _marks[name] = mark


def erased_resources(ledger: Ledger) -> frozenset[int]:
    """Returns all resources whose erasure a ledger tells of. Raises LedgerBroken, Unavailable."""
    extents = [extent_of(entry.detail) for entry in ledger.entries() if entry.kind == KIND]
    return frozenset(res for extent in extents for res in (*extent.patients, *extent.resources))


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands.

    names:     of the patients, as they were given. resources: how many are about them, or were erased with them.
    others:    resources that refer to them and stay.
    """

    id: int
    asked: datetime
    asked_by: str
    patients: tuple[int, ...]
    names: tuple[str, ...]
    reason: str
    state: str
    resources: int
    others: tuple[Stored, ...] = ()


class _Told(msgspec.Struct, frozen=True):
    """What an officer told, as it is sealed."""

    reason: str
    names: list[str]


class Erasing:
    """Makes requests and carries them out. For one call of the operation."""

    def __init__(self, store: Store, ledger: Ledger, rule: Rule) -> None:
        self._store = store
        self._ledger = ledger
        self._holds_for = timedelta(hours=rule.hours)
        self._eraser = Eraser(store.reader, store.keys, store.indexer)
        self._sealer = Sealer(derived_key(store.keys.index_key, "reasons of erasures"), store.keys.cipher)

    async def ask(self, patients: Mapping[int, str], officer: str, reason: str) -> Request:
        """Makes a request; patients: by number, what they are called. Raises Conflict where one has an open request,
        and NotFound where nothing is about them."""
        numbers = sorted(patients)
        told = _Told(reason, [patients[number] for number in numbers])
        sealed = self._sealer.seal(msgspec.json.encode(told), _label(numbers))
        async with self._store.pool.connection() as connection, connection.transaction():
            await connection.execute(SERIAL)
            if await connection.fetchval(_OPEN, numbers, self._holds_for):
                raise Conflict("access.erasure-asked")
            if not (await self._eraser.survey(connection, numbers))[0]:
                raise NotFound
            number = await connection.fetchval(_ASK, officer, numbers, sealed)
        return await self.look(number)

    async def asked(self, patient: int, officer: str) -> int | None:
        """Returns the number of an open request that an officer has made about a patient."""
        async with self._store.pool.connection() as connection:
            number: int | None = await connection.fetchval(_ASKED, patient, officer, self._holds_for)
        return number

    async def look(self, number: int) -> Request:
        """Returns a request with what it would take, and what would stay. Raises NotFound."""
        async with self._store.pool.connection() as connection:
            row = await connection.fetchrow(_REQUEST, number)
            if row is None:
                raise NotFound
            count: int = row["resources"] or 0
            others: list[Stored] = []
            if row["state"] == "asked":
                count, others = await self._eraser.survey(connection, row["patients"])
        patients = tuple(row["patients"])
        told = msgspec.json.decode(self._sealer.open(row["told"], _label(patients)), type=_Told)
        return Request(
            *(row["id"], row["instant"], row["asked_by"], patients, tuple(told.names), told.reason, row["state"]),
            *(count, tuple(others)),
        )

    async def withdraw(self, number: int, officer: str) -> None:
        """Takes a request back. Raises Conflict where it is not open any more."""
        async with self._store.pool.connection() as connection:
            if not await connection.fetchval(_SETTLE, number, "withdrawn", officer, None):
                raise Conflict("access.erasure-settled")

    async def confirm(self, number: int, officer: str, audit: Sequence[Any]) -> Request:
        """Carries out a request that another officer made; audit: the columns of the row that it leaves.

        Raises NotFound, Forbidden to the officer who asked, Conflict where it is not open, Gone where it ran out, and
        Unavailable: then nothing has happened.
        """
        async with self._store.pool.connection_for_locks() as connection, connection.transaction():
            # Nothing is written before the locks are held and all is read: the feed waits for whoever has written.
            await connection.execute(SERIAL)
            row = await connection.fetchrow(_REQUEST, number)
            if row is None:
                raise NotFound
            if row["state"] != "asked":
                raise Conflict("access.erasure-settled")
            if row["asked_by"] == officer:
                raise Forbidden("access.erasure-needs-another")
            if row["instant"] + self._holds_for < clock.now():
                raise Gone("access.erasure-ran-out")
            extent = await self._carry_out(connection, row, officer, audit)
        self._eraser.forget(extent)
        async with self._store.pool.connection() as connection:
            await sweep(connection)
        return await self.look(number)

    async def _carry_out(self, connection: asyncpg.Connection, row: Any, officer: str, audit: Sequence[Any]) -> Extent:
        request = str(audit[-1])
        told = msgspec.json.decode(self._sealer.open(row["told"], _label(row["patients"])), type=_Told)
        ids = [name.removeprefix("Patient/") for name in told.names]
        held = await erased.registered(connection, ids)

        async def note(extent: Extent) -> int:
            if not await connection.fetchval(_SETTLE, row["id"], "confirmed", officer, len(extent.resources)):
                raise Conflict("access.erasure-settled")  # Taken back in this moment.
            await erase_also(connection, extent)
            await erased.end_proxies(connection, ids)
            await erased.remove(connection, held)
            await connection.execute(AUDIT, *audit, sorted(extent.patients))
            # Last: what the ledger says is done again after a restore, whatever becomes of this transaction.
            subject = f"request {row['id']}"
            detail = detail_of(extent, request) | {"registered": msgspec.to_builtins(held)}
            entry = await asyncio.to_thread(self._ledger.append, KIND, subject, detail)
            return entry.n

        return await self._eraser.erase(connection, list(row["patients"]), request, note)


def detail_of(extent: Extent, request: str) -> dict[str, Any]:
    """Returns what the ledger says of an erasure: numbers only."""
    return {
        "request": request,
        "patients": list(extent.patients),
        "keys": list(extent.keys),
        "resources": list(extent.resources),
        "terms": list(extent.terms),
        "versions": extent.versions,
    }


async def keep_sweeping(pool: Pool, stop: asyncio.Event) -> None:
    """Ends, until `stop`, what an erasure left behind whose process was stopped right after its commit."""

    async def once() -> None:
        async with pool.connection() as connection:
            await sweep(connection)

    await make_rounds("erasure", once, SWEEP_EVERY, stop)


async def erase_also(connection: asyncpg.Connection, extent: Extent) -> None:
    """Calls the registered erasers, and then the marks."""
    for eraser in _erasers.values():
        await eraser(connection, extent.patients, extent.resources)
    for mark in _marks.values():
        await mark(connection, extent.institutions)


def _label(patients: Sequence[int]) -> bytes:
    return ",".join(map(str, patients)).encode()


_REQUEST = "SELECT id, instant, asked_by, patients, told, state, resources FROM erasure_request WHERE id = $1"
_OPEN = """
SELECT EXISTS (
    SELECT FROM erasure_request
    WHERE state = 'asked' AND patients && $1::int8[] AND instant > clock_timestamp() - $2::interval
)
"""
_ASKED = """
SELECT id FROM erasure_request WHERE state = 'asked' AND patients = ARRAY[$1::int8] AND asked_by = $2
AND instant > clock_timestamp() - $3::interval
"""
_ASK = """
INSERT INTO erasure_request (asked_by, patients, told, state) VALUES ($1, $2, $3, 'asked') RETURNING id
"""
_SETTLE = """
UPDATE erasure_request SET state = $2, settled_by = $3, settled = clock_timestamp(), resources = $4
WHERE id = $1 AND state = 'asked' RETURNING id
"""

"""What the index knows: registrations as they stand, who is near to one, and how both are hashed and sealed.

Only looks, and gives numbers to new residents: what becomes of a registration is decided in `arriving`.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import asyncpg
import msgspec

from kangyun.base.crypto import Sealer, derived_key
from kangyun.database.pool import Pool
from kangyun.database.statements import statements
from kangyun.identity.registration.fields import Fields
from kangyun.identity.weighing import Reading, Rules
from kangyun.store.ids import RESIDENT, SHARD_BITS
from kangyun.store.keys import KeyRing
from kangyun.store.visible import Sight, seen

MOST_OF_A_KEY = 100
"""Registrations that are looked at under one key: of more it says too little."""
MOST_NEAR, LEAST_SHARED = 20, 0.15
"""Residents whom a question is held against: so many, each sharing that part of what the nearest one does with it."""
LOOK_EVERY = 60.0  # seconds until a process asks again how many registrations there are
BLOCK = 64  # numbers of residents that a process takes at once
BY_PERSON = frozenset({"steward", "feed", "undone"})
SQL = statements("identity")


@dataclass(frozen=True, slots=True)
class Known:
    """A registration as it stands."""

    edition: int
    keys: frozenset[int]
    fields: Fields
    resident: int
    by_person: bool


@dataclass(slots=True)
class Neighbour:
    """A resident near to a registration: what each of his registrations says, None of those that were deleted.

    rows: of these as the record has them, where they were asked for; `Reader.opened` opens them.
    """

    registrations: dict[int, Fields | None] = field(default_factory=dict)
    rows: list[asyncpg.Record] = field(default_factory=list)


class Standing:
    """What the index knows. One for a process."""

    def __init__(self, pool: Pool, keys: KeyRing, rules: Rules) -> None:
        self._pool = pool
        self._hasher = keys.hasher
        self._sealer = Sealer(derived_key(keys.index_key, "registrations", 16), keys.cipher)
        self._rules = rules
        self._free: list[int] = []
        self._among, self._look_again = 0, 0.0

    async def known(self, connection: asyncpg.Connection, patients: Sequence[int]) -> dict[int, Known]:
        """Returns registrations as they stand, those that are somebody's: deleted ones without fields."""
        return {
            row["patient"]: Known(
                row["edition"] or 0,
                frozenset(row["keys"] or ()),
                self.opened(row) or {},
                row["resident"],
                row["kind"] in BY_PERSON,
            )
            for row in await connection.fetch(SQL["known"], patients)
        }

    async def near(self, connection: asyncpg.Connection, readings: Sequence[Reading]) -> list[dict[int, Neighbour]]:
        """Returns for each reading the residents of whom a registration has a key of it, by number.

        A resident who is near to several is the same object.
        """
        asked = [(nth, self.hashed(key)) for nth, reading in enumerate(readings) for key in reading.keys]
        found: list[dict[int, Neighbour]] = [{} for _ in readings]
        if not asked:
            return found
        nths, keys = zip(*asked, strict=True)
        rows = await connection.fetch(SQL["near"], nths, keys, MOST_OF_A_KEY)
        residents = self._grouped(rows)
        for row in rows:
            for nth in row["nths"]:
                found[nth][row["resident"]] = residents[row["resident"]]
        return found

    async def near_seen(self, connection: asyncpg.Connection, reading: Reading, sight: Sight) -> dict[int, Neighbour]:
        """Returns the residents nearest to a reading with their registrations and the rows of these, as far as they
        are seen."""
        asked = [self.hashed(key) for key in reading.keys], MOST_OF_A_KEY, MOST_NEAR, LEAST_SHARED
        rows = await connection.fetch(*seen(SQL["near_seen"], sight, *asked))
        found = self._grouped(rows)
        for row in rows:
            found[row["resident"]].rows.append(row)
        return found

    async def residents(self, connection: asyncpg.Connection, numbers: Collection[int]) -> dict[int, Neighbour]:
        """Returns residents by their numbers, those that have registrations."""
        return self._grouped(await connection.fetch(SQL["residents"], list(numbers)) if numbers else ())

    def _grouped(self, rows: Iterable[asyncpg.Record]) -> dict[int, Neighbour]:
        found: dict[int, Neighbour] = defaultdict(Neighbour)
        for row in rows:
            found[row["resident"]].registrations[row["patient"]] = self.opened(row)
        return dict(found)

    # --- what is sealed and hashed

    @property
    def rules(self) -> Rules:
        """The rules by which it reads and weighs."""
        return self._rules

    def hashed(self, key: str) -> int:
        """Returns the row of a key."""
        return self._hasher.number(b"registration\0" + key.encode("utf-8", "surrogatepass"))

    def opened(self, row: asyncpg.Record) -> Fields | None:
        """Returns the fields of a row of `registration`, None of a Patient that was deleted."""
        return (
            None if row["fields"] is None else _FIELDS.decode(self._sealer.open(row["fields"], _label(row["patient"])))
        )

    def sealed(self, patient: int, value: object) -> bytes:
        """Returns something said of a patient, sealed."""
        return self._sealer.seal(msgspec.msgpack.encode(value), _label(patient))

    def unsealed(self, patient: int, sealed: bytes) -> object:
        """Returns what `sealed` was given. Raises Unreadable."""
        return msgspec.msgpack.decode(self._sealer.open(sealed, _label(patient)))

    async def new_residents(self, count: int) -> list[int]:
        """Returns numbers that no resident has."""
        if count > len(self._free):
            # Not in the transaction that asks: a crash or a refusal loses some numbers, never gives one twice.
            async with self._pool.connection() as connection:
                rows = await connection.fetch(SQL["numbers"], max(count, BLOCK))
            self._free += [row[0] << SHARD_BITS | RESIDENT for row in rows]
            self._among = rows[-1][0]
        taken, self._free = self._free[:count], self._free[count:]
        return taken

    async def among(self, connection: asyncpg.Connection) -> int:
        """Returns how many registrations there are, roughly: each takes a number when it is decided."""
        if self._look_again <= (now := time.monotonic()):  # A process that only asks gives no numbers.
            self._among, self._look_again = await connection.fetchval(SQL["last_number"]), now + LOOK_EVERY
        return self._among


async def residents_of(connection: asyncpg.Connection, patients: Collection[int]) -> dict[int, int]:
    """Returns whose registrations are, by registration; those that are not in the index are left out."""
    return {row["patient"]: row["resident"] for row in await connection.fetch(SQL["residents_of"], list(patients))}


async def new_number(connection: asyncpg.Connection) -> int:
    """Returns the number of a new resident."""
    number: int = await connection.fetchval(SQL["numbers"], 1)
    return number << SHARD_BITS | RESIDENT


def _label(patient: int) -> bytes:
    return patient.to_bytes(8, "big")


_FIELDS = msgspec.msgpack.Decoder(dict[str, tuple[str, ...]])

"""What could not be taken in, kept with its reason: records, sealed, and places of the log that cannot be read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.erasing import register as register_eraser
from kangyun.base.crypto import Sealer
from kangyun.database.statements import statements
from kangyun.devices.intake.decoding import DIGEST_BYTES, Aside, instant_of
from kangyun.devices.log import Batch, Damage, Record

SQL = statements("devices.intake")
_Row = tuple[bytes, str, int | None, datetime | None, str, bytes | None]


@dataclass(frozen=True, slots=True)
class Asides:
    """Puts aside. sealer: under a key of the installation, as nobody may know whose the record is."""

    sealer: Sealer

    async def put(self, connection: asyncpg.Connection, asides: Sequence[Aside], batches: Sequence[Batch]) -> None:
        """Puts records of a group aside, and what was damaged in it, within the transaction that moves over them."""
        place = ", ".join(f"{batch.source}<{batch.until}" for batch in batches)
        rows = [self._row(aside, place) for aside in asides]
        rows += [_damaged(damage) for batch in batches for damage in batch.damage]
        if rows:
            await connection.execute(SQL["aside"], *map(list, zip(*rows, strict=True)))

    def opened(self, digest: bytes, sealed: bytes) -> bytes:
        """Returns the payload of a record that was put aside. Raises Unreadable."""
        return self.sealer.open(sealed, digest)

    def _row(self, aside: Aside, place: str) -> _Row:
        record, digest = aside.record, digest_of(aside.record)
        sealed = self.sealer.seal(record.payload, digest)
        return digest, place, record.device, instant_of(record.received), aside.reason, sealed


def digest_of(record: Record) -> bytes:
    """Returns by what a record is known again."""
    named = f"{record.device} {record.received} {record.format} ".encode()
    return hashlib.blake2b(named + record.payload, digest_size=DIGEST_BYTES).digest()


def _damaged(damage: Damage) -> _Row:
    digest = hashlib.blake2b(f"{damage.place} {damage.reason}".encode(), digest_size=DIGEST_BYTES).digest()
    return digest, damage.place, None, None, f"{damage.reason}: {damage.records or '?'}", None


async def _forget(connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int]) -> None:
    """Removes what devices of persons who are erased said while these used them."""
    await connection.execute(SQL["erase_asides"], list(patients))
    await connection.execute(SQL["erase_events"], list(patients))


register_eraser("device-intake", _forget)

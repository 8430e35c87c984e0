"""A vendor cloud's push: kept sealed as it came, given a number, taken apart by device, and in the log before 200.

The same push again gets the same number and is not taken twice; the same number-used-once with another body is refused.
What was kept can be taken in again (`replay`), as where a mapping was wrong: the samples' keys keep that from doubling.
"""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import msgspec

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.database.rounds import make_rounds
from kangyun.devices import formats
from kangyun.devices.doors.opened import Doors, Taken
from kangyun.devices.doors.vendors import Vendor
from kangyun.devices.formats.clocks import microseconds
from kangyun.devices.formats.mapped import parts_of
from kangyun.devices.model import Refusal

MOST_TOLD = 50  # refusals in a receipt
_FORGET_EVERY = 3600.0  # seconds
_UNKNOWN, _NAMELESS = "devices.doors.unknown-device", "devices.formats.no-device"


class Receipt(msgspec.Struct, frozen=True):
    """What a vendor is answered. number: by which it may ask. again: it was here before."""

    number: int
    messages: int
    taken: int
    refused: int
    again: bool
    refusals: list[dict[str, str]]


class Replayed(msgspec.Struct):
    """What became of pushes that were taken in again. taken: readings, events. wrong: their numbers, and why."""

    pushes: int = 0
    taken: int = 0
    wrong: list[tuple[int, Invalid]] = []


@dataclass(frozen=True, slots=True)
class Pushes:
    """Takes pushes. One for a process."""

    doors: Doors
    kept: Kept

    @staticmethod
    def of(doors: Doors) -> "Pushes":
        """Returns those of a process."""
        return Pushes(doors, Kept(doors.platform.gate.store))

    async def take(self, vendor: Vendor, nonce: str, body: bytes) -> Receipt:
        """Keeps a push and takes its messages in. Raises Conflict, NotFound, Unavailable.

        One that cannot be taken apart is kept, too: it is taken in when its mapping was set right.
        """
        digest, now = hashlib.sha256(body).digest(), clock.now()
        institution = await self._institution(vendor)
        key, sealed = await self.kept.seal(institution, body, _place(vendor.name, digest))
        async with self.doors.platform.pool.connection() as connection:
            for _ in range(2):  # What another has just written, the statement that met it does not see.
                row = await connection.fetchrow(_KEEP, vendor.name, nonce, digest, now, institution, key, sealed)
                if row is not None:
                    break
            else:
                raise Conflict("devices.doors.used-nonce")
        number, again, received = row["id"], row["done"] is not None, row["received"]
        if again:
            return Receipt(number, row["messages"], row["taken"], row["refused"], True, [])
        try:
            parts = parts_of(body, _push_of(vendor))
        except Invalid as error:
            why = {"message": "", "text": error.issues[0].text, "at": error.at or "$"}
            return Receipt(number, 0, 0, 1, False, [why])
        found = await self._taken_in(vendor, institution, parts, microseconds(received))
        taken, refusals = (
            sum(one.count for one, _ in found),
            [pair for one, where in found for pair in _told(one, where)],
        )
        async with self.doors.platform.pool.connection() as connection:
            await connection.execute(_DONE, number, len(parts), taken, len(refusals))
        return Receipt(number, len(parts), taken, len(refusals), False, refusals[:MOST_TOLD])

    async def replay(self, vendor: Vendor, since: datetime, until: datetime) -> Replayed:
        """Takes what was kept of a while in again; one that cannot be taken apart stops none behind it."""
        found, after = Replayed(), 0
        while True:
            async with self.doors.platform.pool.connection() as connection:
                rows = await connection.fetch(_KEPT, vendor.name, since, until, after)
                bodies = [
                    await self.kept.open(connection, row["key"], row["sealed"], _place(vendor.name, row["digest"]))
                    for row in rows
                ]
            if not rows:
                return found
            for row, body in zip(rows, bodies, strict=True):
                after = row["id"]
                try:
                    parts = parts_of(body, _push_of(vendor))
                except Invalid as error:
                    found.wrong.append((row["id"], error))
                    continue
                stored = await self._taken_in(vendor, row["institution"], parts, microseconds(row["received"]))
                found.pushes += 1
                found.taken += sum(one.count for one, _ in stored)

    async def _taken_in(
        self, vendor: Vendor, institution: int, parts: Sequence[tuple[str, bytes]], received: int
    ) -> list[tuple[Taken, int]]:
        """Stores messages, all of them on disk when this returns; says of each what was taken."""
        async with self.doors.platform.pool.connection() as connection:
            rows = await connection.fetch(_DEVICES, institution, [name for name, _ in parts])
        devices = {row["asked"]: row for row in rows}
        known = [(devices.get(name), payload, number) for number, (name, payload) in enumerate(parts)]
        keep = self.doors.keep
        found = await asyncio.gather(
            *(keep(row["id"], vendor.format, row["zone"], payload, received) for row, payload, _ in known if row)
        )
        stored = list(zip(found, [number for row, _, number in known if row], strict=True))
        others = [
            (Taken(formats.Message(), (Refusal(_UNKNOWN if parts[number][0] else _NAMELESS, "$"),)), number)
            for row, _, number in known
            if not row
        ]
        return sorted([*stored, *others], key=lambda one: one[1])

    async def _institution(self, vendor: Vendor) -> int:
        async with self.doors.platform.pool.connection() as connection:
            found = await connection.fetchval("SELECT id FROM institution WHERE reference = $1", vendor.institution)
        if found is None:
            raise NotFound("devices.doors.no-institution")
        return int(found)


def _told(taken: Taken, number: int) -> list[dict[str, str]]:
    return [{"message": str(number), "text": one.text, "at": one.at} for one in taken.refusals]


def _push_of(vendor: Vendor) -> formats.Push:
    mapping = formats.mapping(vendor.format.removeprefix(formats.MAPPED))
    if mapping is None or mapping.push is None:
        raise Invalid("devices.formats.unknown-format")
    return mapping.push


def _place(vendor: str, digest: bytes) -> str:
    return f"device push {vendor} {digest.hex()}"


async def keep_forgetting_pushes(platform: Platform, stop: asyncio.Event) -> None:
    """Drops what vendors pushed when it is as old as what feeds delivered may become, until `stop`."""

    async def once() -> None:
        before = datetime.now(UTC) - timedelta(days=platform.settings.feed_days)
        async with platform.pool.connection() as connection:
            await connection.execute("DELETE FROM device_push WHERE received < $1", before)

    await make_rounds("devices: pushes", once, _FORGET_EVERY, stop)


async def receipts(connection: asyncpg.Connection, vendor: str, number: int) -> asyncpg.Record | None:
    """Returns how a push stands, by its number."""
    return await connection.fetchrow(_ONE, vendor, number)


# The same body again is met by its digest; another under a nonce that was used meets nothing and inserts nothing.
_KEEP = """
WITH made AS (
    INSERT INTO device_push (vendor, nonce, digest, received, institution, key, sealed)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
    RETURNING id, received, messages, taken, refused, done
)
SELECT * FROM made
UNION ALL
SELECT id, received, messages, taken, refused, done FROM device_push WHERE vendor = $1 AND digest = $3
"""
_DONE = """
UPDATE device_push SET messages = $2, taken = $3, refused = $4, done = clock_timestamp() WHERE id = $1
"""
_KEPT = """
SELECT id, received, digest, institution, key, sealed FROM device_push
WHERE vendor = $1 AND received >= $2 AND received < $3 AND id > $4 ORDER BY id LIMIT 50
"""
_ONE = """
SELECT id, received, messages, taken, refused, done FROM device_push WHERE vendor = $1 AND id = $2
"""
# A vendor knows a device by the maker's number, or by the name that it has here.
_DEVICES = """
SELECT asked, d.id, d.zone FROM unnest($2::text[]) AS asked JOIN LATERAL (
    SELECT id, zone FROM device
    WHERE institution = $1 AND state IN ('made', 'claimed') AND (serial = asked OR name = asked)
    ORDER BY (serial = asked) DESC LIMIT 1
) AS d ON true
"""

"""A device's row and its history, as operations read and change them, under the row's lock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

from kangyun.base.errors import NotFound
from kangyun.devices.register.wearers import Use


class Row(msgspec.Struct, frozen=True):
    """A device. institution: the number of who gave it out; house: its reference. state: as the table says."""

    id: int
    name: str
    resource: int
    institution: int
    house: str
    format: str
    zone: int
    state: str
    region: str
    kind: str
    model: str
    serial: str
    batch: int | None
    made: datetime


async def by_resource(connection: asyncpg.Connection, resource: int, *, lock: bool = False) -> Row:
    """Returns the device whose Device has that number. lock: nobody else changes it meanwhile. Raises NotFound."""
    return await _one(connection, "d.resource = $1", resource, lock)


async def by_number(connection: asyncpg.Connection, device: int, *, lock: bool = False) -> Row:
    """Returns the device of that number. Raises NotFound."""
    return await _one(connection, "d.id = $1", device, lock)


async def by_name(connection: asyncpg.Connection, name: str, *, lock: bool = False) -> Row:
    """Returns the device of that name. Raises NotFound."""
    return await _one(connection, "d.name = $1", name, lock)


async def note(connection: asyncpg.Connection, devices: Sequence[int], act: str, by: str, why: str = "") -> None:
    """Writes into the history of devices what was done with them."""
    await connection.execute(_NOTE, list(devices), act, by, why)


async def uses_of(connection: asyncpg.Connection, device: int) -> tuple[Use, ...]:
    """Returns all users that a device has had, the oldest first."""
    return tuple(
        Use(row["key"], row["holder"], row["since"], row["until"])
        if row["until"] is not None
        else Use(row["key"], row["holder"], row["since"])
        for row in await connection.fetch(_USES, device)
    )


async def _one(connection: asyncpg.Connection, condition: str, value: Any, lock: bool) -> Row:
    if lock:  # First: what is read then is what the last one who held it has left.
        await connection.fetchval(f"SELECT d.id FROM device AS d WHERE {condition} FOR UPDATE", value)
    row = await connection.fetchrow(f"{_ROW} WHERE {condition}", value)
    if row is None:
        raise NotFound
    return Row(**{name: row[name] for name in Row.__struct_fields__})


_ROW = """
SELECT d.id, d.name, coalesce(d.resource, 0) AS resource, d.institution, i.reference AS house, d.format, d.zone,
    d.state, d.region, d.kind, d.model, d.serial, d.batch, d.made
FROM device AS d JOIN institution AS i ON i.id = d.institution
"""
_NOTE = """
INSERT INTO device_history (device, act, by, why) SELECT device, $2, $3, $4 FROM unnest($1::int8[]) AS u(device)
"""
_USES = """
SELECT key, holder, (extract(epoch FROM since) * 1000000)::int8 AS since,
    (extract(epoch FROM until) * 1000000)::int8 AS until
FROM device_user WHERE device = $1 ORDER BY since
"""

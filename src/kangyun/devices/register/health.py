"""How a device is: when something of it was last stored, its battery, clock and firmware, and what was refused of it.

A connection alone says nothing: a device is heard of when something of it was stored. And a device that is silent is
said to be silent, never to be well, by the time of its own last reading: what came late was measured long ago.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

import asyncpg
import msgspec

from kangyun.devices.register.kinds import Kinds

State = Literal["unused", "never", "silent", "battery", "clock", "refused", "sending", "stopped", "revoked"]
STATES: tuple[State, ...] = (
    "sending",
    "silent",
    "never",
    "battery",
    "clock",
    "refused",
    "unused",
    "stopped",
    "revoked",
)
CLOCK_OFF_S = 300.0
"""A clock that is wrong by more is told to its owner. Our choice (unverified)."""
REFUSED_WITHIN = timedelta(days=1)
REFUSALS_KEPT_DAYS = 90


class Heard(msgspec.Struct, frozen=True):
    """What a group of messages said of a device, at most one for each device of a group.

    heard: when the newest was received. reading: the newest instant of what was measured, by the device's own time as
    corrected; None where nothing was. offset_s: its clock before ours. What is None is not known anew.
    """

    device: int
    heard: datetime
    reading: datetime | None = None
    battery: float | None = None
    offset_s: float | None = None
    firmware: str | None = None


class Refused(msgspec.Struct, frozen=True):
    """What was refused of a device, or taken with a mark only. reason: the id of a text. place: where, no value."""

    device: int
    reason: str
    at: datetime
    place: str = ""
    count: int = 1


class Health(msgspec.Struct, frozen=True):
    """A device with how it is. used: whether somebody has it now; since: from when on (else when it was made)."""

    device: int
    name: str
    kind: str
    model: str
    serial: str
    resource: int
    state: str
    since: datetime
    used: bool
    heard: datetime | None = None
    reading: datetime | None = None
    battery: float | None = None
    offset_s: float | None = None
    firmware: str | None = None
    refused: int = 0
    refused_at: datetime | None = None
    questions: int = 0


def state_of(health: Health, kinds: Kinds, now: datetime) -> State:
    """Returns how a device is, in one word: the worst that is so. Only `sending` is well."""
    if health.state in ("stopped", "revoked"):
        return "stopped" if health.state == "stopped" else "revoked"
    if not health.used:
        return "unused"
    if health.reading is None or health.reading < health.since:
        return "never"  # Of who has it now: what it said of somebody before is no news of him.
    if silent_for(health, now) > limit_of(health, kinds):
        return "silent"
    if health.refused_at is not None and now - health.refused_at < REFUSED_WITHIN:
        return "refused"
    if health.battery is not None and health.battery <= kinds.low_battery:
        return "battery"
    if health.offset_s is not None and abs(health.offset_s) > CLOCK_OFF_S:
        return "clock"
    return "sending"


def silent_for(health: Health, now: datetime) -> timedelta:
    """Returns for how long nothing was measured: since the last reading, or since somebody has it."""
    last = health.since if health.reading is None else max(health.reading, health.since)
    return max(now - last, timedelta())


def limit_of(health: Health, kinds: Kinds) -> timedelta:
    """Returns after how long a device is silent."""
    return timedelta(hours=kinds.silent_hours(health.kind, health.model))


async def note_heard(connection: asyncpg.Connection, heard: Sequence[Heard]) -> None:
    """Notes what was stored of devices, within the transaction that stores it.

    Nothing goes back in time, and nothing is measured after it was received: a clock that runs ahead makes no device
    look fresh.
    """
    if not heard:
        return
    ordered = sorted(heard, key=lambda one: one.device)  # In one order, so that two never wait for each other.
    columns = [[getattr(one, name) for one in ordered] for name in Heard.__struct_fields__]
    await connection.execute(_HEARD, *columns)


async def note_refused(connection: asyncpg.Connection, refused: Iterable[Refused], day: date) -> None:
    """Notes what was refused of devices. day: of the region, today."""
    grouped: dict[tuple[int, str, str], tuple[int, datetime, datetime]] = {}
    for one in refused:
        place = one.device, one.reason, one.place
        count, first, last = grouped.get(place, (0, one.at, one.at))
        grouped[place] = count + one.count, min(first, one.at), max(last, one.at)
    if not grouped:
        return
    rows = [(*place, day, *counted) for place, counted in sorted(grouped.items())]
    await connection.execute(_REFUSED, *(list(column) for column in zip(*rows, strict=True)))
    counts: dict[int, int] = {}
    for (device, _, _), (count, _, _) in grouped.items():
        counts[device] = counts.get(device, 0) + count
    await connection.execute(_COUNT_REFUSED, sorted(counts), [counts[device] for device in sorted(counts)])


async def of_holders(connection: asyncpg.Connection, holders: Sequence[int]) -> list[Health]:
    """Returns the devices that these use now."""
    return [_read(row) for row in await connection.fetch(_OF_HOLDERS, list(holders))]


async def of_institution(
    connection: asyncpg.Connection, institution: int | None, after: int = 0, most: int = 20_000
) -> list[Health]:
    """Returns an institution's devices (all devices, where it is None), by their numbers from behind `after`."""
    return [_read(row) for row in await connection.fetch(_OF_INSTITUTION, institution, after, most)]


async def of_device(connection: asyncpg.Connection, device: int) -> Health | None:
    """Returns how one device is."""
    row = await connection.fetchrow(_OF_DEVICE, device)
    return _read(row) if row is not None else None


async def refusals(connection: asyncpg.Connection, device: int, since: date) -> list[asyncpg.Record]:
    """Returns day, reason, place, count, first and last of what was refused of a device, the newest first."""
    return list(await connection.fetch(_REFUSALS, device, since))


def _read(row: asyncpg.Record) -> Health:
    return Health(**{name: row[name] for name in Health.__struct_fields__})


_HEARD = """
INSERT INTO device_health AS h (device, heard, reading, battery, battery_at, offset_s, firmware)
SELECT device, heard, CASE WHEN reading IS NOT NULL THEN least(reading, heard) END, battery,
    CASE WHEN battery IS NOT NULL THEN heard END, offset_s, firmware
FROM unnest($1::int8[], $2::timestamptz[], $3::timestamptz[], $4::float8[], $5::float8[], $6::text[])
    AS u(device, heard, reading, battery, offset_s, firmware)
ON CONFLICT (device) DO UPDATE SET
    heard = greatest(h.heard, excluded.heard),
    reading = greatest(h.reading, excluded.reading),
    battery = coalesce(excluded.battery, h.battery),
    battery_at = coalesce(excluded.battery_at, h.battery_at),
    offset_s = coalesce(excluded.offset_s, h.offset_s),
    firmware = coalesce(excluded.firmware, h.firmware)
"""
_REFUSED = """
INSERT INTO device_refusal AS r (device, reason, place, day, count, first, last)
SELECT * FROM unnest($1::int8[], $2::text[], $3::text[], $4::date[], $5::int8[], $6::timestamptz[], $7::timestamptz[])
ON CONFLICT (device, day, reason, place) DO UPDATE SET
    count = r.count + excluded.count, first = least(r.first, excluded.first), last = greatest(r.last, excluded.last)
"""
_COUNT_REFUSED = """
INSERT INTO device_health AS h (device, refused) SELECT * FROM unnest($1::int8[], $2::int8[])
ON CONFLICT (device) DO UPDATE SET refused = h.refused + excluded.refused
"""
_SELECT = """
SELECT d.id AS device, d.name, d.kind, d.model, d.serial, coalesce(d.resource, 0) AS resource, d.state,
    coalesce(u.since, d.made) AS since, u.since IS NOT NULL AS used, h.heard, h.reading, h.battery, h.offset_s,
    h.firmware, coalesce(h.refused, 0) AS refused, r.refused_at,
    (SELECT count(*) FROM device_question AS q WHERE q.device = d.id AND q.answered IS NULL) AS questions
FROM device AS d
LEFT JOIN device_health AS h ON h.device = d.id
LEFT JOIN LATERAL (SELECT min(since) AS since FROM device_user WHERE device = d.id AND until IS NULL) AS u ON true
LEFT JOIN LATERAL (SELECT max(last) AS refused_at FROM device_refusal WHERE device = d.id) AS r ON true
"""
_OF_HOLDERS = f"""
{_SELECT} WHERE d.id IN (SELECT device FROM device_user WHERE holder = ANY ($1::int8[]) AND until IS NULL)
ORDER BY d.kind, d.id
"""
_OF_INSTITUTION = f"""
{_SELECT} WHERE ($1::int8 IS NULL OR d.institution = $1) AND d.id > $2 ORDER BY d.id LIMIT $3
"""
_OF_DEVICE = f"{_SELECT} WHERE d.id = $1"
_REFUSALS = """
SELECT day, reason, place, count, first, last FROM device_refusal WHERE device = $1 AND day >= $2
ORDER BY last DESC LIMIT 500
"""

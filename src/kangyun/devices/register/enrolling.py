"""Many devices made at once from a list: all of it or nothing. What is told of secrets and codes is told once.

The Devices of the record are written first, by their names: a list whose carrying out was cut off is sent again, and
meets them. Then the rows, credentials and codes are one transaction.
"""

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from kangyun.access.keyed import Digester
from kangyun.access.record import Record
from kangyun.access.staff.sheets import Row, Sheet, workbook
from kangyun.base.errors import Conflict, Issue
from kangyun.devices.register import claims, keys, lists, rows
from kangyun.devices.register.codes import QR_PREFIX
from kangyun.devices.register.credentials import draw_secret
from kangyun.devices.register.kinds import kinds
from kangyun.devices.register.lists import Wanted, fault
from kangyun.devices.register.rights import officers_only
from kangyun.fhir import Resource

NAMES = "urn:kangyun:device"
"""Identifiers of Devices: their names here."""
SERIALS = "urn:kangyun:device-serial"
MDC = "urn:iso:std:iso:11073:10101"
_AT_ONCE = 200  # Devices of one commit
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Made:
    """A device that was made. secret '' where it has none. code: with which it is claimed."""

    wanted: Wanted
    name: str
    secret: str
    code: str


@dataclass(slots=True)
class Outcome:
    """What became of a list. same: how many are enrolled already. written: whether it was carried out."""

    dry_run: bool
    count: int = 0
    same: int = 0
    told: list[tuple[Row, Issue]] = field(default_factory=list)
    made: list[Made] = field(default_factory=list)
    written: bool = False

    @property
    def refused(self) -> list[tuple[Row, list[Issue]]]:
        """The rows that are wrong, in order, each with all its faults."""
        found: dict[int, tuple[Row, list[Issue]]] = {}
        for row, issue in self.told:
            found.setdefault(row.number, (row, []))[1].append(issue)
        return [found[number] for number in sorted(found)]


async def enrol(
    record: Record, digests: Digester, sheet: Sheet, formats: Collection[str], *, dry_run: bool
) -> Outcome:  # fmt: skip
    """Carries a list out for the actor's institution, or says what would become of it. Raises Forbidden."""
    officers_only(record.actor)
    outcome = Outcome(dry_run)
    wanted, outcome.told = lists.read(sheet, formats)
    async with record.store.pool.connection() as connection:
        standing = await _standing(connection, record.institution, wanted)
    by_number = {row.number: row for row in sheet.rows}
    for one in wanted:
        outcome.told += [
            (by_number[one.row], fault(by_number[one.row], what, column, sheet.name))
            for what, column in standing.faults(one)
        ]
    fresh = [one for one in wanted if one.serial not in standing.serials]
    outcome.count, outcome.same = len(fresh), len(wanted) - len(fresh)
    if not dry_run and not outcome.told and fresh:
        outcome.made = await _make(record, digests, fresh)
    outcome.written = not dry_run and not outcome.told
    action = f"devices-{'enrol' if outcome.written else 'try'}"
    await record.leave_row(action, 422 if outcome.told else 200, [])
    return outcome


@dataclass(frozen=True, slots=True)
class _Standing:
    serials: frozenset[str]
    names: frozenset[str]
    batches: frozenset[str]
    has_authority: bool

    def faults(self, one: Wanted) -> list[tuple[str, str]]:
        found = []
        if one.serial not in self.serials and one.name in self.names:
            found.append(("list-name-taken", "name"))
        if one.batch and one.batch not in self.batches:
            found.append(("list-batch", "batch"))
        if one.certificate and not self.has_authority:
            found.append(("list-authority", "certificate"))
        return found


async def _standing(connection: asyncpg.Connection, institution: int, wanted: Sequence[Wanted]) -> _Standing:
    serials = await connection.fetch(_SERIALS, institution, [one.serial for one in wanted])
    names = await connection.fetch(_NAMES, [one.name for one in wanted if one.name])
    batches = await connection.fetch(_BATCHES, institution)
    authority = await connection.fetchval(_HAS_AUTHORITY, institution)
    return _Standing(
        frozenset(row["serial"] for row in serials), frozenset(row["name"] for row in names),
        frozenset(row["name"] for row in batches), bool(authority),
    )  # fmt: skip


async def _make(record: Record, digests: Digester, wanted: Sequence[Wanted]) -> list[Made]:
    named = {one.name or _drawn(): one for one in wanted}
    numbers: dict[str, int] = {}
    pairs = list(named.items())
    for start in range(0, len(pairs), _AT_ONCE):
        part = pairs[start : start + _AT_ONCE]
        operations = [
            record.operation(
                "create", "Device", resource=device(name, one, record.actor.institution),
                condition=f"identifier={NAMES}|{name}", full_url="",
            )
            for name, one in part
        ]  # fmt: skip
        done = await record.commit(operations, "devices-enrol", whole=True)
        for (name, _), each in zip(part, done, strict=True):
            assert each.stored is not None
            numbers[name] = each.stored.res
    try:
        async with record.store.pool.connection() as connection, connection.transaction():
            return await _rows(connection, record, digests, named, numbers)
    except asyncpg.UniqueViolationError:
        raise Conflict("devices.register.enrolled-meanwhile") from None


async def _rows(
    connection: asyncpg.Connection, record: Record, digests: Digester, named: Mapping[str, Wanted],
    numbers: Mapping[str, int],
) -> list[Made]:  # fmt: skip
    by, columns = record.actor.reference, ("format", "zone", "region", "kind", "model", "serial", "batch")
    found = await connection.fetch(
        _MAKE, record.institution, list(named), [numbers[name] for name in named],
        *([getattr(one, column) for one in named.values()] for column in columns),
    )  # fmt: skip
    ids = {row["name"]: row["id"] for row in found}
    await rows.note(connection, list(ids.values()), "enrolled", by)
    drawn = {name: draw_secret() for name, one in named.items() if not one.batch and not one.certificate}
    digested = [digests.of("secret", name, secret) for name, secret in drawn.items()]
    await connection.execute(_SECRETS, [ids[name] for name in drawn], digested, by)
    for name, one in named.items():
        if one.certificate:
            await keys.add_subject(connection, await rows.by_number(connection, ids[name]), one.certificate, by)
    codes = await claims.give_many(connection, digests, [ids[name] for name in named])
    return [
        Made(one, name, drawn.get(name, ""), code) for (name, one), code in zip(named.items(), codes, strict=True)
    ]  # fmt: skip


def device(name: str, one: Wanted, house: str) -> Resource:
    """Returns the Device of the record: what it is and whose, not who uses it."""
    kind = kinds().of(one.kind)
    made: Resource = {
        "resourceType": "Device",
        "identifier": [{"system": NAMES, "value": name}, {"system": SERIALS, "value": one.serial}],
        "status": "active",
        "serialNumber": one.serial,
        "type": {"text": kind.zh},
        "owner": {"reference": house},
    }
    if kind.mdc is not None:
        made["type"]["coding"] = [{"system": MDC, "code": str(kind.mdc)}]
    for element, text in (("manufacturer", one.maker), ("modelNumber", one.model)):
        if text:
            made[element] = text
    return made


HEADER = ("设备名", "种类", "型号", "序列号", "密钥", "领用码", "二维码内容")


def handed_out(made: Sequence[Made]) -> bytes:
    """Returns the workbook that goes to who hands out the devices: secrets and codes stand nowhere else."""
    table = [
        (
            one.name, kinds().of(one.wanted.kind).zh, one.wanted.model, one.wanted.serial, one.secret, one.code,
            f"{QR_PREFIX}{one.code}",
        )
        for one in made
    ]  # fmt: skip
    return workbook("设备", HEADER, table)


def _drawn() -> str:
    return "d-" + "".join(secrets.choice(_ALPHABET) for _ in range(10))


_SERIALS = "SELECT serial FROM device WHERE institution = $1 AND serial = ANY ($2::text[])"
_NAMES = "SELECT name FROM device WHERE name = ANY ($1::text[])"
_BATCHES = "SELECT name FROM device_batch WHERE institution = $1 AND until > clock_timestamp()"
_HAS_AUTHORITY = """
SELECT EXISTS (SELECT FROM device_authority
    WHERE institution = $1 AND (until IS NULL OR until > clock_timestamp()))
"""
_MAKE = """
INSERT INTO device (name, resource, institution, format, zone, region, kind, model, serial, batch, state)
SELECT u.name, u.resource, $1, u.format, u.zone, u.region, u.kind, u.model, u.serial, b.id, 'made'
FROM unnest($2::text[], $3::int8[], $4::text[], $5::int2[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[]) AS u(name, resource, format, zone, region, kind, model, serial, batch)
LEFT JOIN device_batch AS b ON b.institution = $1 AND b.name = u.batch AND b.until > clock_timestamp()
RETURNING id, name
"""
_SECRETS = """
INSERT INTO device_credential (device, kind, digest, by)
SELECT device, 'secret', digest, $3 FROM unnest($1::int8[], $2::bytea[]) AS u(device, digest)
"""

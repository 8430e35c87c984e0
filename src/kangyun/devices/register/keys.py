"""Giving and taking away what devices prove themselves by: within the caller's transaction, under the device's lock.

Several secrets hold at once while one takes over from another: a rotation leaves the old one good for some hours, so
that a device that is off meanwhile is not shut out. A batch key opens nothing but `provision`.
"""

from datetime import datetime, timedelta

import asyncpg
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from kangyun.access.keyed import Digester
from kangyun.base.errors import Conflict, Invalid, NotFound, RuleBroken
from kangyun.database.pool import Pool
from kangyun.devices.register import claims, rows
from kangyun.devices.register.changes import tell
from kangyun.devices.register.credentials import (
    LONGEST_SECRET,
    common_name,
    draw_secret,
    fingerprint,
    is_authority,
    subject_digest,
)  # fmt: skip
from kangyun.devices.register.rows import Row
from kangyun.devices.register.users import shut

OVERLAP_HOURS = 24
LONGEST_OVERLAP_HOURS = 24 * 30
BATCH_LASTS = timedelta(days=730)
BATCH_USER = "provision"
"""The user name under which a device shows its batch's key: no device is called so."""
LONGEST_SERIAL = 64


class Batch(msgspec.Struct, frozen=True):
    """A batch whose key was shown: good for `provision` and nothing else."""

    id: int
    institution: int
    name: str


class Provisioned(msgspec.Struct, frozen=True):
    """What a device is given: it is told once, and kept nowhere."""

    name: str
    region: str
    secret: str


async def give_secret(connection: asyncpg.Connection, digests: Digester, device: Row, by: str) -> str:
    """Gives a device one more secret and returns it: nobody can read it again."""
    secret = draw_secret()
    await connection.execute(_ADD, device.id, "secret", digests.of("secret", device.name, secret), None, None, by)
    return secret


async def rotate(connection: asyncpg.Connection, digests: Digester, device: Row, overlap: timedelta, by: str) -> str:
    """Gives a new secret; the old ones hold for the overlap and no longer. Raises RuleBroken for who is revoked."""
    if device.state == "revoked":
        raise RuleBroken("devices.register.not-in-use", state=device.state)
    await connection.execute(_END_AFTER, device.id, "secret", overlap)
    secret = await give_secret(connection, digests, device, by)
    await rows.note(connection, [device.id], "rotated", by)
    await tell(connection, [device.id])
    return secret


async def revoke(connection: asyncpg.Connection, device: Row, by: str, why: str) -> None:
    """Ends all that a device proves itself by, for good."""
    await shut(connection, device.id, "revoked")
    await rows.note(connection, [device.id], "revoked", by, why)
    await tell(connection, [device.id])


async def stop(connection: asyncpg.Connection, device: Row, by: str, why: str) -> None:
    """Lets a device in no more, until `resume`. Raises RuleBroken where it is not in use."""
    if device.state not in ("made", "claimed"):
        raise RuleBroken("devices.register.not-in-use", state=device.state)
    await shut(connection, device.id, "stopped")
    await rows.note(connection, [device.id], "stopped", by, why)
    await tell(connection, [device.id])


async def resume(connection: asyncpg.Connection, device: Row, by: str, why: str) -> None:
    """Lets a device in again that was stopped. Raises RuleBroken for one that was not."""
    if device.state != "stopped":
        raise RuleBroken("devices.register.not-stopped")
    await connection.execute(_RESUME, device.id)
    await rows.note(connection, [device.id], "resumed", by, why)
    await tell(connection, [device.id])


async def add_certificate(connection: asyncpg.Connection, device: Row, certificate: x509.Certificate, by: str) -> None:
    """Lets a device in by a certificate of its own. Raises Conflict where it is one's already."""
    der = _der(certificate)
    await _add(connection, device, "certificate", fingerprint(der), None, der, by)


async def add_subject(connection: asyncpg.Connection, device: Row, name: str, by: str) -> None:
    """Lets a device in by certificates of that common name under any authority of its institution.

    Raises NotFound where the institution has registered none, Conflict where the name is one's already.
    """
    found = await connection.fetch(_AUTHORITIES, device.institution)
    if not found:
        raise NotFound("devices.register.no-authority")
    for row in found:
        await _add(connection, device, "subject", subject_digest(row["id"], name), row["id"], None, by)


async def add_authority(
    connection: asyncpg.Connection, institution: int, certificate: x509.Certificate, by: str
) -> int:
    """Registers an authority for the devices of an institution and returns its number.

    Raises Invalid for a certificate that may sign no others, Conflict where it is registered.
    """
    if not is_authority(certificate) or common_name(certificate) is None:
        raise Invalid("devices.register.no-ca")
    try:
        async with connection.transaction():
            return int(await connection.fetchval(_ADD_AUTHORITY, institution, _der(certificate), by))
    except asyncpg.UniqueViolationError:
        raise Conflict("devices.register.ca-there") from None


async def add_batch(
    connection: asyncpg.Connection, digests: Digester, institution: int, name: str, by: str, until: datetime | None
) -> str:
    """Makes a batch and returns its key, which nobody can read again. Raises Conflict where the name is taken."""
    key = draw_secret()
    try:
        async with connection.transaction():
            await connection.execute(
                _ADD_BATCH, institution, name, digests.of("batch", key), until, BATCH_LASTS, by
            )  # fmt: skip
    except asyncpg.UniqueViolationError:
        raise Conflict("devices.register.batch-there", name=name) from None
    return key


class Provisioning:
    """How a device that has only its batch's key comes to a secret of its own. One for a process."""

    def __init__(self, pool: Pool, digests: Digester) -> None:
        self._pool = pool
        self._digests = digests

    async def batch(self, key: str) -> Batch | None:
        """Returns the batch whose key it is, now."""
        digest = self._digests.of("batch", key[:LONGEST_SECRET])
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_BATCH, digest)
        return Batch(row["id"], row["institution"], row["name"]) if row is not None else None

    async def provision(self, batch: Batch, serial: str, source: str) -> Provisioned:
        """Gives the device of that serial number a secret. source: the address that asks; its wrong tries are counted.

        Again only while nothing of it was ever heard: its answer may have been lost, and a key that many have does not
        take over what is in use. Raises Throttled, NotFound, Conflict.
        """
        who = f"provision {batch.id} {source}"
        await claims.allow_try(self._pool, self._digests, who)
        async with self._pool.connection() as connection, connection.transaction():
            number = await connection.fetchval(_OF_BATCH, batch.id, serial[:LONGEST_SERIAL])
            if number is None:
                raise NotFound("devices.register.no-such-serial")
            device = await rows.by_number(connection, number, lock=True)
            if device.state not in ("made", "claimed") or await connection.fetchval(_IN_USE, number):
                raise Conflict("devices.register.provisioned")
            await connection.execute(_END_AFTER, number, "secret", timedelta())
            secret = await give_secret(connection, self._digests, device, f"Device/{device.name}")
            await claims.forgive(connection, self._digests, who)
            await rows.note(connection, [number], "provisioned", f"Device/{device.name}")
            await tell(connection, [number])
        return Provisioned(device.name, device.region, secret)

    async def renew(self, device: int) -> Provisioned:
        """Gives a device that is connected a new secret; the old one holds for a day. Raises NotFound, RuleBroken."""
        async with self._pool.connection() as connection, connection.transaction():
            row = await rows.by_number(connection, device, lock=True)
            overlap = timedelta(hours=OVERLAP_HOURS)
            secret = await rotate(connection, self._digests, row, overlap, f"Device/{row.name}")
        return Provisioned(row.name, row.region, secret)


async def _add(
    connection: asyncpg.Connection, device: Row, kind: str, digest: bytes, authority: int | None,
    certificate: bytes | None, by: str,
) -> None:  # fmt: skip
    if device.state == "revoked":
        raise RuleBroken("devices.register.not-in-use", state=device.state)
    try:
        async with connection.transaction():
            await connection.execute(_ADD, device.id, kind, digest, authority, certificate, by)
    except asyncpg.UniqueViolationError:
        raise Conflict("devices.register.certificate-there") from None
    await rows.note(connection, [device.id], f"{kind}-added", by)
    await tell(connection, [device.id])


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


_ADD = """
INSERT INTO device_credential (device, kind, digest, authority, certificate, by) VALUES ($1, $2, $3, $4, $5, $6)
"""
_END_AFTER = """
UPDATE device_credential SET until = clock_timestamp() + $3::interval
WHERE device = $1 AND kind = $2 AND (until IS NULL OR until > clock_timestamp() + $3::interval)
"""
_RESUME = """
UPDATE device AS d SET state = CASE
    WHEN EXISTS (SELECT FROM device_user AS u WHERE u.device = d.id AND u.until IS NULL) THEN 'claimed' ELSE 'made' END
WHERE d.id = $1
"""
_AUTHORITIES = """
SELECT id FROM device_authority WHERE institution = $1 AND (until IS NULL OR until > clock_timestamp()) ORDER BY id
"""
_ADD_AUTHORITY = "INSERT INTO device_authority (institution, certificate, by) VALUES ($1, $2, $3) RETURNING id"
_ADD_BATCH = """
INSERT INTO device_batch (institution, name, digest, until, by)
VALUES ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp() + $5::interval), $6)
"""
_BATCH = "SELECT id, institution, name FROM device_batch WHERE digest = $1 AND until > clock_timestamp()"
_OF_BATCH = "SELECT id FROM device WHERE batch = $1 AND serial = $2"
_IN_USE = """
SELECT EXISTS (SELECT FROM device_health AS h JOIN device_credential AS c ON c.device = h.device
    WHERE h.device = $1 AND h.heard >= c.since AND c.kind = 'secret')
"""

"""What a device proves itself by: a secret of its own, or a certificate. Asked at each connection, so kept in mind.

A secret is 32 random bytes, drawn here. So no guess of it can be tried out, and it is kept as a keyed BLAKE2b digest,
not by a slow function for passwords: 15,000 devices that come back within a minute must cost seconds of a processor,
not hours. Who has the database and not the root key has nothing to compare with.

A certificate is known by itself (its SHA-256), or by its common name under an authority that the device's institution
has registered. That who shows it has its key, the TLS handshake has proven.

Source: RFC 5280 (validity, basic constraints); NIST SP 800-63B 5.1.1.2 concerns secrets that people choose.
"""

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from kangyun.access.keyed import Digester
from kangyun.base.crypto import derived_key
from kangyun.database.pool import Pool
from kangyun.devices.register.model import ADMITTED_STATES, FOREVER, NAME, Admitted, Changed

SECRET_BYTES = 32
LONGEST_SECRET = 128  # characters that are looked at
MOST_KEPT = 100_000  # devices whose credentials are kept in mind


def digester(index_key: bytes) -> Digester:
    """Returns what makes digests of secrets, batch keys and claim codes. index_key: that of the store's keys."""
    return Digester(derived_key(index_key, "device secrets"))


def draw_secret() -> str:
    """Returns a new secret: 43 characters that a topic, a file and a shell take as they are."""
    return secrets.token_urlsafe(SECRET_BYTES)


@dataclass(frozen=True, slots=True)
class _Credential:
    id: int
    kind: str
    digest: bytes
    since: float
    until: float

    def holds(self, now: float) -> bool:
        return self.since <= now < self.until


@dataclass(frozen=True, slots=True)
class _Device:
    admitted: Admitted
    credentials: tuple[_Credential, ...]


class Credentials:
    """Who may connect as which device. One for a process; `forget` is to be told of `Changes`."""

    def __init__(self, pool: Pool, digests: Digester) -> None:
        self._pool = pool
        self._digests = digests
        self._kept: OrderedDict[str, _Device] = OrderedDict()
        self._names: dict[int, str] = {}
        self._forgotten = 0

    async def check(self, name: str, secret: str) -> Admitted | None:
        """Returns the device of that name if that is a secret of it, now. Raises Unavailable."""
        digest = self._digests.of("secret", name, secret[:LONGEST_SECRET])
        found = await self._device(name)
        if found is None:
            return None
        return self._admitted(found, "secret", digest)

    async def by_certificate(self, der: bytes) -> Admitted | None:
        """Returns the device whose certificate it is, now. Raises Unavailable.

        der: as the handshake brought it: it has proven that the device has the key.
        """
        try:
            shown = x509.load_der_x509_certificate(der)
            until = shown.not_valid_after_utc.timestamp()
            valid = shown.not_valid_before_utc.timestamp() <= time.time() < until
        except ValueError:
            return None
        if not valid:
            return None
        for kind, digest in (("certificate", fingerprint(der)), *await self._subjects(shown)):
            async with self._pool.connection() as connection:
                name = await connection.fetchval(_BY_DIGEST, kind, digest)
            found = await self._device(name) if name else None
            admitted = self._admitted(found, kind, digest) if found is not None else None
            if admitted is not None:
                return replace(admitted, until=min(admitted.until, until))
        return None

    async def still(self, admitted: Admitted) -> bool:
        """Whether a device that was let in may stay: asked after something of it has changed, and now and then."""
        now = time.time()
        if admitted.until <= now:
            return False
        found = await self._device(admitted.name)
        return found is not None and any(
            one.id == admitted.credential and one.holds(now) for one in found.credentials
        )  # fmt: skip

    async def anchors(self) -> list[bytes]:
        """Returns the certificates (DER) that a listener's TLS must trust for those of devices: authorities, and what
        is known by itself."""
        async with self._pool.connection() as connection:
            return [row["certificate"] for row in await connection.fetch(_ANCHORS)]

    def forget(self, changed: Changed) -> None:
        """Forgets what is kept of these devices."""
        self._forgotten += 1
        if changed is None:
            self._kept.clear()
            self._names.clear()
            return
        for device in changed:
            name = self._names.pop(device, None)
            if name is not None:
                self._kept.pop(name, None)

    def _admitted(self, found: _Device, kind: str, digest: bytes) -> Admitted | None:
        now, met = time.time(), None
        for one in found.credentials:  # All of them: how long it takes says nothing of which it was.
            same = one.kind == kind and hmac.compare_digest(one.digest, digest)
            if same and one.holds(now):
                met = one
        if met is None:
            return None
        return replace(found.admitted, credential=met.id, until=met.until)

    async def _device(self, name: str) -> _Device | None:
        found = self._kept.get(name)
        if found is not None:
            self._kept.move_to_end(name)
            return found
        if not NAME.fullmatch(name):
            return None
        forgotten = self._forgotten
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_BY_NAME, name, list(ADMITTED_STATES))
        if not rows:
            return None
        found = _read(rows)
        # What was read may be older than what was to be forgotten meanwhile: then it is not kept.
        if forgotten == self._forgotten:
            self._kept[name] = found
            self._names[found.admitted.device] = name
            if len(self._kept) > MOST_KEPT:
                _, oldest = self._kept.popitem(last=False)
                self._names.pop(oldest.admitted.device, None)
        return found

    async def _subjects(self, shown: x509.Certificate) -> list[tuple[str, bytes]]:
        """Returns by which authorities and common name a certificate may be known."""
        name = common_name(shown)
        if name is None:
            return []
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_AUTHORITIES)
        return [
            ("subject", subject_digest(row["id"], name))
            for row in rows
            if _issued(shown, x509.load_der_x509_certificate(row["certificate"]))
        ]


def fingerprint(der: bytes) -> bytes:
    """Returns by what a certificate is known by itself."""
    return hashlib.sha256(der).digest()


def subject_digest(authority: int, name: str) -> bytes:
    """Returns by what a common name under an authority is known."""
    return hashlib.sha256(f"{authority}/{name}".encode()).digest()


def common_name(certificate: x509.Certificate) -> str | None:
    """Returns the one common name of a certificate, None where there is none or several."""
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if len(found) == 1 else None


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether a certificate may sign others (RFC 5280 4.2.1.9)."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _issued(shown: x509.Certificate, authority: x509.Certificate) -> bool:
    now = time.time()
    if not authority.not_valid_before_utc.timestamp() <= now < authority.not_valid_after_utc.timestamp():
        return False
    try:
        shown.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _read(rows: Sequence[asyncpg.Record]) -> _Device:
    first = rows[0]
    known = Admitted(
        first["id"], first["name"], first["region"], first["institution"], first["house"], first["format"],
        first["zone"], 0,
    )  # fmt: skip
    credentials = [
        _Credential(
            row["credential"], row["kind"], row["digest"], row["since"].timestamp(), _seconds(row["until"])
        )
        for row in rows
        if row["credential"] is not None
    ]  # fmt: skip
    return _Device(known, tuple(credentials))


def _seconds(until: datetime | None) -> float:
    return FOREVER if until is None else until.timestamp()


def pem_of(certificates: Sequence[bytes]) -> str:
    """Returns certificates as `ssl.SSLContext.load_verify_locations(cadata=…)` takes them."""
    return "".join(x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM).decode() for one in certificates)


_BY_NAME = """
SELECT d.id, d.name, d.region, d.institution, d.format, d.zone, i.reference AS house,
    c.id AS credential, c.kind, c.digest, c.since, c.until
FROM device AS d JOIN institution AS i ON i.id = d.institution
LEFT JOIN device_credential AS c ON c.device = d.id AND (c.until IS NULL OR c.until > clock_timestamp())
WHERE d.name = $1 AND d.state = ANY ($2::text[])
"""
_BY_DIGEST = """
SELECT d.name FROM device_credential AS c JOIN device AS d ON d.id = c.device WHERE c.kind = $1 AND c.digest = $2
"""
_AUTHORITIES = """
SELECT id, certificate FROM device_authority
WHERE since <= clock_timestamp() AND (until IS NULL OR until > clock_timestamp())
"""
_ANCHORS = """
SELECT certificate FROM device_authority
WHERE since <= clock_timestamp() AND (until IS NULL OR until > clock_timestamp())
UNION
SELECT certificate FROM device_credential
WHERE certificate IS NOT NULL AND (until IS NULL OR until > clock_timestamp())
"""

"""The register of certificates: whom the installation believes, and whose certificate is whose.

In the database, so that every process and host sees the same at once: a certificate that was ended ends with the next
request. Rows carry a mark under a key that the database has not; one whose mark is wrong is as if it were not there,
and is told in the log.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.access.identities.register import KIND
from kangyun.access.ledger import Ledger
from kangyun.base import clock
from kangyun.base.crypto import PrivateKey, SchemeName, derived_key, hmac_sm3, same, sm3
from kangyun.base.crypto.certificates import Certificate, RevocationList, Trust
from kangyun.base.errors import Conflict, Invalid, NotFound
from kangyun.store.store import Store

logger = logging.getLogger(__name__)

_TRUSTED = "SELECT fingerprint, root, demo, der, mark FROM trusted_certificate ORDER BY added, fingerprint"
_TRUST = """
INSERT INTO trusted_certificate (fingerprint, root, demo, der, mark) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (fingerprint) DO NOTHING
"""
_LISTS = "SELECT der FROM revocation_list"
_LIST = """
INSERT INTO revocation_list (issuer, last, der) VALUES ($1, $2, $3)
ON CONFLICT (issuer) DO UPDATE SET last = excluded.last, der = excluded.der WHERE revocation_list.last < excluded.last
"""
_PERSON_COLUMNS = "fingerprint, reference, demo, der, since, ended, custody, mark"
_PERSON = f"SELECT {_PERSON_COLUMNS} FROM person_certificate WHERE fingerprint = $1"
_OF_PERSON = f"SELECT {_PERSON_COLUMNS} FROM person_certificate WHERE reference = $1 ORDER BY since DESC, fingerprint"
_BIND = f"""
INSERT INTO person_certificate ({_PERSON_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (fingerprint) DO NOTHING
"""
_END = "UPDATE person_certificate SET ended = $2, mark = $3 WHERE fingerprint = $1"
_IS_DEMO = "SELECT EXISTS (SELECT FROM trusted_certificate WHERE demo)"
_END_DEMO = "DELETE FROM trusted_certificate WHERE demo", "DELETE FROM person_certificate WHERE demo"


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a certificate is. ended: since when it is not any more."""

    reference: str
    certificate: Certificate
    since: datetime
    ended: datetime | None
    demo: bool
    custody: bytes | None

    def held(self, at: datetime) -> bool:
        """Whether it was theirs at an instant."""
        return self.ended is None or at < self.ended


class Register:
    """The register of an installation."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key = derived_key(store.keys.index_key, "certificates", 32)

    async def trust(self) -> Trust:
        """Returns whom the installation believes."""
        async with self._store.pool.connection() as connection:
            rows = await connection.fetch(_TRUSTED)
            lists = await connection.fetch(_LISTS)
        roots: list[Certificate] = []
        between: list[Certificate] = []
        for row in rows:
            if not same(self._mark(*_trust_fields(row)), row["mark"]):
                logger.error("a trusted certificate carries a wrong mark: it is not believed")
                continue
            (roots if row["root"] else between).append(Certificate(row["der"]))
        return Trust(roots, between, [RevocationList(row["der"]) for row in lists], needs_list=False)

    async def believe(self, certificate: Certificate, *, demo: bool = False) -> bool:
        """Takes in an authority; returns whether it is a root. Raises Invalid where it is no authority."""
        if certificate.public_key is None:
            raise Invalid("access.signing.key-not-supported")
        if not certificate.is_authority:
            raise Invalid("access.signing.no-authority")
        root = certificate.is_by(certificate)
        fields = bytes.fromhex(certificate.fingerprint), root, demo, certificate.der
        async with self._store.pool.connection() as connection:
            await connection.execute(_TRUST, *fields, self._mark(*fields))
        return root

    async def take_list(self, found: RevocationList) -> None:
        """Takes in a revocation list; an older one than is there changes nothing. Raises Invalid for a stranger's."""
        trust = await self.trust()
        if not any(found.is_by(one) for one in (*trust.roots, *trust.between)):
            raise Invalid("access.signing.strange-list")
        name = sm3(found.issuer.public_bytes())
        async with self._store.pool.connection() as connection:
            await connection.execute(_LIST, name, found.last, found.der)

    async def bind(
        self, reference: str, certificate: Certificate, *, demo: bool = False, custody: PrivateKey | None = None
    ) -> None:
        """Says whose a certificate is. Raises Invalid where it does not hold, Conflict where it is somebody else's."""
        trust = await self.trust()
        if certificate.public_key is None:
            raise Invalid("access.signing.key-not-supported")
        faults = trust.faults(certificate, clock.now())
        if faults:
            raise Invalid(f"access.signing.{faults[0]}")
        fingerprint = bytes.fromhex(certificate.fingerprint)
        kept = self._store.provider.wrap(custody.secret, _label(fingerprint)) if custody else None
        fields = fingerprint, reference, demo, certificate.der, clock.now(), None, kept
        async with self._store.pool.connection() as connection:
            await connection.execute(_BIND, *fields, self._mark(*fields))
        holder = await self.holder(certificate)
        if holder is None or holder.reference != reference or holder.ended is not None:
            raise Conflict("access.signing.somebody-elses")

    async def end(self, reference: str, fingerprint: str, ledger: Ledger) -> None:
        """Says that a certificate is not this person's any more, also after a restore. Raises NotFound, Unavailable."""
        async with self._store.pool.connection() as connection, connection.transaction():
            row = await connection.fetchrow(f"{_PERSON} FOR UPDATE", bytes.fromhex(fingerprint))
            if row is None or row["reference"] != reference:
                raise NotFound
            if row["ended"] is None:
                fields = {**row, "ended": clock.now()}
                mark = self._mark(*_person_fields(fields))
                await connection.execute(_END, row["fingerprint"], fields["ended"], mark)
                told = {"what": "end-certificate", "at": fields["ended"].isoformat(), "fingerprint": fingerprint}
                await asyncio.to_thread(ledger.append, KIND, reference, told | {"mark": mark.hex()})

    async def holder(self, certificate: Certificate) -> Holder | None:
        """Returns whose a certificate is, None where nobody has said so."""
        async with self._store.pool.connection() as connection:
            row = await connection.fetchrow(_PERSON, bytes.fromhex(certificate.fingerprint))
        return self._holder(row) if row else None

    async def of_person(self, reference: str) -> list[Holder]:
        """Returns the certificates of somebody, the newest first."""
        async with self._store.pool.connection() as connection:
            rows = await connection.fetch(_OF_PERSON, reference)
        return [holder for row in rows if (holder := self._holder(row)) is not None]

    def private_key(self, holder: Holder) -> PrivateKey | None:
        """Returns the private key of a demonstration's person, None for everybody else. May wait for a device."""
        key = holder.certificate.public_key
        if holder.custody is None or key is None or not holder.demo:
            return None
        scheme: SchemeName = key.scheme
        return PrivateKey(scheme, self._store.provider.unwrap(holder.custody, _label(_fingerprint(holder))))

    async def end_demonstration(self) -> None:
        """Forgets the demonstration's authority and people: for an installation that is none."""
        async with self._store.pool.connection() as connection:
            if await connection.fetchval(_IS_DEMO):
                for statement in _END_DEMO:
                    await connection.execute(statement)

    def _holder(self, row: asyncpg.Record) -> Holder | None:
        if not same(self._mark(*_person_fields(row)), row["mark"]):
            logger.error("a person's certificate carries a wrong mark: it is not believed")
            return None
        return Holder(
            row["reference"], Certificate(row["der"]), row["since"], row["ended"], row["demo"], row["custody"]
        )

    def _mark(self, *fields: bytes | bool | str | datetime | None) -> bytes:
        parts = [field if isinstance(field, bytes) else str(field).encode() for field in fields]
        return hmac_sm3(self._key, *(len(part).to_bytes(4, "big") + part for part in parts))


def _trust_fields(row: asyncpg.Record) -> tuple[bytes, bool, bool, bytes]:
    return row["fingerprint"], row["root"], row["demo"], row["der"]


def _person_fields(row: Mapping[str, Any]) -> tuple[bytes | bool | str | datetime | None, ...]:
    names = ("fingerprint", "reference", "demo", "der", "since", "ended", "custody")
    return tuple(row[name] for name in names)


def _fingerprint(holder: Holder) -> bytes:
    return bytes.fromhex(holder.certificate.fingerprint)


def _label(fingerprint: bytes) -> bytes:
    return b"custody" + fingerprint

"""The factors in the database: enrolled, proven, used, removed; and how often an answer was wrong."""

import asyncio
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec

from kangyun.access.factors.model import Held, Kind, Limits
from kangyun.access.identities.register import KIND
from kangyun.access.keyed import Digester
from kangyun.access.ledger import Ledger
from kangyun.base.crypto import Sealer
from kangyun.base.errors import Conflict, Forbidden, Throttled
from kangyun.database.pool import Pool


class Secret(msgspec.Struct):
    """What is sealed of a factor: of each kind its own."""

    secret: bytes = b""  # TOTP
    phone: str = ""  # SMS
    key: bytes = b""  # USB key: 04, x, y; passkey: COSE
    name: bytes = b""  # passkey: its id
    ends: str = ""  # of factors enrolled before certificates were kept: when theirs ends, as an instant
    certificate: bytes = b""  # of a USB key, DER


@dataclass(frozen=True, slots=True)
class Row:
    """A factor with its secret."""

    id: int
    kind: Kind
    counter: int
    secret: Secret


@dataclass(frozen=True, slots=True)
class Table:
    """Reads and writes factors. ledger: where it stands that one was removed, so that a restore does not revive it."""

    pool: Pool
    digester: Digester
    sealer: Sealer
    limits: Limits
    ledger: Ledger

    async def held(self, identity: int) -> list[Held]:
        """Returns the factors that somebody has proven."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_HELD, identity)
        return [Held(**dict(row)) for row in rows]

    async def rows(self, identity: int, kind: Kind) -> list[Row]:
        """Returns somebody's factors of a kind, with their secrets."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_ROWS, identity, kind)
        return [self._row(row, identity) for row in rows]

    async def telephones(self, connection: asyncpg.Connection, references: Collection[str]) -> dict[str, str]:
        """Returns the telephones that people have proven by SMS, by what stands for them in the record."""
        rows = await connection.fetch(_TELEPHONES, list(references))
        return {row["reference"]: self._row(row, row["identity"]).secret.phone for row in rows}

    async def row(self, identity: int, id_: int) -> Row | None:
        """Returns one factor, also one that is not proven yet."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_ROW, id_, identity)
        return self._row(row, identity) if row else None

    async def add(self, identity: int, kind: Kind, secret: Secret) -> int:
        """Puts a factor down that is still to be proven, in place of others of the kind that never were."""
        lookup = self.digester.of(kind, secret.name or secret.key or secret.phone or secret.secret)
        sealed = self.sealer.seal(msgspec.msgpack.encode(secret), _place(identity, kind))
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(_DROP_UNPROVEN, identity, kind)
            id_: int = await connection.fetchval(_ADD, identity, kind, lookup, sealed)
        return id_

    async def activate(self, identity: int, id_: int, kind: Kind, counter: int, secret: Secret | None) -> None:
        """Lets a factor hold, in place of the former one where somebody has but one of the kind.

        Raises Conflict for a key or passkey that is somebody else's, or is enrolled already.
        """
        sealed = lookup = None
        if secret is not None:
            sealed = self.sealer.seal(msgspec.msgpack.encode(secret), _place(identity, kind))
            lookup = self.digester.of(kind, secret.name or secret.key)
        try:
            async with self.pool.connection() as connection, connection.transaction():
                await connection.execute(_DROP_LEFT, lookup, id_)
                if kind in ("totp", "sms") and await connection.fetch(_DROP_FORMER, identity, kind, id_):
                    await self._tell(connection, identity, kind)
                await connection.execute(_ACTIVATE, id_, identity, counter, sealed, lookup)
        except asyncpg.UniqueViolationError:
            raise Conflict("access.factors.taken") from None

    async def use(self, id_: int, counter: int) -> bool:
        """Writes down what was used last; false where that, or a later one, was used in between."""
        async with self.pool.connection() as connection:
            return await connection.fetchval(_USE, id_, counter) is not None

    async def touch(self, id_: int) -> None:
        """Writes down that a factor without a counter was used."""
        async with self.pool.connection() as connection:
            await connection.execute(_TOUCH, id_)

    async def remove(self, identity: int, kind: Kind | None) -> int:
        """Removes somebody's factors, of one kind or all, and returns how many."""
        async with self.pool.connection() as connection, connection.transaction():
            removed = await connection.fetch(_REMOVE, identity, kind)
            if removed:
                await self._tell(connection, identity, kind)
        return len(removed)

    # --- wrong answers

    async def count_try(self, identity: int) -> None:
        """Counts an answer as wrong until `forgive` says otherwise. Raises Throttled."""
        limits = self.limits
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_TRY, identity, limits.tries, limits.lock_minutes * 60)
        if row is None:
            raise Throttled("access.factors.locked", minutes=round(limits.lock_minutes))

    async def forgive(self, identity: int) -> None:
        """Forgets wrong answers."""
        async with self.pool.connection() as connection:
            await connection.execute("DELETE FROM factor_failure WHERE identity = $1", identity)

    # --- leave to enrol

    async def permit(self, identity: int, by: str) -> str:
        """Returns a code that lets somebody enrol a factor once."""
        code = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
        digest = self.digester.of("permit", str(identity), code)
        async with self.pool.connection() as connection:
            await connection.execute(_PERMIT, identity, digest, by, self.limits.permit_hours * 3600)
        return code

    async def use_permit(self, identity: int, code: str) -> None:
        """Uses a code up. Raises Forbidden."""
        digest = self.digester.of("permit", str(identity), code.strip().lower())
        async with self.pool.connection() as connection:
            if await connection.fetchval(_USE_PERMIT, identity, digest) is None:
                raise Forbidden("access.factors.no-permit")

    async def _tell(self, connection: asyncpg.Connection, identity: int, kind: Kind | None) -> None:
        """Tells the ledger that somebody's factors up to now, of one kind or all, are good no more."""
        row = await connection.fetchrow(_NOW, identity)
        if row is None:  # Of somebody who is in no register: the restored one knows nobody either whom they let in.
            return
        told = {"what": "remove-factors", "at": row["now"].isoformat(), "kind": kind or ""}
        await asyncio.to_thread(self.ledger.append, KIND, row["reference"], told)

    def _row(self, row: Any, identity: int) -> Row:
        plain = self.sealer.open(row["sealed"], _place(identity, row["kind"]))
        return Row(row["id"], row["kind"], row["counter"], msgspec.msgpack.decode(plain, type=Secret))


_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def _place(identity: int, kind: str) -> bytes:
    return f"factor/{identity}/{kind}".encode()


_HELD = "SELECT id, kind, enrolled, used FROM factor WHERE identity = $1 AND active ORDER BY id"
_ROWS = "SELECT id, kind, counter, sealed FROM factor WHERE identity = $1 AND kind = $2 AND active ORDER BY id"
_ROW = "SELECT id, kind, counter, sealed FROM factor WHERE id = $1 AND identity = $2"
_TELEPHONES = """
SELECT i.reference, f.identity, f.id, f.kind, f.counter, f.sealed
FROM identity AS i JOIN factor AS f ON f.identity = i.id
WHERE i.reference = ANY ($1::text[]) AND i.status = 'admitted' AND f.kind = 'sms' AND f.active ORDER BY f.id
"""
_NOW = "SELECT reference, clock_timestamp() AS now FROM identity WHERE id = $1"
_DROP_UNPROVEN = "DELETE FROM factor WHERE identity = $1 AND kind = $2 AND NOT active"
_DROP_FORMER = "DELETE FROM factor WHERE identity = $1 AND kind = $2 AND active AND id <> $3 RETURNING id"
# A key that was handed in is given out again.
_DROP_LEFT = """
DELETE FROM factor AS f USING identity AS i
WHERE f.lookup = coalesce($1::bytea, (SELECT lookup FROM factor WHERE id = $2)) AND f.id <> $2
    AND i.id = f.identity AND i.status = 'left'
"""
_ADD = "INSERT INTO factor (identity, kind, lookup, sealed) VALUES ($1, $2, $3, $4) RETURNING id"
_ACTIVATE = """
UPDATE factor SET active = true, counter = $3, used = clock_timestamp(), enrolled = clock_timestamp(),
    sealed = coalesce($4::bytea, sealed), lookup = coalesce($5::bytea, lookup)
WHERE id = $1 AND identity = $2
"""
# Authenticators without a counter always say 0.
_USE = """
UPDATE factor SET counter = $2, used = clock_timestamp()
WHERE id = $1 AND active AND (counter < $2 OR (counter = 0 AND $2 = 0)) RETURNING id
"""
_TOUCH = "UPDATE factor SET used = clock_timestamp() WHERE id = $1"
_REMOVE = "DELETE FROM factor WHERE identity = $1 AND ($2::text IS NULL OR kind = $2) RETURNING id"
# No row where it is locked: then nothing is looked at. Who has waited begins anew.
_TRY = """
INSERT INTO factor_failure (identity, failures, locked_until) VALUES ($1, 1, '-infinity')
ON CONFLICT (identity) DO UPDATE SET
    failures = CASE WHEN factor_failure.locked_until > '-infinity' THEN 1 ELSE factor_failure.failures + 1 END,
    locked_until = CASE WHEN factor_failure.locked_until = '-infinity' AND factor_failure.failures + 1 >= $2::int4
        THEN clock_timestamp() + make_interval(secs => $3::float8) ELSE '-infinity' END
WHERE factor_failure.locked_until <= clock_timestamp()
RETURNING failures
"""
_PERMIT = """
INSERT INTO factor_permit (identity, digest, given_by, expires)
VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4::float8))
ON CONFLICT (identity) DO UPDATE SET
    digest = excluded.digest, given_by = excluded.given_by, expires = excluded.expires
"""
_USE_PERMIT = """
DELETE FROM factor_permit WHERE identity = $1 AND digest = $2 AND expires > clock_timestamp() RETURNING identity
"""

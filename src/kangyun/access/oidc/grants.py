"""What was given to applications: codes, families of refresh tokens, launches. Only digests of secrets are kept.

A code and a refresh token are used once. Whoever shows one a second time has stolen it, or was stolen from: the whole
grant ends, for both.

Source: RFC 6749 sections 4.1.2 and 10.4, RFC 7636, RFC 9700 section 4.14 (refresh token rotation)
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.access.identities.revocations import revoke
from kangyun.access.identities.sessions import Session
from kangyun.access.identities.vault import Vault, drawn
from kangyun.access.oidc.asking import Asking
from kangyun.access.oidc.errors import Refused
from kangyun.access.oidc.scopes import OFFLINE
from kangyun.database.pool import Pool

CODE_LASTS, LAUNCH_LASTS = 60, 300  # seconds
OFFLINE_LASTS = 90  # days


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person gave an application, or an application has for itself (identity None)."""

    id: str
    client: str
    session: str | None
    identity: int | None
    role: str
    institution: str
    scopes: tuple[str, ...]
    patient: str
    encounter: str
    nonce: str
    signed_in: datetime | None
    expires: datetime


@dataclass(frozen=True, slots=True)
class Grants:
    """Gives, and takes back. One for a process."""

    pool: Pool
    vault: Vault

    async def give(
        self, asking: Asking, session: Session, scopes: tuple[str, ...], patient: str, encounter: str
    ) -> str:
        """Returns a code for what a person gives an application."""
        id_, code = drawn(16), drawn()
        offline = OFFLINE in scopes
        async with self.pool.connection() as connection, connection.transaction():
            await connection.execute(
                _GIVE, id_, asking.application.client, None if offline else session.id, session.identity, session.role,
                session.institution, list(scopes), patient, encounter, asking.nonce, session.began,
                OFFLINE_LASTS if offline else 0, session.expires,
            )  # fmt: skip
            await connection.execute(
                _CODE, self.vault.digest("code", code), id_, asking.redirect_uri, asking.challenge, CODE_LASTS
            )
            await connection.execute(_FORGET)
        return code

    async def give_itself(self, client: str, institution: str, scopes: tuple[str, ...], seconds: int) -> Grant:
        """Returns the grant of an application that acts for itself."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_GIVE_ITSELF, drawn(16), client, institution, list(scopes), seconds)
            await connection.execute(_FORGET)
        return _read(row)

    async def exchange(self, client: str, code: str, redirect_uri: str, verifier: str) -> Grant:
        """Returns the grant of a code. Raises Refused: the code is used up whatever was wrong."""
        digest = self.vault.digest("code", code)
        async with self.pool.connection() as connection:
            async with connection.transaction():
                used = await connection.fetchrow(_USE_CODE, digest)
                row = await connection.fetchrow(_GRANT, used["grant_id"]) if used else None
                if used is None:
                    await self._end_reused(connection, _OF_CODE, digest)
            if used is None or row is None or row["client"] != client:
                raise Refused("invalid_grant", "access.oidc.wrong-code")
        # The address was in the request, so it must be here; the challenge is of this verifier.
        if used["redirect_uri"] != redirect_uri or not hmac.compare_digest(challenge(verifier), used["challenge"]):
            await self.end(row["id"])
            raise Refused("invalid_grant", "access.oidc.wrong-code")
        return _read(row)

    async def refresh_token(self, grant: Grant) -> str:
        """Returns a new refresh token of a grant."""
        token = drawn()
        async with self.pool.connection() as connection:
            await connection.execute(_REFRESH, self.vault.digest("refresh", token), grant.id, grant.expires)
        return token

    async def refresh(self, client: str, token: str) -> Grant:
        """Uses a refresh token up and returns its grant. Raises Refused."""
        digest = self.vault.digest("refresh", token)
        async with self.pool.connection() as connection, connection.transaction():
            row = await connection.fetchrow(_USE_REFRESH, digest, client)
            if row is None:
                await self._end_reused(connection, _OF_REFRESH, digest)
        if row is None:
            raise Refused("invalid_grant", "access.oidc.wrong-refresh")
        return _read(row)

    async def find(self, client: str, refresh_token: str) -> Grant | None:
        """Returns the grant of a refresh token that is good, and leaves it so."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_LOOK_REFRESH, self.vault.digest("refresh", refresh_token), client)
        return _read(row) if row else None

    async def end(self, id_: str) -> None:
        """Ends a grant and all its tokens."""
        async with self.pool.connection() as connection, connection.transaction():
            if await connection.fetchval(_END, id_) is not None:
                await revoke(connection, f"grant:{id_}")

    async def given_before(self, identity: int, client: str) -> list[tuple[str, ...]]:
        """Returns the scopes of what somebody has given an application and not taken back."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_BEFORE, identity, client)
        return [tuple(row["scopes"]) for row in rows]

    async def open_launch(self, client: str, identity: int, patient: str, encounter: str) -> str:
        """Returns the handle by which an application is launched in the context of a patient, once."""
        handle = drawn(16)
        async with self.pool.connection() as connection:
            await connection.execute("DELETE FROM oidc_launch WHERE expires < clock_timestamp()")
            await connection.execute(
                _LAUNCH, self.vault.digest("launch", handle), client, identity, patient, encounter, LAUNCH_LASTS
            )
        return handle

    async def launch(self, handle: str, client: str, identity: int, *, use: bool) -> tuple[str, str] | None:
        """Returns patient and encounter of a launch by that person, None where there is none. `use`: it is over."""
        query = _USE_LAUNCH if use else _LOOK_LAUNCH
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(query, self.vault.digest("launch", handle), client, identity)
        return (row["patient"], row["encounter"]) if row else None

    async def _end_reused(self, connection: asyncpg.Connection, query: str, digest: bytes) -> None:
        """Ends the grant of a code or token that was used before."""
        id_ = await connection.fetchval(query, digest)
        if id_ is not None and await connection.fetchval(_END, id_) is not None:
            await revoke(connection, f"grant:{id_}")


def challenge(verifier: str) -> str:
    """Returns the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _read(row: asyncpg.Record) -> Grant:
    given: dict[str, Any] = {name: row[name] for name in Grant.__dataclass_fields__}
    return Grant(**given | {"scopes": tuple(row["scopes"])})


_COLUMNS = (
    "g.id, g.client, g.session, g.identity, g.role, g.institution, g.scopes, g.patient, g.encounter, g.nonce, "
    "g.signed_in, g.expires"
)
_GIVE = """
INSERT INTO oidc_grant (id, client, session, identity, role, institution, scopes, patient, encounter, nonce, signed_in,
    expires)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,
    greatest($13, clock_timestamp() + make_interval(days => $12::int4)))
"""
_GIVE_ITSELF = f"""
INSERT INTO oidc_grant (id, client, role, institution, scopes, patient, encounter, nonce, expires)
VALUES ($1, $2, 'application', $3, $4, '', '', '', clock_timestamp() + make_interval(secs => $5::int4))
RETURNING {_COLUMNS.replace("g.", "")}
"""
_CODE = """
INSERT INTO oidc_code (digest, grant_id, redirect_uri, challenge, expires)
VALUES ($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5::int4))
"""
# A day later nobody shows what was given for a minute.
_FORGET = "DELETE FROM oidc_grant WHERE expires < clock_timestamp() - interval '1 day'"
_USE_CODE = """
UPDATE oidc_code SET used = clock_timestamp() WHERE digest = $1 AND used IS NULL AND expires > clock_timestamp()
RETURNING grant_id, redirect_uri, challenge
"""
_OF_CODE = "SELECT grant_id FROM oidc_code WHERE digest = $1 AND used IS NOT NULL"
_GRANT = f"SELECT {_COLUMNS} FROM oidc_grant AS g WHERE id = $1 AND revoked IS NULL AND expires > clock_timestamp()"
_REFRESH = "INSERT INTO oidc_refresh (digest, grant_id, expires) VALUES ($1, $2, $3)"
_USE_REFRESH = f"""
UPDATE oidc_refresh AS r SET used = clock_timestamp() FROM oidc_grant AS g
WHERE r.digest = $1 AND r.used IS NULL AND r.expires > clock_timestamp()
AND g.id = r.grant_id AND g.client = $2 AND g.revoked IS NULL AND g.expires > clock_timestamp()
RETURNING {_COLUMNS}
"""
_LOOK_REFRESH = f"""
SELECT {_COLUMNS} FROM oidc_refresh AS r JOIN oidc_grant AS g ON g.id = r.grant_id
WHERE r.digest = $1 AND r.used IS NULL AND r.expires > clock_timestamp()
AND g.client = $2 AND g.revoked IS NULL AND g.expires > clock_timestamp()
"""
_OF_REFRESH = "SELECT grant_id FROM oidc_refresh WHERE digest = $1 AND used IS NOT NULL"
_END = "UPDATE oidc_grant SET revoked = clock_timestamp() WHERE id = $1 AND revoked IS NULL RETURNING id"
_BEFORE = """
SELECT scopes FROM oidc_grant
WHERE identity = $1 AND client = $2 AND revoked IS NULL AND expires > clock_timestamp()
"""
_LAUNCH = """
INSERT INTO oidc_launch (digest, client, identity, patient, encounter, expires)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6::int4))
"""
_OF_LAUNCH = "digest = $1 AND client = $2 AND identity = $3 AND used IS NULL AND expires > clock_timestamp()"
_LOOK_LAUNCH = f"SELECT patient, encounter FROM oidc_launch WHERE {_OF_LAUNCH}"
_USE_LAUNCH = f"UPDATE oidc_launch SET used = clock_timestamp() WHERE {_OF_LAUNCH} RETURNING patient, encounter"

"""Sessions: who is signed in, in which one role, since when, from where; ended by time, by hand, or by rule.

Each has one role: who wants to act in another signs in to it. A browser holds a session's cookie, of which only a
digest is kept; tokens name the session by its id, which opens nothing by itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.audit import Auditor, Row
from kangyun.access.identities.model import OF_RESIDENTS, Identity, Post
from kangyun.access.identities.revocations import revoke
from kangyun.access.identities.vault import Vault, drawn
from kangyun.base import clock
from kangyun.database.pool import Pool

_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}")
NO_INSTITUTION, PURPOSE = 0, "SYSADMIN"
DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in."""

    id: str
    identity: int
    role: str
    institution: str
    factors: tuple[str, ...]
    source: str
    began: datetime
    seen: datetime
    expires: datetime


@dataclass(frozen=True, slots=True)
class Sessions:
    """Begins and ends sessions. `each`: how many an identity may have, the oldest end; 0: as many as it likes.

    resident_days: how long that of a resident lasts, used or not; 0: as everybody's.
    """

    pool: Pool
    vault: Vault
    hours: float
    idle_minutes: float
    each: int
    resident_days: float = 0.0

    def idle_seconds(self) -> tuple[float, float]:
        """Returns how long a session lasts unused: of staff, of residents."""
        return self.idle_minutes * 60, self.resident_days * DAY or self.idle_minutes * 60

    def longest(self, role: str) -> float:
        """Returns how many seconds a session in a role lasts at most."""
        return (self.resident_days * DAY if role in OF_RESIDENTS else 0) or self.hours * 3600

    async def begin(
        self, identity: Identity, post: Post, factors: Sequence[str], source: str, request: str
    ) -> tuple[Session, str]:
        """Begins a session and returns it with its cookie, which is new each time. Its audit row is written."""
        id_, cookie = drawn(16), drawn()
        async with self.pool.connection() as connection, connection.transaction():
            if self.each:
                # One after the other, so that two who come at once are not both let stay.
                await connection.execute("SELECT 1 FROM identity WHERE id = $1 FOR UPDATE", identity.id)
                surplus = [row["id"] for row in await connection.fetch(_SURPLUS, identity.id, self.each - 1)]
                await self._end(connection, surplus, "another")
            row = await connection.fetchrow(
                _BEGIN, id_, self._digest(cookie), identity.id, post.role, post.institution, list(factors), source,
                self.longest(post.role),
            )  # fmt: skip
            said = (clock.now(), NO_INSTITUTION, 200, "sign-in", identity.reference, PURPOSE)
            await Auditor.write_within(connection, Row(*said, f"/session {post.role}", source, request, []))
        return _read(row), cookie

    async def by_cookie(self, cookie: str) -> Session | None:
        """Returns the session that a cookie is of, while it lasts; it counts as used now."""
        if not cookie:
            return None
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_BY_COOKIE, self._digest(cookie), *self.idle_seconds())
        return _read(row) if row else None

    async def of(self, identity: int) -> list[Session]:
        """Returns the sessions of an identity that last, newest first; those that a ticket opened among them."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_OF, identity, *self.idle_seconds())
        return [_read(row) for row in rows]

    async def end(
        self, identity: Identity, ids: Sequence[str] | None, source: str, request: str, *, but: str = ""
    ) -> int:
        """Ends sessions of an identity, all of them where None are named, and returns how many.

        ids: what is no id of a session ends none. but: the one that goes on where all others end.
        Where all end, what was given to applications for longer ends as well.
        """
        async with self.pool.connection() as connection, connection.transaction():
            rows = await connection.fetch(
                _THOSE, identity.id, None if ids is None else [one for one in ids if _ID.fullmatch(one)]
            )
            ended = [row["id"] for row in rows if row["id"] != but]
            await self._end(connection, ended, "signed-out")
            if ids is None:
                await connection.execute(_END_GRANTS, identity.id)
                await connection.execute(_END_TICKETS, identity.id)
                await revoke(connection, f"identity:{identity.id}")
            said = (clock.now(), NO_INSTITUTION, 200, "sign-out", identity.reference, PURPOSE)
            await Auditor.write_within(connection, Row(*said, "/session" + ("" if ids else " *"), source, request, []))
        return len(ended)

    async def _end(self, connection: asyncpg.Connection, ids: Sequence[str], why: str) -> None:
        if ids:
            await connection.execute(_END, list(ids), why)
            await revoke(connection, *(f"session:{id_}" for id_ in ids))

    def _digest(self, cookie: str) -> bytes:
        return self.vault.digest("cookie", cookie)


def _read(row: asyncpg.Record) -> Session:
    return Session(**dict(row) | {"factors": tuple(row["factors"])})


def lasts(session: str) -> str:
    """Returns the condition that a row of `session` goes on; $2 and $3 are those of `Sessions.idle_seconds`."""
    residents = "{" + ",".join(sorted(OF_RESIDENTS)) + "}"
    idle = f"CASE WHEN {session}.role = ANY ('{residents}') THEN $3::float8 ELSE $2::float8 END"
    return (
        f"{session}.ended IS NULL AND {session}.expires > clock_timestamp() "
        f"AND {session}.seen > clock_timestamp() - make_interval(secs => {idle})"
    )


_COLUMNS = "id, identity, role, institution, factors, source, began, seen, expires"
_LASTS = lasts("session")
_BEGIN = f"""
INSERT INTO session (id, cookie, identity, role, institution, factors, source, expires)
VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp() + make_interval(secs => $8::float8)) RETURNING {_COLUMNS}
"""
_BY_COOKIE = f"UPDATE session SET seen = clock_timestamp() WHERE cookie = $1 AND {_LASTS} RETURNING {_COLUMNS}"
# What a hospital's screen shows in his name (`access.look`) is his as well: it lasts for fifteen minutes unused.
_OF = f"""
SELECT {_COLUMNS} FROM session WHERE identity = $1 AND {_LASTS}
UNION ALL
SELECT id, identity, role, institution, '{{ticket}}', source, began, seen, expires FROM look_session
WHERE identity = $1 AND expires > clock_timestamp() AND seen > clock_timestamp() - interval '15 minutes'
ORDER BY began DESC
"""
_SURPLUS = "SELECT id FROM session WHERE identity = $1 AND ended IS NULL ORDER BY began DESC OFFSET $2"
_THOSE = """
SELECT id FROM session WHERE identity = $1 AND ended IS NULL AND ($2::text[] IS NULL OR id = ANY ($2))
UNION ALL
SELECT id FROM look_session WHERE identity = $1 AND ($2::text[] IS NULL OR id = ANY ($2))
"""
_END = """
WITH ended AS (UPDATE session SET ended = clock_timestamp(), why = $2 WHERE id = ANY ($1::text[])),
    closed AS (DELETE FROM look_session WHERE id = ANY ($1::text[]))
UPDATE oidc_grant SET revoked = clock_timestamp() WHERE session = ANY ($1::text[]) AND revoked IS NULL
"""
_END_TICKETS = "UPDATE look_ticket SET used = clock_timestamp() WHERE identity = $1 AND used IS NULL"
_END_GRANTS = "UPDATE oidc_grant SET revoked = clock_timestamp() WHERE identity = $1 AND revoked IS NULL"

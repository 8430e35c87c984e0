"""What was asked of somebody and not answered yet: good once, for a few minutes, for one person and one factor."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from kangyun.access.factors.model import Kind, NotProven
from kangyun.base.crypto import Sealer
from kangyun.database.pool import Pool


@dataclass(frozen=True, slots=True)
class Challenges:
    """Keeps challenges. One for a process."""

    pool: Pool
    sealer: Sealer
    minutes: float

    async def keep(
        self, identity: int, kind: Kind, what: Mapping[str, Any], *, factor: int | None = None, id_: str | None = None
    ) -> tuple[str, datetime]:
        """Keeps what is asked, and returns its name and when it is over. factor: the one that is being enrolled."""
        id_ = id_ or new_name()
        sealed = self.sealer.seal(msgspec.json.encode(what), id_.encode())
        async with self.pool.connection() as connection:
            await connection.execute(_FORGET)
            ends: datetime = await connection.fetchval(_KEEP, id_, identity, kind, factor, sealed, self.minutes * 60)
        return id_, ends

    async def newest(self, identity: int, kind: Kind) -> str:
        """Returns the name of what somebody was asked last, to prove and not to enrol. Raises NotProven."""
        async with self.pool.connection() as connection:
            name: str | None = await connection.fetchval(_NEWEST, identity, kind)
        if name is None:
            raise NotProven
        return name

    async def take(self, id_: object, identity: int, kind: Kind) -> tuple[dict[str, Any], int | None]:
        """Takes what was asked away, and returns it and the factor that it enrols. Raises NotProven."""
        if not isinstance(id_, str) or len(id_) > 64:
            raise NotProven
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_TAKE, id_, identity, kind)
        if row is None:
            raise NotProven
        found: dict[str, Any] = msgspec.json.decode(self.sealer.open(row["sealed"], id_.encode()))
        return found, row["factor"]


def new_name() -> str:
    """Returns a name that nobody guesses."""
    return secrets.token_urlsafe(18)


_KEEP = """
INSERT INTO factor_challenge (id, identity, kind, factor, sealed, expires)
VALUES ($1, $2, $3, $4, $5, clock_timestamp() + make_interval(secs => $6::float8)) RETURNING expires
"""
_NEWEST = """
SELECT id FROM factor_challenge WHERE identity = $1 AND kind = $2 AND factor IS NULL AND expires > clock_timestamp()
ORDER BY expires DESC LIMIT 1
"""
_TAKE = """
DELETE FROM factor_challenge WHERE id = $1 AND identity = $2 AND kind = $3 AND expires > clock_timestamp()
RETURNING sealed, factor
"""
_FORGET = "DELETE FROM factor_challenge WHERE expires < clock_timestamp()"

"""The requests in the database: asked, decided once, used once. Each change is one statement, so that of two who decide
or use at the same moment one is refused.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from kangyun.access.actor import Actor
from kangyun.access.approvals.rules import Rule, checked_reason, may_decide, read_rules
from kangyun.access.keyed import Digester
from kangyun.access.rulebook import rules_of
from kangyun.base import clock
from kangyun.base.crypto import Sealer, derived_key
from kangyun.base.errors import Conflict, Forbidden, NotFound
from kangyun.database.pool import Pool
from kangyun.store.keys import KeyRing

MOST_LISTED = 200
_COLUMNS = "id, kind, state, asker, institution, persons, sealed, made, ends, decider, decided, remark, used"
# One that is asked again is the same request, while nobody has decided it.
_ASK = """
INSERT INTO approval (kind, asker, institution, persons, digest, sealed, ends)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7))
ON CONFLICT (asker, kind, digest) WHERE state = 'open'
DO UPDATE SET sealed = excluded.sealed, ends = excluded.ends, persons = excluded.persons
RETURNING id
"""
_DECIDE = """
UPDATE approval SET state = $2, decider = $3, decided = clock_timestamp(), remark = $4
WHERE id = $1 AND state = 'open' AND ends > clock_timestamp() AND asker <> $3
RETURNING id
"""
_USE = """
UPDATE approval SET state = 'used', used = clock_timestamp()
WHERE id = $1 AND kind = $2 AND asker = $3 AND digest = $4 AND state = 'confirmed' AND ends > clock_timestamp()
RETURNING id
"""
_LOCK = "SELECT pg_advisory_xact_lock(1262640, hashtext($1))"
_FORGET = "DELETE FROM exported WHERE instant < clock_timestamp() - make_interval(secs => $1)"
_TOGETHER = """
SELECT count(*) FROM (SELECT unnest(persons) FROM exported WHERE actor = $1 UNION SELECT unnest($2::int8[])) AS p
"""
_NOTE = "INSERT INTO exported (actor, persons) VALUES ($1, $2)"


@dataclass(frozen=True, slots=True)
class Approval:
    """A request. `state`: open, confirmed, refused, used, or expired. detail: what is to be done."""

    id: int
    kind: str
    state: str
    asker: str
    institution: str
    persons: int | None
    reason: str
    detail: Mapping[str, Any]
    made: datetime
    ends: datetime
    decider: str | None
    decided: datetime | None
    remark: str
    used: datetime | None


class _Sealed(msgspec.Struct, array_like=True):
    reason: str
    detail: dict[str, Any]


class Approvals:
    """The requests of an installation. One for a process."""

    def __init__(self, pool: Pool, keys: KeyRing, rules: Mapping[str, Rule]) -> None:
        self._pool = pool
        self._digester = Digester(derived_key(keys.index_key, "approvals-digest", 32))
        self._sealer = Sealer(derived_key(keys.index_key, "approvals"), keys.cipher)
        self.rules = rules

    async def ask(
        self, kind: str, actor: Actor, reason: str | None, detail: Mapping[str, Any], *, persons: int | None = None
    ) -> int:
        """Asks for something, and returns the number of the request.

        detail: what is to be done, as JSON; later exactly that is granted. Raises Invalid without a reason.
        """
        rule = self.rules[kind]
        sealed = msgspec.json.encode(_Sealed(checked_reason(reason), dict(detail)))
        async with self._pool.connection() as connection:
            number: int = await connection.fetchval(
                _ASK, kind, actor.reference, actor.institution, persons, self._digest(kind, detail),
                self._sealer.seal(sealed, _REQUEST), rule.hours * 3600,
            )  # fmt: skip
        return number

    async def few(self, kind: str, actor: Actor, persons: Collection[int]) -> bool:
        """Whether somebody's acts of the last hours, with one about these persons, are about few; it counts then, too.

        Two of the same actor wait for each other.
        """
        rule = self.rules[kind]
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_LOCK, actor.reference)
            await connection.execute(_FORGET, rule.hours * 3600)
            if await connection.fetchval(_TOGETHER, actor.reference, list(persons)) > rule.above:
                return False
            if persons:
                await connection.execute(_NOTE, actor.reference, list(persons))
        return True

    async def confirm(self, id_: int, actor: Actor, remark: str = "") -> Approval:
        """Confirms. Raises NotFound, Forbidden, and Conflict for what is decided or over."""
        return await self._decide(id_, "confirmed", actor, remark)

    async def refuse(self, id_: int, actor: Actor, remark: str) -> Approval:
        """Refuses, and says why. Raises as `confirm`, and Invalid without a reason."""
        return await self._decide(id_, "refused", actor, checked_reason(remark))

    async def granted(
        self, kind: str, id_: int, actor: Actor, detail: Mapping[str, Any], *,
        connection: asyncpg.Connection | None = None,
    ) -> None:  # fmt: skip
        """Uses a request up. Raises Forbidden unless somebody else has confirmed exactly this for this actor.

        connection: in whose transaction it is used, so that it is not where the act fails.
        """
        row = (id_, kind, actor.reference, self._digest(kind, detail))
        if connection is not None:
            done = await connection.fetchval(_USE, *row)
        else:
            async with self._pool.connection() as taken:
                done = await taken.fetchval(_USE, *row)
        if done is None:
            raise Forbidden("access.approvals.not-granted", id=id_)

    async def look(self, id_: int, actor: Actor) -> Approval:
        """Returns a request that the actor asked or may decide. Raises NotFound for any other."""
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(f"SELECT {_COLUMNS} FROM approval WHERE id = $1", id_)
        if row is None or not self._may_see(row, actor):
            raise NotFound
        return self._opened(row)

    async def listed(self, actor: Actor, state: str | None = None) -> list[Approval]:
        """Returns the newest requests that the actor asked or may decide, newest first."""
        kinds = [kind for kind, rule in self.rules.items() if actor.role in rule.confirms]
        async with self._pool.connection() as connection:
            rows = await connection.fetch(
                f"SELECT {_COLUMNS} FROM approval WHERE (asker = $1 OR kind = ANY ($2::text[]))"
                " AND ($3::text IS NULL OR state = $3) ORDER BY id DESC LIMIT $4",
                actor.reference, kinds, state, MOST_LISTED,
            )  # fmt: skip
        return [self._opened(row) for row in rows]

    async def _decide(self, id_: int, state: str, actor: Actor, remark: str) -> Approval:
        before = await self.look(id_, actor)
        may_decide(self.rules[before.kind], before.asker, actor)
        remark = " ".join(remark.split())
        sealed = self._sealer.seal(remark.encode(), _REMARK) if remark else None
        async with self._pool.connection() as connection:
            if await connection.fetchval(_DECIDE, id_, state, actor.reference, sealed) is None:
                raise Conflict("access.approvals.decided", id=id_)
        return await self.look(id_, actor)

    def _may_see(self, row: asyncpg.Record, actor: Actor) -> bool:
        rule = self.rules.get(row["kind"])
        return row["asker"] == actor.reference or (rule is not None and actor.role in rule.confirms)

    def _opened(self, row: asyncpg.Record) -> Approval:
        sealed = msgspec.json.decode(self._sealer.open(row["sealed"], _REQUEST), type=_Sealed)
        remark = self._sealer.open(row["remark"], _REMARK).decode() if row["remark"] else ""
        over = row["state"] in ("open", "confirmed") and row["ends"] <= clock.now()
        return Approval(
            row["id"], row["kind"], "expired" if over else row["state"], row["asker"], row["institution"],
            row["persons"], sealed.reason, sealed.detail, row["made"], row["ends"], row["decider"], row["decided"],
            remark, row["used"],
        )  # fmt: skip

    def _digest(self, kind: str, detail: Mapping[str, Any]) -> bytes:
        return self._digester.of(kind, msgspec.json.encode(detail, order="deterministic"))


_REQUEST, _REMARK = b"approval", b"approval-remark"


def open_approvals(pool: Pool, keys: KeyRing, data: Path) -> Approvals:
    """Opens the requests, by the rules of the package or the region's own. Raises Invalid for rules that cannot be."""
    return Approvals(pool, keys, rules_here(data))


def rules_here(data: Path) -> dict[str, Rule]:
    """Returns the rules of the package or the region's own. Raises Invalid for rules that cannot be."""
    return read_rules(rules_of("kangyun.access.approvals", "approvals.toml", data))

"""Proposals and decisions: what one proposes, another one approves, and both stand there for ever.

Each change is one transaction with its row in the audit trail. A decision is not taken back but ended by the next one
or withdrawn, which one asks for and another one does; then, as when it is approved, what is stored follows
(`applying`), and processes hear of it by an edition.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import asyncpg

from kangyun.access.actor import Actor
from kangyun.access.codes.kinds import owner_of
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden

PROPOSES, DECIDES = frozenset({"coder", "terminologist"}), frozenset({"terminologist"})
MANY = 1_000
RELATIONS = {"": "equivalent", "等同": "equivalent", "更宽": "wider", "更窄": "narrower", "近似": "inexact"}
"""How a target stands to its source, as lists write it."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """That a code stands for another; target is empty where it needs none. name: the target's."""

    system: str
    code: str
    target_system: str
    target: str
    name: str = ""
    relation: str = "equivalent"
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a decision: how many, and the rows that stay as they are: one's own, and decided before.

    asked: of how many it was asked that they be withdrawn: they stand until another one does it.
    """

    done: int
    own: tuple[int, ...] = ()
    gone: tuple[int, ...] = ()
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Listed:
    """A code of a list that codes are mapped to."""

    code: str
    name: str
    unit: str = ""
    specimen: str = ""
    loinc: str = ""


def house_of(actor: Actor) -> str | None:
    """Returns the id of the institution whose lists an actor works at; None for who works at all of them.

    Raises Forbidden for who works at none.
    """
    if actor.administrator or actor.role in DECIDES:
        return None
    if actor.role not in PROPOSES:
        raise Forbidden("access.codes.role")
    return actor.institution.rpartition("/")[2]


def may_propose(actor: Actor, system: str) -> bool:
    """Whether an actor may propose what codes of a system stand for. Raises Forbidden for who proposes nothing."""
    house = house_of(actor)
    return house is None or owner_of(system) == house


def may_decide(actor: Actor) -> None:
    """Raises Forbidden for who may not decide."""
    if not (actor.administrator or actor.role in DECIDES):
        raise Forbidden("access.codes.role-decides")


async def propose(record: Record, proposals: Sequence[Proposal]) -> int:
    """Writes proposals down, and returns how many say something new. Raises Forbidden, with none of them written.

    One that is proposed already, or stands, is not written again; another one for the same code takes its place.
    """
    if not all(may_propose(record.actor, one.system) for one in proposals):
        raise Forbidden("access.codes.not-yours")
    given = {(one.system, one.code, one.target_system): one for one in proposals}
    async with record.gate.store.pool.connection() as connection, connection.transaction():
        await connection.execute(_ONE_AT_A_TIME)
        columns = list({key[0] for key in given}), list({key[2] for key in given})
        # Compared here: planned for an empty table, a join of tens of thousands of rows takes minutes.
        rows = await connection.fetch(_STANDING, *columns)
        said = {tuple(row)[:5] for row in rows}
        fresh = [one for one in given.values() if _row(one)[:5] not in said]
        overtaken = {(one.system, one.code, one.target_system) for one in fresh}
        ids = [row["id"] for row in rows if row["state"] == "proposed" and tuple(row)[:3] in overtaken]
        await connection.execute(_OVERTAKEN, ids, record.actor.reference)
        if fresh:
            await connection.execute(_PROPOSE, *zip(*map(_row, fresh), strict=True), record.actor.reference)
        await record.leave_row_within(connection, "codes-propose", 200)
    await _look_again(record, len(fresh))
    return len(fresh)


def _row(one: Proposal) -> tuple[str, ...]:
    return one.system, one.code, one.target_system, one.target, one.relation, one.name, one.remark


async def decide(record: Record, ids: Collection[int], *, approve: bool, remark: str = "") -> Decided:
    """Approves or refuses proposals of others. What it was asked to withdraw stays where that is refused.

    Raises Forbidden for who may not decide anything.
    """
    may_decide(record.actor)
    actor = record.actor.reference
    async with record.gate.store.pool.connection() as connection, connection.transaction():
        mine = await connection.fetch(_TAKE, list(ids))
        taken = [row["id"] for row in mine if row["proposer"] != actor]
        own = tuple(row["id"] for row in mine if row["proposer"] == actor)
        if approve:
            await connection.execute(_REPLACED, taken, actor)
        rows = await connection.fetch(_DECIDE, taken, "approved" if approve else "refused", actor, remark)
        kept: list[asyncpg.Record] = []
        if approve:
            await _tell(connection, rows)
        else:
            kept = await connection.fetch(_KEEP, list(ids))
        await record.leave_row_within(connection, "codes-approve" if approve else "codes-refuse", 200)
    await _look_again(record, len(rows))
    found = {row["id"] for row in (*mine, *kept)}
    return Decided(len(rows) + len(kept), own, tuple(sorted(set(ids) - found)))


async def withdraw(record: Record, ids: Collection[int], remark: str) -> Decided:
    """Ends what was approved, where another one has asked for it: what it has brought to the record goes again.

    Of the others it asks for that. Raises Forbidden.
    """
    may_decide(record.actor)
    actor = record.actor.reference
    async with record.gate.store.pool.connection() as connection, connection.transaction():
        mine = await connection.fetch(_STANDS, list(ids))
        asked = [row["id"] for row in mine if row["ending"] is None]
        own = tuple(row["id"] for row in mine if row["ending"] == actor)
        await connection.execute(_ASK, asked, actor, remark)
        others = [row["id"] for row in mine if row["ending"] not in (None, actor)]
        rows = await connection.fetch(_WITHDRAW, others, actor, remark)
        await _tell(connection, rows)
        await record.leave_row_within(connection, "codes-withdraw", 200)
    return Decided(len(rows), own, tuple(sorted(set(ids) - {row["id"] for row in mine})), len(asked))


async def _tell(connection: asyncpg.Connection, rows: Sequence[asyncpg.Record]) -> None:
    """Notes what is to be applied, and tells the processes that remember the map."""
    if rows:
        await connection.execute(_CHANGED, [row["system"] for row in rows], [row["code"] for row in rows])
        await connection.execute("UPDATE code_edition SET id = id + 1")


async def _look_again(record: Record, rows: int) -> None:
    """Has the server count what it plans by: what was planned for an empty table serves no large one."""
    if rows > MANY:
        async with record.gate.store.pool.connection() as connection:
            await connection.execute("ANALYZE code_map")


async def load_list(record: Record, system: str, edition: str, rows: Sequence[Listed]) -> None:
    """Puts a list in the place of what stands of it. Raises Forbidden."""
    may_decide(record.actor)
    async with record.gate.store.pool.connection() as connection, connection.transaction():
        await connection.execute("DELETE FROM code_list WHERE system = $1", system)
        await connection.copy_records_to_table(
            "code_list",
            records=[(system, one.code, one.name, one.unit, one.specimen, one.loinc, edition) for one in rows],
            columns=["system", "code", "name", "unit", "specimen", "loinc", "edition"],
        )
        await record.leave_row_within(connection, "codes-list", 200)


_ONE_AT_A_TIME = "SELECT id FROM code_edition FOR UPDATE"
_STANDING = """
SELECT m.system, m.code, m.target_system, m.target, m.relation, m.state, m.id FROM code_map AS m
WHERE m.system = ANY ($1::text[]) AND m.target_system = ANY ($2::text[]) AND m.state IN ('proposed', 'approved')
"""
_OVERTAKEN = """
UPDATE code_map SET state = 'replaced', ender = $2, ended = clock_timestamp() WHERE id = ANY ($1::int8[])
"""
_PROPOSE = """
INSERT INTO code_map (system, code, target_system, target, relation, name, remark, state, proposer)
SELECT g.system, g.code, g.target_system, g.target, g.relation, g.name, g.remark, 'proposed', $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])
    AS g(system, code, target_system, target, relation, name, remark)
"""
# In the order of their numbers: of two who decide the same, one waits.
_TAKE = """
SELECT m.id, m.proposer FROM code_map AS m WHERE m.id = ANY ($1::int8[]) AND m.state = 'proposed'
ORDER BY m.id FOR UPDATE
"""
_REPLACED = """
UPDATE code_map AS o SET state = 'replaced', ender = $2, ended = clock_timestamp()
FROM code_map AS d WHERE d.id = ANY ($1::int8[]) AND o.state = 'approved'
AND o.system = d.system AND o.code = d.code AND o.target_system = d.target_system
"""
_DECIDE = """
UPDATE code_map SET state = $2, decider = $3, decided = clock_timestamp(),
    remark = CASE $4 WHEN '' THEN remark ELSE $4 END
WHERE id = ANY ($1::int8[]) RETURNING system, code
"""
_STANDS = """
SELECT m.id, m.ending FROM code_map AS m WHERE m.id = ANY ($1::int8[]) AND m.state = 'approved'
ORDER BY m.id FOR UPDATE
"""
_ASK = """
UPDATE code_map SET ending = $2, remark = CASE $3 WHEN '' THEN remark ELSE $3 END WHERE id = ANY ($1::int8[])
"""
_KEEP = """
UPDATE code_map SET ending = NULL WHERE id = ANY ($1::int8[]) AND state = 'approved' AND ending IS NOT NULL RETURNING id
"""
_WITHDRAW = """
UPDATE code_map SET state = 'withdrawn', ender = $2, ended = clock_timestamp(),
    remark = CASE $3 WHEN '' THEN remark ELSE $3 END
WHERE id = ANY ($1::int8[]) RETURNING id, system, code
"""
_CHANGED = """
INSERT INTO code_change (system, code, changed)
SELECT DISTINCT g.system, g.code, clock_timestamp() FROM unnest($1::text[], $2::text[]) AS g(system, code)
ON CONFLICT (system, code) DO UPDATE SET changed = excluded.changed, run = NULL
"""

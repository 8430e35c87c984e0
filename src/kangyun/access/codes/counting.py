"""How often institutions use their codes: counted over the index, a segment at a time, in one statement each.

Nothing is counted as it is written: what is sent again would count twice, and what is corrected stay counted. No body
is opened but one for each code that is new, for what the institution calls it. Nothing kept is about a resident.
"""

import asyncio
from collections.abc import Iterable, Sequence

import asyncpg

from kangyun.access.codes.kinds import element_of, is_source, key_of, kind_of_type, kinds
from kangyun.access.gate import Gate
from kangyun.database.rounds import make_rounds_alone
from kangyun.fhir import Resource
from kangyun.fhir.china import canonical
from kangyun.store.ids import SHARD_BITS
from kangyun.store.model import Stored
from kangyun.store.segments import SEGMENT_NUMBERS, segment_of
from kangyun.store.store import Store
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import visible

EVERY = 86_400.0  # seconds
SEGMENT = SEGMENT_NUMBERS << SHARD_BITS
AT_ONCE = 200  # bodies
LONGEST = 200  # characters of a name
TYPES = tuple(type_ for kind in kinds().values() for type_ in kind.types)


def types_of(kind: str) -> list[int]:
    """Returns the numbers that the resource types of a kind have in `code_use`."""
    return [TYPE_NUMBERS[type_] for type_ in kinds()[kind].types]


async def keep_counted(gate: Gate, stop: asyncio.Event) -> None:
    """Counts once a day until `stop`. Of several processes, the one with the lease does."""
    await make_rounds_alone(gate.store.pool, "codes-count", lambda _: count(gate.store), EVERY, stop)


async def count(store: Store) -> int:
    """Counts all, and returns how many codes are used, an institution and a type at a time."""
    async with store.pool.connection() as connection:
        tokens, systems, codes = await _terms(connection, store)
        last = await connection.fetchval(f"SELECT coalesce(max(r.res), 0) FROM resource AS r WHERE {visible('r')}")
    found = 0
    for segment in range(segment_of(last) + 1):
        async with store.pool.connection() as connection, connection.transaction():
            await connection.execute("DELETE FROM code_use WHERE segment = $1", segment)
            within = (segment, segment * SEGMENT, (segment + 1) * SEGMENT, [TYPE_NUMBERS[type_] for type_ in TYPES])
            newest = await connection.fetch(_COUNT, *within, tokens, systems, codes)
        found += len(newest)
        await _name(store, newest)
    async with store.pool.connection() as connection:
        await connection.execute("ANALYZE code_use, code_name")
    return found


async def _terms(connection: asyncpg.Connection, store: Store) -> tuple[list[int], list[str], list[str]]:
    """Returns the tokens of all codes that are mapped, with system and code."""
    found: dict[int, tuple[str, str]] = {}
    for type_ in TYPES:
        kind = kind_of_type(type_)
        assert kind is not None
        for row in await connection.fetch(_TERMS, store.indexer.bound(type_)["code"].salt):
            system = canonical(row["system"])
            if is_source(kind, system):
                found[row["token"]] = system, row["code"]
    return list(found), [system for system, _ in found.values()], [code for _, code in found.values()]


async def _name(store: Store, newest: Sequence[asyncpg.Record]) -> None:
    """Writes down what codes are called that nobody has named yet, by the newest resource with each."""
    async with store.pool.connection() as connection:
        unnamed = await connection.fetch(
            _UNNAMED, [row["system"] for row in newest], [row["code"] for row in newest], [row["res"] for row in newest]
        )  # fmt: skip
        for start in range(0, len(unnamed), AT_ONCE):
            some = unnamed[start : start + AT_ONCE]
            said = {one.res: one.resource for one in await opened(connection, store, [row["res"] for row in some])}
            rows = [(row["system"], row["code"], *named(said.get(row["res"], {}), row)) for row in some]
            await connection.executemany(_NAMED, rows)


def named(resource: Resource, key: asyncpg.Record) -> tuple[str, str, str]:
    """Returns what a resource calls a code; of a result also its unit and the specimen."""
    element = element_of(resource) if resource else None
    if element is None:
        return "", "", ""
    concept, wanted = resource[element], (key["system"], key["code"])
    displays = [one["display"] for one in concept["coding"] if key_of(one) == wanted and "display" in one]
    value = resource.get("valueQuantity", {})
    unit = value.get("unit") or value.get("code") or ""
    # One of a result; of a report and of an order as many as there are.
    specimens = resource.get("specimen", ())
    specimen = next((one.get("display", "") for one in ([specimens] if isinstance(specimens, dict) else specimens)), "")
    return (displays or [concept.get("text", "")])[0][:LONGEST], unit[:LONGEST], specimen[:LONGEST]


async def opened(connection: asyncpg.Connection, store: Store, res: Iterable[int]) -> list[Stored]:
    """Returns the current versions of what is not deleted, for the platform itself."""
    rows = await connection.fetch(_BODIES, list(res))
    await store.reader.bring_keys(connection, [row["key"] for row in rows])
    return [store.reader.stored(row, row["res"]) for row in rows if store.reader.is_readable(row)]


_TERMS = "SELECT token, system, code FROM term WHERE parameter = $1 AND system IS NOT NULL AND code IS NOT NULL"
_COUNT = f"""
WITH wanted AS MATERIALIZED (
    SELECT w.token, w.system, w.code FROM unnest($5::int8[], $6::text[], $7::text[]) AS w(token, system, code)
), used AS (
    SELECT r.institution, r.type, w.system, w.code, count(*) AS count, max(r.res) AS res,
        min(nullif(r.at, '-infinity')) AS first, max(nullif(r.at, '-infinity')) AS last
    FROM resource AS r CROSS JOIN LATERAL unnest(r.tok[r.links + 1:]) AS k(token)
    JOIN wanted AS w ON w.token = k.token
    WHERE r.res >= $2 AND r.res < $3 AND r.type = ANY ($4::int2[]) AND NOT r.deleted AND {visible("r")}
    GROUP BY 1, 2, 3, 4
), noted AS (
    INSERT INTO code_use (segment, institution, type, system, code, count, first, last)
    SELECT $1, u.institution, u.type, u.system, u.code, u.count, u.first, u.last FROM used AS u
)
SELECT u.system, u.code, u.res FROM used AS u
"""
_UNNAMED = """
SELECT g.system, g.code, max(g.res) AS res FROM unnest($1::text[], $2::text[], $3::int8[]) AS g(system, code, res)
WHERE NOT EXISTS (SELECT FROM code_name AS n WHERE n.system = g.system AND n.code = g.code) GROUP BY 1, 2
"""
_NAMED = """
INSERT INTO code_name (system, code, name, unit, specimen) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_BODIES = f"""
SELECT r.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version
WHERE r.res = ANY ($1::int8[]) AND NOT r.deleted AND {visible("r")}
"""

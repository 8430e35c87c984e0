"""What is above or below resources that are parts of others of their type: a ward of a clinic of a hospital.

Level by level in one statement, each resource once, so that those which are parts of each other in a circle end it.

Source: https://hl7.org/fhir/R4/search.html#recursive
"""

from collections.abc import Iterable

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.store.tokens import Bound
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight, seen, visible

MOST_MEMBERS = 10_000


async def below(
    connection: asyncpg.Connection, bound: Bound, roots: Iterable[int], urls: Iterable[str], sight: Sight
) -> list[int]:
    """Returns the `res` of all parts of these resources, and of parts of what is elsewhere; the roots among them.

    bound: the parameter that says what a resource is a part of. Raises TooCostly beyond MOST_MEMBERS.
    """
    elsewhere = [bound.hash(b"u", url) for url in urls]
    sql = (
        "WITH RECURSIVE family AS (SELECT unnest($1::int8[]) AS tok UNION SELECT r.res # $2::int8 FROM family AS f "
        "CROSS JOIN LATERAL (SELECT * FROM resource AS x WHERE x.tok @> ARRAY[f.tok] OFFSET 0) AS r "
        f"WHERE r.type = $3::int2 AND NOT r.deleted AND {visible('r', sight)}) SELECT tok FROM family LIMIT $4::int8"
    )
    tokens = await _members(connection, bound, sql, sight, [*(root ^ bound.salt for root in roots), *elsewhere])
    return [token ^ bound.salt for token in tokens if token not in elsewhere]


async def above(connection: asyncpg.Connection, bound: Bound, roots: Iterable[int], sight: Sight) -> list[int]:
    """Returns the `res` of all that these resources are parts of, themselves among them; as `below`."""
    whole = "NOT {0}.deleted AND {0}.type = $3::int2 AND "
    sql = (
        "WITH RECURSIVE family AS (SELECT unnest($1::int8[]) AS res UNION SELECT p.res FROM family AS f "
        "CROSS JOIN LATERAL (SELECT * FROM resource AS x WHERE x.res = f.res OFFSET 0) AS r "
        "CROSS JOIN unnest(r.tok[1:r.links]) AS l(tok) "
        "CROSS JOIN LATERAL (SELECT * FROM resource AS x WHERE x.res = (l.tok # $2::int8) OFFSET 0) AS p "
        f"WHERE {whole.format('r')}{visible('r', sight)} AND {whole.format('p')}{visible('p', sight)}) "
        "SELECT res FROM family LIMIT $4::int8"
    )
    return await _members(connection, bound, sql, sight, list(roots))


async def _members(connection: asyncpg.Connection, bound: Bound, sql: str, sight: Sight, start: list[int]) -> list[int]:
    type_ = bound.parameter.resource_type
    rows = await connection.fetch(*seen(sql, sight, start, bound.salt, TYPE_NUMBERS[type_], MOST_MEMBERS + 1))
    if len(rows) > MOST_MEMBERS:
        raise TooCostly("fhir.search.hierarchy", type=type_, limit=MOST_MEMBERS)
    return [row[0] for row in rows]

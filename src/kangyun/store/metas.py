"""Which profiles, tags and security labels the resources of a type, or of all, have: for `$meta`.

The index notes each of them as a term when it is first seen; one resource that still has it shows it in full.
"""

from typing import Any

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.fhir import Resource
from kangyun.store.index import Indexer
from kangyun.store.reader import Reader
from kangyun.store.types import TYPE_NAMES, TYPE_NUMBERS
from kangyun.store.visible import Sight, seen, visible

MOST_TERMS = 2_000
_CODES = {"_profile": "profile", "_security": "security", "_tag": "tag"}


async def metas_in_use(
    connection: asyncpg.Connection, reader: Reader, indexer: Indexer, type_: str | None, sight: Sight
) -> Resource:
    """Returns a Meta of all that current resources have, each once. Raises TooCostly for more than MOST_TERMS."""
    salts = [indexer.bound(one)[code].salt for one in ([type_] if type_ else sorted(TYPE_NUMBERS)) for code in _CODES]
    # A sample for each term: the newest resource that has it.
    sql = (
        f"SELECT DISTINCT v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body FROM ("
        f"SELECT t.token FROM term AS t WHERE t.parameter = ANY ($1::int8[]) LIMIT {MOST_TERMS + 1}) AS t "
        "CROSS JOIN LATERAL (SELECT r.res, r.version FROM resource AS r WHERE r.tok @> ARRAY[t.token] "
        f"AND NOT r.deleted AND {visible('r', sight)} LIMIT 1) AS s "
        "JOIN version AS v ON v.res = s.res AND v.version = s.version"
    )
    rows = await connection.fetch(*seen(sql, sight, salts))
    if len(rows) > MOST_TERMS:
        raise TooCostly("store.everything-too-costly")
    await reader.bring_keys(connection, [row["key"] for row in rows])
    found: dict[str, dict[Any, Any]] = {name: {} for name in sorted(_CODES.values())}
    for row in rows:
        assert TYPE_NAMES[row["type"]]
        meta = reader.stored(row, row["res"]).resource["meta"]
        for name, known in found.items():
            for one in meta.get(name, ()):
                known.setdefault((one.get("system"), one.get("code")) if isinstance(one, dict) else one, one)
    return {name: [seen[key] for key in sorted(seen, key=str)] for name, seen in found.items() if seen}

"""Which of some resources match a search: for those who follow changes, and for filters of an export."""

from collections.abc import Sequence

import asyncpg

from kangyun.base.errors import TooCostly
from kangyun.fhir.search.tree import Node
from kangyun.store.search.searcher import Searcher
from kangyun.store.visible import EVERYTHING, Sight


async def among(
    connection: asyncpg.Connection, searcher: Searcher, type_: str, node: Node, chosen: Sequence[int],
    sight: Sight = EVERYTHING,
) -> dict[int, int]:  # fmt: skip
    """Returns those of the chosen `res` that match now, with the versions that do. Raises TooCostly."""
    try:
        return await _among(connection, searcher, type_, node, chosen, sight)
    except (TimeoutError, asyncpg.QueryCanceledError):
        raise TooCostly("fhir.search.too-costly", seconds=str(searcher.planner.seconds), cheaper="_id") from None


async def _among(
    connection: asyncpg.Connection, searcher: Searcher, type_: str, node: Node, chosen: Sequence[int], sight: Sight
) -> dict[int, int]:
    planner = searcher.planner
    await planner.densities.refresh(connection)
    plan = await planner.plan(connection, type_, node, searcher, sight)
    place = plan.arguments.add(list(chosen), "int8[]")
    # OFFSET 0: the rows are few and named; whatever else has an index is looked at in them only.
    sql = (
        f"SELECT r.res, r.version FROM (SELECT * FROM resource WHERE res = ANY ({place}) OFFSET 0) AS r "
        f"WHERE {plan.where('')}"
    )
    return {row["res"]: row["version"] for row in await planner.fetch(connection, sql, plan.arguments)}

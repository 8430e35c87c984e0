"""What holds contents: which resources name or have named a Binary, so that its labels follow theirs (`held_content`).

A row stays when the resource names the content no more: older versions can be read. `store.contents` says who may name
what, and notes it; whoever changes labels of what may hold contents calls `carry` in the same transaction.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import asyncpg

from kangyun.store.batch import Change
from kangyun.store.labelling import Labelling
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import visible

TYPE = "Binary"


class Awaited(NamedTuple):
    """Whose a content will be, and what is about him and has named it; 0 for what is being written."""

    patient: int
    holder: int = 0


async def note(connection: asyncpg.Connection, held: Iterable[tuple[int, int]]) -> None:
    """Notes (content, holder)."""
    await connection.execute(_NOTE, *_columns(held))


async def note_old(connection: asyncpg.Connection, held: Iterable[tuple[int, int]]) -> None:
    """Notes those of (content, holder) that are one patient's, or whose content is nobody's and of the same house."""
    await connection.execute(_NOTE_OLD, *_columns(held), TYPE_NUMBERS[TYPE])


async def carry(connection: asyncpg.Connection, holders: Collection[int], labelling: Labelling) -> None:
    """Gives contents the labels of all that holds them, where one of these does: what is lifted of all is taken."""
    await connection.execute(_CARRY, list(holders), labelling.sticky, labelling.lifted)


async def carry_within(connection: asyncpg.Connection, low: int, high: int, labelling: Labelling) -> None:
    """Gives contents the labels of what holds them with a `res` from low to below high; takes none."""
    await connection.execute(_CARRY_WITHIN, low, high, labelling.sticky | labelling.lifted)


async def labels_awaited(
    connection: asyncpg.Connection, changes: Sequence[Change], labelling: Labelling
) -> dict[int, int]:
    """Returns, by `res`, the labels that contents have of what named them before they came."""
    come = [one.res for one in changes if one.type == TYPE and one.before is None and one.chosen and not one.named]
    rows = await connection.fetch(_LABELS, come, labelling.sticky | labelling.lifted) if come else []
    return {row["content"]: row["labels"] for row in rows}


async def awaited(connection: asyncpg.Connection, contents: Collection[int]) -> dict[int, Awaited]:
    """Returns, by the `res` of contents that have not come yet, whose they will be."""
    rows = await connection.fetch(_AWAITED, list(contents)) if contents else []
    return {row["content"]: Awaited(row["patient"], row["holder"]) for row in rows}


async def forget(connection: asyncpg.Connection, gone: Sequence[int]) -> None:
    """Forgets what resources held, and what held them, that are there no more."""
    await connection.execute("DELETE FROM held_content WHERE content = ANY ($1::int8[]) OR holder = ANY ($1)", gone)


async def missing(connection: asyncpg.Connection) -> int:
    """Returns how many contents are named and have not come."""
    count: int = await connection.fetchval(_MISSING)
    return count


def _columns(held: Iterable[tuple[int, int]]) -> tuple[list[int], list[int]]:
    pairs = sorted(held)
    return [content for content, _ in pairs], [holder for _, holder in pairs]


_NOTE = """
INSERT INTO held_content (content, holder) SELECT n.* FROM unnest($1::int8[], $2::int8[]) AS n ON CONFLICT DO NOTHING
"""
_NOTE_OLD = f"""
INSERT INTO held_content (content, holder)
SELECT b.res, h.res FROM unnest($1::int8[], $2::int8[]) AS n(content, holder)
JOIN resource AS b ON b.res = n.content AND b.type = $3 AND {visible("b")}
JOIN resource AS h ON h.res = n.holder AND {visible("h")}
WHERE h.patient IS NOT NULL AND (b.patient = h.patient OR b.patient IS NULL AND b.institution = h.institution)
ON CONFLICT DO NOTHING
"""
# What is lifted is said by what stands; what stays, by what is deleted, too: its older versions can be read.
_CARRY = f"""
UPDATE resource AS t SET labels = (t.labels & ~$3::int8) | n.labels
FROM (
    SELECT c.content, bit_or(h.labels & ($2::int8 | CASE WHEN h.deleted THEN 0 ELSE $3 END)) AS labels
    FROM held_content AS c JOIN resource AS h ON h.res = c.holder AND {visible("h")}
    WHERE c.content IN (SELECT s.content FROM held_content AS s WHERE s.holder = ANY ($1::int8[]))
    GROUP BY c.content
) AS n
WHERE t.res = n.content AND t.labels <> (t.labels & ~$3) | n.labels
"""
_CARRY_WITHIN = f"""
UPDATE resource AS t SET labels = t.labels | n.labels
FROM (
    SELECT c.content, bit_or(h.labels & $3::int8) AS labels
    FROM held_content AS c JOIN resource AS h ON h.res = c.holder AND {visible("h")}
    WHERE c.holder >= $1 AND c.holder < $2 GROUP BY c.content
) AS n
WHERE t.res = n.content AND t.labels <> t.labels | n.labels
"""
_LABELS = f"""
SELECT c.content, bit_or(h.labels & $2::int8) AS labels
FROM held_content AS c JOIN resource AS h ON h.res = c.holder AND {visible("h")}
WHERE c.content = ANY ($1::int8[]) GROUP BY c.content
"""
_AWAITED = f"""
SELECT DISTINCT ON (c.content) c.content, h.patient, h.res AS holder
FROM held_content AS c JOIN resource AS h ON h.res = c.holder AND {visible("h")}
WHERE c.content = ANY ($1::int8[]) AND h.patient IS NOT NULL AND NOT h.deleted
    AND NOT EXISTS (SELECT FROM resource AS b WHERE b.res = c.content AND {visible("b")})
ORDER BY c.content, h.res
"""
_MISSING = f"""
SELECT count(DISTINCT c.content) FROM held_content AS c
WHERE NOT EXISTS (SELECT FROM resource AS b WHERE b.res = c.content AND {visible("b")})
"""

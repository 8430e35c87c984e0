"""A record looked at from end to end, as nobody does in production: is everything there, and does all of it agree?

For tests that kill processes, cut the power or fill the disk: `faults_of` finds what is half-written, in the tables and
between the tables and the bodies.
"""

from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import asyncpg

from kangyun.access.platform import Platform
from kangyun.fhir.references import references
from kangyun.store.bundles import named_patients
from kangyun.store.index import IndexRow, Target
from kangyun.store.model import Stored
from kangyun.store.references import local_target
from kangyun.store.store import Store

# Name of a fault, and a statement that returns a row for each.
_FAULTS = {
    "a resource whose versions are not 1 to the current one": """
        SELECT r.res FROM resource AS r LEFT JOIN (
            SELECT res, count(*) AS number, min(version) AS first, max(version) AS last FROM version GROUP BY res
        ) AS v USING (res)
        WHERE (v.number, v.first, v.last) IS DISTINCT FROM (r.version::int8, 1, r.version)""",
    "a version of no resource": """
        SELECT v.res FROM version AS v LEFT JOIN resource AS r USING (res) WHERE r.res IS NULL""",
    "a version that its commit does not name": """
        SELECT v.res FROM version AS v LEFT JOIN commit AS c ON c.id = v.commit
        WHERE c.id IS NULL OR NOT EXISTS (
            SELECT FROM unnest(c.res, c.versions) AS u(res, version) WHERE (u.res, u.version) = (v.res, v.version))""",
    "a commit whose versions are not all there": """
        SELECT c.id FROM commit AS c CROSS JOIN LATERAL unnest(c.res, c.versions) AS u(res, version)
        LEFT JOIN version AS v ON (v.res, v.version, v.commit) = (u.res, u.version, c.id) WHERE v.res IS NULL""",
    "a version sealed by a key that is not there": """
        SELECT v.res FROM version AS v LEFT JOIN data_key AS k ON k.id = v.key WHERE k.id IS NULL""",
    "a commit without its audit row": """
        SELECT c.id FROM commit AS c LEFT JOIN audit AS a ON a.commit = c.id WHERE a.id IS NULL""",
    "an ordered value of no resource": """
        SELECT q.res FROM (
            SELECT res FROM date_value UNION SELECT res FROM quantity_value UNION SELECT res FROM string_value
        ) AS q LEFT JOIN resource AS r USING (res) WHERE r.res IS NULL""",
    "a resource found by what was deleted": """
        SELECT r.res FROM resource AS r WHERE r.deleted AND cardinality(r.tok) > 0""",
    "a quantity in a unit that is not there": """
        SELECT q.res FROM quantity_value AS q LEFT JOIN unit AS u ON u.hash = q.unit
        WHERE q.unit <> 0 AND u.hash IS NULL""",
    "a hole in the feed": """
        SELECT f.position FROM feed AS f LEFT JOIN feed AS b ON b.position = f.position - 1
        WHERE f.position > 1 AND b.position IS NULL""",
    "a commit that is in the feed twice": "SELECT commit FROM feed GROUP BY commit HAVING count(*) > 1",
    "a position of no commit": """
        SELECT f.position FROM feed AS f LEFT JOIN commit AS c ON c.id = f.commit WHERE c.id IS NULL""",
    "a commit that the feed has left out": """
        SELECT c.id FROM commit AS c LEFT JOIN feed AS f ON f.commit = c.id WHERE f.commit IS NULL""",
    "versions of a resource out of order in the feed": """
        SELECT res FROM (
            SELECT v.res, v.version, lag(v.version) OVER (PARTITION BY v.res ORDER BY f.position) AS before
            FROM version AS v JOIN feed AS f ON f.commit = v.commit
        ) AS o WHERE before >= version""",
    "a patient's events out of order in the feed": """
        SELECT patient FROM (
            SELECT r.patient, v.instant, lag(v.instant) OVER (PARTITION BY r.patient ORDER BY f.position) AS before
            FROM version AS v JOIN feed AS f ON f.commit = v.commit JOIN resource AS r ON r.res = v.res
            WHERE r.patient IS NOT NULL
        ) AS o WHERE before > instant""",
}
_PAGE = 500


async def faults_of(platform: Platform) -> list[str]:
    """Returns what is wrong with the record, each kind with how many there are; nothing of it may be being written."""
    store = platform.gate.store
    found = []
    async with store.pool.connection() as connection:
        for name, sql in _FAULTS.items():
            count = await connection.fetchval(f"SELECT count(*) FROM ({sql}) AS faults")
            if count:
                found.append(f"{count} times {name}")
        unlike = Counter([type_ async for type_ in _unlike_their_bodies(connection, store)])
    found += [f"{count} times {type_} whose index is not what its body says" for type_, count in unlike.items()]
    return found


async def _unlike_their_bodies(connection: asyncpg.Connection, store: Store) -> AsyncIterator[str]:
    """Yields the type of every living resource whose index row is not what its body says."""
    after = 0
    while True:
        rows = await connection.fetch(_VERSIONS, after, _PAGE)
        if not rows:
            return
        after = rows[-1]["res"]
        await store.reader.bring_keys(connection, [row["key"] for row in rows])
        current = [store.reader.stored(row, row["res"]) for row in rows]
        targets = await _targets(connection, store, [one for one in current if not one.deleted])
        for row, stored in zip(rows, current, strict=True):
            if not stored.deleted:
                wanted = store.indexer.row(stored.resource, stored.res, targets)
                if _as_told(wanted) != await _as_found(connection, row):
                    yield stored.type


async def _targets(connection: asyncpg.Connection, store: Store, many: list[Stored]) -> dict[str, Target]:
    found: dict[str, Target] = {}
    links = [link for one in many for link in references(one.resource) + named_patients(one.resource, store.bases)]
    for text in {link["reference"] for link in links}:
        target = local_target(text)
        if target is not None:
            res = store.ids.res_of(target[1]) or (await store.reader.names(connection, [target])).get(target)
            if res is not None:
                found[text] = res
    return found


def _as_told(row: IndexRow) -> tuple[object, ...]:
    head = (row.patient, _naive(row.at), _naive(row.until), row.present, row.links)
    dates = [(key, _naive(low), _naive(high)) for key, low, high in row.dates]
    return (*head, sorted(row.tok), sorted(dates), sorted(row.quantities), sorted(row.strings))


def _naive(moment: datetime) -> datetime:
    """Returns an instant without its zone: that is how the driver gives the infinities."""
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


async def _as_found(connection: asyncpg.Connection, row: asyncpg.Record) -> tuple[object, ...]:
    head = (row["patient"], _naive(row["at"]), _naive(row["until"]), row["present"], row["links"])
    dates = await connection.fetch("SELECT key, low, high FROM date_value WHERE res = $1", row["res"])
    narrow = [
        sorted((key, _naive(low), _naive(high)) for key, low, high in dates),
        sorted(tuple(one) for one in await connection.fetch(_QUANTITIES, row["res"])),
        sorted(tuple(one) for one in await connection.fetch(_STRINGS, row["res"])),
    ]
    return (*head, sorted(row["tok"]), *narrow)


_QUANTITIES = "SELECT key, low, high, unit, system FROM quantity_value WHERE res = $1"
_STRINGS = "SELECT key, value FROM string_value WHERE res = $1"
_VERSIONS = """
SELECT r.res, r.patient, r.at, r.until, r.present, r.links, r.tok, v.version, v.instant, v.key, v.dictionary, v.action,
    v.type, v.body
FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version
WHERE r.res > $1 ORDER BY r.res LIMIT $2
"""

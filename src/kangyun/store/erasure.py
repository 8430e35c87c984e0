"""Erasing patients: keys destroyed, and everything about them deleted.

Erased is every resource that is about one of the registrations (`resource.patient`), deleted ones and the Patient
itself included: in one short transaction keys, versions, index rows and identifiers that nobody else has, which takes
all of it from everybody; right after it the dates, quantities and strings, which nothing leads to any more (`sweep`:
there is no index to find them by, and a transaction that lasts holds up the feed).

What is left is that there was something (`erased`): reads answer 410 by it, `record_commits` refuses what is about
them, and a reference to them leads where it led. The names of ids that clients chose stay for that, as the keyed hashes
that they are.

Not erased: resources about several patients, or about none, that refer to them. They are sealed under an institution's
key and belong to others as well; `survey` lists them for the officer. Versions that were about an erased patient, of
resources that are about somebody else by now, stay as rows that no key opens.

It waits for nobody's reading, and for those who write about the same patients: their locks are taken first.

Source: facts/store.md 5.5; GB/T 35273-2020 8.3 (deletion), the Personal Information Protection Law, article 47.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.paths import types_at
from kangyun.store import holders
from kangyun.store.index import Indexer
from kangyun.store.keys import KeyRing
from kangyun.store.locks import TAKE_LOCKS
from kangyun.store.model import Stored
from kangyun.store.reader import Reader
from kangyun.store.segments import segment_of
from kangyun.store.tokens import bucket_of
from kangyun.store.visible import visible

MOST_OTHERS = 1_000
NEAR, MOST_RUNS = 2_000 << 12, 60
_ANYBODY = {"Patient", "Resource"}
SERIAL = "SELECT pg_advisory_xact_lock(1262641, 0)"


@dataclass(frozen=True, slots=True)
class Extent:
    """What an erasure takes: by number, as the ledger names it.

    terms: tokens of identifiers whose values are noted in clear and that nobody else has. institutions: by reference,
    which have written of it; None where that is not known any more: no ledger names them.
    """

    patients: tuple[int, ...]
    keys: tuple[int, ...]
    resources: tuple[int, ...]
    versions: int
    terms: tuple[int, ...]
    institutions: tuple[str, ...] | None = None


Note = Callable[[Extent], Awaitable[int]]
"""Notes an erasure outside the database, and returns the number of the entry; it is on disk then."""


class Eraser:
    """Erases patients. One for a process."""

    def __init__(self, reader: Reader, keys: KeyRing, indexer: Indexer) -> None:
        self._reader = reader
        self._keys = keys
        self._indexer = indexer

    async def survey(self, connection: asyncpg.Connection, patients: Sequence[int]) -> tuple[int, list[Stored]]:
        """Returns how many resources are about these patients, and others that refer to them, MOST_OTHERS at most."""
        count = await connection.fetchval(f"SELECT count(*) FROM resource AS r WHERE {_ABOUT}", patients)
        salts = {
            bound.salt
            for type_ in definitions().resource_types
            for bound in self._indexer.bound(type_).values()
            if bound.parameter.type == "reference" and (_ANYBODY & {*bound.parameter.targets})
        }
        tokens = [patient ^ salt for patient in patients for salt in sorted(salts)]
        rows = await connection.fetch(_OTHERS, tokens, patients)
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        return count, [self._reader.stored(row, row["res"]) for row in rows]

    async def erase(self, connection: asyncpg.Connection, patients: Sequence[int], request: str, note: Note) -> Extent:
        """Erases within the transaction that the connection is in, which has locked nothing else.

        request: of the audit row that says who. The entry is made when all is done but the commit.
        """
        await lock(connection, patients)
        resources = [
            row[0] for row in await connection.fetch(f"SELECT r.res FROM resource AS r WHERE {_ABOUT}", patients)
        ]
        tokens = await self._tokens_before(connection, resources)
        wrote = tuple(row[0] for row in await connection.fetch(_WROTE, resources, patients))
        noted = [row[0] for row in await connection.fetch(_NOTED, resources, tokens, self._identifying())]
        keys, versions = await remove(connection, patients, resources)
        terms = [row[0] for row in await connection.fetch(_BLANK_TERMS, noted)]
        extent = Extent(tuple(patients), tuple(keys), tuple(resources), versions, tuple(terms), wrote)
        await write_down(connection, extent, request, await note(extent))
        return extent

    def forget(self, extent: Extent) -> None:
        """After the commit: this process lets go of the keys at once; the others do so by `store.watch`."""
        self._keys.forget(extent.keys)

    def _identifying(self) -> list[int]:
        """Returns the salts of the parameters that read identifiers: their values are noted as terms."""
        return sorted(
            {
                bound.salt
                for type_ in definitions().resource_types
                for bound in self._indexer.bound(type_).values()
                if bound.parameter.type == "token"
                and (
                    bound.parameter.formula
                    or any("Identifier" in types_at(path, type_) for path in bound.parameter.paths)
                )
            }
        )

    async def _tokens_before(self, connection: asyncpg.Connection, resources: list[int]) -> list[int]:
        """Returns the tokens of versions that are not current: an identifier that was corrected stands in them."""
        rows = await connection.fetch(_FORMER, resources)
        await self._reader.bring_keys(connection, [row["key"] for row in rows])
        tokens: set[int] = set()
        for row in rows:
            if self._reader.is_readable(row):
                tokens.update(self._indexer.row(self._reader.stored(row, row["res"]).resource, row["res"], {}).tok)
        return sorted(tokens)


async def lock(connection: asyncpg.Connection, patients: Sequence[int]) -> None:
    """Takes the locks of an erasure: one at a time, and nobody writes about these patients meanwhile."""
    await connection.execute(SERIAL)
    await connection.execute(TAKE_LOCKS, sorted({bucket_of(patient) for patient in patients}))


async def remove(
    connection: asyncpg.Connection, patients: Sequence[int], resources: Sequence[int], keys: Sequence[int] = ()
) -> tuple[list[int], int]:
    """Deletes the rows of resources, and the keys of patients or of these numbers.

    Returns the keys, and how many versions there were.
    """
    found = [row[0] for row in await connection.fetch(_KEYS, patients, keys)]
    await connection.execute("DELETE FROM data_key WHERE id = ANY ($1::int4[])", found)
    await holders.forget(connection, list(resources))
    versions = 0
    for segment, some in await _by_segment(connection, resources):
        await connection.execute(_DELETE_RESOURCES.format(n=segment), some)
        versions += int((await connection.execute(_DELETE_VERSIONS.format(n=segment), some)).split()[-1])
    return found, versions


async def _by_segment(connection: asyncpg.Connection, resources: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Returns resources by segment, in order; those of one that a restored backup does not have are left out."""
    within: dict[int, list[int]] = {}
    for res in sorted(resources):
        within.setdefault(segment_of(res), []).append(res)
    made = [f"resource_{segment}" for segment in within]
    there = {row[0] for row in await connection.fetch(_THERE, made)}
    return [(segment, some) for segment, some in within.items() if f"resource_{segment}" in there]


async def sweep(connection: asyncpg.Connection) -> int:
    """Deletes the dates, quantities and strings of what was erased; returns of how many erasures.

    Each table in a transaction of its own. Whoever erases calls it, and the background work for one who was stopped.
    """
    erasures = [row[0] for row in await connection.fetch("SELECT id FROM erasure WHERE NOT swept ORDER BY id")]
    for erasure in erasures:
        rows = await connection.fetch("SELECT res FROM erased WHERE erasure = $1", erasure)
        for segment, some in await _by_segment(connection, [row[0] for row in rows]):
            for table in ("date_value", "quantity_value", "string_value"):
                for low, high, part in _stretches(some):
                    await connection.execute(_SWEEP.format(table=table, n=segment), low, high, part)
        await connection.execute("UPDATE erasure SET swept = true WHERE id = $1", erasure)
    return len(erasures)


def _stretches(resources: list[int]) -> list[tuple[int, int, list[int]]]:
    """Returns runs of resources that lie near to each other, all as one run where they would be many: each costs a look
    at the whole BRIN index, a few milliseconds, and reading a table through costs as much as a hundred."""
    runs: list[list[int]] = []
    for res in resources:
        if runs and res - runs[-1][-1] < NEAR:
            runs[-1].append(res)
        else:
            runs.append([res])
    if len(runs) > MOST_RUNS:
        runs = [resources]
    return [(run[0], run[-1], run) for run in runs]


async def write_down(connection: asyncpg.Connection, extent: Extent, request: str, entry: int) -> None:
    """Notes in the database what was erased; entry: its number in the ledger."""
    patients, keys, resources = list(extent.patients), list(extent.keys), list(extent.resources)
    number = await connection.fetchval(_WRITE_DOWN, request, entry, patients, keys, len(resources), extent.versions)
    await connection.execute(_ERASED, sorted({*patients, *resources}), number)


async def erase_again(connection: asyncpg.Connection, extent: Extent, request: str, entry: int) -> bool:
    """Erases what an entry of the ledger says, in a database that was restored from before it; whether it had not.

    Nobody else may be using the database. Takes what the entry names, and what was about the patients at that time.
    """
    async with connection.transaction():
        await lock(connection, extent.patients)
        if await connection.fetchval(_DONE, list(extent.patients), list(extent.keys)):
            return False
        rows = await connection.fetch(f"SELECT r.res FROM resource AS r WHERE {_ABOUT}", list(extent.patients))
        resources = sorted({*extent.resources, *(row[0] for row in rows)})
        keys, versions = await remove(connection, extent.patients, resources, extent.keys)
        await connection.execute("UPDATE term SET code = NULL WHERE token = ANY ($1::int8[])", list(extent.terms))
        # Numbers that were given after the backup are not given again to others.
        await connection.execute(_NUMBERS, max((*extent.patients, *resources)) >> 12, max(extent.keys, default=1))
        done = Extent(extent.patients, tuple(sorted({*keys, *extent.keys})), tuple(resources), versions, extent.terms)
        await write_down(connection, done, request, entry)
    await sweep(connection)
    return True


def extent_of(detail: dict[str, Any]) -> Extent:
    """Reads an extent from what a ledger says. Raises KeyError, TypeError or ValueError where it says no such thing."""
    named = ("patients", "keys", "resources", "terms")
    patients, keys, resources, terms = (tuple(map(int, detail[name])) for name in named)
    return Extent(patients, keys, resources, int(detail["versions"]), terms)


_ABOUT = f"r.patient = ANY ($1::int8[]) AND {visible('r')}"
_OTHERS = f"""
SELECT v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM resource AS r JOIN version AS v ON v.res = r.res AND v.version = r.version
WHERE r.tok && $1::int8[] AND NOT r.deleted AND (r.patient IS NULL OR r.patient <> ALL ($2::int8[])) AND {visible("r")}
ORDER BY r.res LIMIT {MOST_OTHERS}
"""
_FORMER = f"""
SELECT v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body
FROM resource AS r JOIN version AS v ON v.res = r.res
WHERE r.res = ANY ($1::int8[]) AND v.action <> 'd' AND (v.version < r.version OR r.deleted) AND {visible("r")}
"""
_WROTE = """
SELECT i.reference FROM institution AS i WHERE i.id IN (
    SELECT c.institution FROM version AS v JOIN commit AS c ON c.id = v.commit WHERE v.res = ANY ($1::int8[])
    UNION ALL SELECT k.institution FROM data_key AS k WHERE k.patient = ANY ($2::int8[])
) ORDER BY i.reference
"""
_NOTED = f"""
SELECT DISTINCT t.token FROM term AS t WHERE t.parameter = ANY ($3::int8[]) AND t.code IS NOT NULL AND t.token IN (
    SELECT unnest(r.tok) FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible("r")}
    UNION SELECT unnest($2::int8[])
)
"""
_BLANK_TERMS = f"""
UPDATE term AS t SET code = NULL WHERE t.token = ANY ($1::int8[]) AND t.code IS NOT NULL
    AND NOT EXISTS (SELECT FROM resource AS r WHERE r.tok @> ARRAY[t.token] AND {visible("r")})
RETURNING t.token
"""
_KEYS = """
SELECT id FROM data_key WHERE patient = ANY ($1::int8[]) OR (id = ANY ($2::int4[]) AND patient IS NOT NULL)
ORDER BY id FOR UPDATE
"""
_DELETE_RESOURCES = "DELETE FROM resource_{{n}} AS r WHERE r.res = ANY ($1::int8[]) AND {visible}".format(
    visible=visible("r")
)
# The sum keeps the planner from looking each of them up in the BRIN index.
_SWEEP = """
DELETE FROM {table}_{n} AS v USING unnest($3::int8[]) AS o(res) WHERE v.res BETWEEN $1 AND $2 AND v.res + 0 = o.res
"""
_THERE = "SELECT name FROM unnest($1::text[]) AS name WHERE to_regclass(name) IS NOT NULL"
_DELETE_VERSIONS = "DELETE FROM version_{n} WHERE res = ANY ($1::int8[])"
_WRITE_DOWN = """
INSERT INTO erasure (request, ledger, patients, keys, resources, versions) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
"""
_ERASED = "INSERT INTO erased (res, erasure) SELECT res, $2 FROM unnest($1::int8[]) AS res ON CONFLICT DO NOTHING"
# Done, and nothing came back since.
_DONE = f"""
SELECT NOT EXISTS (SELECT FROM resource AS r WHERE {_ABOUT})
    AND NOT EXISTS (SELECT FROM data_key WHERE patient = ANY ($1) OR (id = ANY ($2::int4[]) AND patient IS NOT NULL))
    AND NOT EXISTS (
        SELECT FROM unnest($1) AS p(res) WHERE NOT EXISTS (SELECT FROM erased AS e WHERE e.res = p.res)
    )
"""
_NUMBERS = """
SELECT setval('res_number', greatest((SELECT last_value FROM res_number), $1)),
    setval('data_key_id', greatest((SELECT last_value FROM data_key_id), $2))
"""

"""The plan of a search: its conditions, the index that gives rows first, and how many those are about.

Plans are ours, not the server's: it multiplies guesses about array elements and walks whole tables (facts/store.md
1(a)). The estimates choose a plan and are never shown.
"""

from dataclasses import dataclass
from typing import Any

import asyncpg

from kangyun.fhir.search.tree import Node
from kangyun.store.index import Indexer
from kangyun.store.reader import Name, Reader
from kangyun.store.search.compiler import Compiler, Keys
from kangyun.store.search.conditions import Arguments, Condition, Seed
from kangyun.store.search.densities import Densities, Segment
from kangyun.store.search.values import Expand, Values
from kangyun.store.types import TYPE_NUMBERS
from kangyun.store.visible import Sight, of_type, own_patients, seen, visible

COLUMNS = "v.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body"
# What is known of a seed that says only that it is sharp, or nothing at all.
SHARP_ROWS = 50.0
# A resource is referred to by about so many by one parameter, where it is not among the frequent ones.
LINKED_ROWS = 100.0
UNKNOWN_SHARE = 0.05
# A seed of unknown size is counted up to here.
MOST_PROBED = 1_000


@dataclass(slots=True)
class Plan:
    """A search compiled.

    seed: the condition whose index gives rows first. rows: about how many it gives.
    share: about which share of the rows of the type will match, at most.
    joined: for each row, others are looked at.
    """

    type: str
    conditions: list[Condition]
    arguments: Arguments
    sight: Sight
    seed: Condition
    rows: float
    share: float
    joined: bool = False

    @property
    def by_type(self) -> bool:
        """Whether no condition has an index of its own: all rows of the type are looked at."""
        return self.seed.sql == "TRUE"

    @property
    def visible(self) -> str:
        """The condition that a row of the alias r, which is of the type, may be seen."""
        return visible("r", of_type(self.sight, TYPE_NUMBERS[self.type]))

    def where(self, suffix: str, given: Condition | None = None, *, typed: bool = False, sighted: bool = True) -> str:
        """Returns the conditions on the alias r, but for the one that a seed answers already.

        typed: r has rows of the type only. sighted: without, what may be seen is asked by the caller.
        """
        parts = [] if typed else [f"r.type = {TYPE_NUMBERS[self.type]}"]
        parts += ["NOT r.deleted", *([self.visible] if sighted else [])]
        parts += [
            condition.sql
            for condition in self.conditions
            if not (condition is given and condition.seed is not None and condition.seed.exact)
        ]
        return " AND ".join(parts).replace("{r}", "r").replace("{n}", suffix)

    def arm(self, segment: Segment, columns: str, *, sighted: bool = True) -> str:
        """Returns the SELECT of all matches in one segment, by the seed; `sighted` as for `where`."""
        assert self.seed.seed is not None
        suffix = f"_{segment.number}"
        seed = self.seed.seed.sql.replace("{n}", suffix)
        return f"SELECT {columns} FROM ({seed}) AS r WHERE {self.where(suffix, self.seed, sighted=sighted)}"

    def gathered(self, segments: list[Segment], columns: str = "r.res, r.version") -> str:
        """Returns `WITH m AS (…)`: all matches in these segments."""
        return f"WITH m AS MATERIALIZED ({' UNION ALL '.join(self.arm(segment, columns) for segment in segments)})"

    def extended(self) -> Arguments:
        """Returns a copy of the arguments, for a statement that adds its own."""
        return self.arguments.copy()


class Planner:
    """Makes plans, and runs their statements under the time limit. One for a process."""

    def __init__(
        self, reader: Reader, indexer: Indexer, expand: Expand, bases: tuple[str, ...], seconds: float
    ) -> None:
        self._reader = reader
        self._indexer = indexer
        self._expand = expand
        self._bases = bases
        self.seconds = seconds
        self.densities = Densities()

    async def plan(
        self,
        connection: asyncpg.Connection,
        type_: str,
        node: Node,
        keys: Keys,
        sight: Sight,
        owner: Name | None = None,
        most_probed: int | None = None,
    ) -> Plan:
        """Returns the plan of a search of one type, in the compartment of `owner` where one is given."""
        most_probed = most_probed or MOST_PROBED
        arguments = Arguments(sight)
        values = Values(connection, self._indexer, self._reader, self._bases, self._expand, arguments, sight)
        compiler = Compiler(values, keys)
        conditions = await compiler.conditions(type_, node)
        if owner:
            conditions.append(await compiler.compartment(type_, owner))
        number = TYPE_NUMBERS[type_]
        if sight.only_selves and number not in sight.open_types:
            conditions.append(_own_seed(sight))
        choices = [(self.densities.rows_of_type(number), _type_seed(number))]
        choices += [(self._rows(one.seed), one) for one in conditions if one.seed is not None]
        # An index of the conditions before that of the type, where nothing is known of either.
        rows, seed = min(choices, key=lambda choice: (choice[0], choice[1].sql == "TRUE"))
        asked = [seed] if seed.seed is not None and seed.seed.probe else conditions if seed.sql == "TRUE" else []
        for one in asked:
            if one.seed is None or one.seed.probe is None:
                continue
            counted = await self._probed(connection, one.seed.probe, arguments, most_probed)
            if counted < most_probed:
                rows, seed = counted, one
                break
            if one is seed:
                unknown = 0.0 if one.seed.links else self.densities.rows * UNKNOWN_SHARE
                rows = max(rows, unknown, most_probed)
        share = min(rows / max(choices[0][0], 1.0), 1.0)
        return Plan(type_, conditions, arguments, sight, seed, rows, share, joined=compiler.joins > 0)

    def _rows(self, seed: Seed) -> float:
        if seed.sharp:
            return SHARP_ROWS
        if not seed.counted:
            return self.densities.rows * UNKNOWN_SHARE
        return sum(self._frequent(seed, segment) for segment in self.densities.segments)

    def rows_in(self, segment: Segment, plan: Plan) -> float:
        """Returns about how many rows the seed of a plan gives in a segment."""
        seed = plan.seed.seed
        if seed is not None and seed.counted:
            return self._frequent(seed, segment)
        return plan.rows * segment.rows / max(self.densities.rows, 1.0)

    def _frequent(self, seed: Seed, segment: Segment) -> float:
        """Returns about how many rows of a segment have the tokens of a seed."""
        rows = segment.rows_with(seed.any_of) if seed.any_of else 0.0
        if seed.tokens:
            rows = min(segment.rows_with((token,)) for token in seed.tokens)
        return max(rows, LINKED_ROWS * seed.links * segment.rows / max(self.densities.rows, 1.0))

    async def _probed(self, connection: asyncpg.Connection, probe: str, arguments: Arguments, most: int) -> float:
        """Returns how many rows a seed gives, counted up to `most`."""
        probes = (probe.replace("{n}", f"_{segment.number}") for segment in self.densities.segments)
        arms = " UNION ALL ".join(f"(SELECT 1 FROM ({one}) AS p LIMIT {most})" for one in probes)
        sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM ({arms}) AS a LIMIT {most}) AS b"
        return float((await self.fetch(connection, sql, arguments))[0]["n"])

    async def count(self, connection: asyncpg.Connection, plan: Plan, most: int | None) -> int:
        """Returns how many match, counting up to `most`."""
        limit = f" LIMIT {most}" if most else ""
        arms = " UNION ALL ".join(plan.arm(segment, "1") for segment in self.densities.segments)
        sql = f"SELECT count(*) AS n FROM (SELECT 1 FROM ({arms}) AS a{limit}) AS b"
        return int((await self.fetch(connection, sql, plan.arguments))[0]["n"])

    async def fetch(self, connection: asyncpg.Connection, sql: str, arguments: Arguments) -> list[Any]:
        """Runs a statement. Raises TimeoutError beyond the limit: the server has stopped it then."""
        fitted, values = arguments.fitted(sql)
        rows: list[Any] = await connection.fetch(*seen(fitted, arguments.sight, *values), timeout=self.seconds)
        return rows


def _own_seed(sight: Sight) -> Condition:
    """What a resident sees stands in the index of patients; nothing else of the region need be looked at."""
    rows = f"SELECT * FROM resource{{n}} WHERE patient = ANY ({own_patients(sight)}) OFFSET 0"
    return Condition("(TRUE)", Seed(rows, True))


def _type_seed(number: int) -> Condition:
    return Condition("TRUE", Seed(f"SELECT * FROM resource{{n}} WHERE type = {number} OFFSET 0", None))

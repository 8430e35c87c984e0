"""Tests as SQL conditions on one alias of `resource`, and as seeds: relations that an index can give first.

A condition is written with the places `{r}` (the alias) and `{n}` (the segment's suffix, "_3", or empty for all). A
seed selects rows of `resource{n}`; it is fenced by OFFSET 0, so that the server takes the index that the seed was
written for.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from kangyun.fhir.search.terms import Amount, Interval
from kangyun.store.rows import LASTING
from kangyun.store.tokens import Bound
from kangyun.store.visible import Sight

FARTHEST_SIGN = "\U0010ffff"
# What refers to so few resources need not be counted before it is fetched.
FEW_LINKS = 10


class Arguments:
    """The values of a statement, each named once, and the sight that its conditions are of."""

    def __init__(self, sight: Sight) -> None:
        self.values: list[Any] = []
        self.sight = sight

    def copy(self) -> "Arguments":
        """Returns the same, for a statement that adds its own."""
        copy = Arguments(self.sight)
        copy.values = list(self.values)
        return copy

    def add(self, value: Any, type_: str) -> str:
        """Adds a value and returns its place, typed."""
        self.values.append(value)
        return f"${len(self.values)}::{type_}"

    def fitted(self, sql: str) -> tuple[str, list[Any]]:
        """Returns the statement and its values, without those that it does not name (of seeds not taken)."""
        fitted, used = _renumbered(sql)
        return fitted, [self.values[place] for place in used]


@lru_cache(maxsize=4096)
def _renumbered(sql: str) -> tuple[str, tuple[int, ...]]:
    used = sorted({int(place) for place in _PLACE.findall(sql)})
    numbers = {place: number for number, place in enumerate(used, 1)}
    return _PLACE.sub(lambda match: f"${numbers[int(match[1])]}", sql), tuple(place - 1 for place in used)


_PLACE = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Seed:
    """Rows that an index gives.

    tokens: the rows that have all of these; any_of: that have any. For the densities.
    links:  how many resources these tokens refer to: a resource is referred to by some, whatever the densities know.
    sharp:  few rows by its nature; None: the densities of its tokens tell.
    exact:  its rows need not pass the condition again.
    probe:  selects about as many rows, for a bounded count where nothing else tells how many there are.
    stretch: selects the `res` of matching narrow rows, newest first, of a bounded stretch of the index of each key; it
            has the places {before}, {order} and {most} besides.
    reach:  of several keys, how many rows the one with most has within {between}, counted up to {most}: where that is
            all of a stretch, what lies between may hold more than the stretches gave.
    """

    sql: str
    sharp: bool | None
    tokens: tuple[int, ...] = ()
    any_of: tuple[int, ...] = ()
    links: int = 0
    exact: bool = True
    probe: str | None = None
    stretch: str | None = None
    reach: str | None = None

    @property
    def counted(self) -> bool:
        """Whether its tokens tell about how many rows it gives."""
        return bool(self.tokens or self.any_of or self.links)


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition, and the seed that all rows which pass it are among, where an index can give one."""

    sql: str
    seed: Seed | None = None


def token_condition(arguments: Arguments, tokens: Iterable[int], *, links: bool = False) -> Condition:
    """Rows that have any of the tokens. `links`: they refer to something."""
    wanted = list(dict.fromkeys(tokens))
    place = arguments.add(wanted, "int8[]")
    sign = "@>" if len(wanted) == 1 else "&&"
    seed = Seed(
        f"SELECT * FROM resource{{n}} WHERE tok {sign} {place} OFFSET 0",
        not wanted or None,
        tokens=tuple(wanted) if len(wanted) == 1 else (),
        any_of=tuple(wanted) if len(wanted) > 1 else (),
        links=len(wanted) if links else 0,
    )
    return Condition(f"{{r}}.tok {sign} {place}", seed)


def link_condition(arguments: Arguments, targets: Iterable[int], salt: int) -> Condition:
    """Rows that refer to any of the targets, however many: one index probe a target."""
    tokens = [target ^ salt for target in targets]
    place = arguments.add(tokens, "int8[]")
    # One after the other, so that a count of some of the rows need not find all of them.
    probes = (
        f"FROM unnest({place}) AS t(tok) "
        "CROSS JOIN LATERAL (SELECT * FROM resource{n} AS x WHERE x.tok @> ARRAY[t.tok] OFFSET 0) AS s"
    )
    seed = Seed(
        f"SELECT DISTINCT ON (res) * FROM (SELECT s.* {probes}) AS found OFFSET 0",
        not tokens or None,
        any_of=tuple(tokens),
        links=len(tokens),
        probe=f"SELECT 1 {probes}" if len(tokens) > FEW_LINKS else None,
    )
    return Condition(
        # Hashed once for all rows, because of IS TRUE: without it the server joins, and compares each token of a row
        # with each of the targets, as && does.
        f"EXISTS (SELECT FROM unnest({{r}}.tok[1:{{r}}.links]) AS l(tok) "
        f"WHERE (l.tok IN (SELECT unnest({place}))) IS TRUE)",
        seed,
    )


def numbered_condition(arguments: Arguments, numbers: Sequence[int]) -> Condition:
    """Rows with one of these `res`."""
    place = arguments.add(numbers, "int8[]")
    return Condition(
        f"{{r}}.res = ANY ({place})", Seed(f"SELECT * FROM resource{{n}} WHERE res = ANY ({place}) OFFSET 0", True)
    )


def computed_tokens(expression: str) -> Condition:
    """Rows that have any token that a subquery gives."""
    return Condition(
        f"{{r}}.tok && ({expression})",
        Seed(f"SELECT * FROM resource{{n}} WHERE tok && ({expression}) OFFSET 0", True),
    )


def narrow_condition(
    arguments: Arguments,
    table: str,
    keys: Sequence[int],
    test: str,
    *,
    sharp: bool | None,
    join: str = "",
    ranges: Sequence[tuple[str, str]] = (),
) -> Condition:
    """Rows with a narrow row of any of the keys that passes the test.

    keys: salts of the parameters that one parameter stands for. test, join: speak of the alias q.
    ranges: the test in parts that an index of (key, low) or (key, high) can give, each with what the index alone tells
            of it; the test itself where there are none.
    """
    places = [arguments.add(key, "int8") for key in keys]
    key_test = f"q.key IN ({', '.join(places)})"
    source = f"{table}{{n}} AS q{join}"
    start = f"FROM {source} WHERE {key_test} AND"
    found = " UNION ALL ".join(f"SELECT q.res {start} {part}" for part, _ in ranges or ((test, test),))
    seed = (
        f"SELECT s.* FROM (SELECT DISTINCT f.res FROM ({found}) AS f) AS k "
        "CROSS JOIN LATERAL (SELECT * FROM resource{n} AS x WHERE x.res = k.res OFFSET 0) AS s OFFSET 0"
    )
    stretches = (
        f"(SELECT q.res FROM (SELECT * FROM {table}{{n}} WHERE key = {place} AND res {{before}} "
        f"ORDER BY res {{order}} LIMIT {{most}}) AS q{join} WHERE {test} ORDER BY q.res {{order}})"
        for place in places
    )
    reaches = (
        f"(SELECT count(*) FROM (SELECT FROM {table}{{n}} WHERE key = {place} AND {{between}} LIMIT {{most}}) AS c)"
        for place in places
    )
    return Condition(
        f"EXISTS (SELECT FROM {source} WHERE q.res = {{r}}.res AND {key_test} AND {test})",
        Seed(
            seed,
            sharp,
            probe=" UNION ALL ".join(f"SELECT 1 {start} {rough}" for _, rough in ranges or ((test, test),)),
            stretch=" UNION ALL ".join(stretches),
            reach=f"SELECT greatest({', '.join(reaches)}) AS n" if len(places) > 1 else None,
        ),
    )


def missing_condition(arguments: Arguments, bits: int, missing: bool) -> Condition:
    """Rows where none of the parameters has a value, or where one has."""
    return Condition(f"({{r}}.present & {arguments.add(bits, 'int8')}) {'=' if missing else '<>'} 0")


def date_test(arguments: Arguments, interval: Interval, low: str, high: str) -> str:
    """A date with its prefix against the columns [low, high)."""
    start, end = arguments.add(interval.low, "timestamptz"), arguments.add(interval.high, "timestamptz")
    match interval.prefix:
        case "eq":
            # low < end follows from high <= end, and is what the index orders by.
            return f"({low} >= {start} AND {low} < {end} AND {high} <= {end})"
        case "ne":
            return f"NOT ({low} >= {start} AND {high} <= {end})"
        case "gt":
            return f"{high} > {end}"
        case "lt":
            return f"{low} < {start}"
        case "ge":
            return f"({high} > {end} OR {low} >= {start})"
        case "le":
            return f"({low} < {start} OR {high} <= {end})"
        case "sa":
            return f"{low} >= {end}"
        case "eb":
            return f"{high} <= {start}"
        case _:
            return f"({low} < {end} AND {high} > {start})"


def dated_condition(arguments: Arguments, keys: Sequence[int], interval: Interval, *, sharp: bool | None) -> Condition:
    """Rows with a date of any of the keys that passes."""
    test = date_test(arguments, interval, "q.low", "q.high")
    ranges = _date_ranges(arguments, interval, test)
    return narrow_condition(arguments, "date_value", keys, test, sharp=sharp, ranges=ranges)


def _date_ranges(arguments: Arguments, interval: Interval, test: str) -> list[tuple[str, str]]:
    bounds = index_bounds(arguments, interval, "q.low", "q.high")
    if bounds is None:
        return [(test, test)]
    begun, ended = bounds
    if not ended:
        return [(f"{begun} AND {test}", begun)]
    lasting = f"q.lasting AND {ended}"
    return [(f"NOT q.lasting AND {begun} AND {test}", begun), (f"{lasting} AND {test}", lasting)]


def index_bounds(arguments: Arguments, interval: Interval, low: str, high: str) -> tuple[str, str] | None:
    """Returns what an index of `low` holds all rows by that can pass `date_test`, None where none does.

    What ends after a moment begins at most LASTING before it, but for what is `lasting` and has an index of `high`: the
    second condition, empty where it is not needed, is for that.
    """
    start, end = arguments.add(interval.low, "timestamptz"), arguments.add(interval.high, "timestamptz")
    match interval.prefix:
        case "eq":
            return f"{low} >= {start} AND {low} < {end}", ""
        case "lt" | "eb":
            return f"{low} < {start}", ""
        case "le":
            return f"{low} < {end}", ""
        case "sa":
            return f"{low} >= {end}", ""
        case "gt" | "ge" | "ap":
            begun = f"{low} >= {arguments.add(_earlier(interval.low), 'timestamptz')}"
            begun += f" AND {low} < {end}" if interval.prefix == "ap" else ""
            return begun, f"{high} > {end if interval.prefix == 'gt' else start}"
    return None


def _earlier(moment: datetime) -> datetime:
    """Returns when something at the latest begins that does not last and ends after a moment."""
    try:
        return moment - LASTING
    except OverflowError:
        return moment


# Factors of units are binary fractions: what is equal may differ in the last places.
_SLACK = 1e-12


def amount_test(arguments: Arguments, amount: Amount, low: str, high: str) -> str:
    """A number with its prefix against the columns [low, high] of a value."""
    value = float(amount.value)
    slack = abs(value) * _SLACK
    bottom, top = (
        arguments.add(float(amount.low) - slack, "float8"),
        arguments.add(float(amount.high) - slack, "float8"),
    )
    over, under = arguments.add(value + slack, "float8"), arguments.add(value - slack, "float8")
    match amount.prefix:
        case "eq":
            return f"({low} >= {bottom} AND {low} < {top} AND {high} < {top})"
        case "ne":
            return f"NOT ({low} >= {bottom} AND {high} < {top})"
        case "gt" | "sa":
            return f"{high if amount.prefix == 'gt' else low} > {over}"
        case "lt" | "eb":
            return f"{low if amount.prefix == 'lt' else high} < {under}"
        case "ge":
            return f"{high} >= {under}"
        case "le":
            return f"{low} <= {over}"
        case _:
            return f"({low} < {top} AND {high} >= {bottom})"


def amount_ranges(arguments: Arguments, amount: Amount, owner: str) -> list[tuple[str, str]]:
    """The same test in parts that an index can give: a value is a point, but for the few that are ranges."""
    test = f"{owner} AND {amount_test(arguments, amount, 'q.low', 'q.high')}"
    edge = arguments.add(float(amount.value), "float8")
    match amount.prefix:
        case "gt" | "ge":
            # The test is by the upper bound, which for a point is the lower one.
            beyond, spread = f"q.low >= {edge}", "q.low <> q.high"
            return [
                (f"q.low = q.high AND {beyond} AND {test}", beyond),
                (f"{spread} AND {test}", f"{spread} AND q.high >= {edge}"),
            ]
        case "eb":
            return [(f"q.low <= {edge} AND {test}", f"q.low <= {edge}")]
    return [(test, test)]


def string_test(arguments: Arguments, text: str, column: str) -> str:
    """A folded text that the column starts with."""
    start, end = arguments.add(text, "text"), arguments.add(text + FARTHEST_SIGN, "text")
    return f'({column} >= {start} COLLATE "C" AND {column} < {end} COLLATE "C")'


def contains_test(arguments: Arguments, text: str, column: str) -> str:
    """A folded text that stands anywhere in the column."""
    return f"position({arguments.add(text, 'text')} IN {column}) > 0"


def salt_place(arguments: Arguments, bound: Bound) -> str:
    """Returns the place of a parameter's salt."""
    return arguments.add(bound.salt, "int8")


def any_of(parts: Sequence[Condition]) -> Condition:
    """Any of the conditions; their seeds together are a seed when each has one."""
    if len(parts) == 1:
        return parts[0]
    sql = "(" + " OR ".join(part.sql for part in parts) + ")"
    seeds = [part.seed for part in parts]
    if any(seed is None for seed in seeds):
        return Condition(sql)
    union = " UNION ALL ".join(f"(SELECT * FROM ({seed.sql}) AS a)" for seed in seeds if seed)
    tokens = tuple(token for seed in seeds if seed for token in (*seed.tokens, *seed.any_of))
    sharp = True if all(seed and seed.sharp for seed in seeds) else None
    exact = all(seed and seed.exact for seed in seeds)
    gathered = f"SELECT DISTINCT ON (res) * FROM ({union}) AS u OFFSET 0"
    links = sum(seed.links for seed in seeds if seed)
    return Condition(sql, Seed(gathered, sharp, any_of=tokens, links=links, exact=exact))

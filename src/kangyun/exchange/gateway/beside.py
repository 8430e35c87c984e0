"""Whose a row is, where its own table does not say: taken from the table beside it by the number they share.

The laboratory's results of the TB_ family name their report, and only the report names the patient. An account that
may only read cannot have a view made, so the columns are added to the query. Two patients for one number: neither is
taken, and the row goes without, to be returned rather than stored as somebody else's.
"""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec

from kangyun.exchange.gateway.configuration import Table
from kangyun.exchange.gateway.sources.dialects import Dialect
from kangyun.exchange.gateway.sources.opening import Columns, Session
from kangyun.exchange.tables.reading.model import column_name


class Beside(msgspec.Struct, frozen=True):
    """Where a table's patient stands. by: columns that both have, `least` at least; whose: of one patient together."""

    table: str
    by: list[str]
    least: str
    whose: list[str]
    also: list[str]


@cache
def _known() -> dict[str, Beside]:
    text = files("kangyun.exchange.gateway").joinpath("data", "beside.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Beside])


def wanted(called: str, names: Sequence[str]) -> str:
    """Returns which standard table a table of these columns needs beside it, empty where it needs none."""
    rule = _known().get(called)
    if rule is None or rule.whose[0] in {column_name(name) for name in names}:
        return ""
    return rule.table


def columns_of(session: Session, table: Table) -> Columns:
    """Returns the columns of a table, with those that stand in the table beside it. Raises SourceFailed."""
    columns = session.columns(table.table)
    rule = _known().get(table.called)
    if not table.beside or rule is None or not wanted(table.called, columns.names):
        return columns
    added = _added(session.dialect, table, rule, columns.names, session.columns(table.beside).names)
    names = [*columns.names, *added]
    return Columns(names, columns.texts + [False] * len(added), {**columns.expressions, **added})


def _added(dialect: Dialect, table: Table, rule: Beside, own: Sequence[str], other: Sequence[str]) -> dict[str, str]:
    ours, theirs = ({column_name(name): name for name in names} for names in (own, other))
    if rule.least not in ours or rule.least not in theirs or rule.whose[0] not in theirs:
        return {}
    outer, quoted = dialect.name(table.table), dialect.name
    same = " AND ".join(
        f"ky_b.{quoted(theirs[name])} = {outer}.{quoted(ours[name])}"
        for name in rule.by
        if name in ours and name in theirs
    )
    whose = [theirs[name] for name in rule.whose if name in theirs]

    def one_of(name: str, alike: Sequence[str]) -> str:
        # MIN and MAX instead of DISTINCT, which some databases do not take in a subquery of one value.
        told = " AND ".join(
            f"(MIN(ky_b.{quoted(each)}) = MAX(ky_b.{quoted(each)}) OR MAX(ky_b.{quoted(each)}) IS NULL)"
            for each in alike
        )
        column = f"ky_b.{quoted(name)}"
        return (
            f"(SELECT CASE WHEN {told} THEN MAX({column}) END FROM {quoted(table.beside)} ky_b WHERE {same})"
            f" AS {quoted(name)}"
        )

    also = [theirs[name] for name in rule.also if name in theirs and name not in ours]
    return {name: one_of(name, whose) for name in whose} | {name: one_of(name, [name]) for name in also}

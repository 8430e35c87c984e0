"""Queries in the database's own words. Pure: what differs is data/databases.toml, names are quoted, values bound."""

import tomllib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

from kangyun.base.errors import Invalid

LONGEST_RAW = 2_000
"""Bytes that Oracle 11g gives of a RAW in SQL; a VARCHAR2 has up to twice as many."""


class Dialect(msgspec.Struct, frozen=True):
    """One kind of database."""

    title: str
    drivers: list[str]
    port: int
    quote: str
    page: Literal["limit", "top", "rownum", ""]
    zone: list[str]
    reading: list[str]
    catalogue: str
    most: int = 0
    """Rows of one query whose drivers take all of it into memory; 0 where they do not."""

    def name(self, written: str) -> str:
        """Returns a name, with its schema, as a query has it."""
        if not self.quote:
            return written
        first, last = self.quote[0], self.quote[1]
        return ".".join(f"{first}{part.replace(last, last * 2)}{last}" for part in written.split("."))

    def select(
        self, table: str, condition: str = "", order: str = "", most: int = 0, columns: Sequence[str] = (),
    ) -> str:  # fmt: skip
        """Returns a query of rows. condition: with `?` for each value. columns: expressions, none for all."""
        listed = ", ".join(columns) or "*"
        rest = f"FROM {self.name(table)}" + (f" WHERE {condition}" if condition else "")
        rest += f" ORDER BY {self.name(order)}" if order else ""
        if not most or not self.page:
            return f"SELECT {listed} {rest}"
        if self.page == "top":
            return f"SELECT TOP {most} {listed} {rest}"
        if self.page == "rownum":
            return f"SELECT * FROM (SELECT {listed} {rest}) WHERE ROWNUM <= {most}"
        return f"SELECT {listed} {rest} LIMIT {most}"


@cache
def dialects() -> dict[str, Dialect]:
    """Returns all kinds of databases by their names."""
    text = files("kangyun.exchange.gateway").joinpath("data", "databases.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, Dialect])


def dialect(kind: str) -> Dialect:
    """Returns a kind of database. Raises Invalid where there is none of that name."""
    found = dialects().get(kind)
    if found is None:
        raise Invalid("exchange.gateway.no-kind", kind=kind, kinds="、".join(dialects()))
    return found


def bound(query: str, style: str) -> str:
    """Returns a query with its `?` as a driver wants them (PEP 249, paramstyle); names hold none."""
    if style == "qmark":
        return query
    first, *rest = query.split("?")
    marks = {"format": "%s", "pyformat": "%s"}
    return first + "".join((marks.get(style) or f":{place}") + part for place, part in enumerate(rest, 1))


def seven_bit_columns(dialect: Dialect, names: Sequence[str], texts: Sequence[bool]) -> list[str]:
    """Returns the expressions by which Oracle gives the bytes of texts that it takes for US7ASCII.

    Its client turns what it has no letter for into another, so texts are asked for as bytes, in two parts.
    """
    listed = []
    for name, is_text in zip(names, texts, strict=True):
        quoted = dialect.name(name)
        if not is_text:
            listed.append(quoted)
            continue
        for place, start in enumerate((1, LONGEST_RAW + 1)):
            listed.append(f"UTL_RAW.CAST_TO_RAW(SUBSTRB({quoted}, {start}, {LONGEST_RAW})) AS KY_{place}_{len(listed)}")
    return listed

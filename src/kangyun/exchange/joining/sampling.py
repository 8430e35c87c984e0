"""A sample row of a table that is taken, and rows that are kept aside, each with the column at fault. Pure."""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from kangyun.base.numbers import resident_id
from kangyun.exchange.entries import Refusal
from kangyun.exchange.joining.describing import FLAG, KEY, REFERENCE, DataSet, Field, codes_of
from kangyun.exchange.tables.mapping import Feed, convert
from kangyun.exchange.tables.reading import Row, Table

DAY, MOMENT = "20260105", "2026-01-05 08:05:00"
NUMBER = resident_id.made("990102", date(1980, 1, 1), 1)  # of a division that does not exist
_MADE: Mapping[str, str] = {
    "moment": MOMENT, "instant": MOMENT, "period": MOMENT, "period-first": MOMENT, "if-happened": MOMENT,
    "if-ended": MOMENT, "day": DAY, "hour": "8", "number": "1", "signed": "1", "positive": "1", "phone": "15400000000",
    "name": "演示", "patient-name": "演示",
    "address": "演示省演示市演示路1号", "document": NUMBER, "laboratory": "5.1", FLAG: "",
}  # fmt: skip
# What a rule cannot take, whatever the column.
_WRONG: Mapping[str, str] = {"moment": "20261301", "instant": "20261301", "period": "昨天", "day": "19991331"}


_CHARGED = re.compile(r"\+([\w|]+) signed \S+ (\w+)")
"""The column that says whether an amount is a charge or a refund, and what it says of a charge."""


def sample(set_: DataSet) -> dict[str, str]:
    """Returns a row by column. It names nobody: divisions that begin with 99 do not exist."""
    return {field.column: _cell(set_, field) for field in set_.fields}


def _cell(set_: DataSet, field: Field) -> str:
    if field.rule == FLAG:
        return set_.store[0]
    told = _CHARGED.findall(repr(set_.mapping.resources))
    charges: dict[str, str] = {name: code for names, code in told for name in names.split("|")}
    if field.column in charges:
        return charges[field.column]
    if field.list:
        return next(iter(codes_of(set_, field.list)), "")
    if field.rule != "signed" and (field.key or field.rule in (KEY, REFERENCE)):
        return DAY if field.column.endswith("RQ") else f"DEMO-{field.column}"
    return _MADE.get(field.rule, "演示" if field.must else "")


def broken(set_: DataSet) -> Iterator[tuple[str, dict[str, str]]]:
    """Gives rows that are kept aside, each with the column at fault: what must be there is empty, or cannot be."""
    row = sample(set_)
    for field in set_.fields:
        for cell in _faulty(field):
            changed = row | {field.column: cell}
            # Where one of two columns is enough, nothing is wrong without the other.
            if field.column in refused(set_, changed):
                yield field.column, changed


def _faulty(field: Field) -> list[str]:
    if field.rule == FLAG:
        return ["X"]
    return ["", *([_WRONG[field.rule]] if field.rule in _WRONG else ())] if field.must else []


def refused(set_: DataSet, row: Mapping[str, str]) -> list[str]:
    """Returns the columns for which a row would be kept aside."""
    table = Table(set_.table, "csv", "utf-8", tuple(row), iter([Row(2, tuple(row.values()))]))
    made = convert(table, set_.mapping, Feed("demo", "Organization/demo", "demo", set_.dialect))
    return [one.place.part or "" for one in made if isinstance(one, Refusal) and one.whole]

"""Data sets and test cases as sheets; all cells are text."""

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from kangyun.access.staff import workbook_of
from kangyun.exchange.joining.describing import DataSet, Field, codes_of, title_of
from kangyun.exchange.joining.words import Words

COLUMNS = ("column", "column-zh", "column-key", "column-must", "column-rule", "column-list")


def data_sets_book(sets: Sequence[DataSet], words: Words) -> bytes:
    """Returns a workbook: a sheet a table, and one with the codes of all lists."""
    sheets = [(set_.table[:31], header(words), [cells(set_, one, words) for one in set_.fields]) for set_ in sets]
    lists = [words(name) for name in ("list", "list-code", "list-name")]
    return workbook_of([*sheets, (words("list"), lists, list(_codes(sets, words)))])


def header(words: Words) -> list[str]:
    """Returns the heads of the columns that describe a column."""
    return [words(name) for name in COLUMNS]


def cells(set_: DataSet, field: Field, words: Words) -> list[str]:
    """Returns what describes a column."""
    told = words(f"method-{field.rule}") if field.rule else words("taken-not")
    marks = [words("yes") if one else "" for one in (field.key, field.must)]
    return [field.column, field.zh, *marks, told, _list(set_, field.list, words) if field.list else ""]


def _list(set_: DataSet, list_: str, words: Words) -> str:
    return title_of(list_) or words("list-own", table=set_.table, list=list_)


def _codes(sets: Sequence[DataSet], words: Words) -> Iterator[list[str]]:
    told = set()
    for set_ in sets:
        for list_ in dict.fromkeys(field.list for field in set_.fields if field.list):
            rows = [[_list(set_, list_, words), code, name] for code, name in codes_of(set_, list_).items()]
            for row in rows:
                if tuple(row) not in told:
                    told.add(tuple(row))
                    yield row


def cases(words: Words) -> tuple[list[str], list[list[str]]]:
    """Returns the heads and the rows of the test cases, with room for what was found."""
    heads = [words(f"case-{name}") for name in ("id", "title", "do", "expect", "found", "by")]
    return heads, [[one["id"], *one[words.language], "", ""] for one in _cases()]


@cache
def _cases() -> list[dict[str, Any]]:
    text = files("kangyun.exchange.joining").joinpath("data", "cases.toml").read_text("utf-8")
    found: list[dict[str, Any]] = msgspec.toml.decode(text)["case"]
    return found

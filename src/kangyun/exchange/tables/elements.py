"""Columns that are named by data elements: `WS02_01_040_01` holds a code, `CT02_01_040_01` its name. Pure.

A column's name says its element and how often it came: 01 is the first. Where the standard itself numbers within an
element (the parts of an address), the number is the standard's. Where both could be meant (02 of the number of a paper
may be the second paper, or the mother's) none is: such a column is left out and told.

Source: data/SOURCE.md; WS 363.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_COLUMN = re.compile(r"(?P<kind>WS|CT)(\d{2})_(\d{2})_(\d{3})_(\d{2})(?:_(\d{2}))?")
NAME = ".NAME"
"""End of the name of a column that holds the name of what the element's column has the code of."""
DIALECT = "data-elements"


class Renamed(NamedTuple):
    """header: by data elements. unknown: columns whose element is not known or not certain."""

    header: tuple[str, ...]
    unknown: tuple[str, ...]


def is_of_element(column: str) -> bool:
    """Whether a column's name is of that form."""
    return _COLUMN.fullmatch(column) is not None


def renamed(header: Sequence[str]) -> Renamed:
    """Returns a header by data elements, `DE02.01.040.00` and `DE02.01.040.00.NAME`; other columns as they are."""
    found, unknown = [], []
    for column in header:
        match = _COLUMN.fullmatch(column)
        element = _element(match) if match else ""
        if match and not element:
            unknown.append(column)
        found.append(element or column)
    return Renamed(tuple(found), tuple(unknown))


def name_of(element: str) -> str:
    """Returns what an element is called; an empty text for one that is not known."""
    return elements().get(element.removesuffix(NAME), "")


def _element(match: re.Match[str]) -> str:
    """Returns the element that a column is of; an empty text where it is not certain."""
    kind, *parts, number, again = match.groups()
    stem = "DE" + ".".join(parts)
    whole, numbered = f"{stem}.00", f"{stem}.{number}"
    if (again or "01") != "01":
        return ""
    if whole not in elements():
        element = numbered if numbered in elements() else ""
    else:
        element = whole if number in ("00", "01") else ""
    return element + NAME if element and kind == "CT" else element


@cache
def elements() -> Mapping[str, str]:
    """Returns the names of the data elements by their ids."""
    text = files(__package__).joinpath("data", "elements.csv").read_text("utf-8")
    return {row["data_element"]: row["zh"] for row in csv.DictReader(text.splitlines())}

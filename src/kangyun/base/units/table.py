"""The units of UCUM as a table read from `units.tsv`; see SOURCE.md for its edition.

Nothing here understands an expression such as "mmol/L": see `expression`.
"""

from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import NamedTuple

OFFSETS_KELVIN = {
    "Cel": Fraction("273.15"),
    "degF": Fraction("459.67") * Fraction(5, 9),
    "degRe": Fraction("273.15"),
}
"""Affine special units: value * factor + this is in kelvin. Source: UCUM 2.2, sections 22 and 34 (heat)."""


class Entry(NamedTuple):
    """One row.

    kind:   "base", "derived", "arbitrary", or "special" and the name of its function.
    metric: whether a prefix may stand before it.
    value:  how many of `unit` it is; `unit` is empty for a base unit.
    """

    kind: str
    metric: bool
    value: Fraction
    unit: str


class Table(NamedTuple):
    units: dict[str, Entry]
    prefixes: dict[str, Fraction]


@cache
def table() -> Table:
    """Returns the table, read once in a process."""
    units: dict[str, Entry] = {}
    prefixes: dict[str, Fraction] = {}
    for line in files(__package__).joinpath("units.tsv").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        kind, code, metric, value, unit = line.split("\t")
        if kind == "prefix":
            prefixes[code] = Fraction(value)
        else:
            units[code] = Entry(kind, metric == "yes", Fraction(value), unit)
    return Table(units, prefixes)

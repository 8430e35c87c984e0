"""What hospitals write for results, flags, units, papers and nothing at all: one table, for every format. Pure.

It says what a word is, not where words stand: that is each format's. Source: data/SOURCE.md.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple


class Paper(NamedTuple):
    """A kind of paper. form: of its number, see `base.numbers.documents`. kind: by HL7 v2-0203, or empty."""

    form: str
    system: str
    kind: str


@cache
def fillers() -> frozenset[str]:
    """Returns the words that stand for nothing, in small letters."""
    return frozenset(_table()["fillers"])


@cache
def sentinels() -> frozenset[str]:
    """Returns the days that stand for none: 1900-01-01."""
    return frozenset(_table()["sentinels"])


@cache
def sentinel_instants() -> frozenset[str]:
    """Returns the times without zone that stand for none, while their days are days."""
    return frozenset(_table()["sentinel_instants"])


@cache
def ordinals() -> Mapping[str, str]:
    """Returns our code of a result in words, by how it is written, in small letters."""
    return _by_word("ordinals")


def ordinal_names() -> Mapping[str, str]:
    """Returns what an ordinal is called."""
    names: Mapping[str, str] = _table()["ordinal_names"]
    return names


def ordinal_flags() -> Mapping[str, str]:
    """Returns what an ordinal means, by HL7 v3 ObservationInterpretation."""
    flags: Mapping[str, str] = _table()["ordinal_flags"]
    return flags


@cache
def flags() -> Mapping[str, str]:
    """Returns the code of a flag beside a value, by how it is written, in small letters."""
    return _by_word("flags")


@cache
def comparators() -> Mapping[str, str]:
    """Returns FHIR's comparator, by how it is written."""
    return _by_word("comparators")


def units() -> Mapping[str, str]:
    """Returns the UCUM code of a unit as laboratories write it, in small letters, with the Greek μ."""
    units_: Mapping[str, str] = _table()["units"]
    return units_


@cache
def papers() -> Mapping[str, Paper]:
    """Returns the kinds of papers by their codes in CV02.01.101."""
    return {code: Paper(**row) for code, row in _table()["documents"].items()}


def _by_word(section: str) -> Mapping[str, str]:
    return {written.casefold(): code for code, all_ in _table()[section].items() for written in all_}


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(files(__package__).joinpath("data", "words.toml").read_text("utf-8"))

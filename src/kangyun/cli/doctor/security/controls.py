"""The requirements as data: `data/djbh.toml` and `data/mp.toml`. Which clause, what it asks, which checks look.

The requirement is said in our own words; whoever assesses reads the standard itself. Pure.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

import msgspec

Table = Literal["djbh", "mp"]


class Control(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A requirement. checks: which look; bearer: who has to meet what no check can see; attach: what to show then.

    unverified: the clause's letter or wording is not known from the standard itself.
    """

    clause: str
    group: str
    name: str
    requires: str
    checks: tuple[str, ...] = ()
    bearer: str = ""
    attach: str = ""
    unverified: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    title: str
    standard: str
    edition: str
    level: str
    control: tuple[Control, ...]


@dataclass(frozen=True, slots=True)
class Standard:
    """A table's head and its rows."""

    title: str
    standard: str
    edition: str
    level: str
    controls: tuple[Control, ...]


def standard(table: Table) -> Standard:
    """Returns a standard's requirements, in its order. Raises ValueError for a row that nobody bears."""
    text = files(__package__).joinpath("data", f"{table}.toml").read_text("utf-8")
    read = msgspec.convert(tomllib.loads(text), _File)
    for control in read.control:
        if not control.checks and not control.bearer:
            raise ValueError(control.clause)
    return Standard(read.title, read.standard, read.edition, read.level, read.control)

"""Family names of China: which have two characters, and how they are read. Pure; the table is `data/surnames.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

DOTS = "\u00b7\u2022\u30fb\u2027\u2219\u22c5\uff0e\u0387\u16eb\u2024\u2e31\u2e33\uff65\u25cf\u2981"
"""What is written between the parts of a name: U+00B7 by the standard, and what keyboards and fonts make of it."""


def split(name: str) -> tuple[str, str]:
    """Returns family and given name of a name in Chinese characters without dots and blanks."""
    if len(name) > 2 and name[:2] in compound_surnames():
        return name[:2], name[2:]
    return name[:1], name[1:]


@cache
def compound_surnames() -> frozenset[str]:
    """Returns the family names of two characters."""
    return frozenset("".join(_table()["compound"]).split())


@cache
def surname_readings() -> Mapping[str, tuple[str, ...]]:
    """Returns how family names are read: of one character its readings, of two a syllable for each."""
    return {surname: tuple(text.split()) for surname, text in _table()["readings"].items()}


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("data", "surnames.toml").read_text("utf-8"))

"""What an input method offers for a reading, which characters look alike, and names in Latin letters.

Readings come from the pypinyin package, over the characters of names and those that `data/spelling.toml` adds.
"""

from collections import defaultdict
from functools import cache
from importlib.resources import files
from itertools import chain

import msgspec
from pypinyin import Style, lazy_pinyin

from kangyun.simulate.tables import tables


class SpellingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    look_alikes: list[str]
    fuzzy: list[tuple[str, str]]
    offered: str


class Spelling:
    """Homophones and look-alikes, as one error model knows them."""

    def __init__(self, *, fuzzy: bool, look_alikes: float) -> None:
        table = _table()
        self._merged = table.fuzzy if fuzzy else []
        groups: dict[str, list[str]] = defaultdict(list)
        for character in _characters():
            groups[self._reading(character)].append(character)
        self._homophones = {one: group for group in groups.values() for one in group}
        known = table.look_alikes[: round(len(table.look_alikes) * look_alikes)]
        self._look_alikes: dict[str, list[str]] = defaultdict(list)
        for group in known:
            for one in group:
                self._look_alikes[one] += [other for other in group if other != one]

    def homophones(self, character: str) -> list[str]:
        """Returns the other characters of the same reading."""
        return [other for other in self._homophones.get(character, []) if other != character]

    def look_alikes(self, character: str) -> list[str]:
        """Returns the characters that look like this one."""
        return self._look_alikes.get(character, [])

    def _reading(self, character: str) -> str:
        reading = _reading(character)
        for one, other in self._merged:
            if one.endswith("g") and reading.endswith(one):
                reading = reading.removesuffix(one) + other
            elif not one.endswith("g") and reading.startswith(one):
                reading = other + reading.removeprefix(one)
        return reading


def latin(surname: str, given: str) -> str:
    """Returns a Han name in pinyin, in capitals: ZHANG JIANGUO."""
    return f"{''.join(map(_reading, surname))} {''.join(map(_reading, given))}".strip().upper()


@cache
def spelling(*, fuzzy: bool, look_alikes: float) -> Spelling:
    """Returns the spelling that an error model knows."""
    return Spelling(fuzzy=fuzzy, look_alikes=look_alikes)


@cache
def _reading(character: str) -> str:
    return lazy_pinyin(character, style=Style.NORMAL)[0]


@cache
def _characters() -> list[str]:
    names = tables().names
    given = (
        part
        for era in names.given
        for sex in (era.male, era.female)
        for part in (sex.first, sex.second, sex.single, *sex.favourites)
    )
    return list(dict.fromkeys(chain(*names.surnames, *names.tails.values(), *given, _table().offered)))


@cache
def _table() -> SpellingTable:
    source = files("kangyun.simulate").joinpath("data", "spelling.toml")
    return msgspec.toml.decode(source.read_bytes(), type=SpellingTable)

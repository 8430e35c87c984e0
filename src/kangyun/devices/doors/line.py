"""A line that somebody types: `152/94 78`, `血糖 5.6 空腹`, `T36。5 体重130斤`. Pure; words and units are data.

Nothing is guessed: what cannot be told for certain is refused with its place. Full-width digits and Chinese signs are
read as their plain forms.
"""

import re
import tomllib
import unicodedata
from functools import cache
from importlib.resources import files
from typing import Any, Final, NoReturn

import msgspec

from kangyun.base.errors import Invalid

LONGEST: Final = 200
_NUMBER: Final = r"\d{1,6}(?:\.\d{1,3})?"
_SIGNS: Final = str.maketrans(
    {"、": " ", ",": " ", ";": " ", ":": " ", "=": " ", "—": "/", "-": "/", "\\": "/", "。": " "}
)


class Value(msgspec.Struct, frozen=True):
    """One value as it was typed. metric: its name or short name. unit: UCUM, '' for the metric's own."""

    metric: str
    value: float
    unit: str = ""


class _Unit(msgspec.Struct, frozen=True):
    unit: str
    of: str


class _Table(msgspec.Struct, frozen=True):
    usual: dict[str, tuple[float, float]]
    pulse_pressure: dict[str, float]
    slips: dict[str, list[float]]
    words: dict[str, str]
    units: dict[str, _Unit]
    meals: dict[str, int]


@cache
def table() -> _Table:
    """Returns `data/typing.toml`."""
    found: Any = tomllib.loads(files(__package__).joinpath("data", "typing.toml").read_text("utf-8"))
    return msgspec.convert(found, _Table)


def values_of(line: str) -> list[Value]:
    """Returns what a line says, in its order. Raises Invalid with the place (from 1) of what is not clear."""
    if len(line) > LONGEST:
        raise Invalid("devices.doors.line-too-long", limit=LONGEST, at="line")
    reader = _Line(_plain(line))
    while reader.rest():
        reader.take()
    if not reader.found:
        raise Invalid("devices.doors.line-empty", at="line")
    names = [one.metric for one in reader.found]
    if len(set(names)) < len(names):
        raise Invalid("devices.doors.line-twice", at="line")
    return reader.found


def _plain(line: str) -> str:
    """The line in plain forms, character for character: places stay what they were."""
    plain = "".join(found if len(found := unicodedata.normalize("NFKC", sign)) == 1 else sign for sign in line)
    # A Chinese full stop between digits is a decimal point; elsewhere it ends a sentence.
    plain = re.sub(r"(?<=\d)。(?=\d)", ".", plain)
    return plain.translate(_SIGNS).lower()


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    def either(words: Any) -> str:
        return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))

    unit = f"(?P<unit>{either(table().units)})(?![a-z])"
    return (
        re.compile(rf"(?P<first>{_NUMBER})\s*/\s*(?P<second>{_NUMBER})(?:\s*/\s*(?P<third>{_NUMBER}))?(?:\s*{unit})?"),
        re.compile(rf"(?P<number>{_NUMBER})(?:\s*{unit})?"),
        re.compile(f"(?P<word>{either(table().words)})(?![a-z])"),
        re.compile(f"(?P<meal>{either(table().meals)})"),
    )


class _Line:
    """A line as it is read from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[Value] = []
        self._after_pressure = False

    def rest(self) -> bool:
        """Passes blanks; whether anything is left."""
        self.at += len(self.text[self.at :]) - len(self.text[self.at :].lstrip())
        return self.at < len(self.text)

    def take(self) -> None:
        """Takes the next value. Raises Invalid."""
        pressure, number, word, meal = _patterns()
        if found := meal.match(self.text, self.at):
            self.at = found.end()
            self._add("meal-context", table().meals[found["meal"]], "")
        elif found := pressure.match(self.text, self.at):
            self._pressure(found)
        elif found := word.match(self.text, self.at):
            self._named(found["word"], found.end())
        elif found := number.match(self.text, self.at):
            self._bare(found)
        else:
            self._refuse()

    def _named(self, word: str, end: int) -> None:
        pressure, number, *_ = _patterns()
        metric = table().words[word]
        self.at = end
        self.rest()
        if metric == "pressure":
            self._pressure(pressure.match(self.text, self.at))
            return
        found = number.match(self.text, self.at)
        if found is None:
            self._refuse()
        self._number(metric, found)

    def _pressure(self, found: re.Match[str] | None) -> None:
        if found is None:
            self._refuse()
        unit = table().units[found["unit"]] if found["unit"] else None
        if unit is not None and unit.of != "pressure":
            self._refuse()
        for name, part in (("sys", "first"), ("dia", "second"), ("map", "third")):
            if found[part]:
                self._add(name, float(found[part]), unit.unit if unit else "")
        self.at = found.end()
        self._after_pressure = True

    def _bare(self, found: re.Match[str]) -> None:
        """A number without a name: by its unit, or the pulse that stands behind a pressure."""
        if found["unit"]:
            metric = table().units[found["unit"]].of
            if metric == "pressure":
                self._refuse()
            self._number(metric, found)
        elif self._after_pressure:
            self._number("hr", found)
        else:
            self._refuse()

    def _number(self, metric: str, found: re.Match[str]) -> None:
        unit = table().units[found["unit"]].unit if found["unit"] else ""
        self.at = found.end()
        self._add(metric, float(found["number"]), unit)

    def _add(self, metric: str, value: float, unit: str) -> None:
        self._after_pressure = False
        self.found.append(Value(metric, value, unit))

    def _refuse(self) -> NoReturn:
        raise Invalid("devices.doors.line", place=self.at + 1, at="line")

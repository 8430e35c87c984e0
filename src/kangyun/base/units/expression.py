"""Reads a UCUM expression such as "mg/dL" or "10*3/uL" into its factor and its dimension.

Units that have no size in other units (arbitrary units such as [iU], and special units that are not affine such as
[pH] or B) are dimensions of their own: they are commensurable with themselves only. Annotations do not count.

Source: UCUM 2.2, sections 2 to 5 (grammar, c/s codes), https://ucum.org/ucum
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn

from kangyun.base.errors import Invalid
from kangyun.base.units.table import OFFSETS_KELVIN, Entry, table

MAX_LENGTH = 255
MAX_DEPTH = 16
MAX_EXPONENT = 99

Dimension = tuple[tuple[str, int], ...]
"""Base units (or units that stand for themselves) with their exponents, sorted by name."""

_TOKEN = re.compile(
    r"(?P<annotation>\{[!-z|~]*\})"
    r"|(?P<operator>[./()])"
    r"|(?P<symbol>10[*^]|(?:\[[^\[\]{}\s]*\]|[!#-'*,:-Z\\^-z|~\"])+)(?P<exponent>[+-]?[0-9]+)?"
    r"|(?P<number>[0-9]+)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit is: a value in it, times `factor`, plus `offset`, is the value in the base units of `dimension`.

    `offset` is not 0 for temperatures such as Cel and [degF] only.
    """

    factor: Fraction
    dimension: Dimension
    offset: Fraction = Fraction(0)

    @property
    def canonical(self) -> str:
        """The unit's dimension as a UCUM expression of base units: "g.m-3"; "1" for none."""
        return ".".join(f"{name}{power if power != 1 else ''}" for name, power in self.dimension) or "1"


ONE = Unit(Fraction(1), ())


@lru_cache(maxsize=4096)
def parse(code: str) -> Unit:
    """Returns what a UCUM unit is. Raises Invalid for a text that is no UCUM expression or names an unknown unit."""
    if not code or len(code) > MAX_LENGTH:
        raise Invalid("base.units.length", limit=MAX_LENGTH)
    unit = _Reader(code).read()
    if any(abs(power) > MAX_EXPONENT for _, power in unit.dimension):  # m99.m: its dimension would be no expression.
        raise Invalid("base.units.exponent", limit=MAX_EXPONENT)
    return unit


class _Reader:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, code: str) -> None:
        self.code = code
        self.at = 0
        self.depth = 0
        self.token: re.Match[str] | None = None
        self._advance()

    def read(self) -> Unit:
        unit = self._term()
        if self.token is not None:
            self._refuse()
        return unit

    def _advance(self) -> None:
        if self.at == len(self.code):
            self.token = None
            return
        self.token = _TOKEN.match(self.code, self.at)
        if self.token is None:
            self._refuse()
        self.at = self.token.end()

    def _refuse(self) -> NoReturn:
        raise Invalid("base.units.syntax", position=self.token.start() if self.token else self.at)

    def _operator(self) -> str | None:
        return self.token["operator"] if self.token else None

    def _term(self) -> Unit:
        if self._operator() == "/":
            self._advance()
            unit = _product(ONE, self._component(), -1)
        else:
            unit = self._component()
        while (operator := self._operator()) in (".", "/"):
            self._advance()
            unit = _product(unit, self._component(), 1 if operator == "." else -1)
        return unit

    def _component(self) -> Unit:
        token = self.token
        if token is None:
            self._refuse()
        if token["operator"] == "(":
            unit = self._parenthesis()
        elif token["symbol"]:
            unit = _power(self._symbol(token["symbol"]), _exponent(token["exponent"]))
            self._advance()
        elif token["number"]:
            unit = Unit(Fraction(int(token["number"])), ())
            if not unit.factor:
                self._refuse()
            self._advance()
        elif token["annotation"]:
            # An annotation alone is a unit without dimension.
            unit = ONE
        else:
            self._refuse()
        if self.token and self.token["annotation"]:
            self._advance()
        return unit

    def _parenthesis(self) -> Unit:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise Invalid("base.units.depth", limit=MAX_DEPTH)
        self._advance()
        unit = self._term()
        if self._operator() != ")":
            self._refuse()
        self._advance()
        self.depth -= 1
        return unit

    def _symbol(self, symbol: str) -> Unit:
        units, prefixes = table()
        if symbol in units:
            return _atom(symbol)
        for length in (2, 1):
            prefix, rest = symbol[:length], symbol[length:]
            if prefix in prefixes and rest in units and units[rest].metric:
                atom = _atom(rest)
                return Unit(atom.factor * prefixes[prefix], atom.dimension, atom.offset)
        raise Invalid("base.units.unknown", position=self.token.start() if self.token else 0)


@lru_cache(maxsize=512)
def _atom(code: str) -> Unit:
    entry: Entry = table().units[code]
    if entry.kind == "base":
        return Unit(Fraction(1), ((code, 1),))
    kind, _, function = entry.kind.partition(" ")
    stands_for_itself = (kind == "arbitrary" and entry.unit == "1") or (
        kind == "special" and function not in OFFSETS_KELVIN
    )
    if stands_for_itself:
        return Unit(Fraction(1), ((code, 1),))
    unit = parse(entry.unit)
    return Unit(entry.value * unit.factor, unit.dimension, OFFSETS_KELVIN.get(function, Fraction(0)))


def _exponent(text: str | None) -> int:
    if text is None:
        return 1
    exponent = int(text)
    if abs(exponent) > MAX_EXPONENT:
        raise Invalid("base.units.exponent", limit=MAX_EXPONENT)
    return exponent


def _power(unit: Unit, exponent: int) -> Unit:
    if exponent == 1:
        return unit
    if unit.offset:
        raise Invalid("base.units.special")
    dimension = tuple((name, power * exponent) for name, power in unit.dimension) if exponent else ()
    return Unit(unit.factor**exponent, dimension)


def _product(left: Unit, right: Unit, sign: int) -> Unit:
    """left * right, or left / right for a sign of -1."""
    if (left.offset and right.dimension) or right.offset:
        # A temperature scale with its own zero has no products: 20 Cel is not twice 10 Cel.
        raise Invalid("base.units.special")
    powers = dict(left.dimension)
    for name, power in right.dimension:
        powers[name] = powers.get(name, 0) + sign * power
    dimension = tuple(sorted((name, power) for name, power in powers.items() if power))
    return Unit(left.factor * right.factor**sign, dimension, left.offset)

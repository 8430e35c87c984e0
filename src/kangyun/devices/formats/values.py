"""Values of metrics: from a name, a number and a unit to what is stored, or why not. Pure.

A value is converted to the unit of its metric, rounded to its resolution, and doubted outside its bounds. What cannot
be (not a number, infinite, a unit of another kind, an unknown metric, more steps than are stored) is refused.
"""

import tomllib
from functools import cache, lru_cache
from importlib.resources import files
from math import isfinite
from typing import Final

from kangyun.base import units
from kangyun.base.errors import Invalid
from kangyun.devices.metrics import Metric, metrics
from kangyun.devices.model import Mark

MOST_STEPS: Final = (1 << 31) - 1
"""A sample is stored as a whole number of its metric's steps."""

PLACES: Final = ("home", "office", "ambulatory")
_DOUBTED: Final = int(Mark.DOUBTED)


class Refused(Exception):
    """A value, a time or a part of a message cannot be taken. text: the id of a text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Known:
    """A metric as it is needed for each value."""

    __slots__ = ("digits", "highest", "lowest", "metric", "most", "number", "resolution")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.number = metric.number
        self.lowest, self.highest = metric.lowest, metric.highest
        self.resolution = metric.resolution
        self.digits = len(f"{metric.resolution:.9f}".rstrip("0").partition(".")[2])
        self.most = MOST_STEPS * metric.resolution

    def taken(self, value: float, unit: str | None) -> tuple[float, int]:
        """Returns the value as it is stored, and its mark. Raises Refused."""
        if unit is not None and unit != self.metric.unit:
            factor, offset = conversion(unit, self.metric.name)
            value = value * factor + offset
        if not -self.most <= value <= self.most:
            raise Refused("devices.formats.magnitude" if isfinite(value) else "devices.formats.not-a-number")
        value = round(round(value / self.resolution) * self.resolution, self.digits)
        return value, (0 if self.lowest <= value <= self.highest else _DOUBTED)


@cache
def known(place: str = "home") -> dict[str, Known]:
    """Returns the metrics by name and by short name. place: where the pressures are taken that say no place."""
    found = {name: Known(metric) for name, metric in metrics().items()}
    short = {one.metric.short: one for one in found.values() if one.metric.short and one.metric.place in ("", place)}
    return short | found


@cache
def known_by_number() -> dict[int, Known]:
    """Returns the metrics by number."""
    return {one.number: one for one in known().values()}


@cache
def _aliases() -> dict[str, str]:
    table: dict[str, str] = tomllib.loads(files(__package__).joinpath("data", "units.toml").read_text("utf-8"))
    return table


@lru_cache(maxsize=1024)
def conversion(unit: str, metric: str) -> tuple[float, float]:
    """Returns factor and offset from a unit to the unit of a metric. Raises Refused."""
    target = metrics()[metric]
    try:
        source, own = units.parse(_aliases().get(unit, unit)), units.parse(target.unit)
    except Invalid:
        raise Refused("devices.formats.unknown-unit") from None
    factor = source.factor / own.factor
    if source.dimension == own.dimension:
        return float(factor), float((source.offset - own.offset) / own.factor)
    by_mass = units.parse("g/L")
    if target.molar_mass and source.dimension == by_mass.dimension:
        moles = units.parse("mol/L").factor / own.factor
        return float(source.factor / by_mass.factor * moles) / target.molar_mass, 0.0
    raise Refused("devices.formats.wrong-unit")

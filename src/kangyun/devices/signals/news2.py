"""NEWS2 from what was measured. Pure.

Source: Royal College of Physicians. National Early Warning Score (NEWS) 2. London: RCP, 2017; its table is
`data/news2.toml`. Made for hospitals: at home nobody observes consciousness, so a score here says that it was taken as
alert, and it is only a score where all five measurements exist. Scale 2 for the oxygen saturation, and whether somebody
breathes additional oxygen, are set by the doctor, never guessed.
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from kangyun.devices.signals.model import Level

INPUTS = ("respiratory-rate", "spo2", "systolic", "heart-rate", "body-temperature")
YOUNGEST = 16  # years
HIGH, MEDIUM, SINGLE = 7, 5, 3
"""Of a score: from 7 an emergency, 5 or 6 urgent; 3 in one measurement is urgent, too."""


class Score(NamedTuple):
    """Points by measurement, and all together: None while one of INPUTS is missing."""

    points: dict[str, int]
    missing: tuple[str, ...]
    total: int | None

    @property
    def level(self) -> Level:
        """Returns how urgent the score is; what is missing makes nothing urgent."""
        if self.total is None:
            return Level.INFO
        if self.total >= HIGH:
            return Level.RED
        return Level.AMBER if self.total >= MEDIUM or max(self.points.values()) >= SINGLE else Level.INFO


@cache
def _table() -> Mapping[str, list[tuple[float, int]]]:
    raw = tomllib.loads(files(__package__).joinpath("data", "news2.toml").read_text("utf-8"))
    return {name: [(end, points) for end, points in rows] for name, rows in raw.items() if isinstance(rows, list)}


@cache
def _extra(name: str) -> int:
    raw = tomllib.loads(files(__package__).joinpath("data", "news2.toml").read_text("utf-8"))
    return int(raw[name])


def points(name: str, value: float) -> int:
    """Returns the points of one value of a column of the table."""
    return next(points for end, points in _table()[name] if value <= end)


def score(values: Mapping[str, float], *, scale: int = 1, oxygen: bool = False, alert: bool = True) -> Score:
    """Returns the score. values: by INPUTS, in /min, %, mm[Hg] and Cel; rounded to the steps of the chart first.

    scale: 2 only for those for whom a doctor has set 88 to 92 % as the aim.
    """
    found: dict[str, int] = {}
    for name in INPUTS:
        if name not in values:
            continue
        column = name
        if name == "spo2":
            column = "spo2-scale-1" if scale == 1 else f"spo2-scale-2-{'oxygen' if oxygen else 'air'}"
        found[name] = points(column, round(values[name], 1 if name == "body-temperature" else 0))
    missing = tuple(name for name in INPUTS if name not in values)
    if oxygen:
        found["oxygen"] = _extra("oxygen")
    if not alert:
        found["consciousness"] = _extra("not-alert")
    return Score(found, missing, None if missing else sum(found.values()))

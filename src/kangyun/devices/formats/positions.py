"""Positions by three datums: WGS-84, GCJ-02 (maps published in China) and BD-09 (Baidu's). Pure arithmetic.

GCJ-02's formula is not published by its owner; it was worked out from outside and is the one that map software has
agreed on since (constants of the Krasovsky 1940 ellipsoid). BD-09 is Baidu's own step on top of GCJ-02. Neither has a
closed inverse: it is found by iteration. Outside a box around China GCJ-02 is WGS-84.

Source: "Restrictions on geographic data in China", section "Coordinate systems", Wikipedia; SOURCE.md.
"""

from enum import StrEnum
from math import atan2, cos, hypot, pi, radians, sin, sqrt
from typing import Final

_A: Final = 6378245.0  # metres: half the great axis, Krasovsky 1940
_EE: Final = 0.00669342162296594323  # its eccentricity, squared
_BAIDU: Final = pi * 3000 / 180
_EARTH: Final = 6371008.8  # metres: mean radius of the Earth, IUGG
_CLOSE: Final = 1e-9  # degrees: a tenth of a millimetre
_ROUNDS: Final = 30


class Datum(StrEnum):
    """By what a position is given. Stored as its place in `DATUMS`."""

    WGS84 = "wgs84"
    GCJ02 = "gcj02"
    BD09 = "bd09"


DATUMS: Final = tuple(Datum)


def in_china(latitude: float, longitude: float) -> bool:
    """Whether GCJ-02 shifts a position: a box, as map software takes it."""
    return 0.8293 <= latitude <= 55.8271 and 72.004 <= longitude <= 137.8347


def to_gcj02(latitude: float, longitude: float) -> tuple[float, float]:
    """Returns a position of WGS-84 as GCJ-02. Degrees."""
    if not in_china(latitude, longitude):
        return latitude, longitude
    north, east = _wobble(latitude - 35.0, longitude - 105.0)
    along = radians(latitude)
    magic = 1 - _EE * sin(along) ** 2
    north = north * 180 / (_A * (1 - _EE) / (magic * sqrt(magic)) * pi)
    east = east * 180 / (_A / sqrt(magic) * cos(along) * pi)
    return latitude + north, longitude + east


def to_bd09(latitude: float, longitude: float) -> tuple[float, float]:
    """Returns a position of WGS-84 as BD-09. Degrees."""
    return _baidu(*to_gcj02(latitude, longitude))


def to_wgs84(latitude: float, longitude: float, datum: Datum) -> tuple[float, float]:
    """Returns a position by a datum as WGS-84. Degrees."""
    if datum is Datum.WGS84:
        return latitude, longitude
    if datum is Datum.GCJ02 and not in_china(latitude, longitude):
        return latitude, longitude
    forward = to_gcj02 if datum is Datum.GCJ02 else to_bd09
    guess = latitude, longitude
    for _ in range(_ROUNDS):
        there = forward(*guess)
        off = latitude - there[0], longitude - there[1]
        guess = guess[0] + off[0], guess[1] + off[1]
        if max(abs(off[0]), abs(off[1])) < _CLOSE:
            break
    return guess


def metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Returns the distance of two positions (latitude, longitude in degrees), by the haversine formula."""
    north, east = radians(other[0] - one[0]) / 2, radians(other[1] - one[1]) / 2
    chord = sin(north) ** 2 + cos(radians(one[0])) * cos(radians(other[0])) * sin(east) ** 2
    return 2 * _EARTH * atan2(sqrt(chord), sqrt(1 - chord))


def _wobble(y: float, x: float) -> tuple[float, float]:
    """The shift in metres, north and east, of what lies x and y degrees from 105 east and 35 north."""
    shared = 20 * sin(6 * x * pi) + 20 * sin(2 * x * pi)
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x))
    north += (shared + 20 * sin(y * pi) + 40 * sin(y / 3 * pi)) * 2 / 3
    north += (160 * sin(y / 12 * pi) + 320 * sin(y * pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x))
    east += (shared + 20 * sin(x * pi) + 40 * sin(x / 3 * pi)) * 2 / 3
    east += (150 * sin(x / 12 * pi) + 300 * sin(x / 30 * pi)) * 2 / 3
    return north, east


def _baidu(latitude: float, longitude: float) -> tuple[float, float]:
    radius = hypot(longitude, latitude) + 0.00002 * sin(latitude * _BAIDU)
    angle = atan2(latitude, longitude) + 0.000003 * cos(longitude * _BAIDU)
    return radius * sin(angle) + 0.006, radius * cos(angle) + 0.0065

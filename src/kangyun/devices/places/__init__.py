"""Where somebody is, in words: near his home, near a place that the region has named, else by the figures.

An address in words comes first, as who is sent there asks for it; figures follow, with their datum, as maps need them.
Nobody outside is asked: a region names its places in `places.csv` of the data folder (name, latitude, longitude in
WGS-84, and how far around it one says "near", in metres). Where nothing is known the words say so.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from kangyun.base.errors import Invalid
from kangyun.base.texts import Language, say
from kangyun.devices.formats.positions import metres_between

FILE: Final = "places.csv"
AT_HOME, NEAR_HOME, NEAR = 50.0, 3000.0, 1000.0
"""Metres; our own choice, unverified: what a receiver in a town is off by, and what one walks."""
MOST_PLACES: Final = 50_000


class Place(msgspec.Struct, frozen=True):
    """A place that people know. latitude, longitude: degrees, WGS-84. metres: how far around it one says "near"."""

    name: str
    latitude: float
    longitude: float
    metres: float = NEAR


def read_places(data: Path) -> tuple[Place, ...]:
    """Returns the places of an installation, none where it names none. Raises Invalid, naming the line."""
    path = data / FILE
    if not path.is_file():
        return ()
    rows = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"))))
    if len(rows) > MOST_PLACES:
        raise Invalid("devices.places.too-many", limit=MOST_PLACES)
    return tuple(_place(row, number) for number, row in enumerate(rows, 1) if row and number > 1)


def load_places(data: Path) -> None:
    """Makes the places of an installation those of this process. Raises Invalid, naming the line."""
    _here[:] = read_places(data)


def here() -> Sequence[Place]:
    """Returns the places of this process."""
    return _here


_here: list[Place] = []


def _place(row: Sequence[str], number: int) -> Place:
    try:
        name, latitude, longitude, *more = row
        place = Place(name.strip(), float(latitude), float(longitude), float(more[0]) if more and more[0] else NEAR)
    except ValueError:
        raise Invalid("devices.places.line", line=number, at=f"{FILE}:{number}") from None
    if not (
        place.name and -90 <= place.latitude <= 90 and -180 <= place.longitude <= 180 and 0 < place.metres <= 50_000
    ):
        raise Invalid("devices.places.line", line=number, at=f"{FILE}:{number}")
    return place


def in_words(
    position: tuple[float, float],
    *,
    home: tuple[float, float] | None = None,
    address: str = "",
    named: str = "",
    places: Sequence[Place] | None = None,
    language: Language = "zh",
) -> str:
    """Returns where a position is. position, home: degrees of WGS-84. address: of the home, in words.

    named: what the device itself calls the place. places: those of the installation, where none are given.
    The nearest of what is near: the home, then the region's places; then only that the address is known, then nothing.
    """
    given = [named] if named else []
    words = (
        given
        or _near_home(position, home, address, language)
        or _near_place(position, here() if places is None else places, language)
    )
    if not words:
        words = [say("devices.places.lives", language, {"address": address})] if address else []
    said = words[0] if words else say("devices.places.unknown", language)
    figures = {"latitude": f"{position[0]:.5f}", "longitude": f"{position[1]:.5f}"}
    return say("devices.places.said", language, {"words": said, **figures})


def _near_home(
    position: tuple[float, float], home: tuple[float, float] | None, address: str, language: Language
) -> list[str]:
    if home is None:
        return []
    away = metres_between(position, home)
    if away > NEAR_HOME:
        return []
    text = "devices.places.at-home" if away <= AT_HOME else "devices.places.near-home"
    said = say(text, language, {"distance": distance(away, language)})
    return [say("devices.places.with-address", language, {"words": said, "address": address}) if address else said]


def _near_place(position: tuple[float, float], places: Sequence[Place], language: Language) -> list[str]:
    found = [
        (metres_between(position, (one.latitude, one.longitude)), one) for one in places if _is_close(position, one)
    ]
    found = [(away, one) for away, one in found if away <= one.metres]
    if not found:
        return []
    away, nearest = min(found, key=lambda one: one[0])
    return [say("devices.places.near", language, {"name": nearest.name, "distance": distance(away, language)})]


def _is_close(position: tuple[float, float], place: Place) -> bool:
    """Whether a place is worth measuring: within a degree of latitude, about 110 km."""
    return abs(position[0] - place.latitude) < 1


def distance(metres: float, language: Language = "zh") -> str:
    """Returns a distance as it is said: to 10 m below 100 m, to 50 m below a kilometre, else to 0.1 km."""
    if metres < 1000:
        step = 10 if metres < 100 else 50
        return say("devices.places.metres", language, {"metres": max(step, round(metres / step) * step)})
    return say("devices.places.kilometres", language, {"kilometres": f"{metres / 1000:.1f}"})

"""The habits of an institution: how it writes addresses, fillers, dots, and which boxes of the form it fills at all.

Drawn once an institution from the seed and its kind; no errors, but no two institutions alike.
"""

from dataclasses import dataclass
from random import Random

from kangyun.simulate.people import Home
from kangyun.simulate.tables.city import InstitutionRow, Place

HOSPITALS = ("tertiary", "secondary", "county", "maternal")
_DOTS = ["·", "·", "·", "•", "・", ".", "．", " "]
_FILLERS = ["-", "无", "不详", "/", "0"]


@dataclass(slots=True, frozen=True)
class Habits:
    """How an institution writes. `field` is the number of characters that its name field has, `serial` the digits of
    its cards, which begin with `prefix` and go on by `stride`.
    """

    address: str
    filler: str
    dot: str
    split: bool
    x: str
    contact: bool
    work: bool
    marital: bool
    field: int
    prefix: str
    serial: int
    stride: int
    hospital: bool


def habits(seed: int, institution: InstitutionRow) -> Habits:
    """Draws the habits of an institution."""
    rng = Random(f"{seed}:habits:{institution.key}")
    hospital = institution.kind in HOSPITALS
    # A machine at the desk means the address of the card; a village doctor writes what everybody there knows.
    styles = ["full", "full", "city", "county"] if hospital else ["county", "town", "town", "short"]
    return Habits(
        address=rng.choice(styles),
        filler=rng.choice(_FILLERS),
        dot=rng.choice(_DOTS),
        split=rng.random() < 0.4,
        x=rng.choice("XXx"),
        contact=hospital or rng.random() < 0.3,
        work=hospital and rng.random() < 0.6,
        marital=hospital or rng.random() < 0.4,
        field=rng.choice([4, 5, 6, 8]),
        prefix=rng.choice(["", "", "M", "88", f"{institution.since % 100:02d}"]),
        serial=rng.choice([7, 8, 8, 10]),
        # No common factor with a power of ten: each resident has a number of their own, and another one elsewhere.
        stride=rng.randrange(1000, 99_999) * 10 + rng.choice([1, 3, 7, 9]),
        hospital=hospital,
    )


def address_text(place: Place, home: Home, style: str) -> str:
    """Returns an address as an institution writes it."""
    county = home.county
    if style == "full":
        return f"{place.province}{place.city}{county.name}{home.text}"
    if style == "city":
        return f"{place.city}{county.name}{home.text}"
    if style == "county":
        return f"{county.name}{home.text}"
    if style == "town":
        return home.text
    short = home.text.removeprefix(home.town.name)
    return short.replace("号楼", "-").replace("单元", "-").replace("室", "").replace("组", "-").removesuffix("号")

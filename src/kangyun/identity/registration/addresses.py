"""An address in China as it was written, in its parts. Pure; the words are `data/addresses.toml`.

Two people live at one place if they name the same village, road or estate within divisions that do not differ, and
behind one door if what they count there (组, 号, 栋, 单元, 室) agrees too. Nothing here knows a map.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from kangyun.base.numbers.fillers import stated

LONGEST = 300
"""Characters of an address that are looked at."""
PARTS = ("province", "city", "county", "town", "village", "road", "estate")
_NUMERALS = dict(zip("零〇一二三四五六七八九", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)) | {"两": 2, "廿": 2}
_LAST = re.compile(r"(?<=[^\d-])(\d{2,4})$")
_FLAT = re.compile(r"(?<![\d-])(\d{1,4})-(?:(\d{1,2})-)?(\d{1,5})(?!\d)[室户]?")


@dataclass(frozen=True, slots=True)
class Address:
    """An address in parts; each is empty where it was not written. `doors`: unit -> number."""

    text: str
    province: str
    city: str
    county: str
    town: str
    village: str
    road: str
    estate: str
    doors: Mapping[str, str]

    @property
    def places(self) -> frozenset[str]:
        """Village, road and estate that are named."""
        return frozenset(place for place in (self.village, self.road, self.estate) if place)


@lru_cache(65536)
def read(text: str) -> Address:
    """Returns the parts of an address. Nothing raises; what is no address has none."""
    rules = _rules()
    text = "".join(stated(text[:LONGEST]).upper().split()).replace("#", "号")
    text = rules.counted.sub(lambda found: _digits(found[1]) + found[2], text)
    rest, parts = text, {}
    for part in PARTS[:-1]:
        found = rules.parts[part].match(rest)
        parts[part] = rules.unified(found[0]) if found else ""
        rest = rest[found.end() :] if found else rest
    estate = rules.parts["estate"].search(rest)
    return Address(text, **parts, estate=estate[0] if estate else "", doors=_doors(rest, rules))


def _doors(rest: str, rules: "_Rules") -> dict[str, str]:
    doors = {rules.units[found[2]]: found[1].lstrip("0") or "0" for found in rules.doors.finditer(rest)}
    flat = _FLAT.search(rest)
    if flat:
        named = {"栋": flat[1], "单元": flat[2] or "", "室": flat[3]}
        doors |= {unit: number.lstrip("0") for unit, number in named.items() if number and unit not in doors}
    last = _LAST.search(rest)
    if last and doors:
        doors.setdefault("室", last[1])
    return doors


def _digits(numeral: str) -> str:
    """Returns a Chinese numeral below a thousand as digits: 二十三 is 23, 一百零五 is 105."""
    total, last = 0, 0
    for sign in numeral:
        if sign in "十百":
            total += (last or 1) * (10 if sign == "十" else 100)
            last = 0
        else:
            last = last * 10 + _NUMERALS[sign] if last else _NUMERALS[sign]
    return str(total + last)


@dataclass(frozen=True, slots=True)
class _Rules:
    parts: Mapping[str, re.Pattern[str]]
    units: Mapping[str, str]
    same: Mapping[str, str]
    doors: re.Pattern[str]
    counted: re.Pattern[str]

    def unified(self, part: str) -> str:
        """Returns a part with one word for its end: 村委会 is 村."""
        return next((part.removesuffix(end) + one for end, one in self.same.items() if part.endswith(end)), part)


@cache
def _rules() -> _Rules:
    table = tomllib.loads(files(__package__).joinpath("data", "addresses.toml").read_text("utf-8"))
    units = sorted(table["units"], key=len, reverse=True)
    return _Rules(
        {part: re.compile(table[part]) for part in PARTS},
        table["units"],
        table["same"],
        re.compile(rf"(\d+|[A-Z]\d*)(?:-\d+)?({'|'.join(units)})"),
        re.compile(rf"([零〇一二三四五六七八九十百两廿]{{1,6}})({'|'.join(units)})"),
    )

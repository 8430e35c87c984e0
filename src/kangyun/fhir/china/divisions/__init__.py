"""Administrative divisions of China, province to village, present and abolished.

    lookup("330103")                     # 下城区, until 2021, successor 330105
    lookup("330102001001")               # a village, with its path
    lookup("110103", on=date(2005, 1, 1))
    in_edition("330103", 2023)           # ("330105",): where statistics of 2023 count it
    search("西湖区", level="county")

A code has 2, 4 or 6 digits down to the county, 9 to the town, 12 to the village; `plain` brings other spellings to
these. History is known by the year and to the county only: an ID number keeps the county where it was first given out,
so abolished codes are good. Towns and villages are those of one edition.

Source: data/SOURCE.md
"""

from kangyun.fhir.china.divisions.places import EDITION
from kangyun.fhir.china.divisions.searching import search
from kangyun.fhir.china.divisions.table import (
    LEVELS,
    Division,
    Level,
    editions,
    in_edition,
    is_demonstration,
    latest_edition,
    lookup,
    plain,
)

__all__ = [
    "EDITION",
    "LEVELS",
    "Division",
    "Level",
    "editions",
    "in_edition",
    "is_demonstration",
    "latest_edition",
    "lookup",
    "plain",
    "search",
]

"""Comparators: how alike two values are, as a grade out of a short ordered list. Pure.

`COMPARATORS` is the table that a schema names them from; whoever has more of them passes `COMPARATORS | MORE`. All are
symmetric, and equal values are always of the first grade. Distances are those of optimal string alignment: one
wrong, missing, extra, or two transposed neighbours count one.

Source: Winkler WE. String comparator metrics and enhanced decision rules in the Fellegi-Sunter model of record linkage.
Proceedings of the Section on Survey Research Methods, ASA 1990; distances are rapidfuzz's. The limits are choices of
ours, made by what each kind of slip looks like, not fitted to labelled pairs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rapidfuzz.distance import OSA, JaroWinkler


@dataclass(frozen=True)
class Comparator:
    """`compare` returns the place of a grade in `grades`, or `len(grades)` where values have nothing in common."""

    grades: tuple[str, ...]
    compare: Callable[[str, str], int]


def _exact(a: str, b: str) -> int:
    return 0 if a == b else 1


def _latin_name(a: str, b: str) -> int:
    if a == b:
        return 0
    if a > b:  # Jaro's matches are sought greedily, so that they may depend on which string is first.
        a, b = b, a
    shorter = len(a) if len(a) < len(b) else len(b)
    if shorter > 2 and OSA.distance(a, b, score_cutoff=1) <= 1:
        return 1
    several = " " in a or " " in b
    if several and (a.replace(" ", "") == b.replace(" ", "") or sorted(a.split()) == sorted(b.split())):
        return 1
    alike = JaroWinkler.similarity(a, b, score_cutoff=0.8)
    if alike >= 0.9:
        return 2
    # An initial, a name cut short, or one of several names.
    if alike or b.startswith(a) or (several and set(a.split()) & set(b.split())):
        return 3
    return 4


def _date(a: str, b: str) -> int:
    """Dates are YYYYMMDD, YYYYMM or YYYY."""
    if a == b:
        return 0
    if len(a) != 8 or len(b) != 8:
        return 3 if a[:4] == b[:4] and (a.startswith(b) or b.startswith(a)) else 5
    if a[:4] == b[:4] and a[4:6] == b[6:] and a[6:] == b[4:6]:
        return 1
    if OSA.distance(a, b, score_cutoff=1) <= 1 and _one_slip(a, b):
        return 2
    agreeing = (a[:4] == b[:4]) + (a[4:6] == b[4:6]) + (a[6:] == b[6:])
    if agreeing == 2 or OSA.distance(a, b, score_cutoff=2) <= 2:
        return 3
    return 4 if a[:4] == b[:4] else 5


def _one_slip(a: str, b: str) -> bool:
    """Whether strings of one length differ in one place, or in two neighbours that are transposed."""
    places = [place for place, (one, other) in enumerate(zip(a, b, strict=True)) if one != other]
    return len(places) == 1 or (len(places) == 2 and places[1] == places[0] + 1 and a[places[0]] == b[places[1]])


def _number(a: str, b: str) -> int:
    if a == b:
        return 0
    # A short number is another number when one digit is.
    if min(len(a), len(b)) < 3:
        return 3
    distance = OSA.distance(a, b, score_cutoff=2)
    if distance == 1 or (min(len(a), len(b)) >= 6 and (a.endswith(b) or b.endswith(a))):
        return 1
    return 2 if distance == 2 and min(len(a), len(b)) >= 5 else 3


def _text(a: str, b: str) -> int:
    if a == b:
        return 0
    one, words = _words(a)
    other, others = _words(b)
    shorter, longer = len(one), len(other)
    if shorter > longer:
        shorter, longer = longer, shorter
    limit = int(0.4 * longer)
    distance = OSA.distance(one, other, score_cutoff=limit)
    if distance <= 0.15 * longer or (distance == 1 and shorter > 3):
        return 1
    common = words & others
    if not common:
        return 2 if distance <= 0.3 * longer else 3 if distance <= limit else 4
    if len(common) == len(words) == len(others):
        return 1
    shared = sum([len(word) for word in common])
    if distance <= 0.3 * longer or 2 * shared >= longer:
        return 2
    return 3 if distance <= limit or shared > 3 else 4


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[str, frozenset[str]]:
    return text.replace(" ", ""), frozenset(text.split())


COMPARATORS: Mapping[str, Comparator] = {
    "exact": Comparator(("exact",), _exact),
    # Names in Latin letters, lower case.
    "latin-name": Comparator(("exact", "slip", "close", "alike"), _latin_name),
    # `part`: two of year, month and day, or two slips, or one date is the beginning of the other.
    "date": Comparator(("exact", "swapped", "slip", "part", "year"), _date),
    # Telephone and other numbers, digits and letters only.
    "number": Comparator(("exact", "slip", "close"), _number),
    # Words, as in an address.
    "text": Comparator(("exact", "slip", "close", "alike"), _text),
}

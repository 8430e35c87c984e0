"""How alike two values of registrations are, as a grade out of a short ordered list: 0 the best. Pure.

`COMPARATORS` is the table that a linkage names them from. Each takes two values as `reading` writes them, is symmetric,
gives 0 for equal ones, and `len(grades)` for what has nothing in common. What a grade is worth is learned elsewhere:
the order only says which is tried first where two hold.

Sources: the slips are those that studies of hospital registration name (homophones, look-alikes, transposed digits,
month and day swapped, 1 January for a day that nobody knew); the limits are choices of ours.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from kangyun.base.numbers import documents
from kangyun.base.numbers.phones import phone as _phone_of
from kangyun.base.numbers.resident_id import plain
from kangyun.identity.registration import addresses, naming
from kangyun.identity.registration.slips import differing, transposed, within


class Graded(NamedTuple):
    """`compare` returns the place of a grade in `grades`, or `len(grades)`."""

    grades: tuple[str, ...]
    compare: Callable[[str, str], int]


ID_GRADES = ("same", "slip", "elsewhere", "same-birth")
PHONE_GRADES = ("same", "tail", "slip")
DATE_GRADES = ("same", "swapped", "month", "default", "slip", "transposed", "year", "decade")
DIVISION_GRADES = ("village", "town", "county", "city", "province")
ADDRESS_GRADES = ("same", "door", "place", "other-door", "town", "county", "city")
SEX_GRADES = ("same",)


def id_number(one: str, other: str) -> int:
    """Grades two identity card numbers; one of 15 digits is the same as what it became.

    `elsewhere`: born the same day, same sequence, another division. `same-birth`: same division and day of birth.
    """
    if one == other:
        return 0
    a, b = _number(one), _number(other)
    if a == b:
        return 0
    if within(a, b, 1) and min(len(a), len(b)) >= 15:
        return 1
    if len(a) != 18 or len(b) != 18:
        return len(ID_GRADES)
    if a[6:17] == b[6:17]:
        return 2
    return 3 if a[:14] == b[:14] else len(ID_GRADES)


def phone(one: str, other: str) -> int:
    """Grades two telephone numbers. `tail`: the last eight digits, so that an area code may be missing."""
    if one == other:
        return 0
    a, b = _telephone(one), _telephone(other)
    if a == b:
        return 0
    if a[-8:] == b[-8:] and min(len(a), len(b)) >= 8:
        return 1
    return 2 if min(len(a), len(b)) >= 7 and within(a, b, 1) else len(PHONE_GRADES)


def birth_date(one: str, other: str) -> int:
    """Grades two dates, with dashes or without.

    `month`: one month, and the first or no day stands for what nobody knew. `default`: one year, and 1 January does.
    `slip`: one digit wrong. `year`: one year more or less, same day. `decade`: ten years.
    """
    if one == other:
        return 0
    a, b = one.replace("-", ""), other.replace("-", "")
    if a == b:
        return 0
    if len(a) != 8 or len(b) != 8 or not (a + b).isdecimal():
        return _not_to_the_day(a, b)
    if a[:4] == b[:4]:
        if a[4:6] == b[6:] and a[6:] == b[4:6]:
            return 1
        if a[4:6] == b[4:6] and "01" in (a[6:], b[6:]):
            return 2
        if "0101" in (a[4:], b[4:]):
            return 3
    if len(differing(a, b)) == 1:
        return 4
    if transposed(a, b):
        return 5
    years = abs(int(a[:4]) - int(b[:4])) if a[4:] == b[4:] else 0
    return 6 if years == 1 else 7 if years == 10 else len(DATE_GRADES)


def _not_to_the_day(one: str, other: str) -> int:
    """Grades two dates one of which is a year or a month."""
    short, long = sorted((one, other), key=len)
    return {4: 3, 6: 2}.get(len(short), len(DATE_GRADES)) if long.startswith(short) else len(DATE_GRADES)


def division(one: str, other: str) -> int:
    """Grades two codes of divisions, of 6 to 12 digits, by what they begin with in common."""
    if one == other:
        return 0
    shared = min(len(one), len(other))
    for grade, length in enumerate((12, 9, 6, 4, 2)):
        if shared >= length and one[:length] == other[:length]:
            return grade
    return len(DIVISION_GRADES)


def address(one: str, other: str) -> int:
    """Grades two addresses as they were written.

    `door`: one place, and all that both count there agrees. `other-door`: one place, and something does not agree.
    """
    if one == other:
        return 0
    a, b = addresses.read(one), addresses.read(other)
    if a.text == b.text:
        return 0
    if _differ(a.city, b.city) or _differ(a.county, b.county):
        return 6 if a.city and a.city == b.city else len(ADDRESS_GRADES)
    if a.places & b.places and not _differ(a.town, b.town):
        return _doors(a.doors, b.doors)
    for grade, (x, y) in enumerate(((a.town, b.town), (a.county, b.county), (a.city, b.city)), 4):
        if x and x == y:
            return grade
    return len(ADDRESS_GRADES)


def sex(one: str, other: str) -> int:
    """Grades two sexes."""
    return 0 if one == other else 1


@lru_cache(65536)
def _number(text: str) -> str:
    return documents.identity(text) or plain(text)


@lru_cache(65536)
def _telephone(text: str) -> str:
    return _phone_of(text) or plain(text)


def _differ(one: str, other: str) -> bool:
    return bool(one and other and one != other)


def _doors(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """Grades what is counted at one place."""
    shared = one.keys() & other.keys()
    if not shared:
        return 2
    return 1 if all(one[unit] == other[unit] for unit in shared) else 3


COMPARATORS: Mapping[str, Graded] = {
    "chinese-name": Graded(naming.GRADES, naming.chinese_name),
    "id-number": Graded(ID_GRADES, id_number),
    "phone": Graded(PHONE_GRADES, phone),
    "birth-date": Graded(DATE_GRADES, birth_date),
    "division": Graded(DIVISION_GRADES, division),
    "address": Graded(ADDRESS_GRADES, address),
    "sex": Graded(SEX_GRADES, sex),
}

"""The number of China's identity card, and what has its form: read, checked, brought to 18 characters. Pure.

Source: GB 11643-1999 (6 digits of division, 8 of birth, 3 of sequence, odd for men; check character by ISO 7064 MOD
11-2). Numbers of 15 digits are those given out before, with a year of two digits; of these the sequences 996 to 999
were for people born in the century before (from memory, `unverified`). Residence permits of people of Hong Kong, Macao
and Taiwan have the same form under divisions 810000, 820000 and 830000, and so have cards of foreign permanent
residents since 2023-12-01: a 9, 2 digits of province, 3 of nationality, birth, sequence, check (National Immigration
Administration, machine-reading rules of 2023; the places of province and nationality `unverified`).

Numbers under 99 are fictitious: no division and no province begins so. Only a demonstration takes them.
"""

import unicodedata
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

Sex = Literal["male", "female"]
Kind = Literal["resident", "residence-permit", "foreign", "demo"]

# GB/T 2260: provinces as the first two digits of a division; 81 to 83 also begin residence permits.
_PROVINCES = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
PROVINCES = frozenset(_PROVINCES.split())
PERMITS = ("810000", "820000", "830000")
DEMO = "99"
OLDEST = 1800
"""Year of birth before which a number is none: nobody who was born earlier ever had one."""
_CENTENARIANS = ("996", "997", "998", "999")
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
_CHECKS = "10X98765432"
_CROSSES = str.maketrans({"×": "X", "Х": "X", "х": "X", "✕": "X"})


class ResidentId(NamedTuple):
    """What a number says by itself. `division` is that of the first registration; a foreigner's is empty."""

    number: str
    kind: Kind
    division: str
    birth: date
    sex: Sex


def plain(text: str) -> str:
    """Returns a number as it is compared: of ASCII, letters and digits only, with a capital X."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_CROSSES)
    text = text.upper()
    return text if text.isalnum() else "".join(filter(str.isalnum, text))


@lru_cache(65536)
def read(number: str) -> ResidentId | None:
    """Returns what a plain number of 18 characters says; None where it is none: form, check, date or division."""
    digits = number[:17]
    if len(number) != 18 or not (digits.isascii() and digits.isdecimal()) or check_character(digits) != number[17]:
        return None
    kind = _kind(digits)
    birth = _date(digits[6:14])
    if kind is None or birth is None or birth.year < OLDEST:
        return None
    division = "" if kind == "foreign" else digits[:6]
    return ResidentId(number, kind, division, birth, "male" if int(digits[16]) % 2 else "female")


def is_valid(number: str) -> bool:
    """Whether a plain number is one of 18 characters with a date that there is and the right check character."""
    return read(number) is not None


def is_demo(number: str) -> bool:
    """Whether a plain number, of 15 or 18 characters, is a fictitious one: for demonstrations only."""
    return number.startswith(DEMO)


def check_character(digits: str) -> str:
    """Returns the check character of 17 digits."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11]


def upgraded(number: str) -> str:
    """Returns the 18 characters of a plain number of 15 digits; empty where it is none.

    A number of 15 digits has no check: one slip makes another number of it.
    """
    if len(number) != 15 or not (number.isascii() and number.isdecimal()):
        return ""
    century = "18" if number[12:] in _CENTENARIANS else "19"
    digits = number[:6] + century + number[6:]
    whole = digits + check_character(digits)
    return whole if is_valid(whole) else ""


def shortened(number: str) -> str:
    """Returns the 15 digits that a valid number had before 1999; empty where it never had them."""
    short = number[:6] + number[8:17]
    return short if upgraded(short) == number else ""


def forms(number: str) -> tuple[str, ...]:
    """Returns the forms that a valid number may stand in a record in: of 18 characters, and of the 15 before 1999."""
    short = shortened(number)
    return (number, short) if short else (number,)


def made(division: str, birth: date, sequence: int) -> str:
    """Returns the number of 18 characters. `sequence` is 0 to 999: odd for men, even for women."""
    digits = f"{division}{birth:%Y%m%d}{sequence:03d}"
    return digits + check_character(digits)


def _kind(digits: str) -> Kind | None:
    if digits[:6] in PERMITS:
        return "residence-permit"
    if digits[:2] in PROVINCES:
        return "resident"
    if digits[:2] == DEMO:
        return "demo"
    return "foreign" if digits[0] == "9" and digits[1:3] in PROVINCES else None


def _date(digits: str) -> date | None:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None

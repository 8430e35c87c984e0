"""Numbers of China's identity cards: read, checked, brought to 18 characters. Pure.

Source: GB 11643-1999 (18 characters; check character by ISO 7064 MOD 11-2); numbers of 15 digits are those given out
before, with a year of two digits. Residence permits of residents of Hong Kong, Macao and Taiwan have the same form.
"""

import unicodedata
from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def plain(text: str) -> str:
    """Returns a number as it is compared: without blanks, of ASCII, with a capital X."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def is_valid(number: str) -> bool:
    """Whether these are 18 characters with a date that there is and the right check character."""
    digits = number[:17]
    if len(number) != 18 or not (digits.isascii() and digits.isdecimal()):
        return False
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return check_character(digits) == number[17]


def check_character(digits: str) -> str:
    """Returns the check character of 17 digits."""
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(digits, _WEIGHTS, strict=True)) % 11]


def forms(number: str) -> tuple[str, ...]:
    """Returns the forms that a valid number may stand in a record in: of 18 characters, and of the 15 before 1999."""
    return (number, number[:6] + number[8:17]) if number[6:8] == "19" else (number,)

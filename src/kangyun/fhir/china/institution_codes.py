"""The numbers that Chinese institutions carry: read, checked, taken apart. Pure.

- The unified social credit code: 18 characters, of which the last checks the others and places 9 to 17 are the
  organisation code with its own check character. GB 32100-2015, GB 11714-1997.
- The health-institution code: 22 characters. Its parts (9 organisation, 6 division, 2 economic type, 4 class, 1
  management) are read from one specimen and from memory of WS 218-2002: `unverified`. So what does not fit them is a
  warning and no refusal; only its length and its letters are held against it.
- The code of a designated institution of health insurance has no public description: letters and digits, up to 20.
"""

import re
import unicodedata
from dataclasses import dataclass

_LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ORGANISATION_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HEALTH = re.compile(r"[0-9A-Z]{9}[0-9]{6}[0-9A-Z]{2}[A-Z][0-9]{3}[0-9]")

CREDIT_CODE, HEALTH_INSTITUTION = 18, 22  # characters


@dataclass(frozen=True, slots=True)
class HealthInstitutionCode:
    """The parts of a code of 22 characters. Where they stand is not verified."""

    organisation: str
    division: str
    economic_type: str
    class_: str
    management: str


def plain(text: str) -> str:
    """Returns a number as it is compared: without blanks and dashes, half width, capitals."""
    return "".join(unicodedata.normalize("NFKC", text).split()).replace("-", "").upper()


def credit_check(body: str) -> str:
    """Returns the check character of the first 17 of a credit code. Raises ValueError for a character it has not."""
    total = sum(_LETTERS.index(sign) * weight for sign, weight in zip(body, _WEIGHTS, strict=True))
    return _LETTERS[-total % 31]


def is_credit_code(code: str) -> bool:
    """Whether these are 18 characters of a credit code with the right check character."""
    if len(code) != CREDIT_CODE or any(sign not in _LETTERS for sign in code):
        return False
    return code[2:8].isdecimal() and credit_check(code[:17]) == code[17]


def is_organisation_code(code: str) -> bool:
    """Whether these are 9 characters of an organisation code with the right check character (X stands for 10)."""
    if len(code) != 9 or any(sign not in _ORGANISATION_LETTERS for sign in code):
        return False
    pairs = zip(code[:8], _ORGANISATION_WEIGHTS, strict=True)
    check = -sum(_ORGANISATION_LETTERS.index(sign) * weight for sign, weight in pairs) % 11
    return code[8] == "0123456789X"[check]


def organisation_of(credit_code: str) -> str:
    """Returns the organisation code that stands in a credit code."""
    return credit_code[8:17]


def division_of(credit_code: str) -> str:
    """Returns the division of the authority that registered a credit code."""
    return credit_code[2:8]


def health_institution(code: str) -> HealthInstitutionCode | None:
    """Returns the parts of a health-institution code, None for what has another form."""
    if len(code) != HEALTH_INSTITUTION or not _HEALTH.fullmatch(code):
        return None
    return HealthInstitutionCode(code[:9], code[9:15], code[15:17], code[17:21], code[21:])

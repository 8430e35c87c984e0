"""Papers and cards of a person other than the identity card: their numbers brought to one form. Pure.

Each function takes what was written and returns the number as it is compared, or an empty text where it is none. A form
that fits says little: eight digits are a travel permit of Taiwan and much else besides, so that the caller must know
from elsewhere which paper it is.

Sources: travel permits (National Immigration Administration: H or M and 8 digits, then 2 that count the cards given
out; Taiwan 8 digits, before 2015 also 10 with a letter or two of the issue); permanent residence cards (3 letters of
nationality and 12 digits before 2023-12); birth certificates (a letter and 9 digits); electronic health cards (64
hexadecimal digits). All lengths `unverified` against the issuers' own texts.
"""

import re
from collections.abc import Callable, Mapping

from kangyun.base.numbers import resident_id
from kangyun.base.numbers.fillers import is_filler, narrow
from kangyun.base.numbers.resident_id import plain

_HONG_KONG_MACAO = re.compile(r"([HM]\d{8})(?:\d{2})?")
_TAIWAN = re.compile(r"(\d{8})|(\d{10})[A-Z]{0,2}")
_PASSPORT = re.compile(r"(?=.*\d{4})[A-Z0-9]{6,15}")
_FOREIGN = re.compile(r"[A-Z]{3}\d{12}")
_BIRTH = re.compile(r"[A-Z]\d{9}")
_HEALTH_CARD = re.compile(r"[0-9A-F]{64}")
_SOCIAL_SECURITY = re.compile(r"[A-Z0-9]{9}|[A-Z0-9]{18}")
_OTHER = re.compile(r"[A-Z0-9._/-]{1,64}")


def identity(text: str) -> str:
    """Returns the 18 characters of an identity card or what has its form; also of one of 15 digits."""
    number = _unfilled(text)
    return number if resident_id.is_valid(number) else resident_id.upgraded(number)


def travel_permit_hong_kong_macao(text: str) -> str:
    """Returns H or M and 8 digits: a renewed card keeps them."""
    found = _HONG_KONG_MACAO.fullmatch(plain(text))
    return found[1] if found and len(set(found[1])) > 2 else ""


def travel_permit_taiwan(text: str) -> str:
    """Returns the 8 or 10 digits."""
    found = _TAIWAN.fullmatch(_unfilled(text))
    return (found[1] or found[2]) if found else ""


def passport(text: str) -> str:
    """Returns the letters and digits of a passport of any country."""
    return _fitting(_PASSPORT, text)


def foreign_permanent_residence(text: str) -> str:
    """Returns a card number of 15 characters, or of 18 since 2023."""
    number = plain(text)
    read = resident_id.read(number)
    return number if read and read.kind in ("foreign", "demo") else _fitting(_FOREIGN, text)


def birth_certificate(text: str) -> str:
    """Returns a letter and 9 digits."""
    return _fitting(_BIRTH, text)


def health_card(text: str) -> str:
    """Returns the 64 hexadecimal digits of an electronic health card."""
    return _fitting(_HEALTH_CARD, text)


def social_security(text: str) -> str:
    """Returns a card number of 9 characters, or a number of 18."""
    return _fitting(_SOCIAL_SECURITY, text)


def other(text: str) -> str:
    """Returns a number of no fixed form, with its dashes: of insurances, visits, records 1-23 is not 12-3."""
    number = "".join(narrow(text).upper().split())
    return number if _OTHER.fullmatch(number) and not is_filler(number) else ""


FORMS: Mapping[str, Callable[[str], str]] = {
    "identity": identity,
    "travel-permit-hong-kong-macao": travel_permit_hong_kong_macao,
    "travel-permit-taiwan": travel_permit_taiwan,
    "passport": passport,
    "foreign-permanent-residence": foreign_permanent_residence,
    "birth-certificate": birth_certificate,
    "health-card": health_card,
    "social-security": social_security,
    "other": other,
}
"""The functions of this module by the name that data gives them."""


def _unfilled(text: str) -> str:
    number = plain(text)
    return "" if is_filler(number) else number


def _fitting(form: re.Pattern[str], text: str) -> str:
    number = _unfilled(text)
    return number if number.isascii() and form.fullmatch(number) else ""

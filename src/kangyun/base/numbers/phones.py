"""Telephone numbers as people write them, made one form. Pure.

Source: ITU-T E.164; numbers of China: mobiles have 11 digits and begin with 13 to 19, area codes are 010, 02x or four
digits, and what follows has 7 or 8 (MIIT numbering plan).
"""

import re
from functools import lru_cache

from kangyun.base.numbers.fillers import is_filler, narrow

_COUNTRY = re.compile(r"^(?:\+86|0086)")
_MOBILE = re.compile(r"1[3-9]\d{9}")
_LANDLINE = re.compile(r"(?:010|02\d)?[2-9]\d{7}|0[3-9]\d{2}[2-9]\d{6,7}|[2-9]\d{6}")
_ABROAD = re.compile(r"(?:\+|00)(?!86|0)\d{7,15}")
_EXTENSION = re.compile(r"(?:转|分机|ext\.?|#)\s*\d*.*$|(?<=\d{7})-\d{1,5}$", re.IGNORECASE)
_SEPARATORS = re.compile(r"[,;/、|或]|(?<=\d{11}) (?=\d)")
_SIGNS = re.compile(r"[\s().\-‐-―]")


@lru_cache(65536)
def mobile(text: str) -> str:
    """Returns a mobile number of 11 digits; empty where it is none."""
    plain = _COUNTRY.sub("", _SIGNS.sub("", narrow(text)))
    return plain if plain.isascii() and _MOBILE.fullmatch(plain) else ""


@lru_cache(65536)
def phone(text: str) -> str:
    """Returns a telephone number as it is compared; empty where it is none, a filler, or lacks digits.

    A mobile has 11 digits, a landline its area code if that was written, one abroad a plus sign. An extension is left
    out. A landline whose area code lost its 0 is none: nobody may put it back.
    """
    found = mobile(text)
    if found:
        return "" if is_filler(found) else found
    plain = _SIGNS.sub("", _EXTENSION.sub("", narrow(text)))
    if is_filler(plain) or not plain.isascii():
        return ""
    if _ABROAD.fullmatch(plain):
        return "+" + plain.lstrip("+0")
    at_home = re.sub(r"^(?:\+86|0086)0?", "0", plain)
    return next((number for number in (plain, at_home) if _LANDLINE.fullmatch(number)), "")


def phones(text: str) -> tuple[str, ...]:
    """Returns the telephone numbers of a text that may hold several: 13900001111/0531-88886666."""
    found = (phone(part) for part in _SEPARATORS.split(narrow(text)))
    return tuple(dict.fromkeys(number for number in found if number))

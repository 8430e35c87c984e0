"""Amounts, counts and numbers that identify. What Excel broke is refused, never guessed.

A column of fixed width that lost its zeros gets them back only where the feed declares the width: 12 of four is 0012.
"""

import re
from decimal import Decimal
from functools import lru_cache

from kangyun.base.numbers import documents, resident_id
from kangyun.base.numbers.fillers import is_filler
from kangyun.base.numbers.phones import phone as number_of_phone
from kangyun.exchange.tables.values.cells import Unfit, said

_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d*)?[Ee]\+?\d{1,3}")
_CUT = re.compile(r"[1-9]\d{14}0{3}")
_DAY = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?: 0?0:00(?::00(?:\.0+)?)?)?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d)\.?)")
_MOST_DIGITS = 24


@lru_cache(8192)
def number(cell: str) -> Decimal | None:
    """Returns a number with its digits; None where the cell says nothing."""
    text = said(cell).strip("¥￥元 ")
    if not text:
        return None
    if _SCIENTIFIC.fullmatch(text):
        raise Unfit("number-scientific")
    if not _NUMBER.fullmatch(text) or len(text) > _MOST_DIGITS or not text.isascii():
        raise Unfit("number-wrong")
    return Decimal(text.replace(",", "").removesuffix(".").removeprefix("+"))


@lru_cache(8192)
def key(cell: str) -> str:
    """Returns a part of a business key: of one width, without blanks around it, in capitals; empty for a filler.

    A day is 20260105 however it was written.
    """
    text = said(cell)
    if _SCIENTIFIC.fullmatch(text) and ("." in text or "+" in text):  # 12E5 may be a code, 1E+17 is Excel's.
        raise Unfit("number-scientific")
    day = _DAY.fullmatch(text)
    return f"{day[1]}{day[2]:0>2}{day[3]:0>2}" if day else text.upper()


@lru_cache(4096)
def padded(cell: str, width: int) -> str:
    """Returns a code of a fixed width whose zeros may be lost; any other text as it is."""
    text = said(cell)
    return text.zfill(width) if text.isascii() and text.isdecimal() else text


def document(cell: str, form: str) -> str:
    """Returns the number of a person's paper as it is compared; form: a name of `documents.FORMS`, or `identity`.

    15 digits of an identity card stay as they are. Raises Unfit for a number that is none, and says what broke it.
    """
    text = said(cell)
    if is_filler(text) or not text.strip("0"):
        return ""
    plain = resident_id.plain(text)
    if resident_id.is_valid(plain) and form in ("identity", "other"):
        return plain
    if _SCIENTIFIC.fullmatch(text):
        raise Unfit("number-scientific")
    if _CUT.fullmatch(plain) and len(plain) == 18:
        raise Unfit("number-cut")
    if form == "identity":
        if resident_id.upgraded(plain):
            return plain
        raise Unfit("id-number-wrong")
    found = documents.FORMS[form](text)
    if not found:
        raise Unfit("document-wrong")
    return found


def is_identity(cell: str) -> bool:
    """Whether a text is the number of an identity card, of 18 characters or the old 15."""
    plain = resident_id.plain(cell)
    return resident_id.is_valid(plain) or bool(resident_id.upgraded(plain))


def phone(cell: str) -> str:
    """Returns a telephone number; raises Unfit for one that is none, as where the area code lost its 0."""
    text = said(cell)
    if not text or is_filler(text):
        return ""
    found = number_of_phone(text)
    if not found:
        raise Unfit("phone-wrong")
    return found

"""Telephone numbers as people write them, made one form. Pure.

Source: ITU-T E.164; mobile numbers of China have 11 digits and begin with 13 to 19 (MIIT numbering plan).
"""

import re

from kangyun.base.errors import Invalid

_MOBILE = re.compile(r"(?:\+86|0086)?(1[3-9]\d{9})")
_FULLWIDTH = str.maketrans("０１２３４５６７８９＋－", "0123456789+-")


def checked_phone(text: object, at: str = "phone") -> str:
    """Returns a mobile number of 11 digits. Raises Invalid, which does not quote it."""
    plain = re.sub(r"[\s()-]", "", text.translate(_FULLWIDTH)) if isinstance(text, str) and len(text) < 40 else ""
    found = _MOBILE.fullmatch(plain)
    if not found or not plain.isascii():
        raise Invalid("access.messages.not-a-phone", at=at)
    return found[1]

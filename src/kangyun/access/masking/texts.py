"""How one value is masked. Pure: text in, text out.

A star stands for each character that is not shown. At least a third of a value is hidden, whatever the table says.
"""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from kangyun.identity.registration.surnames import DOTS, compound_surnames

STAR = "*"
_HAN = re.compile(r"[㐀-鿿豈-﫿\U00020000-\U0003ffff]+")
_IDENTITY = re.compile(r"\d{17}[\dXx]|\d{15}")
_DISTRICT = re.compile(r"^.*?(?:自治县|自治旗|特区|林区|新区|矿区|[县旗]|(?<!自治)区|(?<=[市州盟])[^市县区]{1,6}市)")
_CITY = re.compile(
    r"^(?:[^省市区]{2,10}(?:自治区|省))?[^省市区]{1,12}?(?:市|自治州|盟|地区)|^[^省市区]{2,10}(?:自治区|省|市)"
)
# What is found was no division where one of these stands in it: 文三路12号阳光小区.
_SMALLER = re.compile(r"[路街道号村镇乡弄巷幢苑园\d]|小区|社区|校区|厂区")


def mask_name(text: str) -> str:
    """Returns a name as it may be shown: 张*明, 李*, 欧阳**, 阿**·买**, J*** S****.

    Of a name in Chinese characters the family name stays, and of three characters or more with a family name of one the
    last; of each part of any other name its first character. A single character is a star.
    """
    text = " ".join(text.split())
    if _HAN.fullmatch(text):
        return _mask_han(text)
    parts = re.split(rf"([\s{re.escape(DOTS)}\-,，、.（）()]+)", text)
    shown = [part if place % 2 else part[:1] + STAR * (len(part) - 1) for place, part in enumerate(parts)]
    result = "".join(shown)
    return STAR * len(text) if result == text else result


def _mask_han(text: str) -> str:
    if len(text) == 1:
        return STAR
    if len(text) > 2 and text[:2] in compound_surnames():
        return text[:2] + STAR * (len(text) - 2)
    if len(text) == 2:
        return text[0] + STAR
    return text[0] + STAR * (len(text) - 2) + text[-1]


def is_identity_number(text: str) -> bool:
    """Whether a text has the form of the number of an identity card."""
    return _IDENTITY.fullmatch(text.strip()) is not None


def mask_number(text: str) -> str:
    """Returns an identity or other number as it may be shown: 330106********28."""
    text = text.strip()
    return _ends(text, "identity" if _IDENTITY.fullmatch(text) else "number")


def mask_phone(text: str) -> str:
    """Returns a telephone number as it may be shown, without its punctuation: 138****1234, +86138****1234."""
    abroad = re.match(r"\s*(\+86|0086)[\s-]*", text)
    digits = "".join(sign for sign in text[abroad.end() if abroad else 0 :] if sign.isdigit())
    return ("+86" if abroad else "") + _ends(digits, "phone")


def mask_email(text: str) -> str:
    """Returns an address of electronic mail as it may be shown: l***@example.org."""
    name, at, host = text.strip().rpartition("@")
    return f"{name[:1] if len(name) > 1 else STAR}{STAR * 3}@{host}" if at and name else STAR * 3


def district_of(text: str) -> str:
    """Returns an address down to its county or district, or to its city; empty where neither is to be found."""
    for pattern in (_DISTRICT, _CITY):
        found = pattern.match(text.strip())
        if found and not _SMALLER.search(found[0]):
            return found[0]
    return ""


def year_of(text: str) -> str:
    """Returns the year of a FHIR date or dateTime."""
    return text[:4]


def _ends(text: str, kind: str) -> str:
    first, last = _shown()[kind]
    hidden = len(text) - first - last
    if hidden * 3 < len(text):  # Too short for the table: the end only, or nothing.
        first, last = 0, min(last, len(text) // 4)
        hidden = len(text) - last
    return text[:first] + STAR * hidden + text[len(text) - last :]


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("data", "masking.toml").read_text("utf-8"))


@cache
def _shown() -> dict[str, tuple[int, int]]:
    return {kind: (row["first"], row["last"]) for kind, row in _table().items() if isinstance(row, dict)}

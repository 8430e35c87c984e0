"""What people write where there is nothing to write: `-`, 无, 不详, 000000, 身份证不详. Absent, never a value.

Only for names, numbers, telephones and addresses: 无 in a column of allergies is an answer.
"""

import re
import tomllib
import unicodedata
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

# Private-use codes are rare characters of names.
_PUNCTUATION = re.compile(r"(?:(?![\ue000-\uf8ff])[\W_])+")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
_HELD = 7
"""Digits from which on one that repeats, or one after the other, is no number: a hospital does give out 3456."""
_ROWS = ("0123456789", "9876543210")


class _Table(NamedTuple):
    words: frozenset[str]
    beginnings: re.Pattern[str]
    numbers: frozenset[str]


def narrow(text: str) -> str:
    """Returns a text of one width, without marks that nobody sees, blanks single and none at the ends."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).split())


@lru_cache(65536)
def is_filler(text: str) -> bool:
    """Whether a text stands for nothing."""
    bare = _PUNCTUATION.sub("", narrow(text)).casefold()
    table = _table()
    return not bare or bare in table.words or table.beginnings.match(bare) is not None or _is_filler_number(bare)


def stated(text: object) -> str:
    """Returns the text of one width if it says something, else an empty text; anything that is no text says nothing."""
    return "" if not isinstance(text, str) or is_filler(text) else narrow(text)


def _is_filler_number(bare: str) -> bool:
    """Whether it is 0000, 111111111111111111 or 1234567890123: a key held down, or keys in their order."""
    if bare in _table().numbers:
        return True
    if not (bare.isascii() and bare.isdecimal()):
        return False
    if len(set(bare)) == 1:
        return len(bare) >= (2 if bare[0] == "0" else _HELD)
    return len(bare) >= _HELD and any(bare in row * (len(bare) // 10 + 2) for row in _ROWS)


@cache
def _table() -> _Table:
    table = tomllib.loads(files(__package__).joinpath("data", "fillers.toml").read_text("utf-8"))
    beginnings = "|".join(table["beginnings"])
    return _Table(frozenset(table["words"]), re.compile(f"(?:{beginnings})"), frozenset(table["numbers"]))

"""A cell's text: whether it says anything, in one width, and as it may be shown to who sent it."""

import re
from functools import lru_cache

from kangyun.base.numbers.fillers import narrow
from kangyun.exchange.conventions import fillers

_PUNCTUATION = re.compile(r"[-/\\—–_.,，。、*#~?？·\s]*")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\uffff]")
_DIGITS = re.compile(r"[\d年月日时分秒:：/.\-+ ]{1,24}")
_LONGEST_SHOWN = 24
_LONGEST_KEPT = 256  # characters: 8,192 texts of a megabyte would not fit into memory
_LONGEST_FILLER = 6  # letters, of those in the conventions


class Unfit(ValueError):
    """A cell does not say what its column is for.

    text: a key of this package's texts; it quotes nothing. part: which of the cells, where a rule took several.
    """

    def __init__(self, text: str, part: int = 0, **parameters: str | int) -> None:
        super().__init__(text)
        self.text = text
        self.part = part
        self.parameters = parameters


def said(cell: str) -> str:
    """Returns a cell in one width if it says something, else an empty text. For codes, numbers and times."""
    if len(cell) > _LONGEST_KEPT:
        return _said.__wrapped__(cell)
    # Most cells are numbers and codes of letters and digits, and no filler is as long.
    return cell if len(cell) > _LONGEST_FILLER and cell.isascii() and cell.isalnum() else _said(cell)


@lru_cache(8192)
def _said(cell: str) -> str:
    text = narrow(_CONTROLS.sub("", cell))
    return "" if _PUNCTUATION.fullmatch(text) or text.casefold() in fillers() else text


def words(cell: str) -> str:
    """Returns a text as it was written, without what nobody sees; empty for a filler."""
    return answer(cell) if said(cell) else ""


def answer(cell: str) -> str:
    """Returns a text in which 无 and 不详 are answers, as in a history of allergies; empty for punctuation alone."""
    text = _CONTROLS.sub("", cell.replace("\r\n", "\n").replace("\r", "\n")).strip()
    return "" if _PUNCTUATION.fullmatch(text) or text.casefold() in ("null", "(null)") else text


def masked(cell: str, *, personal: bool) -> str | None:
    """Returns a cell as it may be shown to who sent it; None for an empty one.

    personal: whether it may be of a person: only the first sign is shown then, and the last of a long number. Else
    short codes and whatever is made of digits are shown as they are. Nothing tells what stands in the wrong column.
    """
    text = narrow(cell)
    if not text:
        return None
    if not personal and (_DIGITS.fullmatch(text) or (text.isascii() and len(text) <= 4)):
        return text
    shown = text[:1] + "*" * (min(len(text), _LONGEST_SHOWN) - 1)
    return shown[:-1] + text[-1] if len(text) > 7 and text.isascii() else shown

"""Which encoding a file has. Chinese files are UTF-8 or GB 18030, of which GBK is a part, and seldom say so.

A third kind is GBK out of a database that calls itself US7ASCII: its bytes were taken for Latin letters one by one, and
written again as UTF-8. Where the letters of a file make sense only as GBK, they are read so.

Source: RFC 3629 (UTF-8), GB 18030-2022; the rest is experience with Oracle's US7ASCII.
"""

import codecs
import re
from typing import NamedTuple

SAMPLE = 65_536
SEVEN_BITS = "us7ascii"
"""How a source is declared that holds GBK and calls itself US7ASCII."""
_HAN = re.compile("[\u3400-\u9fff]")
_TWO_HIGH = re.compile("[\x80-\xff]{2}")
"""A character of GBK as two letters: in Müller stands one alone."""
_MOST_BROKEN = 3
"""Characters of UTF-8 to each broken byte, from which on a file is UTF-8 nevertheless."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030", "utf8": "utf-8", "utf-8": "utf-8-sig"}


class Encoding(NamedTuple):
    """How bytes become text. name: as it is told. codec: of Python. seven_bits: whether letters are bytes of GBK."""

    name: str
    codec: str
    seven_bits: bool = False

    def text(self, written: str) -> str:
        """Returns a decoded text as it was meant."""
        return from_seven_bits(written) if self.seven_bits else written


def declared(name: str) -> Encoding | None:
    """Returns the encoding of a declared name, None for a name that nobody knows."""
    plain = name.strip().lower().replace("_", "-")
    if plain == SEVEN_BITS:
        return Encoding(SEVEN_BITS, "gb18030")
    try:
        return Encoding(plain, codecs.lookup(_NAMES.get(plain, plain)).name)
    except LookupError:
        return None


def detected(sample: bytes, *, whole: bool) -> Encoding:
    """Returns the encoding of the first bytes of a file. whole: whether they are all of it."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return Encoding(name, name)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(sample, final=whole)
    except UnicodeDecodeError:
        # A broken byte or two make no other encoding: bytes of GBK hardly ever are characters of UTF-8.
        text = sample.decode("utf-8", "replace")
        is_utf8 = len(_HAN.findall(text)) > _MOST_BROKEN * text.count("\ufffd")
        return Encoding("utf-8", "utf-8") if is_utf8 else Encoding("gb18030", "gb18030")
    if text.isascii():
        return Encoding("ascii", "ascii")
    if not _HAN.search(text) and from_seven_bits(text) != text:
        return Encoding(SEVEN_BITS, "utf-8", seven_bits=True)
    return Encoding("utf-8", "utf-8")


def is_utf8_as_gbk(text: str) -> bool:
    """Whether a text that was read as GB 18030 is UTF-8: where two programs wrote one file. `娴嬭瘯` is 测试."""
    try:
        meant = text.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return False
    return len(_HAN.findall(meant)) > 1


def from_seven_bits(text: str) -> str:
    """Returns what Latin letters say that are bytes of GBK, and any other text as it is: `²âÊÔ` is 测试."""
    if not _TWO_HIGH.search(text):
        return text
    try:
        meant = text.encode("latin-1").decode("gb18030")
    except UnicodeError:
        return text
    return meant if _HAN.search(meant) else text

"""Which character set a message is in. Pure.

MSH-18 says it, or nothing does, or it is wrong: a program that was moved to UTF-8 goes on saying GBK. Bytes that are
UTF-8 and come to Chinese characters are taken for that whatever was said, since other text hardly ever is by chance;
what is no UTF-8 is GB18030, of which GBK and GB2312 are parts. Delimiters are looked for in text only: the second byte
of a Chinese character may be `|`, `^`, `~` or a backslash.

Source: HL7 table 0211; GB 18030-2005 as Python reads it, so that what only the edition of 2022 places is not there.
"""

import codecs
import re

UTF8, GB18030 = "utf-8", "gb18030"
_DECLARED = {
    "UNICODEUTF8": UTF8, "UTF8": UTF8, "GB18030": GB18030, "GB180302000": GB18030, "GB180302005": GB18030,
    "GB180302022": GB18030, "GBK": GB18030, "GB2312": GB18030, "CP936": GB18030, "MS936": GB18030, "EUCCN": GB18030,
}  # fmt: skip
_WIDE = re.compile("[\u0800-\U0010ffff]")
# What reports in Latin letters have beyond ASCII; two bytes each in UTF-8, and each one Chinese character in GBK.
_SIGNS = re.compile("[\x00-\x7f°±²³µ·×÷\u0391-\u03c9]*")


def declared(name: str) -> str | None:
    """Returns the codec of a name in MSH-18; None where it is empty, unknown or says nothing of Chinese."""
    return _DECLARED.get("".join(sign for sign in name.upper() if sign.isalnum()))


def decoded(raw: bytes, name: str) -> tuple[str, str] | None:
    """Returns the text of a message and the codec that it was in; None where it is in none of ours.

    name: what MSH-18 says.
    """
    raw = raw.removeprefix(codecs.BOM_UTF8)
    said = declared(name)
    if raw.isascii():
        return raw.decode("ascii"), said or UTF8
    utf8 = _decoded(raw, UTF8)
    if utf8 is not None and (said == UTF8 or _WIDE.search(utf8)):
        return utf8, UTF8
    if utf8 is not None and said is None and _SIGNS.fullmatch(utf8):
        return utf8, UTF8
    gb18030 = _decoded(raw, GB18030)
    if gb18030 is not None:
        return gb18030, GB18030
    return (utf8, UTF8) if utf8 is not None else None


def _decoded(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except UnicodeDecodeError:
        return None

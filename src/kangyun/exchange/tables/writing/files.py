"""Rows as a file: a header and a row each, and no text that a program would take for a formula. Pure.

Such a text gets the full-width form of its first sign, which `reading` reads as the sign itself.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

LIVE = str.maketrans("=+-@", "＝＋－＠")


def content(
    header: Sequence[str], rows: Iterable[Mapping[str, str]], encoding: str = "utf-8-sig", *, headed: bool = True
) -> bytes:
    """Returns rows as a file. encoding: `gb18030` where the receiver wants GBK. headed: with its header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(header), lineterminator="\r\n")
    if headed:
        writer.writeheader()
    writer.writerows(rows)
    # A mark belongs at the beginning of a file only.
    return out.getvalue().encode(encoding if headed else encoding.removesuffix("-sig"))


def inert(text: str) -> str:
    """Returns a text that no program calculates; numbers below zero stay."""
    text = text.strip()
    if text[:1] in ("=", "+", "@") or (text[:1] == "-" and not text[1:].replace(".", "", 1).isdecimal()):
        return text[0].translate(LIVE) + text[1:]
    return text

"""Bytes of one message to its segments. Pure; the oracle of its tests is hl7apy.

It refuses what cannot be read, and never guesses: a line that is no segment is mostly a report whose line breaks were
not escaped, and what followed it would be lost.

Source: HL7 v2.5.1 chapter 2, 2.5.4 (delimiters), 2.14.9 (MSH).
"""

import re
from dataclasses import dataclass

from kangyun.exchange.entries import Place, Refusal
from kangyun.exchange.hl7v2 import characters
from kangyun.exchange.hl7v2.message import Marks, Message, Segment, free_of_controls

TEXTS = "exchange.hl7v2."
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
LONGEST_ID = 199
"""Characters of MSH-10 (v2.7 and later; 20 before), by which a message is known again."""
_HEAD = 4096
"""Bytes of a message that are looked at for what MSH says."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a message may have. text: characters of an OBX, which may hold a document; segment: of any other."""

    segments: int = 20_000
    segment: int = 256_000
    text: int = 16_000_000


class Unreadable(Exception):
    """A message that cannot be split. header: MSH as far as it could be read, to answer by."""

    def __init__(self, refusal: Refusal, header: Segment | None = None) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal
        self.header = header


def split(raw: bytes, limits: Limits | None = None) -> Message:
    """Returns the message. Raises Unreadable, and nothing else, whatever is given."""
    limits = limits or Limits()
    header = head(raw)
    if header is None:
        raise Unreadable(_refusal("no-header", None, None, "MSH"))
    read = characters.decoded(raw, header.text(18))
    if read is None:
        raise Unreadable(_refusal("characters", header, None, "MSH-18"), header)
    text, codec = read
    marks = _marks(text, codec)
    if marks is None:
        raise Unreadable(_refusal("delimiters", header, 1, "MSH-2"), header)
    segments = _segments(free_of_controls(text), marks, limits, header)
    message = Message(segments, marks, len(text))
    if not message.control_id:
        raise Unreadable(_refusal("no-control-id", header, 1, "MSH-10"), message.header)
    if len(message.control_id) > LONGEST_ID:
        raise Unreadable(_refusal("control-id-too-long", header, 1, "MSH-10", most=LONGEST_ID), message.header)
    return message


def head(raw: bytes) -> Segment | None:
    """Returns MSH as far as it can be read; None where the bytes begin with none, or name no delimiters."""
    start = raw[:_HEAD].removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n \x0b")
    first = start.split(b"\r", 1)[0].split(b"\n", 1)[0]
    line, codec = characters.decoded(first, "") or (first.decode("ascii", "replace"), characters.UTF8)
    marks = _marks(line, codec)
    if marks is None:
        return None
    said = characters.declared(Segment(line, 1, marks).text(18)) if first.isascii() else None
    return Segment(free_of_controls(line), 1, marks._replace(codec=said or codec))


def _segments(text: str, marks: Marks, limits: Limits, header: Segment) -> list[Segment]:
    lines = text.replace("\r\n", "\r").split("\r") if "\r" in text else text.split("\n")
    segments: list[Segment] = []
    for line in lines:
        line = line.lstrip("\n ") if line[:1] in ("\n", " ", "") else line
        if not line.rstrip():
            continue
        number = len(segments) + 1
        if number > limits.segments:
            raise Unreadable(_refusal("too-many-segments", header, number, None, most=limits.segments), header)
        most = limits.text if line[:3] == "OBX" else limits.segment
        if len(line) > most:
            raise Unreadable(_refusal("segment-too-long", header, number, _name(line), most=most), header)
        if not _NAME.match(line) or (len(line) > 3 and line[3] != marks.field):
            raise Unreadable(_refusal("no-segment", header, number, None), header)
        if number > 1 and line[:3] == "MSH":
            raise Unreadable(_refusal("second-header", header, number, "MSH"), header)
        segments.append(Segment(line, number, marks))
    return segments


def _marks(text: str, codec: str) -> Marks | None:
    """Returns the delimiters that a message names, None where it begins with no MSH or names none that can be."""
    text = text.lstrip("\r\n \x0b")
    if text[:3] != "MSH" or len(text) < 5:
        return None
    field = text[3]
    named = text[4:12].partition(field)[0].partition("\r")[0]
    if not 1 <= len(named) <= 5:
        return None
    signs = (named + "^~\\&"[len(named) :])[:4]
    used = field + signs
    if len(set(used)) != len(used) or any(sign.isalnum() or sign.isspace() or not sign.isascii() for sign in used):
        return None
    return Marks(field, signs[0], signs[1], signs[2], signs[3], codec)


def _name(line: str) -> str | None:
    return line[:3] if _NAME.match(line) else None


def _refusal(text: str, header: Segment | None, number: int | None, part: str | None, **parameters: int) -> Refusal:
    source = header.text(10)[:LONGEST_ID] if header is not None else ""
    return Refusal(Place(source, number, part), TEXTS + text, parameters=parameters)

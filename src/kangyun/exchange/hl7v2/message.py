"""A message of HL7 v2: segments, fields, repetitions, components and sub-components, each split when it is asked for.

Numbers are those of the standard, from 1. What is not there is an empty text, and so is `""`, by which a sender says
that a value is no more: `deleted` tells the two apart.

Source: HL7 v2.5.1 chapter 2, 2.5 to 2.7.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

DELETED = '""'
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+")


class Marks(NamedTuple):
    """The delimiters of one message, and the codec that its escapes of bytes are in."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    codec: str = "utf-8"

    @property
    def encoding(self) -> str:
        """As MSH-2 has them."""
        return self.component + self.repetition + self.escape + self.subcomponent


class Repetition:
    """One repetition of a field."""

    __slots__ = ("_components", "_text", "marks")

    def __init__(self, text: str, marks: Marks) -> None:
        self._text = text
        self._components: list[str] | None = None
        self.marks = marks

    def text(self, component: int = 1, subcomponent: int = 1) -> str:
        """Returns a sub-component's text without escapes, trimmed; empty where there is none."""
        found = self._components
        if found is None:
            found = self._components = self._text.split(self.marks.component)
        if component > len(found):
            return ""
        one = found[component - 1]
        if self.marks.subcomponent in one:
            parts = one.split(self.marks.subcomponent)
            one = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        elif subcomponent > 1:
            return ""
        return plain(one, self.marks)

    def gone(self, component: int = 1) -> bool:
        """Whether a component says that it has no value any more."""
        found = self._text.split(self.marks.component, component)
        return component <= len(found) and found[component - 1] == DELETED

    def whole(self) -> str:
        """Returns all of it as one text, for fields of free text whose sender did not escape delimiters."""
        return plain(self._text, self.marks)

    @property
    def size(self) -> int:
        """How many components it has."""
        return self._text.count(self.marks.component) + 1

    @property
    def deleted(self) -> bool:
        """Whether it says that there is no value any more."""
        return self._text == DELETED


class Segment:
    """One segment. number: its place in the message, from 1."""

    __slots__ = ("_fields", "_text", "marks", "name", "number")

    def __init__(self, text: str, number: int, marks: Marks) -> None:
        self.name = text[:3]
        self.number = number
        self.marks = marks
        self._text = text
        self._fields: list[str] | None = None

    def raw(self, field: int) -> str:
        """Returns a field as it was written."""
        found = self._fields
        if found is None:
            found = self._text.split(self.marks.field)
            if self.name == "MSH":
                found.insert(1, self.marks.field)
            self._fields = found
        return found[field] if field < len(found) else ""

    def repetitions(self, field: int) -> list[Repetition]:
        """Returns the repetitions of a field that say something."""
        raw = self.raw(field)
        if not raw:
            return []
        marks = self.marks
        if marks.repetition not in raw:
            return [] if raw == DELETED else [Repetition(raw, marks)]
        return [Repetition(one, marks) for one in raw.split(marks.repetition) if one and one != DELETED]

    def first(self, field: int) -> Repetition:
        """Returns the first repetition of a field; an empty one where there is none."""
        return Repetition(self.raw(field).partition(self.marks.repetition)[0], self.marks)

    def text(self, field: int, component: int = 1, subcomponent: int = 1) -> str:
        """Returns the text of a sub-component of the first repetition; empty where there is none."""
        raw = self.raw(field)
        return self._part(raw, component, subcomponent) if raw else ""

    def _part(self, raw: str, component: int, subcomponent: int) -> str:
        # As `first(field).text(…)`, without a Repetition: this is asked a hundred times a message.
        marks = self.marks
        if marks.repetition in raw:
            raw = raw.partition(marks.repetition)[0]
        if marks.component in raw:
            parts = raw.split(marks.component)
            raw = parts[component - 1] if component <= len(parts) else ""
        elif component > 1:
            return ""
        if marks.subcomponent in raw:
            parts = raw.split(marks.subcomponent)
            raw = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        elif subcomponent > 1:
            return ""
        return plain(raw, marks) if raw else ""

    def deleted(self, field: int) -> bool:
        """Whether a field says that there is no value any more."""
        return self.raw(field) == DELETED

    @property
    def fields(self) -> int:
        """The number of its last field."""
        self.raw(1)
        return len(self._fields or ()) - 1


class Message:
    """A message. Its first segment is MSH. size: its characters."""

    __slots__ = ("marks", "segments", "size")

    def __init__(self, segments: Sequence[Segment], marks: Marks, size: int) -> None:
        self.size = size
        self.segments = segments
        self.marks = marks

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def control_id(self) -> str:
        """MSH-10, by which the sender knows the message."""
        return self.header.text(10)

    @property
    def kind(self) -> tuple[str, str]:
        """Type and trigger event: ("ADT", "A01"). Either may be empty."""
        head = self.header.first(9)
        return head.text(1).upper(), head.text(2).upper()

    @property
    def version(self) -> str:
        """MSH-12."""
        return self.header.text(12)

    def first(self, name: str) -> Segment | None:
        """Returns the first segment of a name."""
        return next((one for one in self.segments if one.name == name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """Yields the segments of a name."""
        return (one for one in self.segments if one.name == name)


def plain(text: str, marks: Marks) -> str:
    """Returns a text without escapes, blanks at its ends and control characters; an empty one for `""`."""
    if marks.escape in text:
        text = _CONTROLS.sub("", _escape(marks.escape).sub(lambda found: _meant(found[1], marks, found[0]), text))
    text = text.strip()
    return "" if text == DELETED else text


@lru_cache(64)
def _escape(sign: str) -> re.Pattern[str]:
    mark = re.escape(sign)
    return re.compile(f"{mark}([^{mark}\r\n]{{1,1024}}){mark}")


def _meant(body: str, marks: Marks, whole: str) -> str:
    """Returns what an escape stands for; one that nobody here knows stays as it was written."""
    simple = {
        "F": marks.field, "S": marks.component, "T": marks.subcomponent, "R": marks.repetition, "E": marks.escape,
        "H": "", "N": "", ".br": "\n", ".BR": "\n", ".fi": "", ".nf": "", ".ce": "\n", ".sp": "\n",
    }  # fmt: skip
    known = simple.get(body)
    if known is not None:
        return known
    if body[0] == "X" and _HEX.fullmatch(body[1:]):
        return bytes.fromhex(body[1:]).decode(marks.codec, "replace")
    if body[:3] in (".sp", ".in", ".ti", ".sk"):
        return "\n" if body[1:3] == "sp" else " "
    return whole


def free_of_controls(text: str) -> str:
    """Returns a text without the control characters that no field may hold."""
    return _CONTROLS.sub("", text) if _CONTROLS.search(text) else text

"""Messages of HL7 v2 to entries: which event makes what is `data/events.toml`, the rest small functions. Pure.

`mapped(message, feed)` is all of it. `data/conventions.toml` says what a hospital may say otherwise, and how its Z
segments are read; ids follow from business keys, so that nothing is looked up.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files

from kangyun.exchange.hl7v2.mapping.appointments import appointment
from kangyun.exchange.hl7v2.mapping.charges import charge
from kangyun.exchange.hl7v2.mapping.conventions import Conventions, conventions, standard
from kangyun.exchange.hl7v2.mapping.documents import document
from kangyun.exchange.hl7v2.mapping.making import Feed, Making, Mapped, Told, Whole
from kangyun.exchange.hl7v2.mapping.orders import order
from kangyun.exchange.hl7v2.mapping.results import report
from kangyun.exchange.hl7v2.mapping.updating import updated
from kangyun.exchange.hl7v2.mapping.vaccinations import vaccination
from kangyun.exchange.hl7v2.mapping.visits import merge, pair, person, visit
from kangyun.exchange.hl7v2.message import Message

__all__ = ["Conventions", "Feed", "Mapped", "Told", "conventions", "mapped", "standard", "updated"]

VERSIONS = ("2.3", "2.3.1", "2.4", "2.5", "2.5.1")
LONGEST_TEXT = 1024 * 1024  # bytes of a string, https://hl7.org/fhir/R4/datatypes.html#string
_MAPS: Mapping[str, Callable[[Making, str], None]] = {
    "visit": visit, "person": person, "pair": pair, "merge": merge, "order": order, "report": report,
    "appointment": appointment, "document": document, "vaccination": vaccination, "charge": charge,
}  # fmt: skip


def mapped(message: Message, feed: Feed) -> Mapped:
    """Returns what a message comes to. Nothing raises, whatever stands in it."""
    making = Making(message, feed)
    type_, event = message.kind
    row = _events().get(type_, {}).get(event or "R01" if type_ == "ORU" else event)
    try:
        if row is None:
            raise making.refuse("event", message.header, "9", type=_word(type_), event=_word(event))
        if message.version and message.version not in VERSIONS:
            raise making.refuse("version", message.header, "12", known="、".join(VERSIONS))
        if message.header.text(11).upper() not in feed.processing:
            raise making.refuse("processing", message.header, "11")
        _MAPS[row["maps"]](making, row["does"])
        if message.size * 4 > LONGEST_TEXT:
            _within(making)
    except Whole:
        return Mapped(refusals=tuple(making.refusals))
    return Mapped(
        tuple(making.entries.values()), tuple(making.refusals), tuple(making.told), frozenset(making.introduced),
        making.deleted,
    )  # fmt: skip


def _within(making: Making) -> None:
    """Refuses a message of which a text has become longer than FHIR lets one be. Content in Binary may be."""
    for entry in making.entries.values():
        if entry.resource["resourceType"] != "Binary" and _longest(entry.resource) > LONGEST_TEXT:
            segment = making.message.segments[(entry.origin.row or 1) - 1]
            raise making.refuse("text-too-long", segment, "5" if segment.name == "OBX" else "", most=LONGEST_TEXT)


def _longest(value: object) -> int:
    if isinstance(value, dict):
        return max(map(_longest, value.values()), default=0)
    if isinstance(value, list):
        return max(map(_longest, value), default=0)
    return len(value.encode()) if isinstance(value, str) else 0


@cache
def _events() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    table = tomllib.loads(files(__package__).joinpath("data", "events.toml").read_text("utf-8"))
    return {type_: rows for type_, rows in table.items() if isinstance(rows, dict)}


def _word(text: str) -> str:
    """Returns a code as it may be shown: of letters and digits."""
    return text if text.isascii() and text.isalnum() and len(text) <= 8 else "?"

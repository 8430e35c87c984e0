"""What has happened to an alarm, in parts that a screen can say in words: whom it told, by what, who did what. Pure.

An event's `detail` is written by the ladder and by people's acts (`ladder`, `acting`); here it is read again.
"""

from dataclasses import dataclass
from typing import Any

_DESK = "desk/"
_LATE = "+"
_NOTICE = "notice-"


@dataclass(frozen=True, slots=True)
class Event:
    """An event. whom: readers of the plan. readers: references. channel: of the outbox. outcome: of the table.

    late: minutes by which it was told late.
    """

    what: str
    by: str
    whom: str = ""
    readers: tuple[str, ...] = ()
    channel: str = ""
    outcome: str = ""
    late: int = 0

    def references(self) -> tuple[str, ...]:
        """Returns whom it names."""
        return tuple(one for one in (self.by, *self.readers) if one)


def read_event(what: str, by: str, detail: str) -> Event:
    """Reads an event as it is kept."""
    words = detail.split()
    if what == "close":
        return Event(what, by, outcome=detail)
    if what == "hand-over":
        return Event(what, by, readers=tuple(words))
    if what == "climb":
        return Event(what, by, whom=detail)
    if what == "lapse":
        return Event(what, by, whom=words[0] if words else "", readers=tuple(map(_institution, words[1:])))
    if what in ("told", "nobody"):
        late = int(words.pop()[1:].removesuffix("min")) if words and words[-1].startswith(_LATE) else 0
        return Event(what, by, words[0] if words else "", tuple(map(_institution, words[1:])), late=late)
    if what.startswith(_NOTICE):
        readers = [_institution(one) for one in words[1:] if "/" in one]
        channel = next((one for one in words[1:] if "/" not in one), "")
        return Event(what, by, words[0] if words else "", tuple(readers), channel)
    return Event(what, by)


def parts_of(event: Event, names: dict[str, str]) -> list[dict[str, Any]]:
    """Returns an event as parts of a parameter. names: of whom it names."""
    made: list[dict[str, Any]] = [{"name": "what", "valueCode": event.what}]
    made += [{"name": "by", "valueReference": _named(event.by, names)}] if event.by else []
    made += [{"name": "reader", "valueReference": _named(one, names)} for one in event.readers]
    texts = (("whom", event.whom), ("channel", event.channel), ("outcome", event.outcome))
    made += [{"name": name, "valueCode": text} for name, text in texts if text]
    return [*made, {"name": "late", "valueInteger": event.late}] if event.late else made


def _named(reference: str, names: dict[str, str]) -> dict[str, str]:
    return {"reference": reference} | ({"display": names[reference]} if reference in names else {})


def _institution(reader: str) -> str:
    """Returns whose desk a reader of the outbox is, as a reference; any other as he is named."""
    return f"Organization/{reader.removeprefix(_DESK)}" if reader.startswith(_DESK) else reader

"""What a message comes to, while it is made: entries, refusals, and ids by business keys. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Literal

from kangyun.exchange.entries import Entry, Place, Refusal, entry_id
from kangyun.exchange.hl7v2.mapping.conventions import Conventions, standard
from kangyun.exchange.hl7v2.message import Message, Segment
from kangyun.fhir import Resource

TEXTS = "exchange.hl7v2.mapping."
EXTENSION = "urn:kangyun:extension:"
_LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """Whose messages these are.

    prefix: as its ids begin. institution: `Organization/…`. processing: what MSH-11 may say; T only in a test area.
    Make one of each institution and keep it: what codes come to is remembered with it.
    """

    prefix: str
    institution: str
    conventions: Conventions = field(default_factory=standard)
    processing: frozenset[str] = frozenset({"P", ""})

    def code(self, table: str, text: str) -> str:
        """Returns what a code or a word of the sender is by a table of conventions; empty where it has none."""
        if not text:
            return ""
        rows = self.conventions.codes.get(table, {})
        return rows.get(text) or rows.get(text.upper(), "")

    @property
    def owner(self) -> str:
        """The institution's id, by which its own lists and numbers are named."""
        return self.institution.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Told:
    """What a message says of two registrations: as `identity.feeding` takes it, each as `Patient/…`.

    first: of a merge the one that is given up; second: the one that survives, or that is parted.
    """

    event: Literal["link", "part", "merge"]
    first: str
    second: str
    message: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """What a message came to. Where it is refused as a whole there are refusals only.

    introduced: ids of entries that are named beside what the message is about (the patient of a result): stored where
                there is none of that id, and changing nothing where there is.
    deleted:    by id, what the sender said is no more (`""`, or a discharge that is cancelled), as paths of elements.
                Whatever else an entry lacks was not said, and stays: see `updated`.
    """

    entries: tuple[Entry, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    told: tuple[Told, ...] = ()
    introduced: frozenset[str] = frozenset()
    deleted: Mapping[str, frozenset[str]] = field(default_factory=dict)


class Whole(Exception):
    """A message that is refused as a whole; the reason has been noted."""


class Making:
    """One message that is being mapped."""

    def __init__(self, message: Message, feed: Feed) -> None:
        self.message = message
        self.feed = feed
        self.conventions = feed.conventions
        self.control_id = message.control_id
        self.entries: dict[str, Entry] = {}
        self._resources: dict[str, Resource] = {}
        self.refusals: list[Refusal] = []
        self.told: list[Told] = []
        self.introduced: set[str] = set()
        self.deleted: dict[str, frozenset[str]] = {}

    def id(self, kind: str, *key: str) -> str:
        """Returns the id by a business key."""
        return entry_id(self.feed.prefix, kind, key)

    def store(
        self,
        id_: str,
        resource: Resource,
        segment: Segment,
        *,
        acts: Literal["store", "revoke"] = "store",
        deleted: Collection[str] = (),
        introduced: bool = False,
        alone: str = "",
    ) -> str:
        """Adds an entry and returns a reference to it. What stands there twice is the later one.

        alone: the field whose number it has alone. Raises Whole where something else of the message has the same: of
        several items under one number only the last would be stored.
        """
        resource["id"] = id_
        if alone and self._resources.get(id_, resource) != resource:
            raise self.refuse("same-number", segment, alone)
        name: str = resource["resourceType"]
        self._resources[id_] = resource
        self.entries[id_] = Entry(id_, resource, Place(self.control_id, segment.number, segment.name), acts)
        if deleted:
            self.deleted[id_] = frozenset(deleted)
        if introduced:
            self.introduced.add(id_)
        else:
            self.introduced.discard(id_)
        return f"{name}/{id_}"

    def resource(self, reference: str) -> Resource:
        """Returns what an entry of this message stores, to be added to."""
        return self._resources[reference.rpartition("/")[2]]

    def code(self, table: str, text: str) -> str:
        """Returns what a code or a word is: see `Feed.code`."""
        return self.feed.code(table, text)

    def leave_out(self, text: str, segment: Segment, part: str, value: str, /, **parameters: str | int) -> None:
        """Notes a value that is left out."""
        place = Place(self.control_id, segment.number, f"{segment.name}-{part}")
        self.refusals.append(Refusal(place, TEXTS + text, masked(value), parameters, whole=False))

    def refuse(self, text: str, segment: Segment, part: str = "", value: str = "", /, **parameters: str | int) -> Whole:
        """Notes why the whole message is refused; the caller raises what this returns."""
        place = Place(self.control_id, segment.number, f"{segment.name}-{part}" if part else segment.name)
        self.refusals.append(Refusal(place, TEXTS + text, masked(value) if value else None, parameters))
        return Whole()


def masked(value: str) -> str:
    """Returns what a value looks like and nothing of what it says: 9 for a digit, A for a letter, 字 for others."""
    shown = "".join(map(_masked, value[:_LONGEST_SHOWN]))
    return shown + "…" if len(value) > _LONGEST_SHOWN else shown


def _masked(sign: str) -> str:
    if sign.isdecimal():
        return "9"
    if sign.isalpha():
        return "A" if sign.isascii() else "字"
    return sign

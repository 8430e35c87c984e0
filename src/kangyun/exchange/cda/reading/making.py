"""What a document comes to, while it is read: entries, refusals, and ids by business keys. Pure."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.parsing import TEXTS, Node, Parsed, place_of
from kangyun.exchange.entries import Entry, Refusal, entry_id
from kangyun.exchange.hl7v2.mapping.making import masked
from kangyun.fhir import Resource

EXTENSION = "urn:kangyun:extension:"
HL7 = "http://terminology.hl7.org/CodeSystem/"
NUMBER = "urn:kangyun:identifier:"


def conventions(text: str = "") -> Mapping[str, Any]:
    """Returns what the header's numbers and codes mean: as shipped, and what a site's own file says before it.

    text: of a TOML file that is laid out as `data/conventions.toml`; lists replace lists, tables are added to. Raises
    Invalid for one that cannot be read or has a section that the shipped one has not.
    """
    shipped = catalogue.table("conventions")
    try:
        own = tomllib.loads(text)
        for one in (rule for whose in ("patient", "visit") for rule in own.get(whose, ())):
            _ = [
                part.format_map({"number": "", "day": "", "root": ""})
                for part in (one["root"], one["kind"], *one["key"])
            ]
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError):
        raise Invalid(TEXTS + "conventions") from None
    if any(name not in shipped or type(value) is not type(shipped[name]) for name, value in own.items()):
        raise Invalid(TEXTS + "conventions")
    return {
        name: value | own.get(name, {}) if isinstance(value, dict) else own.get(name, value)
        for name, value in shipped.items()
    }


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose documents these are.

    prefix: as its ids begin. institution: `Organization/…`. conventions: see `conventions`.
    """

    prefix: str
    institution: str
    conventions: Mapping[str, Any] = field(default_factory=conventions)

    @property
    def owner(self) -> str:
        """The institution's id, by which its own lists and numbers are named."""
        return self.institution.rpartition("/")[2]


class Whole(Exception):
    """A document that is refused as a whole; the reason has been noted."""


class Making:
    """One document that is being read.

    number: by which it is known. who, stay: references, once the header is read. at: when it was made, a dateTime.
    """

    def __init__(self, parsed: Parsed, feed: Feed) -> None:
        self.parsed = parsed
        self.feed = feed
        self.conventions = feed.conventions
        self.entries: dict[str, Entry] = {}
        self.refusals: list[Refusal] = list(parsed.told)
        self.number = ""
        self.who = ""
        self.stay = ""
        self.at = ""
        self.kind = ""
        self.chinese = True
        self._resources: dict[str, Resource] = {}
        self._nth: dict[str, int] = {}

    def id(self, kind: str, *key: str) -> str:
        """Returns the id by a business key."""
        return entry_id(self.feed.prefix, kind, key)

    def nth(self, kind: str) -> str:
        """Returns how many of a kind the document has had, this one included, as a part of a key."""
        self._nth[kind] = self._nth.get(kind, 0) + 1
        return str(self._nth[kind])

    def store(self, id_: str, resource: Resource, node: Node, *, partial: bool = False) -> str:
        """Adds an entry and returns a reference to it. What stands there twice is the later one."""
        resource["id"] = id_
        self._resources[id_] = resource
        place = place_of(self.parsed.source, node)
        self.entries[id_] = Entry(id_, resource, place, "store", self.at or None, partial)
        return f"{resource['resourceType']}/{id_}"

    def resource(self, reference: str) -> Resource:
        """Returns what an entry of this document stores, to be added to."""
        return self._resources[reference.rpartition("/")[2]]

    def about(self, *, patient: str = "subject") -> Resource:
        """Returns the elements of a resource that say whom it is about, and in which stay."""
        found: Resource = {patient: {"reference": self.who}}
        return found | ({"encounter": {"reference": self.stay}} if self.stay else {})

    def leave_out(self, text: str, node: Node, value: str, /, **parameters: str | int) -> None:
        """Notes a value that is left out, or that was put right."""
        shown = masked(value) if value else None
        self.refusals.append(Refusal(place_of(self.parsed.source, node), TEXTS + text, shown, parameters, whole=False))

    def refuse(self, text: str, node: Node, /, **parameters: str | int) -> Whole:
        """Notes why the whole document is refused; the caller raises what this returns."""
        self.refusals.append(Refusal(place_of(self.parsed.source, node), TEXTS + text, None, parameters))
        return Whole()


def hl7(name: str, code: str, display: str = "") -> Resource:
    """Returns a CodeableConcept of a code system of HL7."""
    return {"coding": [{"system": HL7 + name, "code": code} | ({"display": display} if display else {})]}


def extension(name: str, kind: str, value: object) -> Resource:
    """Returns an extension of ours."""
    return {"url": EXTENSION + name, f"value{kind}": value}


def kept(resource: Resource, elements: Mapping[str, Any]) -> Resource:
    """Adds those elements that say something."""
    resource.update((name, value) for name, value in elements.items() if value not in (None, "", [], {}))
    return resource


def only(values: Sequence[Any]) -> list[Any]:
    """Returns those values that say something."""
    return [value for value in values if value not in (None, "", {})]

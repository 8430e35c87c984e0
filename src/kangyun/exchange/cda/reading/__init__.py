"""A document read: bytes to entries and refusals. `read` is all of it, and raises nothing whatever the bytes are.

A document is taken with all that it says or refused with why not; a value that cannot be read is left out and told.
Every resource has a Provenance beside it that names the document.
"""

from dataclasses import dataclass

from kangyun.exchange.cda.parsing import Unreadable, looks_like, parse
from kangyun.exchange.cda.reading import header, sections
from kangyun.exchange.cda.reading.making import Feed, Making, Whole, conventions
from kangyun.exchange.entries import Entry, Refusal
from kangyun.fhir import Resource

__all__ = ["Feed", "Read", "conventions", "patient_of", "read"]
_ACTIVITY = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"
_TYPE = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"


@dataclass(frozen=True, slots=True)
class Read:
    """What a document came to. Where it is refused as a whole there are refusals only.

    kind: its code, C0053; empty where it has none. Of the patient and the stay a document tells a part: these entries
    are partial.
    """

    kind: str = ""
    entries: tuple[Entry, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def read(raw: bytes, source: str, feed: Feed) -> Read:
    """Returns what a document comes to. source: the file's name, as its sender knows it."""
    try:
        parsed = parse(raw, source)
    except Unreadable as error:
        return Read(refusals=(error.refusal,))
    making = Making(parsed, feed)
    try:
        header.identify(making)
        header.patient(making)
        header.stay(making)
        header.document(making)
        sections.read(making)
    except Whole:
        return Read(making.kind, refusals=tuple(making.refusals))
    _provenance(making)
    return Read(making.kind, tuple(making.entries.values()), tuple(making.refusals))


def patient_of(raw: bytes) -> Resource | None:
    """Returns the Patient whom a document says it is of; None where bytes are no document, or name nobody.

    For what encloses a document and says itself whose it is: the two are held against each other.
    """
    if not looks_like(raw):
        return None
    try:
        making = Making(parse(raw, ""), Feed("enclosed", "Organization/enclosed"))
        header.patient(making)
    except (Unreadable, Whole):
        return None
    return dict(making.entries[making.who.rpartition("/")[2]].resource)


def _provenance(making: Making) -> None:
    """Adds the Provenance of what the document came to: of the document itself, its maker is named in it."""
    document = f"DocumentReference/{making.id('document', making.number)}"
    targets = [f"{one.resource['resourceType']}/{one.id}" for one in making.entries.values()]
    resource: Resource = {
        "resourceType": "Provenance",
        "target": [{"reference": one} for one in targets if not one.startswith(("Binary/", "DocumentReference/"))],
        "recorded": making.at, "activity": {"coding": [{"system": _ACTIVITY, "code": "CREATE"}]},
        "agent": [{"type": {"coding": [{"system": _TYPE, "code": "author"}]},
                   "who": {"reference": making.feed.institution}}],
        "entity": [{"role": "source", "what": {"reference": document}}],
    }  # fmt: skip
    making.store(making.id("document-provenance", making.number), resource, making.parsed.root)

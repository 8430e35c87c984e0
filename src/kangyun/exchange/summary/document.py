"""The summary as a FHIR document: a Bundle whose first entry is the Composition. Pure.

Each reference to one of the resident's registrations becomes one to the one Patient of the document, so that all of it
is about him; whoever else is referred to and is not in it is left as the record names it.

Source: profiles Bundle-uv-ips and Composition-uv-ips of IPS 2.0.0; https://hl7.org/fhir/R4/documents.html.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from uuid import UUID, uuid5

from kangyun.base import clock
from kangyun.base.texts import Language, say
from kangyun.exchange.summary.making import Filled
from kangyun.exchange.summary.words import Line, line
from kangyun.fhir import Resource

PROFILES = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
AUTHOR = "kangyun"
_EMPTY = "http://terminology.hl7.org/CodeSystem/list-empty-reason"
_NAMESPACE = UUID("6f1f4a36-0c7c-5f5d-9f5b-2d9a1f6d7f10")
# What an entry cannot be read without, or that says who it is from.
_SUPPORTING = frozenset({"Medication", "Device", "Practitioner", "PractitionerRole", "Organization", "Specimen"})


@dataclass(frozen=True, slots=True)
class Summary:
    """What a summary is made of. people: `Patient/…` that are all this patient. closed: labels that are not shown.

    withheld: how many resources the resident keeps back from who asks.
    """

    patient: Resource
    people: frozenset[str]
    sections: Sequence[Filled]
    references: Mapping[str, Resource]
    made: datetime
    language: Language
    closed: Sequence[str]
    withheld: int = 0

    def lines(self, filled: Filled) -> list[Line]:
        """Returns a section's entries as they read."""
        return [line(one, self.language, self.references) for one in filled.entries]

    @property
    def notes(self) -> list[str]:
        """What a reader must know of what is not in it."""
        said = [say("exchange.summary.note", self.language)]
        if self.closed:
            names = ("、" if self.language == "zh" else ", ").join(self.closed)
            said.append(say("exchange.summary.closed", self.language, {"labels": names}))
        if self.withheld:
            said.append(say("exchange.summary.withheld", self.language, {"count": self.withheld}))
        return said


def bundle(summary: Summary, base: str) -> Resource:
    """Returns the document. base: of the FHIR API, by which entries are named."""
    subject = f"Patient/{summary.patient['id']}"
    identifier = uuid5(_NAMESPACE, f"{base}/{subject}#{summary.made.isoformat()}")
    entries = [one for filled in summary.sections for one in filled.entries]
    author = {"resourceType": "Organization", "id": AUTHOR, "name": say("exchange.summary.author", summary.language)}
    # That he is masked goes along: what is left of his name is nowhere taken for it.
    said = {name: value for name, value in summary.patient.get("meta", {}).items() if name in ("security", "tag")}
    patient = {**summary.patient, "meta": said | {"profile": [f"{PROFILES}Patient-uv-ips"]}}
    patient.pop("link", None)  # Other registrations are not in the document.
    referred = _referred(entries, summary.references)
    resources = [_composition(summary, identifier), patient, author, *entries, *referred]
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [f"{PROFILES}Bundle-uv-ips"]},
        "language": _language(summary.language),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{identifier}"},
        "type": "document",
        "timestamp": clock.instant(summary.made),
        "entry": [
            {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": _about(one, summary.people, subject)}
            for one in resources
        ],
    }


def _composition(summary: Summary, identifier: UUID) -> Resource:
    language, made = summary.language, clock.instant(summary.made)
    author = {"reference": f"Organization/{AUTHOR}"}
    care = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActClass", "code": "PCPR"}]}
    return {
        "resourceType": "Composition",
        "id": str(identifier),
        "meta": {"profile": [f"{PROFILES}Composition-uv-ips"]},
        "language": _language(language),
        "text": _text([f"<p>{escape(note)}</p>" for note in summary.notes], language),
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{identifier}"},
        "status": "final",
        "type": {"coding": [{"system": "http://loinc.org", "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": f"Patient/{summary.patient['id']}"},
        "date": made,
        "author": [author],
        "title": say("exchange.summary.title", language),
        "confidentiality": "R" if summary.closed or summary.withheld else "N",
        "custodian": author,
        "event": [{"code": [care], "period": {"end": made}}],
        "section": [_section(summary, one) for one in summary.sections],
    }


def _section(summary: Summary, filled: Filled) -> dict[str, Any]:
    language, section = summary.language, filled.section
    made: dict[str, Any] = {
        "title": section.title(language),
        "code": {"coding": [{"system": "http://loinc.org", "code": section.code, "display": section.display}]},
    }
    if not filled.entries:
        none = say("exchange.summary.unavailable", language)
        made["text"] = _text([f"<p>{escape(none)}</p>"], language)
        coding = {"system": _EMPTY, "code": "unavailable", "display": "Unavailable"}
        made["emptyReason"] = {"coding": [coding], "text": none}
        return made
    rows = "".join(
        f"<li>{escape(' '.join(part for part in (one.day, one.name, one.value) if part))}</li>"
        for one in summary.lines(filled)
    )
    parts = [f"<ul>{rows}</ul>"]
    if filled.more:
        parts.append(f"<p>{escape(say('exchange.summary.more', language, {'count': filled.more}))}</p>")
    made["text"] = _text(parts, language)
    made["entry"] = [{"reference": f"{one['resourceType']}/{one['id']}"} for one in filled.entries]
    return made


def _text(parts: Iterable[str], language: Language) -> dict[str, str]:
    tag, body = _language(language), "".join(parts)
    div = f'<div xmlns="http://www.w3.org/1999/xhtml" lang="{tag}" xml:lang="{tag}">{body}</div>'
    return {"status": "generated", "div": div}


def _language(language: Language) -> str:
    return "zh-CN" if language == "zh" else "en"


def _referred(entries: Iterable[Resource], references: Mapping[str, Resource]) -> list[Resource]:
    """Returns what the entries refer to and is known, each once, in the order in which it is first referred to."""
    waiting = list(entries)
    there = {f"{one['resourceType']}/{one['id']}" for one in waiting}
    found: dict[str, Resource] = {}
    while waiting:
        for name in _references(waiting.pop(0)):
            known = references.get(name)
            if known is not None and known["resourceType"] in _SUPPORTING and name not in there | found.keys():
                found[name] = known
                waiting.append(known)
    return list(found.values())


def _references(value: Any) -> Iterable[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def _about(value: Any, people: Collection[str], subject: str) -> Any:
    """Returns a resource with each reference to one of these people as one to the subject."""
    if isinstance(value, Mapping):
        made = {name: _about(each, people, subject) for name, each in value.items()}
        if made.get("reference") in people:
            made["reference"] = subject
        return made
    return [_about(each, people, subject) for each in value] if isinstance(value, list) else value

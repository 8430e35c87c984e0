"""Who a resident is, as the page shows it: of the golden Patient and of each registration. Pure."""

from collections.abc import Sequence

from kangyun.access.look.lines import concept
from kangyun.access.masking import is_masked
from kangyun.access.view.gathering import Houses
from kangyun.access.view.model import Person, Registration
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of

_WORK = ("occupation", "employer", "work")
_RELATIONS = "http://terminology.hl7.org/CodeSystem/v2-0131"
_NUMBERS = {"NI": "id-card", "PPN": "passport", "MR": "record-number"}
_SYSTEMS = (
    ("urn:kangyun:identifier:visit-card", "visit-card"), ("urn:oid:2.16.156.10011.1.3", "id-card"),
    ("urn:kangyun:identifier:health-card", "health-card"),
)  # fmt: skip
"""What a number is called by the beginning of its system; a page says the code in its language."""


def numbers_of(patient: Resource) -> list[tuple[str, str]]:
    """Returns numbers as [what it is, number], each once: what it is as a code that is known, else as it is said."""
    said = []
    for one in patient.get("identifier", ()):
        if not one.get("value"):
            continue
        codes = [str(coding.get("code", "")) for coding in one.get("type", {}).get("coding", ())]
        system = str(one.get("system", ""))
        kind = next((code for begin, code in _SYSTEMS if system.startswith(begin)), "")
        kind = kind or next((_NUMBERS[code] for code in codes if code in _NUMBERS), "")
        said.append((kind or concept(one.get("type")) or "other", str(one["value"])))
    # An X of an identity number is written in either case.
    return list({(kind, number.upper()): (kind, number) for kind, number in reversed(said)}.values())[::-1]


def person(golden: Resource, registered: Sequence[Resource], insured: Sequence[str]) -> Person:
    """Returns the person of a golden Patient. registered: his registrations, for what a golden one does not have.

    All of them as they are shown.
    """

    def extension(*parts: str) -> str:
        return next((text for one in registered for part in parts if (text := _extension(one, part))), "")

    return Person(
        golden["id"], name_of(golden), golden.get("gender", ""), golden.get("birthDate", ""),
        masked=any(map(is_masked, registered)), numbers=numbers_of(golden), phones=_values(golden, "phone"),
        addresses=[text for one in golden.get("address", ()) if (text := str(one.get("text", "")))],
        marital=next((str(one.get("code", "")) for one in golden.get("maritalStatus", {}).get("coding", ())), ""),
        nation=extension("ethnic", "nation"), work=extension(*_WORK),
        died=str(golden.get("deceasedDateTime", ""))[:10] or ("yes" if golden.get("deceasedBoolean") else ""),
        contacts=[_contact(one) for one in golden.get("contact", ())], insured=list(dict.fromkeys(insured)),
    )  # fmt: skip


def registration(patient: Resource, house: str, houses: Houses) -> Registration:
    """Returns what one institution registered."""
    numbers = numbers_of(patient)
    updated = str(patient.get("meta", {}).get("lastUpdated", ""))[:10]
    return Registration(patient["id"], houses.place(house), name_of(patient), numbers, updated)


def _contact(contact: Resource) -> tuple[str, str, str]:
    """Returns relation (a code of v2-0131, else as it is said), name, telephone."""
    relation = next((_relation(one) for one in contact.get("relationship", ())), "")
    return relation, str(contact.get("name", {}).get("text", "")), next(iter(_values(contact, "phone")), "")


def _relation(said: Resource) -> str:
    codings = said.get("coding", ())
    return next((str(one["code"]) for one in codings if one.get("system") == _RELATIONS), "") or concept(said)


def _values(resource: Resource, system: str) -> list[str]:
    said = (one.get("value") for one in resource.get("telecom", ()) if one.get("system") == system)
    return list(dict.fromkeys(str(one) for one in said if one))


def _extension(patient: Resource, part: str) -> str:
    """Returns the text of the extension whose address has such a part."""
    for one in patient.get("extension", ()):
        if part in str(one.get("url", "")).lower():
            coded = one.get("valueCodeableConcept") or one.get("valueCoding")
            return concept(coded) if coded else str(one.get("valueString") or one.get("valueCode") or "")
    return ""

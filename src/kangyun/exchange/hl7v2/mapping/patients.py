"""PID, NK1, IN1, AL1: who the patient is, who is near to them, who pays, what they cannot bear. Pure.

The Patient is that of the institution: known again by its own number in PID-3, whatever else stands there.
"""

from functools import lru_cache

from kangyun.exchange.hl7v2.mapping import datatypes
from kangyun.exchange.hl7v2.mapping.making import EXTENSION, Making
from kangyun.exchange.hl7v2.message import Repetition, Segment
from kangyun.fhir import Resource
from kangyun.fhir.china import codes

SEX, ETHNIC_GROUP = "urn:oid:2.16.156.10011.2.3.3.4", "urn:oid:2.16.156.10011.2.3.3.3"
HL7_SEX = datatypes.HL7 + "v2-0001"
ORIGINAL_CODE = EXTENSION + "original-code"
MOTHERS_NAME = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"
CLINICAL, VERIFIED = "allergyintolerance-clinical", "allergyintolerance-verification"
_GENDERS = {"1": "male", "2": "female"}
# What a field of PID comes to, so that `""` in it says what is no more.
_ELEMENTS = {
    5: "name", 7: "birthDate", 8: "gender", 11: "address", 13: "telecom", 16: "maritalStatus", 29: "deceased",
}  # fmt: skip


def patient_key(making: Making, segment: Segment, field: int) -> str:
    """Returns the number that a registration is known by; empty where the field has none of a kind that counts."""
    by_kind: dict[str, str] = {}
    for parts in segment.repetitions(field):
        by_kind.setdefault(parts.text(5).upper(), parts.text(1))
    kinds = making.conventions.patient_kinds
    return next((found for kind in kinds if not datatypes.nothing(found := by_kind.get(kind, ""))), "")


def patient_id(making: Making, segment: Segment, field: int = 3) -> str:
    """Returns the id of the Patient that a field of numbers means. Raises Whole where it means none."""
    key = patient_key(making, segment, field)
    if not key:
        raise making.refuse("no-patient", segment, str(field))
    return making.id("patient", key)


def patient(making: Making, segment: Segment, *, introduced: bool = False) -> str:
    """Adds the Patient of a PID and returns a reference to it."""
    id_ = patient_id(making, segment)
    resource: Resource = {"resourceType": "Patient", "active": True}
    extensions = _demographics(making, segment, resource)
    _lists(making, segment, resource)
    gone = moved(making, "patient", [segment], resource, extensions)
    if extensions:
        resource["extension"] = extensions
    resource["managingOrganization"] = {"reference": making.feed.institution}
    gone |= {element for field, element in _ELEMENTS.items() if segment.deleted(field)}
    gone |= {
        f"identifier.{datatypes.number_key(making, parts, parts.text(5).upper())}"
        for parts in segment.repetitions(3)
        if parts.gone()
    }
    if segment.deleted(6):
        gone.add(f"extension.{MOTHERS_NAME}")
    return making.store(id_, resource, segment, deleted=gone, introduced=introduced)


def given_up(making: Making, segment: Segment) -> str:
    """Adds the Patient that an MRG names, and returns a reference to it.

    Where it was never sent before, it stands so with its number and name only: what comes late under that number is
    then known to be of whom survives.
    """
    id_ = patient_id(making, segment, 1)
    if id_ not in making.entries:
        numbers = (datatypes.number(making, parts, parts.text(5).upper()) for parts in segment.repetitions(1))
        resource: Resource = {
            "resourceType": "Patient", "active": False, "identifier": [one for one in numbers if one is not None],
            "managingOrganization": {"reference": making.feed.institution},
        }  # fmt: skip
        if name := datatypes.human_name(segment.first(7)):
            resource["name"] = [name]
        making.store(id_, resource, segment, introduced=True)
    return f"Patient/{id_}"


def _demographics(making: Making, segment: Segment, into: Resource) -> list[Resource]:
    sex = segment.text(8)
    if meant := making.code("sex", sex):
        into["gender"] = _GENDERS.get(meant, "unknown")
        system = (
            SEX if sex == meant else HL7_SEX if sex.upper() in "MFUOAN" else f"{datatypes.LOCAL}{making.feed.owner}:sex"
        )
        coding = {"system": system, "code": sex}
        into["_gender"] = {"extension": [{"url": ORIGINAL_CODE, "valueCoding": coding}]}
    elif sex:
        making.leave_out("code", segment, "8", sex, list="GB/T 2261.1, HL7 0001")
    if born := datatypes.day(making, segment, 7):
        into["birthDate"] = born
    if died := datatypes.time(making, segment, 29):
        into["deceasedDateTime"] = died
    elif segment.text(30) in ("Y", "N"):
        into["deceasedBoolean"] = segment.text(30) == "Y"
    if marital := making.code("marital", segment.text(16)):
        into["maritalStatus"] = datatypes.hl7("v3-MaritalStatus", marital)
    births = segment.text(25)
    if births.isdecimal() and births.isascii() and 0 < int(births[:3]) < 20:
        into["multipleBirthInteger"] = int(births[:3])
    mother = segment.first(6)
    named = datatypes.human_name(mother)
    return [{"url": MOTHERS_NAME, "valueString": named["text"]}] if named else []


def _lists(making: Making, segment: Segment, into: Resource) -> None:
    found = [datatypes.number(making, parts, parts.text(5).upper()) for parts in segment.repetitions(3)]
    lists = {
        "identifier": found,
        "name": [datatypes.human_name(parts) for parts in segment.repetitions(5)],
        "telecom": [
            datatypes.contact_point(parts) for field in (13, 14) for parts in segment.repetitions(field)
        ],
        "address": [datatypes.address(parts) for parts in segment.repetitions(11)],
    }  # fmt: skip
    for element, values in lists.items():
        if kept := [value for value in values if value is not None]:
            into[element] = kept


def moved(
    making: Making, owner: str, segments: list[Segment], into: Resource, extensions: list[Resource] | None = None
) -> set[str]:
    """Adds what the conventions of the hospital place elsewhere (Z segments, PID-19), and returns what is no more.

    segments: where places of these names are looked for first; else in the whole message.
    """
    found = extensions if extensions is not None else into.get("extension", [])
    gone = set()
    for spot, target in making.conventions.fields[owner]:
        here = next((one for one in segments if one.name == spot.segment), None) or making.message.first(spot.segment)
        if here is None:
            continue
        if here.deleted(spot.field):
            gone.add(_path(making, target, Repetition("", here.marks)))
        for parts in here.repetitions(spot.field):
            if parts.gone(spot.component):
                gone.add(_path(making, target, parts))
            text = parts.text(spot.component, spot.subcomponent)
            if not datatypes.nothing(text):
                _put(making, target, text, here, into, found)
    if extensions is None and found:
        into["extension"] = found
    return gone


def _path(making: Making, target: str, parts: Repetition) -> str:
    """Returns what `""` in a place takes away."""
    kind, _, name = target.partition(".")
    if kind == "number":
        return f"identifier.{datatypes.number_key(making, Repetition('', parts.marks), name)}"
    if kind == "phone":
        return "telecom"
    return f"extension.{EXTENSION}{name if kind == 'extension' else 'ethnic-group'}"


def _put(making: Making, target: str, text: str, segment: Segment, into: Resource, extensions: list[Resource]) -> None:
    kind, _, name = target.partition(".")
    if kind == "number":
        identifier = datatypes.number(making, Repetition(segment_text(segment, text), segment.marks), name)
        known = {one["value"] for one in into.get("identifier", ())}
        if identifier is not None and identifier["value"] not in known:
            into.setdefault("identifier", []).append(identifier)
    elif kind == "phone":
        into.setdefault("telecom", []).append({"system": "phone", "value": text})
    elif kind == "extension":
        extensions.append({"url": EXTENSION + name, "valueString": text})
    elif len(text) <= datatypes.LONGEST and (group := _ethnic_group(text)):
        extensions.append({"url": EXTENSION + "ethnic-group", "valueCoding": {"system": ETHNIC_GROUP} | group})


def segment_text(segment: Segment, text: str) -> str:
    """Returns a text as it would be written in the segment's message, so that none of its signs is a delimiter."""
    marks = segment.marks
    for sign, name in ((marks.escape, "E"), (marks.component, "S"), (marks.subcomponent, "T")):
        text = text.replace(sign, f"{marks.escape}{name}{marks.escape}")
    return text


@lru_cache(1024)
def _ethnic_group(text: str) -> Resource | None:
    resource = codes.code_system(ETHNIC_GROUP)
    if resource is None:
        return None
    for one in resource["concept"]:
        if text in (one["code"], one["display"], one["display"].removesuffix("族")):
            return {"code": one["code"], "display": one["display"]}
    return None


def near(making: Making, subject: str) -> None:
    """Adds the RelatedPersons of NK1, and each as a contact of the Patient, by whom families are told apart."""
    contacts: list[Resource] = []
    for segment in making.message.all("NK1"):
        name = datatypes.human_name(segment.first(2))
        if name is None:
            continue
        code = segment.text(3)
        relation = making.code("relation", code)
        concept: Resource = datatypes.hl7("v3-RoleCode", relation) if relation else {}
        if said := segment.text(3, 2) or code:
            concept["text"] = said
        resource: Resource = {"resourceType": "RelatedPerson", "active": True, "patient": {"reference": subject}}
        contact: Resource = {"name": name}
        if concept:
            resource["relationship"] = contact["relationship"] = [concept]
        resource["name"] = [name]
        telecom = [datatypes.contact_point(parts) for field in (5, 6) for parts in segment.repetitions(field)]
        if phones := [point for point in telecom if point is not None]:
            resource["telecom"] = contact["telecom"] = phones
        home = datatypes.address(segment.first(4))
        if home is not None:
            resource["address"], contact["address"] = [home], home
        contacts.append(contact)
        making.store(making.id("related", subject, name["text"], relation or code), resource, segment)
    if contacts:
        making.resource(subject)["contact"] = contacts


def coverages(making: Making, subject: str) -> None:
    """Adds the Coverages of IN1."""
    for segment in making.message.all("IN1"):
        plan, policy = segment.text(2), segment.text(36) or segment.text(49)
        payor = segment.text(4) or segment.text(3)
        if not (plan or policy or payor):
            continue
        resource: Resource = {
            "resourceType": "Coverage", "status": "active", "beneficiary": {"reference": subject},
            "payor": [{"display": payor or segment.text(2, 2) or plan or making.feed.owner}],
        }  # fmt: skip
        if kind := datatypes.concept(making, segment, 2, "insurance-plan"):
            resource["type"] = kind
        if not datatypes.nothing(policy):
            resource["subscriberId"] = policy
        start, end = (datatypes.time(making, segment, field) for field in (12, 13))
        if period := datatypes.period(making, start, end, segment, 13):
            resource["period"] = period
        making.store(making.id("coverage", subject, plan, policy), resource, segment)


def allergies(making: Making, subject: str) -> None:
    """Adds the AllergyIntolerances of AL1. That none is known is an answer, and kept as one."""
    for segment in making.message.all("AL1"):
        written = segment.text(3, 2) or segment.text(3)
        if not written:
            continue
        resource: Resource = {
            "resourceType": "AllergyIntolerance", "clinicalStatus": datatypes.hl7(CLINICAL, "active"),
            "verificationStatus": datatypes.hl7(VERIFIED, "confirmed"),
            "code": datatypes.concept(making, segment, 3, "allergen"), "patient": {"reference": subject},
        }  # fmt: skip
        if making.code("no_allergy", written):
            none = {"system": "http://snomed.info/sct", "code": "716186003", "display": "No known allergy"}
            resource["code"] = {"coding": [none], "text": written}
        elif category := making.code("allergy_kind", segment.text(2)):
            resource["category"] = [category]
        if since := datatypes.time(making, segment, 6):
            resource["onsetDateTime"] = since
        manifestations = [
            {"text": said} for parts in segment.repetitions(5) if (said := parts.text(2) or parts.text(1))
        ]
        if manifestations:
            resource["reaction"] = [{"manifestation": manifestations}]
            if severity := making.code("severity", segment.text(4)):
                resource["reaction"][0]["severity"] = severity
        making.store(making.id("allergy", subject, segment.text(3) or written), resource, segment)

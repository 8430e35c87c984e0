"""A registration as the elements of a FHIR Patient."""

from kangyun.simulate.bundle import Resource
from kangyun.simulate.coding import (
    GUARDIAN,
    INSURANCE_NUMBER,
    VISIT_CARD,
    hl7,
)
from kangyun.simulate.documents import DOCUMENTS
from kangyun.simulate.registrations.form import Written

_INSURED = hl7("v2-0203", "SN")
_CARD = {"text": "就诊卡"}
_CONTACT, _EMPLOYER = [hl7("v2-0131", "C", "Emergency Contact")], [hl7("v2-0131", "E", "Employer")]
_MARITAL = {code: hl7("v3-MaritalStatus", code) for code in ("M", "S", "W")}


def patient_elements(written: Written, code: str, institution: Resource, insurer: str) -> Resource:
    """Returns the elements of the Patient.

    code:        the institution's social credit code; its visit cards are unique with it only.
    institution: a Reference to it.
    insurer:     the name of who gave the insurance number out.
    """
    patient: Resource = {"identifier": _identifiers(written, code, insurer), "active": True, "name": [_name(written)]}
    if written.phone:
        patient["telecom"] = [{"system": "phone", "value": written.phone}]
    patient["gender"] = written.sex
    if written.birth is not None:
        patient["birthDate"] = written.birth.isoformat()
    if written.death is not None:
        patient["deceasedDateTime"] = written.death.isoformat()
    if written.address:
        patient["address"] = [{"text": written.address}]
    if written.marital:
        patient["maritalStatus"] = _MARITAL[written.marital]
    if contacts := _contacts(written):
        patient["contact"] = contacts
    return patient | {"managingOrganization": institution}


def _identifiers(written: Written, code: str, insurer: str) -> list[Resource]:
    found: list[Resource] = []
    if written.card:
        found.append({"type": _CARD, "system": f"{VISIT_CARD}:{code}", "value": written.card})
    if written.number:
        paper = DOCUMENTS[written.document]
        found.append({"use": "official", "type": paper.type, "system": paper.system, "value": written.number})
    if written.insurance:
        found.append(
            {
                "type": _INSURED,
                "system": INSURANCE_NUMBER,
                "value": written.insurance,
                "assigner": {"display": insurer},
            }
        )
    return found


def _name(written: Written) -> Resource:
    name: Resource = {"use": "official", "text": written.name}
    if written.family:
        name["family"] = written.family
    if written.given:
        name["given"] = [written.given]
    return name


def _contacts(written: Written) -> list[Resource]:
    contacts: list[Resource] = []
    if written.contact is not None:
        name, phone = written.contact
        relationship = [*_CONTACT, GUARDIAN] if written.has_guardian else _CONTACT
        contact: Resource = {"relationship": relationship, "name": {"text": name}}
        contacts.append(contact | {"telecom": [{"system": "phone", "value": phone}]} if phone else contact)
    if written.work:
        contacts.append({"relationship": _EMPLOYER, "organization": {"display": written.work}})
    return contacts

"""A resident as FHIR elements: who they are and what holds for them apart from any visit."""

from datetime import date

from kangyun.simulate.bundle import Resource
from kangyun.simulate.coding import ATC, CONTRACT, GUARDIAN, HEALTH_RECORD_ID, LOINC, PAYMENT, concept, hl7
from kangyun.simulate.documents import DOCUMENTS
from kangyun.simulate.people import Resident, phone_of
from kangyun.simulate.tables.city import Place
from kangyun.simulate.tables.people import Allergy
from kangyun.simulate.traits import Traits

SMOKING = {True: ("LA18976-3", "每天吸烟"), False: ("LA18978-9", "从不吸烟")}


def _year(until: date) -> Resource:
    return {"start": f"{until.year}-01-01", "end": f"{until.year}-12-31"}


def _name(who: Resident) -> Resource:
    name = who.papers.name
    parts: Resource = {"text": name.text} | ({"family": name.surname} if name.surname else {})
    return parts | {"given": [name.given]}


def _phone(phone: str) -> list[Resource]:
    return [{"system": "phone", "value": phone, "use": "mobile"}] if phone else []


def demographics(place: Place, who: Resident, until: date, *, managing: Resource, practitioner: Resource) -> Resource:
    """Returns the elements of the Patient, as somebody writes them who has time and all papers at hand."""
    home, number = who.papers.home, who.papers.number
    paper = DOCUMENTS[who.document]
    patient: Resource = {
        "identifier": [
            {"use": "official", "type": paper.type, "system": paper.system, "value": number},
            {"system": HEALTH_RECORD_ID, "value": f"{home.county.division}{who.index:011d}"},
        ],
        "active": True,
        "name": [{"use": "official"} | _name(who)],
        "telecom": _phone(phone_of(who, until)[0]),
        "gender": who.sex,
        "birthDate": who.birth.isoformat(),
        "address": [
            {
                "use": "home",
                "text": f"{place.province}{place.city}{home.county.name}{home.text}",
                "line": [home.text],
                "city": place.city,
                "district": home.county.name,
                "state": place.province,
                "postalCode": home.county.postal_code,
                "country": "CN",
            }
        ],
        "generalPractitioner": [practitioner],
        "managingOrganization": managing,
    }  # fmt: skip
    if not patient["telecom"]:
        del patient["telecom"]
    if who.death is not None:
        patient["deceasedDateTime"] = who.death.isoformat()
    contact = who.contact(until)
    if contact is not None:
        relationship = [
            hl7("v2-0131", "C", "Emergency Contact"),
            *([GUARDIAN] if contact is who.guardian(until) else []),
        ]
        phone = _phone(phone_of(contact, until)[0])
        patient["contact"] = [
            {"relationship": relationship, "name": _name(contact)} | ({"telecom": phone} if phone else {})
        ]
    return patient


def insurance(who: Resident, patient: Resource, insurer: Resource, until: date, *, employed: bool) -> Resource:
    """Returns the elements of the Coverage of the year of `until`."""
    kind = ("1", "城镇职工基本医疗保险") if employed else ("2", "城镇居民基本医疗保险")
    return {
        "status": "active",
        "type": concept(PAYMENT, *kind),
        "subscriberId": who.papers.number,
        "beneficiary": patient,
        "period": _year(until),
        "payor": [insurer],
    }


def allergy(kind: Allergy, patient: Resource) -> Resource:
    """Returns the elements of the AllergyIntolerance."""
    return {
        "clinicalStatus": hl7("allergyintolerance-clinical", "active"),
        "verificationStatus": hl7("allergyintolerance-verification", "confirmed"),
        "type": "allergy",
        "category": [kind.category],
        "code": concept(ATC, kind.atc, kind.zh) if kind.atc else {"text": kind.zh},
        "patient": patient,
    }


def smoking(smoker: bool, patient: Resource, until: date) -> Resource:
    """Returns the elements of the Observation of smoking, asked in the year before `until`."""
    return {
        "status": "final",
        "category": [hl7("observation-category", "social-history", "Social History")],
        "code": concept(LOINC, "72166-2", "吸烟状况"),
        "subject": patient,
        "effectiveDateTime": f"{until.year - 1}",
        "valueCodeableConcept": concept(LOINC, *SMOKING[smoker]),
    }


def contract_group(who: Resident, traits: Traits, until: date) -> str:
    """Returns the group whose share of contracts applies."""
    age = who.age(until)
    if traits.onset:
        return "chronic"
    return "elder" if age >= 65 else "child" if age < 7 else "other"


def contract(patient: Resource, home: Resource, doctor: Resource, until: date) -> Resource:
    """Returns the elements of the EpisodeOfCare that a family doctor's contract opens."""
    return {
        "status": "active",
        "type": [concept(CONTRACT, "family-doctor", "家庭医生签约服务")],
        "patient": patient,
        "managingOrganization": home,
        "period": _year(until),
        "careManager": doctor,
    }


def care_plan(
    patient: Resource, doctor: Resource, names: list[str], addresses: list[Resource], until: date
) -> Resource:
    """Returns the elements of the CarePlan of four follow-ups a year."""
    quarterly = {"repeat": {"frequency": 4, "period": 1, "periodUnit": "a"}}
    detail = {"status": "in-progress", "description": "面对面随访", "scheduledTiming": quarterly}
    return {
        "status": "active",
        "intent": "plan",
        "title": f"{'、'.join(names)}随访计划",
        "subject": patient,
        "period": _year(until),
        "author": doctor,
        "addresses": addresses,
        "activity": [{"detail": detail}],
    }

"""A resident as FHIR elements: who they are and what holds for them apart from any visit."""

from datetime import date

from kangyun.simulate.bundle import Resource
from kangyun.simulate.coding import ATC, CONTRACT, HEALTH_RECORD_ID, LOINC, PAYMENT, RESIDENT_ID, concept, hl7
from kangyun.simulate.people import Resident
from kangyun.simulate.tables import Allergy, Place

SMOKING = {True: ("LA18976-3", "每天吸烟"), False: ("LA18978-9", "从不吸烟")}


def _year(until: date) -> Resource:
    return {"start": f"{until.year}-01-01", "end": f"{until.year}-12-31"}


def _name(who: Resident) -> Resource:
    return {"text": who.name, "family": who.surname, "given": [who.given]}


def _phone(who: Resident) -> Resource:
    return {"system": "phone", "value": who.phone, "use": "mobile"}


def demographics(place: Place, who: Resident, *, managing: Resource, practitioner: Resource) -> Resource:
    """Returns the elements of the Patient."""
    patient: Resource = {
        "identifier": [
            {"use": "official", "type": hl7("v2-0203", "NI"), "system": RESIDENT_ID, "value": who.number},
            {"system": HEALTH_RECORD_ID, "value": f"{place.division}{who.index:011d}"},
        ],
        "active": True,
        "name": [{"use": "official"} | _name(who)],
        "telecom": [_phone(who)],
        "gender": who.sex,
        "birthDate": who.birth.isoformat(),
        "address": [
            {
                "use": "home",
                "text": f"{place.province}{place.city}{place.county}{who.address}",
                "line": [who.address],
                "city": place.city,
                "district": place.county,
                "state": place.province,
                "postalCode": place.postal_code,
                "country": "CN",
            }
        ],
        "generalPractitioner": [practitioner],
        "managingOrganization": managing,
    }
    if who.contact is not None:
        relationship = [hl7("v2-0131", "C", "Emergency Contact")]
        patient["contact"] = [
            {"relationship": relationship, "name": _name(who.contact), "telecom": [_phone(who.contact)]}
        ]
    return patient


def insurance(who: Resident, patient: Resource, insurer: Resource, until: date, *, employed: bool) -> Resource:
    """Returns the elements of the Coverage of the year of `until`."""
    kind = ("1", "城镇职工基本医疗保险") if employed else ("2", "城镇居民基本医疗保险")
    return {
        "status": "active",
        "type": concept(PAYMENT, *kind),
        "subscriberId": who.number,
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


def contract_group(who: Resident, until: date) -> str:
    """Returns the group whose share of contracts applies."""
    age = who.age(until)
    if who.onset:
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

"""Who looks after the first residents of the demonstration, and what has happened to some of them since yesterday.

Beside the district's own bundles, so that the first page of a doctor has something to show. It invents no course of an
illness: a stay that ended, and a few results, of residents by their place.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from kangyun.simulate.bundle import META, Bundle, Resource
from kangyun.simulate.coding import ICD10, concept, hl7

TEAMED = 60
"""So many residents, the first ones, have a team."""
BY_ALL = 40
"""So many of them are looked after by all of the team, the others by its first member only."""
_SPACE = UUID("3b1f5f0a-50a4-5c60-9b52-0d5f6ad6c7b1")
_ZONE = timezone(timedelta(hours=8))
_CONTRACT = {"system": "urn:kangyun:care-team", "code": "family-doctor", "display": "家庭医生签约"}
_FLAG = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
_STAYS = {
    5: ("J44.1", "慢性阻塞性肺疾病急性加重"),
    17: ("E11.9", "2 型糖尿病伴血糖控制不佳"),
    31: ("J18.9", "社区获得性肺炎"),
}
"""Diagnoses by ICD-10."""
_RESULTS = {
    5: ("2823-3", "血钾", "5.9", "mmol/L", "HH", "3.5", "5.3"),
    12: ("718-7", "血红蛋白", "86", "g/L", "L", "115", "150"),
    17: ("4548-4", "糖化血红蛋白", "10.2", "%", "H", "4.0", "6.0"),
    22: ("2160-0", "血肌酐", "146", "umol/L", "H", "57", "97"),
}  # fmt: skip


def with_team(bundle: Bundle, place: int, members: Sequence[str], until: date) -> Bundle:
    """Returns the bundle of a resident with his team. place: of the resident, from 0. members: references of staff.

    until: the last day of the record, on which some are discharged and some results come.
    """
    if place >= TEAMED:
        return bundle
    patient = next(one["fullUrl"] for one in bundle["entry"] if one["resource"]["resourceType"] == "Patient")
    chosen = members if place < BY_ALL else members[:1]
    made = [_team(patient, chosen, until), *_on_the_last_day(patient, place, until)]
    return bundle | {"entry": [*bundle["entry"], *(_entry(one, place) for one in made)]}


def _name(type_: str, place: int) -> str:
    return f"urn:uuid:{uuid5(_SPACE, f'{type_}/{place}')}"


def _entry(resource: Resource, place: int) -> dict[str, Any]:
    name = _name(resource["resourceType"], place)
    id_ = name.removeprefix("urn:uuid:")
    return {
        "fullUrl": name,
        "resource": {**resource, "id": id_, "meta": META},
        "request": {"method": "PUT", "url": f"{resource['resourceType']}/{id_}"},
    }


def _team(patient: str, members: Sequence[str], until: date) -> Resource:
    signed = until.replace(day=1)
    return {
        "resourceType": "CareTeam", "status": "active", "name": "家庭医生签约团队",
        "category": [{"coding": [_CONTRACT]}],
        "subject": {"reference": patient},
        "period": {"start": signed.isoformat(), "end": (signed + timedelta(days=365)).isoformat()},
        "participant": [{"member": {"reference": one}} for one in members],
    }  # fmt: skip


def _on_the_last_day(patient: str, place: int, until: date) -> list[Resource]:
    found: list[Resource] = []
    if (reason := _STAYS.get(place)) is not None:
        act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP", "display": "住院"}
        found.append({
            "resourceType": "Encounter", "status": "finished", "class": act, "subject": {"reference": patient},
            "reasonCode": [{"text": reason[1]}],
            "diagnosis": [{
                "condition": {"reference": _name("Condition", place)},
                "use": hl7("diagnosis-role", "DD", "Discharge diagnosis"), "rank": 1,
            }],
            "period": {"start": _at(until, 7, 9), "end": _at(until, 0, 10)},
        })  # fmt: skip
        found.append({
            "resourceType": "Condition", "code": concept(ICD10, *reason), "subject": {"reference": patient},
            "clinicalStatus": hl7("condition-clinical", "active"),
            "verificationStatus": hl7("condition-ver-status", "confirmed"),
            "category": [hl7("condition-category", "encounter-diagnosis")],
            "encounter": {"reference": _name("Encounter", place)}, "recordedDate": _at(until, 0, 10),
        })  # fmt: skip
    if (result := _RESULTS.get(place)) is not None:
        code, name, value, unit, flag, low, high = result
        number = {"unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
        found.append({
            "resourceType": "Observation", "status": "final", "subject": {"reference": patient},
            "category": [{"coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory",
            }]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": name},
            "effectiveDateTime": _at(until, 0, 9),
            "valueQuantity": {"value": Decimal(value), **number},
            "interpretation": [{"coding": [{"system": _FLAG, "code": flag}]}],
            "referenceRange": [{"low": {"value": Decimal(low), **number}, "high": {"value": Decimal(high), **number}}],
        })  # fmt: skip
    return found


def _at(until: date, days: int, hour: int) -> str:
    return datetime.combine(until - timedelta(days=days), time(hour), _ZONE).isoformat()

"""The district through its public interface: what it gives, that it is stable, and that it is marked."""

import re
import time
from datetime import date
from itertools import islice
from typing import Any

import pytest

from kangyun.base.numbers import resident_id
from kangyun.fhir.validation import validator
from kangyun.simulate import Bundle, district

UNTIL = date(2025, 11, 1)
RESIDENT_ID = "urn:oid:2.16.156.10011.1.3"


@pytest.fixture(scope="module")
def bundles() -> list[Bundle]:
    return list(district(7, 200, UNTIL))


@pytest.fixture(scope="module")
def resources(bundles: list[Bundle]) -> list[dict[str, Any]]:
    return [entry["resource"] for bundle in bundles for entry in bundle["entry"]]


def of_type(resources: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [resource for resource in resources if resource["resourceType"] == kind]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        here = [node["reference"]] if isinstance(node.get("reference"), str) else []
        return here + [found for value in node.values() for found in references(value)]
    if isinstance(node, list):
        return [found for value in node for found in references(value)]
    return []


def texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [found for value in node.values() for found in texts(value)]
    if isinstance(node, list):
        return [found for value in node for found in texts(value)]
    return [node] if isinstance(node, str) else []


def test_the_same_seed_gives_the_same_district(bundles):
    assert list(district(7, 200, UNTIL)) == bundles


def test_another_seed_gives_other_people(bundles):
    assert list(district(8, 3, UNTIL))[1:] != bundles[1:4]


def test_more_residents_do_not_change_the_first(bundles):
    assert list(islice(district(7, 500, UNTIL), 51)) == bundles[:51]


def test_it_is_as_large_as_a_demonstration_needs(bundles, resources):
    assert len(bundles) == 201
    assert 7_000 < len(resources) < 13_000


def test_it_is_generated_at_3000_resources_a_second_of_one_core(resources):
    start = time.process_time()
    count = sum(len(bundle["entry"]) for bundle in district(3, 200, UNTIL))
    assert count / (time.process_time() - start) > 3_000


def test_every_kind_of_resource_of_a_record_is_there(resources):
    assert {resource["resourceType"] for resource in resources} == {
        "AllergyIntolerance", "Appointment", "CarePlan", "Claim", "Condition", "Coverage", "DiagnosticReport",
        "Encounter", "EpisodeOfCare", "Immunization", "Location", "MedicationRequest", "Observation", "Organization",
        "Patient", "Practitioner", "PractitionerRole", "Procedure",
    }  # fmt: skip


def test_every_resource_says_that_it_is_a_demonstration(resources):
    assert all(resource["meta"]["tag"][0]["display"] == "演示数据" for resource in resources)
    assert all(resource["meta"]["security"][0]["code"] == "HTEST" for resource in resources)


def test_ids_are_unique_and_match_their_entries(bundles, resources):
    entries = [entry for bundle in bundles for entry in bundle["entry"]]
    assert len({resource["id"] for resource in resources}) == len(resources)
    assert all(e["fullUrl"] == f"urn:uuid:{e['resource']['id']}" for e in entries)
    assert all(e["request"]["url"] == f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries)


def test_references_lead_into_the_bundle_or_to_an_institution(bundles):
    known = {
        f"{resource['resourceType']}?identifier={identifier['system']}|{identifier['value']}"
        for resource in (entry["resource"] for entry in bundles[0]["entry"])
        for identifier in resource.get("identifier", [])
    }
    for bundle in bundles:
        inside = {entry["fullUrl"] for entry in bundle["entry"]}
        assert set(references(bundle)) <= inside | known


def test_id_numbers_are_fictitious_unique_and_right(resources):
    patients = of_type(resources, "Patient")
    numbers = [patient["identifier"][0]["value"] for patient in patients]
    assert len(set(numbers)) == 200
    for patient, number in zip(patients, numbers, strict=True):
        assert number.startswith("99")
        assert number[6:14] == patient["birthDate"].replace("-", "")
        assert int(number[16]) % 2 == (patient["gender"] == "male")
        assert number == resident_id.made(number[:6], date.fromisoformat(patient["birthDate"]), int(number[14:17]))


def test_id_number_has_the_check_character_of_the_standard():
    # The worked example of GB 11643-1999, appendix A.
    assert resident_id.made("110105", date(1949, 12, 31), 2) == "11010519491231002X"


def test_phones_are_of_a_range_that_nobody_has(resources):
    phones = [contact["value"] for patient in of_type(resources, "Patient") for contact in patient.get("telecom", [])]
    assert len(set(phones)) > 130  # Children and the old have a relative's.
    assert all(re.fullmatch(r"154\d{8}", phone) for phone in phones)


def test_residents_are_as_old_as_the_census_says(resources):
    ages = [UNTIL.year - int(patient["birthDate"][:4]) for patient in of_type(resources, "Patient")]
    assert 0.10 < sum(age < 15 for age in ages) / len(ages) < 0.27
    assert 0.11 < sum(age >= 60 for age in ages) / len(ages) < 0.28


def test_nothing_but_appointments_and_year_ends_lies_in_the_future(resources):
    past = [r for r in resources if r["resourceType"] not in ("Appointment", "Coverage", "CarePlan", "EpisodeOfCare")]
    instants = [t[:10] for t in texts(past) if re.match(r"\d{4}-\d\d-\d\d(T|$)", t)]
    # A stay that began before the last day may end some days later.
    assert max(instants) < "2025-11-20"


def test_blood_pressure_has_both_components(resources):
    panels = [o for o in of_type(resources, "Observation") if o["code"]["coding"][0]["code"] == "85354-9"]
    assert len(panels) > 200
    for panel in panels:
        systolic, diastolic = (part["valueQuantity"]["value"] for part in panel["component"])
        assert [part["code"]["coding"][0]["code"] for part in panel["component"]] == ["8480-6", "8462-4"]
        assert systolic > diastolic


def test_hypertensives_have_higher_pressure(resources):
    ill = {
        c["subject"]["reference"] for c in of_type(resources, "Condition") if c["code"]["coding"][0]["code"] == "I10"
    }
    panels = [o for o in of_type(resources, "Observation") if o["code"]["coding"][0]["code"] == "85354-9"]
    systolic = {True: [0, 0], False: [0, 0]}
    for panel in panels:
        group = systolic[panel["subject"]["reference"] in ill]
        group[0] += panel["component"][0]["valueQuantity"]["value"]
        group[1] += 1
    assert systolic[True][0] / systolic[True][1] > systolic[False][0] / systolic[False][1] + 8


def test_every_resource_is_valid(resources):
    faults = [fault for resource in resources for fault in validator().validate(resource)]
    assert faults == []


def test_decimals_keep_their_zeros(resources):
    totals = [str(claim["total"]["value"]) for claim in of_type(resources, "Claim")]
    assert all(re.fullmatch(r"\d+\.\d\d", total) for total in totals)


def test_claims_add_up(resources):
    for claim in of_type(resources, "Claim"):
        assert sum(item["net"]["value"] for item in claim["item"]) == claim["total"]["value"]


@pytest.mark.parametrize("seed", [0, -5, 2**70])
def test_any_seed_will_do(seed):
    assert len(list(district(seed, 1, UNTIL))) == 2


def test_no_residents_leave_the_institutions(bundles):
    assert list(district(7, 0, UNTIL)) == bundles[:1]

"""Chinese code systems have many names: what stands under one is found under each, and stays as it came."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

ICD10 = "urn:oid:2.16.156.10011.2.3.3.11"
CLASS = "urn:oid:2.16.156.10011.2.3.4.1"
CREDIT = "urn:oid:2.16.156.10011.1.5"


def condition(id_, system):
    return {
        "resourceType": "Condition", "id": id_, "subject": {"reference": "Patient/p"},
        "code": {"coding": [{"system": system, "code": "I10"}]},
    }  # fmt: skip


def typed(system, code):
    return [{"coding": [{"system": system, "code": code}]}]


def clinic(id_, system, **more):
    return {
        "resourceType": "Organization",
        "id": id_,
        "name": id_,
        "identifier": [{"system": system, "value": id_}],
    } | more


STOCK = (
    {"resourceType": "Patient", "id": "p"},
    condition("canonical", ICD10),
    condition("arc", f"{ICD10}.3"),
    condition("bare", "2.16.156.10011.2.3.3.11"),
    condition("who", "http://hl7.org/fhir/sid/icd-10"),
    clinic("h1", "2.16.156.10011.1.5", type=typed("urn:kangyun:code-system:ws-218-2002", "A100")),
    clinic("h2", CREDIT, type=typed(CLASS, "A220"), partOf={"reference": "Organization/h1"}),
    clinic("h3", "urn:hospital", partOf={"identifier": {"system": "2.16.156.10011.1.5", "value": "h1"}}),
    {"resourceType": "HealthcareService", "id": "s", "providedBy": {"reference": "Organization/h2"},
     "specialty": [{"coding": [{"system": "urn:kangyun:code-system:department", "code": "AA03"}]}]},
    {"resourceType": "PractitionerRole", "id": "r", "organization": {"reference": "Organization/h2"},
     "specialty": [{"coding": [{"system": "urn:oid:2.16.156.10011.2.3.2.62", "code": "AA03"}]}]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("search", "found"),
    [
        *((f"Condition?code={name}|I10", {"canonical", "arc", "bare"}) for name in (ICD10, f"{ICD10}.2", ICD10[8:])),
        ("Condition?code=http://hl7.org/fhir/sid/icd-10|I10", {"who"}),
        ("Condition?code=I10", {"canonical", "arc", "bare", "who"}),
        (f"Condition?code={ICD10}.1|", {"canonical", "arc", "bare"}),
        (f"Organization?identifier={CREDIT}|h1", {"h1"}),
        ("Organization?identifier=2.16.156.10011.1.5|h2", {"h2"}),
        (f"Organization?type={CLASS}|A100", {"h1"}),
        (f"Organization?type:below={CLASS}|A", {"h1", "h2"}),
        ("Organization?type:in=urn:kangyun:value-set:institution-class", {"h1", "h2"}),
        ("Organization?partof=Organization/h1", {"h2"}),
        (f"Organization?partof:identifier={CREDIT}|h1", {"h3"}),
        (f"Organization?partof:Organization.identifier={CREDIT}|h1", {"h2"}),
        ("HealthcareService?specialty=urn:oid:2.16.156.10011.2.3.2.62|AA03", {"s"}),
        (f"HealthcareService?organization.identifier={CREDIT}|h2", {"s"}),
        ("PractitionerRole?specialty=urn:kangyun:code-system:department|AA03", {"r"}),
    ],
)
async def test_each_name_finds_what_stands_under_any(stocked, ids_of, search, found):
    assert set(await ids_of(stocked, search)) == found


async def test_what_came_stays_as_it_came(stocked):
    assert (await stocked.get("Condition/bare")).json()["code"]["coding"][0]["system"] == "2.16.156.10011.2.3.3.11"


async def test_a_condition_by_another_name_meets_what_is_there(stocked):
    again = clinic("other", CREDIT)
    again["identifier"][0]["value"] = "h1"
    answer = await stocked.post(
        "Organization", json={k: v for k, v in again.items() if k != "id"},
        headers={"if-none-exist": "identifier=urn:oid:2.16.156.10011.1.5|h1"},
    )  # fmt: skip
    assert answer.status_code == 200

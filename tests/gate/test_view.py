"""What the console shows of a resident: who finds him by what, the first view, and what is said to be hidden."""

import pytest

from kangyun.access.operations import Call
from kangyun.access.view import parts
from kangyun.access.view.finding import find, lately
from kangyun.access.view.first import first
from kangyun.base.errors import Invalid, NotFound
from kangyun.exchange.summary.operations import summary

A, B = "Organization/a", "Organization/b"
ID_NUMBER = "urn:oid:2.16.156.10011.1.3"
ICD, UNITS = "http://hl7.org/fhir/sid/icd-10", "http://unitsofmeasure.org"


def about(type_, id_, subject="zhang", **rest):
    return {"resourceType": type_, "id": id_, "subject": {"reference": f"Patient/{subject}"}} | rest


def sugar(id_, value, unit, **rest):
    return about(
        "Observation", id_, status="final", code={"text": "空腹血糖", "coding": [{"code": "sugar"}]},
        valueQuantity={"value": value, "unit": unit, "system": UNITS, "code": unit}, **rest,
    )  # fmt: skip


ZHANG = {
    "resourceType": "Patient", "id": "zhang", "name": [{"text": "张三丰"}], "gender": "male", "birthDate": "1950-03-02",
    "identifier": [{"system": ID_NUMBER, "value": "330106195003021217"}],
    "telecom": [{"system": "phone", "value": "13800000001"}],
}  # fmt: skip
RECORD = (
    about(
        "Condition", "pressure", code={"text": "高血压", "coding": [{"system": ICD, "code": "I10"}]},
        clinicalStatus={"coding": [{"code": "active"}]}, onsetDateTime="2015-01-02",
    ),
    about("Condition", "cold", code={"text": "感冒"}, clinicalStatus={"coding": [{"code": "resolved"}]}),
    {
        "resourceType": "AllergyIntolerance", "id": "penicillin", "patient": {"reference": "Patient/zhang"},
        "code": {"text": "青霉素"}, "criticality": "high",
    },
    about(
        "Encounter", "visit", status="finished", period={"start": "2026-03-01T09:00:00+08:00"},
        diagnosis=[{"condition": {"reference": "Condition/pressure"}}], **{"class": {"code": "AMB"}},
        serviceProvider={"reference": A, "display": "甲医院"},
    ),
    sugar(
        "sugar-1", 6.2, "mmol/L", effectiveDateTime="2026-03-01", referenceRange=[{"low": {"value": 3.9}}],
        encounter={"reference": "Encounter/visit"}, interpretation=[{"coding": [{"code": "H"}]}],
    ),
    sugar("sugar-2", 5.8, "mmol/L", effectiveDateTime="2025-03-01"),
    sugar("sugar-3", 111, "mg/dL", effectiveDateTime="2024-03-01"),
    about("DiagnosticReport", "report", status="final", code={"text": "血糖"}, effectiveDateTime="2026-03-01"),
)  # fmt: skip


@pytest.fixture
async def zhang(written):
    for one in (ZHANG, *RECORD):
        await written(one, A)


@pytest.mark.parametrize("asked", ["张三丰", "张", "zhangsanfeng", "zsf", "330106195003021217", "13800000001"])
async def test_a_resident_is_found_by_what_people_type_and_is_masked(zhang, opened, asked):
    (row,) = (await find(await opened("doctor", A), asked, None)).residents
    assert (row.name, row.sex, row.born) == ("张*丰", "male", "1950")
    assert "1950" not in row.number
    assert row.phone == "138****0001"


async def test_somebody_of_another_hospital_finds_nobody(zhang, opened):
    record = await opened("doctor", B)
    assert (await find(record, "张三丰", None)).residents == []
    with pytest.raises(NotFound):
        await first(record, "zhang")


async def test_nothing_is_asked_by_nothing(opened):
    with pytest.raises(Invalid):
        await find(await opened("doctor", A), "  ", None)


async def test_without_a_question_those_who_were_here_last_are_shown(zhang, opened):
    found = await lately(await opened("doctor", A))
    assert [(one.name, one.last, one.kind, one.what) for one in found.residents] == [
        ("张*丰", "2026-03-01 09:00", "outpatient", "甲医院")
    ]
    assert found.lately
    assert not found.own


async def test_the_first_view_is_the_front_page(zhang, opened):
    view = await first(await opened("doctor", A), "zhang")
    assert view.person.masked
    assert [(one.what, one.states[0]) for one in view.problems] == [("高血压", "active"), ("感冒", "resolved")]
    assert [(one.what, one.states) for one in view.allergies] == [("青霉素", ["high"])]
    assert {one.code for one in view.marks} == {"elderly", "hypertension"}
    assert [(one.kind, one.count, one.last) for one in view.events] == [("outpatient", 1, "2026-03-01")]
    assert view.counts["Observation"] == 3
    assert view.hidden.count == 0


async def test_values_in_different_units_are_not_mixed(zhang, opened):
    found = await parts.tests(await opened("doctor", A), "zhang")
    assert [(one.what, one.unit, len(one.points)) for one in found.tests] == [
        ("空腹血糖", "mmol/L", 2), ("空腹血糖", "mg/dL", 1)
    ]  # fmt: skip
    newest = found.tests[0]
    assert newest.points[0][1:] == (6.2, found.houses.index("甲医院"), "H")
    assert newest.bands[0].low == 3.9


async def test_a_bound_keeps_its_comparator(written, opened):
    await written(ZHANG, A)
    for id_, value in (("low", {"comparator": "<"}), ("known", {})):
        one = sugar(id_, 0.5, "mmol/L", effectiveDateTime="2026-03-01")
        await written(one | {"valueQuantity": one["valueQuantity"] | value}, A)
    (test,) = (await parts.tests(await opened("doctor", A), "zhang")).tests
    assert sorted(point[4:] for point in test.points) == [(), ("<",)]


LOINC = "http://loinc.org"


@pytest.mark.parametrize(
    ("codings", "tests"),
    [
        ([[("urn:a", "101")], [("urn:b", "101")]], [("urn:b|101", 1), ("101", 1)]),
        ([[("urn:a", "101"), (LOINC, "2823-3")], [("urn:b", "7"), (LOINC, "2823-3")]], [("2823-3", 2)]),
        ([[("urn:a", "101")], [("urn:a", "101")]], [("101", 2)]),
    ],
)
async def test_a_hospital_s_own_code_is_no_other_hospital_s(written, opened, codings, tests):
    await written(ZHANG, A)
    for number, coded in enumerate(codings):
        code = {"text": "钾", "coding": [{"system": system, "code": value} for system, value in coded]}
        await written(
            sugar(f"own-{number}", 4.1, "mmol/L", effectiveDateTime=f"2026-03-0{9 - number}") | {"code": code}, A
        )
    found = await parts.tests(await opened("doctor", A), "zhang")
    assert sorted((one.code, len(one.points)) for one in found.tests) == sorted(tests)


async def test_the_other_parts_are_lists(zhang, opened):
    record = await opened("doctor", A)
    (visit,) = (await parts.timeline(record, "zhang")).visits
    assert (visit.start, visit.kind, visit.what) == ("2026-03-01 09:00", "outpatient", "高血压")
    assert [one.what for one in (await parts.documents(record, "zhang")).entries] == ["血糖"]


async def test_what_the_resident_keeps_back_is_counted_and_not_shown(zhang, written, opened):
    denied = {
        "type": "deny", "actor": [{"role": {"text": "recipient"}, "reference": {"reference": A}}],
        "securityLabel": [{"system": "urn:kangyun:label", "code": "health"}],
    }  # fmt: skip
    said = {
        "resourceType": "Consent", "id": "denial", "status": "active", "scope": {"text": "privacy"},
        "category": [{"text": "privacy"}], "policyRule": {"text": "regional"},
        "patient": {"reference": "Patient/zhang"}, "provision": denied,
    }  # fmt: skip
    await written(said, A)
    view = await first(await opened("doctor", A), "zhang")
    assert view.problems == []
    assert view.hidden.count == 6  # conditions, an allergy, values
    assert view.hidden.ways == ["card", "word", "emergency"]
    told = await summary(await opened("doctor", A), Call("Patient", "zhang", {"resourceType": "Parameters"}))
    composition = told["entry"][0]["resource"]
    assert "有 6 份记录因居民设置未显示" in composition["text"]["div"]
    assert composition["confidentiality"] == "R"


async def test_what_a_label_closes_is_never_counted(written, opened):
    await written(ZHANG, A)
    await written(about("Condition", "mind", code={"coding": [{"system": ICD, "code": "F20.0"}]}), B)
    assert (await first(await opened("doctor", A), "zhang")).hidden.count == 0


async def test_a_prescription_that_names_who_gives_it_and_a_time_beyond_all_sense_is_shown(written, opened):
    await written(ZHANG, A)
    given = {"value": 99999999999, "unit": "d", "system": UNITS, "code": "d"}
    await written(
        about(
            "MedicationRequest", "ever", status="active", intent="order", authoredOn="9990-01-02",
            medicationCodeableConcept={"text": "氨氯地平"}, dispenseRequest={"expectedSupplyDuration": given},
            performer={"reference": A, "display": "甲医院"},
        ),
        A,
    )  # fmt: skip
    view = await first(await opened("doctor", A), "zhang")
    (one,) = view.medications
    assert (one.what, one.until, view.houses[one.house]) == ("氨氯地平", "9999-12-31", "甲医院")


async def test_a_blood_group_is_found_behind_many_weights(written, opened):
    await written(ZHANG, A)
    await written(
        about(
            "Observation", "group", status="final", effectiveDateTime="1990-01-02", valueString="A 型",
            code={"coding": [{"system": "http://loinc.org", "code": "883-9"}]},
        ),
        A,
    )  # fmt: skip
    for day in range(1, 22):
        mass = {"coding": [{"system": "http://loinc.org", "code": "39156-5"}]}
        said = {"value": 24.5, "unit": "kg/m2", "system": UNITS, "code": "kg/m2"}
        of = {"status": "final", "code": mass, "valueQuantity": said, "effectiveDateTime": f"2026-01-{day:02}"}
        await written(about("Observation", f"mass-{day}", **of), A)
    assert {one.code for one in (await first(await opened("doctor", A), "zhang")).marks} >= {"overweight", "abo"}


async def test_what_did_not_take_place_is_no_visit(written, opened):
    await written(ZHANG, A)
    for status in ("cancelled", "planned", "entered-in-error"):
        of = {"status": status, "period": {"start": "2026-03-01"}, "class": {"code": "AMB"}}
        await written(about("Encounter", status, **of), A)
    vaccine = {"resourceType": "Immunization", "id": "not", "status": "not-done", "vaccineCode": {"text": "流感"}}
    await written(vaccine | {"patient": {"reference": "Patient/zhang"}, "occurrenceDateTime": "2026-03-01"}, A)
    record = await opened("doctor", A)
    view = await first(record, "zhang")
    assert (view.events, view.latest, (await parts.timeline(record, "zhang")).visits) == ([], [], [])


async def test_the_trail_says_of_those_who_were_shown_and_of_nobody_else(written, opened, platform):
    for number in range(17):
        id_ = f"person-{number}"
        await written({"resourceType": "Patient", "id": id_, "name": [{"text": f"张{number}"}]}, A)
        of = {"status": "finished", "period": {"start": f"2026-03-{number + 1:02}"}, "class": {"code": "AMB"}}
        await written(about("Encounter", f"visit-{number}", id_, **of), A)
    found = await lately(await opened("doctor", A))
    assert len(found.residents) == 15
    async with platform.pool.connection() as connection:
        told = await connection.fetch("SELECT DISTINCT unnest(patients) FROM audit WHERE actor = 'Practitioner/li'")
    assert len(told) == 15


async def test_who_sees_no_visits_is_shown_nobody_before_he_asks(zhang, opened):
    found = await lately(await opened("steward", A, purpose="RECORDMGT"))
    assert (found.residents, found.lately) == ([], True)

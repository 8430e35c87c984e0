"""The summary: what stands in which section, the document as the guide wants it, and the paper."""

import base64
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from kangyun.exchange.summary.checking import check_code, is_genuine
from kangyun.exchange.summary.document import Summary, bundle
from kangyun.exchange.summary.making import filled
from kangyun.exchange.summary.paper import made_at, paper
from kangyun.exchange.summary.words import line
from kangyun.fhir.validation import validator

BASE = "https://example.org/fhir"
CODES = "http://terminology.hl7.org/CodeSystem/"
MADE = datetime(2026, 11, 23, 0, 12, tzinfo=UTC)
WANG = {
    "resourceType": "Patient", "id": "a", "name": [{"text": "王建国"}], "gender": "male", "birthDate": "1956-03-08",
    "link": [{"other": {"reference": "Patient/b"}, "type": "seealso"}],
}  # fmt: skip
LI = {"resourceType": "Practitioner", "id": "li", "name": [{"text": "李医生"}]}


def about(type_, id_, **more):
    subject = "patient" if type_ in ("AllergyIntolerance", "Immunization") else "subject"
    return {"resourceType": type_, "id": id_, subject: {"reference": "Patient/b"}, **more}


def observed(id_, name, day, value, category="laboratory"):
    return about(
        "Observation", id_, status="final", code={"text": name}, effectiveDateTime=day,
        category=[{"coding": [{"system": f"{CODES}observation-category", "code": category}]}],
        valueQuantity={"value": Decimal(value), "unit": "mmol/L"}, performer=[{"reference": "Practitioner/li"}],
    )  # fmt: skip


RECORD = [
    about("Condition", "c1", code={"text": "高血压"}, recordedDate="2024-05-01"),
    about("Condition", "c2", code={"text": "高血压"}, recordedDate="2026-05-01"),
    about(
        "Condition", "c3", code={"text": "肺炎"}, recordedDate="2019-01-05",
        clinicalStatus={"coding": [{"system": f"{CODES}condition-clinical", "code": "resolved"}]},
    ),
    observed("o1", "空腹血糖", "2026-01-02", "6.1"),
    observed("o2", "空腹血糖", "2026-09-02", "7.4"),
    observed("o3", "体重", "2026-09-02", 70, "vital-signs"),
    observed("o4", "钾", "2026-09-02", 4) | {"status": "entered-in-error"},
    about(
        "MedicationRequest", "m1", status="active", intent="order", authoredOn="2026-10-01",
        medicationCodeableConcept={"text": "氨氯地平片 5mg"}, dosageInstruction=[{"text": "每日一次，一次一片"}],
    ),
    about(
        "MedicationRequest", "m2", status="active", intent="order", authoredOn="2020-10-01",
        medicationCodeableConcept={"text": "阿莫西林"},
    ),
]  # fmt: skip


@pytest.fixture
def summary():
    return Summary(
        WANG, frozenset({"Patient/a", "Patient/b"}), filled(RECORD, date(2026, 11, 23)), {"Practitioner/li": LI}, MADE,
        "zh", ("暂不向居民显示",),
    )  # fmt: skip


def test_each_section_holds_the_newest_of_what_counts(summary):
    found = {one.section.name: [entry["id"] for entry in one.entries] for one in summary.sections}
    assert found == {
        "problems": ["c2"], "allergies": [], "medications": ["m1"], "immunizations": [], "results": ["o2"],
        "procedures": [], "devices": [], "vital-signs": ["o3"], "past-illness": ["c3"],
    }  # fmt: skip


def test_the_document_is_as_the_guide_wants_it(summary):
    made = bundle(summary, BASE)
    composition, patient, *rest = [one["resource"] for one in made["entry"]]
    assert (made["type"], composition["resourceType"], patient["resourceType"]) == (
        "document",
        "Composition",
        "Patient",
    )
    assert {one["resourceType"] for one in rest} >= {"Organization", "Practitioner"}
    codes = {one["code"]["coding"][0]["code"]: one for one in composition["section"]}
    assert {"11450-4", "48765-2", "10160-0", "11369-6", "30954-2", "47519-4", "46264-8"} <= codes.keys()
    assert codes["48765-2"]["emptyReason"]["coding"][0]["code"] == "unavailable"
    assert all(("entry" in one) != ("emptyReason" in one) and one["text"]["div"] for one in composition["section"])
    assert "暂不向居民显示" in composition["text"]["div"]
    names = {one["fullUrl"] for one in made["entry"]}
    assert len(names) == len(made["entry"])
    assert {f"{BASE}/{each['reference']}" for one in composition["section"] for each in one.get("entry", ())} <= names
    assert "Patient/b" not in str(made)
    issues = validator().validate(made)
    assert [one for one in issues if one.severity in ("error", "fatal")] == []


@pytest.mark.parametrize(("language", "said"), [("zh", "皮疹、高风险、已消失"), ("en", "皮疹, high risk, resolved")])
def test_an_allergy_that_is_over_says_so_in_the_reader_s_language(language, said):
    gone = about(
        "AllergyIntolerance", "p", code={"text": "青霉素"}, criticality="high",
        reaction=[{"manifestation": [{"text": "皮疹"}]}],
        clinicalStatus={"coding": [{"system": f"{CODES}allergyintolerance-clinical", "code": "resolved"}]},
    )  # fmt: skip
    assert line(gone, language, {}).value == said


def test_the_paper_is_a_pdf_with_its_font_within(summary):
    rare = {**WANG, "name": [{"text": "王𠮷"}]}
    made = paper(replace(summary, patient=rare), "AAAA", UTC, demonstration=True)
    assert made.startswith(b"%PDF-")
    assert b"/FontFile2" in made
    assert len(made) < 200_000
    assert made.count(b"/Type /Page\n") >= 1


def test_an_entry_longer_than_a_page_is_printed_whole(summary):
    said = "".join(f"{number:04}" for number in range(2_000))
    long = about("DiagnosticReport", "r1", status="final", code={"text": "病理"}, conclusion=said, issued="2026-09-03")
    sections = filled([*RECORD, long], date(2026, 11, 23))
    made = paper(replace(summary, sections=sections), "AAAA", UTC, demonstration=False)
    assert made.count(b"/Type /Page\n") > made_pages(summary) + 2


def made_pages(summary):
    return paper(summary, "AAAA", UTC, demonstration=False).count(b"/Type /Page\n")


def test_a_check_code_stands_for_its_name_and_minute_only(summary):
    made = made_at(summary, UTC)
    code = check_code(b"k" * 32, "all of it", "王建国", made)
    assert is_genuine(b"k" * 32, code.lower().replace("-", " "), "王建国", "2026-11-23 00:12")
    for key, said, name, minute in (
        (b"x" * 32, code, "王建国", made), (b"k" * 32, code, "王建", made),
        (b"k" * 32, code, "王建国", made[:-1] + "9"),
        (b"k" * 32, "AAAA" + code[4:], "王建国", made), (b"k" * 32, "!", "王建国", made),
    ):  # fmt: skip
        assert not is_genuine(key, said, name, minute)


async def test_a_summary_is_asked_of_the_record_and_leaves_its_row(open_client, platform):
    client = await open_client()
    (await client.put("Patient/a", json={key: WANG[key] for key in WANG if key != "link"})).raise_for_status()
    (
        await client.put("Condition/c", json=RECORD[1] | {"id": "c", "subject": {"reference": "Patient/a"}})
    ).raise_for_status()
    answer = (await client.get("Patient/a/$summary", headers={"accept-language": "zh"})).json()
    assert answer["entry"][0]["resource"]["section"][0]["entry"] == [{"reference": "Condition/c"}]
    printed = (await client.get("Patient/a/$summary-paper")).json()
    assert base64.b64decode(printed["data"]).startswith(b"%PDF-")
    assert (await client.get("Patient/b/$summary")).status_code == 404
    async with platform.pool.connection() as connection:
        rows = await connection.fetch("SELECT action, outcome FROM audit WHERE action LIKE 'summary%' ORDER BY instant")
    assert [tuple(row) for row in rows] == [("summary", 200), ("summary-paper", 200), ("summary", 404)]

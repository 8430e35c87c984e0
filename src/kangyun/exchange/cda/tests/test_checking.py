"""Our rules find what is wrong with a document, and name the place."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.exchange.cda import catalogue
from kangyun.exchange.cda.checking import check, fits
from kangyun.exchange.cda.reading import Feed, read
from kangyun.exchange.cda.writing import write

FEED = Feed("h990102", "Organization/h990102")


def found(text):
    return {(one.text.rpartition(".")[2], one.place.part.rpartition("/")[2]) for one in check(text.encode(), "a.xml")}


def test_a_document_that_is_written_keeps_them(record):
    assert check(write("C0053", record)) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('<realmCode code="CN"/>', "", ("check-missing", "ClinicalDocument")),
        ("2.16.156.10011.2.1.1.73", "2.16.156.10011.2.1.1.21", ("check-value", "templateId")),
        ("<name>测试甲</name>", "<name/>", ("check-missing", "name")),
        ('effectiveTime value="2025', 'effectiveTime value="20x5', ("time", "effectiveTime")),
        ('"11535-2"', '"10160-0"', ("check-section", "section")),
        ('"46209-3"', '"11450-4"', ("check-order", "section")),
        ("DE06.00.287.00", "DE99.00.287.00", ("check-element", "observation")),
        ('codeSystem="2.16.156.10011.2.2.1"', 'codeSystem="1.2.3"', ("check-system", "code")),
        ('administrativeGenderCode code="1"', 'administrativeGenderCode code="7"',
         ("check-code", "administrativeGenderCode")),
        ('xsi:type="ST"', "", ("check-type", "value")),
        ('code="C0053"', 'code="C0099"', ("kind-unknown", "ClinicalDocument")),
        ('codeSystem="2.16.156.10011.2.3.3.11"', 'codeSystem="2.16.156.10011.2.3.3.12"', ("check-system", "value")),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_in_its_place(old, new, finding, record):
    text = write("C0053", record).decode()
    assert old in text
    assert finding in {(name, part.partition("[")[0]) for name, part in found(text.replace(old, new, 1))}


@pytest.mark.parametrize(
    ("element", "said", "good"),
    [
        ("DE05.01.024.00", "I10.x05", True),
        ("DE05.01.024.00", "I10.x05" * 4, False),
        ("DE04.30.017.00", "1", True),
        ("DE05.10.063.00", "x" * 5000, True),
    ],
)
def test_codes_are_held_against_their_formats(element, said, good):
    assert fits(catalogue.elements()[element], said) is good


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["C0053", "C0007", "C0009", "C0004", "C0032", "HSDC00.03"]))
def test_what_anybody_may_write_into_a_record_comes_back(data, kind):
    # A filler alone says nothing, and blanks are made one.
    words = st.text(st.characters(exclude_categories=("C", "Z")), max_size=12).map(lambda text: f"病{text}")
    name, concept = data.draw(words), data.draw(words)
    about = {"subject": {"reference": "Patient/p"}}
    code = {"text": concept}
    resources = [
        {"resourceType": "Patient", "id": "p", "name": [{"text": name}], "gender": "female",
         "identifier": [{"system": "urn:oid:2.16.156.10011.1.13", "value": "B1"}]},
        {"resourceType": "Condition", "id": "d", "code": code, "recordedDate": "2025-01-02"} | about,
        {"resourceType": "Procedure", "id": "o", "status": "completed", "code": code} | about,
        {"resourceType": "MedicationRequest", "id": "m", "medicationCodeableConcept": code} | about,
        {"resourceType": "Observation", "id": "r", "code": {"coding": [{"system": "urn:x", "code": "A1"}]},
         "category": [{"coding": [{"code": "laboratory"}]}], "valueString": concept} | about,
    ]  # fmt: skip
    raw = write(kind, resources)
    from_it = read(raw, "a.xml", FEED)
    assert not any(one.whole for one in from_it.refusals)
    assert write(kind, [*(dict(one.resource) for one in from_it.entries)]) == raw

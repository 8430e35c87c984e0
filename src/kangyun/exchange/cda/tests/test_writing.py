"""Documents written of the record: they keep our rules, the same bytes again, and read in again they say the same."""

import random

import pytest

from kangyun.access.intake import check as check_resource
from kangyun.base.errors import Invalid, NotFound
from kangyun.exchange.cda import catalogue, writing
from kangyun.exchange.cda.checking import check
from kangyun.exchange.cda.reading import read
from kangyun.exchange.cda.writing import write

KINDS = sorted(writing.kinds())
NOT_SAID = ("id", "meta", "identifier", "subject", "encounter", "patient", "status", "category", "clinicalStatus",
            "verificationStatus", "primarySource", "text", "author", "language", "type", "title")  # fmt: skip


def house(resources):
    return next(one for one in resources if one["resourceType"] == "Organization")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_keeps_our_rules(kind, record_of):
    assert check(write(kind, record_of(kind))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_record_gives_the_same_bytes(kind, record_of):
    record = record_of(kind)
    shuffled = random.Random(7).sample(record, len(record))
    assert write(kind, record) == write(kind, [dict(one) for one in record])
    assert write(kind, shuffled) == write(kind, record)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_in_again_and_written_the_same(kind, record_of, feed):
    record = record_of(kind)
    first = write(kind, record)
    found = read(first, "out.xml", feed)
    assert found.refusals == () and found.kind == kind
    for one in found.entries:
        check_resource(dict(one.resource))
    again = [dict(one.resource) for one in found.entries]
    assert write(kind, [*again, house(record)]).decode() == first.decode()


def said(resource, names):
    return {name: value for name, value in resource.items() if name in names}


@pytest.mark.parametrize(
    ("kind", "type_", "names"),
    [
        ("C0053", "Patient", ("identifier", "name", "telecom", "gender", "birthDate", "address", "maritalStatus",
                              "contact", "extension", "_gender")),
        ("C0032", "Encounter", ("class", "identifier", "period", "serviceType", "hospitalization", "extension")),
        ("C0007", "Observation", ("code", "valueQuantity", "valueCodeableConcept", "valueString", "interpretation",
                                  "referenceRange", "effectiveDateTime")),
        ("C0007", "DiagnosticReport", ("conclusion", "issued", "resultsInterpreter", "effectiveDateTime")),
        ("C0004", "MedicationRequest", ("medicationCodeableConcept", "groupIdentifier", "authoredOn", "requester",
                                        "dosageInstruction", "dispenseRequest")),
        ("C0009", "Procedure", ("code", "performedPeriod", "performer", "extension")),
        ("C0001", "AllergyIntolerance", ("code",)),
        ("HSDB03.01", "Immunization", ("vaccineCode", "occurrenceDateTime", "lotNumber", "manufacturer",
                                       "protocolApplied")),
        ("C0053", "Condition", ("code", "recordedDate")),
    ],
)  # fmt: skip
def test_what_is_read_in_again_says_what_the_record_said(kind, type_, names, record, feed):
    found = [dict(one.resource) for one in read(write(kind, record), "out.xml", feed).entries]
    ours = [said(one, names) for one in record if one["resourceType"] == type_]
    theirs = [said(one, names) for one in found if one["resourceType"] == type_]
    assert theirs
    assert all(any(_equal(one, other) for other in ours) for one in theirs)


def _equal(one, other):
    if isinstance(one, dict) and isinstance(other, dict):
        return all(name in other and _equal(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(any(_equal(part, whole) for whole in other) for part in one)
    return one == other or str(one) == str(other)


def test_a_visit_keeps_its_class(visit, feed):
    found = read(write("C0002", visit), "out.xml", feed)
    (encounter,) = [one.resource for one in found.entries if one.resource["resourceType"] == "Encounter"]
    assert encounter["class"]["code"] == "AMB"


def test_a_stay_of_a_case_number_only_comes_back(record, feed):
    """As a front page (N041) brings it."""
    own = {"identifier": [{"system": "urn:oid:2.16.156.10011.1.13", "value": "B001"}]}
    bare = [one | own if one["resourceType"] == "Encounter" else one for one in record]
    raw = write("C0032", bare)
    again = [dict(one.resource) for one in read(raw, "out.xml", feed).entries]
    (encounter,) = [one for one in again if one["resourceType"] == "Encounter"]
    assert (encounter["class"]["code"], encounter["period"]["start"]) == ("IMP", "2025-12-01T09:00:00+08:00")
    assert write("C0032", [*again, house(record)]) == raw


@pytest.mark.parametrize("kind", ["C0002", "HSDC00.02"])
def test_a_document_of_visits_is_not_written_of_a_stay(kind, record):
    with pytest.raises(Invalid):
        write(kind, record)


@pytest.mark.parametrize(
    "period",
    [
        {"start": "2025-12-01T09:00:00+08:00", "end": "2025-12-02T09:00:01+08:00"},
        {"start": "2025-12-01", "end": "2025-12-01"},
        {"start": "2025-12-01T09:00:00+08:00"},
    ],
)
def test_a_stay_of_a_day_is_written_as_such_where_its_times_say_so(record, period):
    with pytest.raises(Invalid):
        write("C0035", [one | {"period": period} if one["resourceType"] == "Encounter" else one for one in record])


def test_a_front_page_of_chinese_medicine_is_of_its_diagnoses(record, record_of):
    with pytest.raises(NotFound):
        write("C0033", record)
    assert "A01.03.04" in write("C0033", record_of("C0033")).decode()


def test_what_the_outpatient_department_thought_is_no_discharge_diagnosis(record, feed):
    """As a front page (N041) brings it."""
    type_ = {"system": "urn:kangyun:code-system:diagnosis-type", "code": "2", "display": "门诊诊断"}
    thought = next(one for one in record if one.get("id") == "d3") | {"category": [{"coding": [type_]}]}
    raw = write("C0032", [*(one for one in record if one.get("id") != "d3"), thought])
    again = [dict(one.resource) for one in read(raw, "out.xml", feed).entries]
    assert write("C0032", [*again, house(record)]) == raw


def test_the_main_diagnosis_comes_first(record):
    text = write("C0032", record).decode()
    assert text.index("I10.x05") < text.index("E78.500")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "HSDA00.01"])
def test_nothing_is_written_of_nothing(kind, record_of):
    nothing = [one for one in record_of(kind) if one["resourceType"] in ("Patient", "Organization", "Encounter")]
    with pytest.raises(NotFound):
        write(kind, nothing)


@pytest.mark.parametrize("kind", ["C0052", "C0099", "", "X" * 100])
def test_other_kinds_are_not_written(kind, record):
    with pytest.raises(Invalid):
        write(kind, record)


def test_what_was_wrong_is_not_written(record):
    wrong = [one | {"status": "entered-in-error"} if one["resourceType"] == "Procedure" else one for one in record]
    with pytest.raises(NotFound):
        write("C0009", wrong)


def test_every_kind_that_is_written_is_known_and_about_something():
    assert all(kind in catalogue.kinds() and writing.about(kind) for kind in KINDS)


def test_characters_that_xml_does_not_allow_are_left_out(record, feed):
    odd = [one | {"conclusion": "a\x00b\x0b<&>\U0002a6d6"} if one["resourceType"] == "DiagnosticReport" else one
           for one in record]  # fmt: skip
    found = read(write("C0007", odd), "out.xml", feed)
    (report,) = [one.resource for one in found.entries if one.resource["resourceType"] == "DiagnosticReport"]
    assert report["conclusion"] == "ab<&>\U0002a6d6"

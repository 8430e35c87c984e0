"""Formats of primitives, narratives, codes without lists, and references."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.fhir.definitions import definitions
from kangyun.fhir.validation import validator
from kangyun.fhir.validation.primitives import ACCEPTS, MAX_STRING, fault_of

R4 = definitions()


def test_every_primitive_type_has_a_format():
    assert set(ACCEPTS) == {t.name for t in R4.types.values() if t.kind == "primitive-type"}


@pytest.mark.parametrize(
    ("type_name", "value"),
    [
        ("base64Binary", "aGVs bG8="),
        ("boolean", False),
        ("canonical", "http://example.org/p|1.0#x"),
        ("code", "a b"),
        ("code", "血型"),
        ("date", "2024"),
        ("date", "2024-02"),
        ("date", "2024-02-29"),
        ("date", "2000-02-29"),
        ("dateTime", "2024-12-31T23:59:60Z"),
        ("dateTime", "2024-02-29T08:00:00.123456789+14:00"),
        ("dateTime", "2024-02-29T08:00:00-13:59"),
        ("decimal", 1),
        ("decimal", Decimal("1E-10")),
        ("decimal", Decimal("-0.00")),
        ("id", "a-B.9"),
        ("instant", "2015-02-07T13:28:17.239+02:00"),
        ("integer", -2147483648),
        ("markdown", "# 一\n\t二"),
        ("oid", "urn:oid:1.2.0"),
        ("positiveInt", 1),
        ("string", "　全角空格"),
        ("string", " "),
        ("string", "\U0001f600"),
        ("string", "x" * MAX_STRING),
        ("time", "23:59:59.5"),
        ("unsignedInt", 0),
        ("uri", "urn:x"),
        ("url", "mailto:a@b.cn"),
        ("uuid", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    ],
)
def test_valid_values_are_accepted(type_name, value):
    assert ACCEPTS[type_name](value)


@pytest.mark.parametrize(
    ("type_name", "value", "text"),
    [
        ("base64Binary", "aGVsbG8", "format"),
        ("base64Binary", "  ", "format"),
        ("boolean", "true", "json-type"),
        ("boolean", 1, "json-type"),
        ("canonical", "a b", "format"),
        ("code", " a", "format"),
        ("date", "1900-02-29", "format"),
        ("date", "2024-02-30", "format"),
        ("date", "2024-04-31", "format"),
        ("date", "0000-01-01", "format"),
        ("date", "2024-02-29\n", "format"),
        ("date", "２０２４", "format"),
        ("date", 2024, "json-type"),
        ("dateTime", "2024-02-29T08:00:00", "format"),
        ("dateTime", "2024-02-29T08:00:00+14:01", "format"),
        ("decimal", "1.0", "json-type"),
        ("decimal", True, "json-type"),
        ("decimal", Decimal("NaN"), "format"),
        ("decimal", Decimal("1E+999999"), "format"),
        ("decimal", 1.5, "json-type"),
        ("id", "", "empty-string"),
        ("instant", "2015-02-07", "format"),
        ("integer", 2147483648, "range"),
        ("integer", Decimal("1.0"), "format"),
        ("integer", True, "json-type"),
        ("oid", "urn:oid:01.2", "format"),
        ("positiveInt", 0, "range"),
        ("string", "", "empty-string"),
        ("string", "a\u0000", "control-character"),
        ("string", "a\uffff", "control-character"),
        ("string", "x" * (MAX_STRING + 1), "too-long"),
        ("string", None, "json-type"),
        ("time", "24:00:00", "format"),
        ("unsignedInt", -1, "range"),
        ("uri", "", "empty-string"),
        ("uri", "a b", "format"),
        ("uuid", "urn:uuid:C757873D-EC9A-4326-A141-556F43239520", "format"),
        ("xhtml", "text", "narrative"),
    ],
)
def test_other_values_are_refused_and_it_is_said_why(type_name, value, text):
    assert not ACCEPTS[type_name](value)
    assert fault_of(type_name, value)[1] == text


@given(st.dates(min_value=date(1, 1, 1)))
def test_every_day_of_the_calendar_is_a_date(day):
    assert ACCEPTS["date"](day.isoformat())


@given(st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32))
def test_only_days_of_the_calendar_are_dates(year, month, day):
    text = f"{year:04}-{month:02}-{day:02}"
    assert ACCEPTS["date"](text) == _is_a_day(text)


def _is_a_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# Narrative


def narrative(inner: str, root: str = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>') -> bool:
    patient = {"resourceType": "Patient", "text": {"status": "generated", "div": root.format(inner)}}
    return validator().validate(patient) == []


@pytest.mark.parametrize(
    "inner",
    [
        "张三",
        "<p>a<br/><b>b</b></p>",
        '<img src="data:image/png;base64,AA==" alt="x"/>',
        '<a href="#top">x</a>',
        '<table border="1" class="grid"><tr><td style="color: red">1</td></tr></table>',
        "<!-- note --><p>x</p>",
        "1 &lt; 2",
    ],
)
def test_a_harmless_narrative_is_accepted(inner):
    assert narrative(inner)


@pytest.mark.parametrize(
    "inner",
    [
        "",
        "   <p> </p>",
        "<script>x</script>",
        "<p onclick='x()'>x</p>",
        "<a href='javascript:x()'>x</a>",
        "<a href='JavaScript:x()'>x</a>",
        "<a href='&#x6A;avascript:x()'>x</a>",
        "<iframe src='http://x'/>",
        "<form><input/></form>",
        "<p style='background: url(http://x/y.png)'>x</p>",
        "<p style='width: expression(x)'>x</p>",
        "<object data='x'>x</object>",
        "<p>x",
        "a & b",
        "&nbsp;x",
        "<link rel='stylesheet' href='http://x'/>x",
        "<svg xmlns='http://www.w3.org/2000/svg'>x</svg>",
        "<?php x ?>x",
        "<![CDATA[<script>]]>",
    ],
)
def test_a_harmful_or_blank_narrative_is_refused(inner):
    assert not narrative(inner)


@pytest.mark.parametrize(
    "text",
    [
        "<div>x</div>",
        '<p xmlns="http://www.w3.org/1999/xhtml">x</p>',
        "x",
        "",
        '<!DOCTYPE d [<!ENTITY a "b">]><div xmlns="http://www.w3.org/1999/xhtml">&a;</div>',
        '<!DOCTYPE d SYSTEM "file:///etc/passwd"><div xmlns="http://www.w3.org/1999/xhtml">x</div>',
        '<div xmlns="http://www.w3.org/1999/xhtml">' + "<p>" * 5000 + "x" + "</p>" * 5000 + "</div>",
    ],
)
def test_a_narrative_that_is_no_div_of_xhtml_is_refused(text):
    assert not narrative("", root=text.replace("{", "{{").replace("}", "}}"))


# Codes and references


def found_in(resource: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(i.text.removeprefix("fhir.validation."), i.at) for i in validator().validate(resource)]


@pytest.mark.parametrize(
    "language", ["zh-CN", "zh-Hans-CN", "en", "yue", "sl-rozaj-biske", "de-CH-x-phonebk", "i-klingon"]
)
def test_languages_are_checked_by_their_form(language):
    assert found_in({"resourceType": "Patient", "language": language}) == []


@pytest.mark.parametrize("language", ["中文", "zh_CN", "z", "-", "zh-", "x"])
def test_what_has_not_the_form_of_a_language_is_refused(language):
    assert found_in({"resourceType": "Patient", "language": language}) == [("binding", "Patient.language")]


@pytest.mark.parametrize(
    "media_type", ["text/plain", "text/plain; charset=utf-8", "application/fhir+json;fhirVersion=4.0", "image/*"]
)
def test_media_types_are_checked_by_their_form(media_type):
    assert found_in({"resourceType": "Patient", "photo": [{"contentType": media_type}]}) == []


def test_what_has_not_the_form_of_a_media_type_is_refused():
    patient = {"resourceType": "Patient", "photo": [{"contentType": "jpeg"}]}
    assert found_in(patient) == [("binding", "Patient.photo[0].contentType")]


def condition(**clinical_status: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "clinicalStatus": clinical_status}


ACTIVE = {"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}


@pytest.mark.parametrize(
    "status",
    [
        {"coding": [ACTIVE]},
        {"coding": [{"system": "http://local", "code": "1"}, ACTIVE]},
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]},
    ],
)
def test_a_concept_with_a_code_of_the_required_set_is_accepted(status):
    assert found_in(condition(**status)) == []


@pytest.mark.parametrize(
    "status",
    [
        {"text": "active"},
        {"coding": [{"code": "active"}]},
        {"coding": [ACTIVE | {"code": "running"}]},
        {"coding": [ACTIVE | {"system": "x"}]},
    ],
)
def test_a_concept_without_one_is_refused(status):
    assert ("binding", "Condition.clinicalStatus") in found_in(condition(**status))


def observed(subject: dict[str, Any], **more: Any) -> list[tuple[str, str | None]]:
    return found_in(
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": subject} | more
    )


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Patient/1"},
        {"reference": "https://example.org/fhir/Patient/1/_history/2"},
        {"reference": "urn:uuid:1"},
        {"reference": "Patient?identifier=a|b"},
        {"reference": "https://example.org/people/7"},
        {"display": "某人"},
        {"type": "Group", "identifier": {"value": "1"}},
        {"type": "http://example.org/Thing", "display": "x"},
    ],
)
def test_a_reference_to_an_allowed_or_unknown_type_is_accepted(reference):
    assert observed(reference) == []


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "Practitioner/1"},
        {"reference": "https://example.org/fhir/Medication/1"},
        {"reference": "Encounter?x=y"},
        {"type": "Organization", "display": "x"},
        {"type": "Organization", "reference": "Patient/1"},
    ],
)
def test_a_reference_to_another_type_is_refused(reference):
    assert observed(reference) == [("target", "Observation.subject")]


def test_a_contained_target_is_looked_up():
    patient = {"resourceType": "Patient", "id": "p"}
    organization = {"resourceType": "Organization", "id": "p", "name": "x"}
    assert observed({"reference": "#p"}, contained=[patient]) == []
    assert observed({"reference": "#p"}, contained=[organization]) == [("target", "Observation.subject")]
    assert ("dangling", "Observation.subject") in observed({"reference": "#q"}, contained=[patient])

"""Patches: the official tests, what they leave open, and that nothing sent can do harm."""

import copy
import json
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.errors import Invalid, PlatformError, RuleBroken, TooLong
from kangyun.base.texts import say
from kangyun.fhir import xml
from kangyun.fhir.patch import apply_fhirpath_patch, apply_json_patch

SUITES = Path(__file__).parents[6] / "shared/data/fhir/patch"
JSON_SUITE, FHIR_SUITE = SUITES / "json-patch-tests.json", SUITES / "fhir-patch-tests.xml"

PATIENT = {
    "resourceType": "Patient",
    "id": "p",
    "active": True,
    "name": [
        {"use": "official", "family": "欧阳", "given": ["娜娜", "Nana"], "_given": [None, {"id": "g"}]},
        {"text": "N"},
    ],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://e.org/time", "valueDateTime": "1974-12-25T14:35:45Z"}]},
    "deceasedBoolean": False,
    "contact": [{"gender": "female"}],
    "contained": [{"resourceType": "Organization", "id": "o", "name": "县医院"}],
}


def skipped(path):
    return [pytest.param(None, marks=pytest.mark.skip(reason=f"the suite is not at {path}"))]


def json_cases(key):
    if not JSON_SUITE.exists():
        return skipped(JSON_SUITE)
    return [pytest.param(case, id=case["comment"]) for case in json.loads(JSON_SUITE.read_text("utf-8")) if key in case]


def fhir_cases(tag):
    if not FHIR_SUITE.exists():
        return skipped(FHIR_SUITE)
    ElementTree.register_namespace("", "http://hl7.org/fhir")
    ElementTree.register_namespace("h", "http://www.w3.org/1999/xhtml")
    cases = ElementTree.parse(FHIR_SUITE).iter("case")
    return [pytest.param(case, id=case.get("name")) for case in cases if case.find(tag) is not None]


def resource(case, tag):
    return xml.decode(ElementTree.tostring(case.find(tag)[0]))


@pytest.mark.parametrize("case", json_cases("expected"))
def test_json_suite(case):
    assert apply_json_patch(case["doc"], case["patch"]) == case["expected"]


@pytest.mark.parametrize("case", json_cases("error"))
def test_json_suite_errors(case):
    with pytest.raises(RuleBroken):
        apply_json_patch(case["doc"], case["patch"])


@pytest.mark.parametrize("case", fhir_cases("output"))
def test_fhirpath_suite(case):
    assert apply_fhirpath_patch(resource(case, "input"), resource(case, "diff")) == resource(case, "output")


@pytest.mark.parametrize("case", fhir_cases("error"))
def test_fhirpath_suite_errors(case):
    with pytest.raises(RuleBroken):
        apply_fhirpath_patch(resource(case, "input"), resource(case, "diff"))


def part(name, **value):
    return {"name": name, **value}


def operation(kind, path, *parts):
    typed = [part("type", valueCode=kind), part("path", valueString=path), *parts]
    return {"name": "operation", "part": typed}


def patched(*operations):
    before = copy.deepcopy(PATIENT)
    after = apply_fhirpath_patch(PATIENT, {"resourceType": "Parameters", "parameter": list(operations)})
    assert before == PATIENT
    return after


def changed(**members):
    return {name: value for name, value in {**PATIENT, **members}.items() if value is not None}


OFFICIAL = PATIENT["name"][0]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (operation("delete", "Patient.birthDate"), changed(birthDate=None, _birthDate=None)),
        (operation("delete", "Patient.birthDate.extension('http://e.org/time')"), changed(_birthDate=None)),
        (operation("delete", "Patient.gender"), PATIENT),
        (operation("delete", "Patient.contact[0].gender"), changed(contact=None)),
        (operation("delete", "Patient.contained.where(id = 'o').name"),
         changed(contained=[{"resourceType": "Organization", "id": "o"}])),
        (operation("delete", "Patient.name.first().given[0]"),
         changed(name=[{**OFFICIAL, "given": ["Nana"], "_given": [{"id": "g"}]}, {"text": "N"}])),
        (operation("delete", "Patient.name[0].given.where($this = 'Nana')"),
         changed(name=[{"use": "official", "family": "欧阳", "given": ["娜娜"]}, {"text": "N"}])),
        (operation("delete", "Patient.name.where(use.empty())"), changed(name=[OFFICIAL])),
        (operation("replace", "Patient.birthDate", part("value", valueDate="1975-01-01")),
         changed(birthDate="1975-01-01", _birthDate=None)),
        (operation("replace", "Patient.deceased", part("value", valueDateTime="2020")),
         changed(deceasedBoolean=None, deceasedDateTime="2020")),
        (operation("replace", "Patient.name[0].given[1]", part("value", valueString="N.")),
         changed(name=[{"use": "official", "family": "欧阳", "given": ["娜娜", "N."]}, {"text": "N"}])),
        (operation("add", "Patient", part("name", valueString="multipleBirth"), part("value", valueInteger=2)),
         changed(multipleBirthInteger=2)),
        (operation("add", "Patient.birthDate", part("name", valueString="id"), part("value", valueString="b")),
         changed(_birthDate={**PATIENT["_birthDate"], "id": "b"})),
        (operation("add", "Patient.active", part("name", valueString="extension"),
                   part("value", valueExtension={"url": "http://e.org/x", "valueInteger": 1})),
         changed(_active={"extension": [{"url": "http://e.org/x", "valueInteger": 1}]})),
        (operation("add", "Patient", part("name", valueString="contained"),
                   part("value", resource={"resourceType": "Group", "id": "x"})),
         changed(contained=[*PATIENT["contained"], {"resourceType": "Group", "id": "x"}])),
        (operation("add", "Patient", part("name", valueString="communication"),
                   part("value", part=[part("language", valueCodeableConcept={"text": "汉语"}),
                                       part("preferred", valueBoolean=True)])),
         changed(communication=[{"language": {"text": "汉语"}, "preferred": True}])),
        (operation("insert", "Patient.name[0].given", part("index", valueInteger=0), part("value", valueString="A")),
         changed(name=[{**OFFICIAL, "given": ["A", "娜娜", "Nana"], "_given": [None, None, {"id": "g"}]},
                       {"text": "N"}])),
        (operation("insert", "Patient.link", part("index", valueInteger=0),
                   part("value", part=[part("type", valueCode="refer")])), changed(link=[{"type": "refer"}])),
        (operation("move", "Patient.name[0].given", part("source", valueInteger=1),
                   part("destination", valueInteger=0)),
         changed(name=[{**OFFICIAL, "given": ["Nana", "娜娜"], "_given": [{"id": "g"}, None]}, {"text": "N"}])),
    ],
)  # fmt: skip
def test_fhirpath_patch(change, expected):
    assert patched(change) == expected


VALUE = part("value", valueString="x")


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        (operation("replace", "Patient.gender", VALUE), RuleBroken, "no-such-place"),
        (operation("replace", "Patient.name", VALUE), RuleBroken, "several-places"),
        (operation("replace", "Patient", VALUE), RuleBroken, "whole-resource"),
        (operation("delete", "Patient"), RuleBroken, "whole-resource"),
        (operation("delete", "Patient.name"), RuleBroken, "several-places"),
        (operation("add", "Patient", part("name", valueString="birthDate"), VALUE), RuleBroken, "exists"),
        (operation("add", "Patient", part("name", valueString="deceased"), part("value", valueDateTime="2020")),
         RuleBroken, "exists"),
        (operation("add", "Patient", part("name", valueString="nothing"), VALUE), Invalid, "unknown-element"),
        (operation("add", "Patient", part("name", valueString="name"), VALUE), Invalid, "value-type"),
        (operation("add", "Patient", part("name", valueString="gender"), part("value", valueInteger=1)),
         Invalid, "value-type"),
        (operation("add", "Patient", part("name", valueString="gender"), part("value")), Invalid, "value-missing"),
        (operation("insert", "Patient.name", part("index", valueInteger=3), part("value", valueHumanName={})),
         RuleBroken, "no-such-index"),
        (operation("insert", "Patient.gender", part("index", valueInteger=0), VALUE), Invalid, "not-a-list"),
        (operation("move", "Patient.name", part("source", valueInteger=2), part("destination", valueInteger=0)),
         RuleBroken, "no-such-index"),
        (operation("move", "Patient.name", part("source", valueInteger=0)), Invalid, "parts"),
        (operation("delete", "Patient.nothing"), Invalid, "unknown-element"),
        (operation("delete", "Patient.name.("), Invalid, "path"),
        (operation("delete", "Patient.descendants()"), Invalid, "path-form"),
        (operation("delete", "1 + 1"), Invalid, "path-form"),
        (operation("delete", "Patient" + ".name" * 300), Invalid, "path-length"),
        (operation("delete", "Patient.name.where(given.single() = 'x')"), Invalid, "path"),
        (operation("destroy", "Patient.name"), Invalid, "unknown-operation"),
        ({"name": "other"}, Invalid, "parts"),
        ("x", Invalid, "operation"),
    ],
)  # fmt: skip
def test_fhirpath_patch_errors_name_the_operation(change, error, text):
    harmless = operation("delete", "Patient.gender")
    with pytest.raises(error) as caught:
        patched(harmless, change)
    assert caught.value.issues[0].parameters["operation"] == 1
    assert caught.value.issues[0].text in (f"fhir.patch.{text}", "fhir.patch.operation")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"op": "add", "path": "/name/5", "value": 1}, RuleBroken),
        ({"op": "add", "path": "/name/01", "value": 1}, RuleBroken),
        ({"op": "add", "path": "/id/x", "value": 1}, RuleBroken),
        ({"op": "add", "path": "name", "value": 1}, Invalid),
        ({"op": "add", "path": "/a~2", "value": 1}, Invalid),
        ({"op": "add", "path": "/a"}, Invalid),
        ({"op": "add", "path": 1, "value": 1}, Invalid),
        ({"op": "add", "path": "", "value": 1}, Invalid),
        ({"op": "add", "path": "", "value": {"resourceType": "Group"}}, Invalid),
        ({"op": "replace", "path": "/gender", "value": 1}, RuleBroken),
        ({"op": "remove", "path": ""}, RuleBroken),
        ({"op": "remove", "path": "/name/-"}, RuleBroken),
        ({"op": "move", "from": "/name", "path": "/name/0"}, Invalid),
        ({"op": "copy", "from": "/nothing", "path": "/x"}, RuleBroken),
        ({"op": "test", "path": "/active", "value": 1}, RuleBroken),
        ({"op": "test", "path": "/name/0/given", "value": ["娜娜"]}, RuleBroken),
        ({"op": "spam", "path": "/id"}, Invalid),
        ({"op": []}, Invalid),
        ({}, Invalid),
        (None, Invalid),
    ],
)
def test_json_patch_errors_name_the_operation(change, error):
    with pytest.raises(error) as caught:
        apply_json_patch(PATIENT, [{"op": "test", "path": "/id", "value": "p"}, change])
    assert caught.value.issues[0].parameters["operation"] == 1


def test_json_patch_leaves_its_input_alone():
    before = copy.deepcopy(PATIENT)
    changes = [{"op": "remove", "path": "/name/0/given/0"}, {"op": "move", "from": "/contact", "path": "/link"}]
    after = apply_json_patch(PATIENT, changes)
    assert before == PATIENT
    assert (after["name"][0]["given"], after["link"]) == (["Nana"], [{"gender": "female"}])


def test_numbers_are_compared_by_value():
    document = {"a": Decimal("1.10")}
    assert apply_json_patch(document, [{"op": "test", "path": "/a", "value": Decimal("1.1")}]) == document


def test_a_patch_cannot_grow_without_bounds():
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(60)]
    with pytest.raises(PlatformError):
        apply_json_patch({"a": {"x": [0] * 100}}, doubling)
    widening = [{"op": "copy", "from": "/a", "path": "/a/-"}, {"op": "copy", "from": "/a", "path": "/b"}] * 400
    with pytest.raises(PlatformError):
        apply_json_patch({"a": [[0] * 5000]}, widening)
    with pytest.raises(TooLong):
        apply_json_patch(
            {"a": [0] * 5000}, [{"op": "copy", "from": "/a", "path": f"/{number}"} for number in range(300)]
        )


NAMES = (
    "op",
    "path",
    "from",
    "value",
    "name",
    "part",
    "valueString",
    "valueCode",
    "parameter",
    "resourceType",
    "resource",
)
WORDS = ("add", "delete", "replace", "remove", "test", "Patient.name", "/name/0", "operation", "type", "", "Patient")
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.sampled_from(WORDS) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([apply_json_patch, apply_fhirpath_patch]), st.just(PATIENT) | anything, anything)
def test_whatever_is_sent_gives_a_resource_or_an_error_that_can_be_said(apply, document, change):
    try:
        result = apply(document, change)
    except PlatformError as error:
        assert all(say(issue.text, language, issue.parameters) for issue in error.issues for language in ("zh", "en"))
    else:
        assert isinstance(result, dict)


PARTS = ("path", "name", "value", "index", "source", "destination")
PATHS = (
    "Patient",
    "Patient.name",
    "Patient.name[0].given[1]",
    "Patient.birthDate",
    "Patient.deceased",
    "Patient.contained",
)
operations = st.builds(
    lambda kind, path, parts: operation(kind, path, *({**value, "name": name} for name, value in parts.items())),
    st.sampled_from(["add", "insert", "delete", "replace", "move"]),
    st.sampled_from(PATHS),
    st.dictionaries(
        st.sampled_from(PARTS),
        st.dictionaries(
            st.sampled_from(["valueString", "valueInteger", "_valueString", "valueHumanName", "resource", "part"]),
            st.integers(-1, 3) | st.sampled_from(["given", "extension", "deceased"]) | anything,
            max_size=2,
        ),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(operations, max_size=3))
def test_operations_of_any_content(changes):
    try:
        result = apply_fhirpath_patch(PATIENT, {"resourceType": "Parameters", "parameter": changes})
    except PlatformError as error:
        assert "operation" in error.issues[0].parameters
    else:
        assert result["resourceType"] == "Patient"

"""A fault put into a valid resource is found at its place, and found the same way with and without the quick look."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.texts import say
from kangyun.fhir.definitions import Element, definitions
from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator

RESOURCES = {path.stem: decode(path.read_bytes()) for path in sorted(Path(__file__).parent.glob("examples/*.json"))}
TYPES = definitions().types


class Place(NamedTuple):
    """A value in a resource: the JSON keys that lead to it, where it is in FHIRPath, and what it is."""

    keys: tuple[str | int, ...]
    at: str
    value: Any
    element: Element | None
    type_name: str


def places(value: Any, type_name: str, at: str, keys: tuple[str | int, ...] = ()) -> Iterator[Place]:
    for name, member in value.items():
        stem = name.removeprefix("_")
        element = TYPES[type_name].elements.get(stem)
        if element is None:
            continue
        inner = element.type
        for key, item, place in items(member, (*keys, name), f"{at}.{element.path}"):
            if item is None:
                continue
            if inner == "Resource" or element.type == "Resource":
                inner = item["resourceType"]
            yield Place(key, place, item, element if stem == name else None, inner)
            if isinstance(item, dict):
                yield from places(item, inner, place, key)


def items(member: Any, keys: tuple[str | int, ...], at: str) -> Iterator[tuple[tuple[str | int, ...], Any, str]]:
    if isinstance(member, list):
        for i, item in enumerate(member):
            yield (*keys, i), item, f"{at}[{i}]"
    else:
        yield keys, member, at


PLACES = [
    (name, place)
    for name, resource in RESOURCES.items()
    for place in places(resource, resource["resourceType"], resource["resourceType"])
]
OBJECTS = [(n, p) for n, p in PLACES if isinstance(p.value, dict)]
VALUES = [(n, p) for n, p in PLACES if p.element and not isinstance(p.value, dict)]
ARRAYS = [(n, p) for n, p in PLACES if p.element and isinstance(p.keys[-1], int)]


def with_value(name: str, keys: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    resource = deepcopy(RESOURCES[name])
    holder: Any = resource
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    return resource


def without(name: str, keys: tuple[str | int, ...]) -> dict[str, Any]:
    resource = deepcopy(RESOURCES[name])
    holder: Any = resource
    for key in keys[:-1]:
        holder = holder[key]
    del holder[keys[-1]]
    return resource


def faults(resource: Any) -> set[tuple[str, str | None]]:
    """What is wrong and where; looked at closely, which must not differ from what is found on a write."""
    found = validator().validate(resource)
    close = validator().validate(resource, warnings=True)
    assert [i for i in found if i.severity == "error"] == [i for i in close if i.severity == "error"]
    assert all(say(i.text, language, i.parameters) for i in found for language in ("zh", "en"))
    return {(issue.text.removeprefix("fhir.validation."), issue.at) for issue in found}


@pytest.mark.parametrize("name", RESOURCES)
def test_the_resources_are_valid_before_they_are_changed(name):
    assert faults(RESOURCES[name]) == set()


@given(st.sampled_from(OBJECTS))
def test_an_unknown_member_is_found(case):
    name, place = case
    assert ("unknown", f"{place.at}.bloodType") in faults(with_value(name, (*place.keys, "bloodType"), "A"))


@given(st.sampled_from(OBJECTS))
def test_a_member_that_is_no_name_is_found_and_not_repeated(case):
    name, place = case
    mutated = with_value(name, (*place.keys, "张三 13800000000"), "A")
    assert ("unknown", place.at) in faults(mutated)
    assert "13800000000" not in str(validator().validate(mutated))


@given(st.sampled_from(OBJECTS))
def test_an_empty_object_is_found(case):
    name, place = case
    assert faults(with_value(name, place.keys, {})) & {
        ("empty-object", place.at),
        ("resource-type", f"{place.at}.resourceType"),
    }


@given(st.sampled_from([(n, p) for n, p in PLACES if p.element]))
def test_null_is_found(case):
    name, place = case
    # A null that has an id beside it stands for an element without content.
    assert faults(with_value(name, place.keys, None)) & {("null", place.at), ("no-content", place.at)}


@given(st.sampled_from(VALUES), st.sampled_from([{"value": 1}, ["x"], 3.5]))
def test_a_primitive_of_the_wrong_json_type_is_found(case, value):
    name, place = case
    assert faults(with_value(name, place.keys, value)) & {("json-type", place.at), ("not-an-array", place.at)}


@given(st.sampled_from([c for c in OBJECTS if c[1].element]), st.sampled_from(["text", 1, True, ["x"]]))
def test_an_object_of_the_wrong_json_type_is_found(case, value):
    name, place = case
    assert faults(with_value(name, place.keys, value)) & {("json-type", place.at), ("not-an-array", place.at)}


@given(st.sampled_from(ARRAYS), st.sampled_from([[], "text", {"a": 1}]))
def test_what_should_be_an_array_is_found(case, value):
    name, place = case
    at = place.at.rpartition("[")[0]
    assert faults(with_value(name, place.keys[:-1], value)) & {("array", at), ("empty-array", at)}


BAD = {
    "date": ["2023-02-29", "1950-2-28", "1950-02-28T00:00:00Z", "0000", "19500228", "二〇二四年"],
    "dateTime": ["2024-13-01", "2024-02-30T00:00:00Z", "2024-02-29T08:00:00", "2024-02-29T24:00:00Z"],
    "instant": ["2024-02-29", "2024-02-29T08:00Z", "2024-02-29T08:00:00+15:00"],
    "time": ["8:00:00", "24:00:00", "08:00"],
    "id": ["a b", "x" * 65, "张三"],
    "code": [" a", "a  b", "a\n"],
    "uri": ["a b", "urn:\tx"],
    "url": ["a b"],
    "canonical": ["http://example.org/a b"],
    "base64Binary": ["aGVsbG8", "????", "a==="],
    "string": ["a\u0000b", "\u001b[0m"],
}  # fmt: skip


@given(st.data(), st.sampled_from([(n, p) for n, p in VALUES if p.type_name in BAD]))
def test_a_value_of_the_wrong_format_is_found(data, case):
    name, place = case
    value = data.draw(st.sampled_from(BAD[place.type_name]))
    wanted = {(text, place.at) for text in ("format", "control-character", "binding")}
    assert faults(with_value(name, place.keys, value)) & wanted


@given(st.sampled_from([(n, p) for n, p in VALUES if isinstance(p.value, str)]))
def test_an_empty_text_is_found(case):
    name, place = case
    assert ("empty-string", place.at) in faults(with_value(name, place.keys, ""))


BOUND = [
    (n, p)
    for n, p in VALUES
    if p.element and p.element.binding and p.element.binding.strength == "required" and p.type_name == "code"
]


@given(st.sampled_from(BOUND))
def test_a_code_outside_a_required_value_set_is_found(case):
    name, place = case
    assert ("binding", place.at) in faults(with_value(name, place.keys, "no such code"))


REQUIRED = [(n, p) for n, p in PLACES if p.element and p.element.min > 0 and not isinstance(p.keys[-1], int)]


@given(st.sampled_from(REQUIRED))
def test_a_missing_required_element_is_found(case):
    name, place = case
    found = faults(without(name, place.keys))
    # A Reference, Coding and the like may be left with nothing at all.
    assert found & {("required", place.at), ("empty-object", place.at.rpartition(".")[0])}


@given(st.sampled_from(OBJECTS), st.sampled_from(["effectiveInstant", "effectiveDateTime", "deceasedDateTime"]))
def test_any_two_types_of_a_choice_are_found(case, other):
    observation = RESOURCES["observation"] | {"effectiveInstant": "2024-02-29T08:00:00Z"}
    assert ("choice", "Observation.effective") in faults(observation)
    patient = RESOURCES["patient"] | {"_deceasedDateTime": {"extension": [{"url": "http://x.org", "valueCode": "a"}]}}
    assert ("choice", "Patient.deceased") in faults(patient)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=400)
@given(st.sampled_from(PLACES), JSON)
def test_any_value_in_any_place_gives_issues_and_no_exception(case, value):
    name, place = case
    faults(with_value(name, place.keys, value))


@settings(max_examples=400)
@given(JSON, st.sampled_from(sorted(definitions().resource_types)), st.data())
def test_any_resource_of_any_value_gives_issues_and_no_exception(value, type_name, data):
    member = data.draw(st.sampled_from(sorted(TYPES[type_name].elements)))
    faults({"resourceType": type_name, member: value})


@given(JSON)
def test_what_is_no_resource_gives_issues_and_no_exception(value):
    assert faults(value)


def nested(levels: int, value: Callable[[Any], dict[str, Any]]) -> Any:
    inner: Any = {"url": "http://example.org", "valueBoolean": True}
    for _ in range(levels):
        inner = value(inner)
    return inner


@pytest.mark.parametrize("levels", [10, 100, 1000, 5000])
def test_no_depth_gives_an_exception(levels):
    extension = nested(levels, lambda inner: {"url": "http://example.org", "extension": [inner]})
    found = validator().validate({"resourceType": "Patient", "extension": [extension]})
    assert {i.text for i in found} == ({"fhir.validation.depth"} if levels > 500 else set())


def test_many_faults_are_cut_and_it_is_said():
    names = [{"use": "nobody"}] * 3000
    found = validator().validate({"resourceType": "Patient", "name": names})
    assert len(found) == 1001
    assert found[-1].text == "fhir.validation.too-many-issues"


def test_all_faults_are_found_at_once():
    patient = {"resourceType": "Patient", "gender": "m", "birthDate": "1950-02-30", "name": [{}], "link": [{"x": 1}]}
    assert faults(patient) == {
        ("binding", "Patient.gender"),
        ("format", "Patient.birthDate"),
        ("empty-object", "Patient.name[0]"),
        ("unknown", "Patient.link[0].x"),
        ("required", "Patient.link[0].other"),
        ("required", "Patient.link[0].type"),
    }

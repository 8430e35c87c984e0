"""Resources at hand against searches. The store's own search is held against the same cases in tests/conformance."""

import pytest

from kangyun.base.errors import NotSupported
from kangyun.fhir.search.matching import compile_match
from kangyun.fhir.search.parameters import parameters
from kangyun.fhir.search.query import read_query

WANG = {
    "resourceType": "Patient",
    "active": True,
    "identifier": [{"system": "urn:card", "value": "1"}, {"value": "2"}],
    "name": [{"family": "王", "given": ["小明"]}],
    "gender": "male",
    "birthDate": "1980-05",
}
GENDERS = "http://hl7.org/fhir/administrative-gender"


def passes(*pairs, resource=WANG):
    type_ = resource["resourceType"]
    query = read_query(type_, pairs)
    assert not query.ignored
    return compile_match(type_, query.node, parameters(type_))(resource, "wang")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("identifier", "1", True),
        ("identifier", "urn:card|1", True),
        ("identifier", "|1", False),
        ("identifier", "|2", True),
        ("identifier", "urn:card|2", False),
        ("identifier", "urn:card|", True),
        ("identifier", "3,2", True),
        ("identifier:not", "1", False),
        ("gender", "male", True),
        ("gender", f"{GENDERS}|male", True),
        ("gender", "urn:other|male", False),
        ("gender:missing", "false", True),
        ("phone:missing", "true", True),
        ("name", "王", True),
        ("name", "wang", True),
        ("name", "明", False),
        ("name:contains", "明", True),
        ("name:exact", "王小", False),
        ("name:exact", "王小明", True),
        ("birthdate", "1980-05", True),
        ("birthdate", "1980-05-03", False),
        ("birthdate", "ge1980-05-03", True),
        ("birthdate", "ap1980-05-03", True),
        ("birthdate", "sa1980", False),
        ("birthdate", "eb1981", True),
        ("birthdate", "ne1980", False),
        ("birthdate", "lt1980-05", False),
        ("birthdate", "le1980-05", True),
        ("birthdate", "gt1980-05", False),
        ("_id", "wang", True),
        ("_id", "li", False),
        ("_filter", "gender eq male and not (identifier eq 3)", True),
        ("_filter", "gender eq female or identifier eq 1", True),
    ],
)
def test_what_an_element_says_decides(name, text, expected):
    assert passes((name, text)) == expected


def test_all_parameters_must_hold():
    assert passes(("identifier", "1"), ("gender", "male"))
    assert not passes(("identifier", "1"), ("gender", "female"))


def test_a_concept_in_words_is_not_missing():
    seen = {"resourceType": "Observation", "status": "final", "code": {"text": "seen"}}
    assert passes(("code:missing", "false"), resource=seen)
    assert not passes(("code", "seen"), resource=seen)


def test_uris_are_compared_whole():
    valueset = {"resourceType": "ValueSet", "url": "http://x.example/a", "status": "draft"}
    assert passes(("url", "http://x.example/a"), resource=valueset)
    assert not passes(("url", "http://x.example"), resource=valueset)


@pytest.mark.parametrize(
    ("name", "text"),
    [("organization.name", "x"), ("_has:Observation:patient:code", "x"), ("gender:in", "urn:set"), ("_list", "l"),
     ("organization", "Organization/1"), ("organization:below", "Organization/1")],
)  # fmt: skip
def test_what_takes_more_than_the_resource_is_refused(name, text):
    with pytest.raises(NotSupported, match="not-at-hand"):
        passes((name, text))

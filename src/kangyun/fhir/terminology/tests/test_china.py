"""Terminology answers for China's lists, under each of their names and by edition."""

import pytest

from kangyun.base.errors import NotFound
from kangyun.fhir.terminology import OPERATIONS, Call, Claim, lookup, specification, specified, subsumes, validate_code

SEX = "urn:oid:2.16.156.10011.2.3.3.4"
DIVISION = "urn:oid:2.16.156.10011.2.3.3.2"
OCCUPATION = "urn:oid:2.16.156.10011.2.3.3.7"


def answered(type_, name, **given):
    parameters = [{"name": key, "valueString": value} for key, value in given.items()]
    call = Call({"resourceType": "Parameters", "parameter": parameters}, "2026-11-22T00:00:00+08:00")
    return OPERATIONS[type_, name](specification(), call)


def values(answer, name):
    return [next(v for k, v in one.items() if k != "name") for one in answer["parameter"] if one["name"] == name]


@pytest.mark.parametrize("name", [SEX, "2.16.156.10011.2.3.3.4", "http://CodeSystem.hl7fhir.cn/physiological-gender"])
def test_a_list_answers_under_each_of_its_names(name):
    found = answered("CodeSystem", "lookup", system=name, code="2")
    assert values(found, "display") == ["女性"]
    assert values(found, "version") == ["2003"]
    assert validate_code(specification(), Claim("1", name)).result
    assert not validate_code(specification(), Claim("3", name)).result


def test_a_value_set_knows_the_other_names_of_its_systems():
    content = specification().value_set("urn:kangyun:value-set:sex")
    assert validate_code(specification(), Claim("1", "GB/T 2261.1"), content).result
    assert len(answered("ValueSet", "expand", url="urn:kangyun:value-set:sex")["expansion"]["contains"]) == 4


def test_editions():
    assert lookup(specification(), OCCUPATION, "X", "2009").display() == "军人"
    assert lookup(specification(), OCCUPATION, "7").display() == "军人"
    with pytest.raises(NotFound):
        lookup(specification(), OCCUPATION, "X", "2015")
    with pytest.raises(NotFound):
        lookup(specification(), OCCUPATION, "X", "1999")


def test_what_was_seen_in_part_is_not_said_to_be_wrong():
    verdict = validate_code(specification(), Claim("29.01", "urn:kangyun:code-system:service-subject"))
    assert not verdict.result
    assert verdict.issue.text == "fhir.terminology.cannot-tell-code"


def test_translate_under_another_name():
    target = "http://hl7.org/fhir/administrative-gender"
    found = answered("ConceptMap", "translate", system="GB/T 2261.1", code="2", targetsystem=target)
    assert values(found, "result") == [True]
    assert len(values(found, "match")) == 1


def test_divisions_to_the_village():
    village = lookup(specification(), DIVISION, "330102001051")
    assert village.display() == "清波门社区"
    assert subsumes(specification(), DIVISION, "330100", "330102001051") == "subsumes"
    assert validate_code(specification(), Claim("330102001", DIVISION, display="清波街道")).result
    assert not validate_code(specification(), Claim("330102999", DIVISION)).result
    assert "330102" in specification().descendants(DIVISION, "330000")


def test_an_abolished_division_is_valid_with_a_warning_and_names_its_successor():
    verdict = validate_code(specification(), Claim("330103", DIVISION))
    assert verdict.result
    assert verdict.issue.text == "fhir.terminology.inactive-code"
    found = answered("CodeSystem", "lookup", system=DIVISION, code="330103")
    properties = [part for one in found["parameter"] for part in one.get("part", ())]
    assert any(part.get("valueCode") == "330105" for part in properties)


@pytest.mark.parametrize(("year", "valid"), [("2015", True), ("2023", False)])
def test_a_division_is_held_against_the_edition_of_a_year(year, valid):
    assert validate_code(specification(), Claim("330103", DIVISION, year)).result is valid


def test_what_a_site_writes_under_a_name_counts_and_its_going_brings_ours_back():
    own = {"resourceType": "CodeSystem", "url": SEX, "version": "9", "content": "complete", "concept": [{"code": "7"}]}
    site = specification().with_resources([own])
    assert lookup(site, SEX, "7").code == "7"
    assert lookup(site, SEX, "1", "2003").display() == "男性"
    assert lookup(site.without([SEX]), SEX, "1").display() == "男性"
    assert SEX in specified()

"""The table of code systems: names that are brought to one, codes as resources, maps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.fhir.china import canonical, edition, normalised, system, systems
from kangyun.fhir.china.codes import code_system, code_system_urls, editions, value_set
from kangyun.fhir.china.maps import concept_maps, translated
from kangyun.fhir.china.systems import ORIGINAL, aliases
from kangyun.fhir.validation import Validator

SEX = "urn:oid:2.16.156.10011.2.3.3.4"
ICD10 = "urn:oid:2.16.156.10011.2.3.3.11"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2.16.156.10011.2.3.3.4", SEX),
        ("URN:OID:2.16.156.10011.2.3.3.4", SEX),
        (" 2.16.156.10011.2.3.3.4 ", SEX),
        ("GB/T 2261.1-2003", SEX),
        ("http://CodeSystem.hl7fhir.cn/physiological-gender", SEX),
        ("urn:oid:2.16.156.10011.2.3.3.11.3", ICD10),
        ("2.16.156.10011.2.3.3.11.2", ICD10),
        ("2.16.840.1.113883.6.1", "http://loinc.org"),
        ("CV02.01.101", "urn:oid:2.16.156.10011.2.3.1.1"),
        ("urn:oid:1.2.3.4.5", "urn:oid:1.2.3.4.5"),
        ("http://hl7.org/fhir/administrative-gender", "http://hl7.org/fhir/administrative-gender"),
    ],
)
def test_a_system_has_one_name(name, expected):
    assert canonical(name) == expected


@given(st.one_of(st.sampled_from(sorted(aliases())), st.sampled_from(sorted(systems())), st.text()))
def test_the_name_of_a_name_is_itself(name):
    assert canonical(canonical(name)) == canonical(name)


def test_every_alias_leads_into_the_table():
    assert set(aliases().values()) <= set(systems())
    assert not set(aliases()) & set(systems())


def test_a_field_does_not_decide_a_list():
    front_page = "urn:kangyun:code-system:front-page-marital-status"
    assert canonical(front_page) == front_page
    assert system("GB/T 2261.2").list == "marital-status"
    assert {concept["code"] for concept in code_system(front_page)["concept"]} == {"1", "2", "3", "4", "9"}


def test_what_a_name_was_is_kept():
    coding = {"system": "2.16.156.10011.2.3.3.4", "code": "1"}
    assert normalised(coding) == {
        "system": SEX, "code": "1", "extension": [{"url": ORIGINAL, "valueUri": "2.16.156.10011.2.3.3.4"}],
    }  # fmt: skip
    assert normalised({"system": SEX, "code": "1"}) == {"system": SEX, "code": "1"}
    assert normalised({"code": "1"}) == {"code": "1"}


def test_editions():
    assert edition("GB/T 2261.1") == "2003"
    assert edition("urn:oid:9.9.9.9") is None
    occupation = canonical("GB/T 6565")
    assert editions(occupation) == ("2015", "2009")
    assert code_system(occupation)["version"] == "2015"
    assert {one["code"] for one in code_system(occupation, "2009")["concept"]} >= {"X", "Y"}
    assert code_system(occupation, "1999") is None
    assert code_system("urn:oid:9.9.9.9") is None


@pytest.mark.parametrize("url", code_system_urls())
def test_shipped_resources_are_valid(url):
    for year in editions(url):
        assert not errors(code_system(url, year))
    found = value_set(code_system(url)["valueSet"])
    assert not errors(found)
    assert found["compose"]["include"] == [{"system": url}]
    codes = [concept["code"] for concept in code_system(url)["concept"]]
    assert len(codes) == len(set(codes))
    parents = {
        one["valueCode"]
        for c in code_system(url)["concept"]
        for one in c.get("property", ())
        if one["code"] == "parent"
    }
    assert parents <= set(codes)


@pytest.mark.parametrize("found", concept_maps(), ids=lambda one: one["id"])
def test_maps_are_valid_and_lead_to_codes_that_are_here(found):
    assert not errors(found)
    (group,) = found["group"]
    sources = {concept["code"] for concept in code_system(group["source"])["concept"]}
    assert {element["code"] for element in group["element"]} <= sources


def test_maps_translate():
    assert translated("sex-to-administrative-gender", "1") == "male"
    assert translated("front-page-marital-status", "3") == "30"
    assert translated("marital-status-to-v3", "90") is None


def test_what_was_written_from_memory_says_so():
    (concept,) = [one for one in code_system(canonical("GB/T 4658"))["concept"] if one["code"] == "21"]
    assert {"code": "unverified", "valueBoolean": True} in concept["property"]


def errors(resource):
    return [issue for issue in Validator().validate(resource) if issue.severity in ("error", "fatal")]

"""Adding resources, versions, supplements, and the hierarchy."""

import pytest

from kangyun.base.errors import Invalid, NotFound, NotSupported
from kangyun.fhir.terminology import Claim, lookup, specification, subsumes, validate_code

ANIMALS = "http://example.org/animals"


def test_below_and_above_include_the_code(zoo):
    assert zoo.descendants(ANIMALS, "horse") == {"horse", "pony", "mule"}
    assert zoo.ancestors(ANIMALS, "mule") == {"mule", "horse", "donkey", "mammal"}
    assert zoo.descendants(ANIMALS, "unicorn") == {"unicorn"}


@pytest.mark.parametrize(
    ("one", "other", "outcome"),
    [
        ("horse", "horse", "equivalent"),
        ("mammal", "mule", "subsumes"),
        ("mule", "donkey", "subsumed-by"),
        ("pony", "mule", "not-subsumed"),
    ],
)
def test_subsumption(zoo, one, other, outcome):
    assert subsumes(zoo, ANIMALS, one, other) == outcome


def test_a_circle_in_the_hierarchy_ends():
    looped = {
        "resourceType": "CodeSystem", "url": "u", "content": "complete",
        "concept": [{"code": "a", "property": [{"code": "child", "valueCode": "b"}]},
                    {"code": "b", "property": [{"code": "child", "valueCode": "a"}]}],
    }  # fmt: skip
    assert specification().with_resources([looped]).descendants("u", "a") == {"a", "b"}


def test_a_newer_resource_takes_the_place_of_the_older(zoo, animals):
    assert zoo.codes_in(f"{ANIMALS}/all") >= {(ANIMALS, "horse")}
    newer = zoo.with_resources([{**animals, "version": "2", "concept": [{"code": "fish"}]}])
    assert newer.codes_in(f"{ANIMALS}/all") == {(ANIMALS, "fish")}
    assert lookup(newer, ANIMALS, "horse", "1").display() == "Horse"
    assert (ANIMALS, "horse") in zoo.codes_in(f"{ANIMALS}/all")


def test_a_version_that_is_not_here_is_not_found(zoo):
    with pytest.raises(NotFound):
        lookup(zoo, ANIMALS, "horse", "9")
    with pytest.raises(NotFound):
        zoo.value_set("http://hl7.org/fhir/ValueSet/administrative-gender|5.0.0")
    assert zoo.codes_in("http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1")


def test_what_is_forgotten_is_gone(zoo, value_set):
    shadow = value_set(url="http://hl7.org/fhir/ValueSet/administrative-gender")
    url = shadow["url"]
    assert zoo.with_resources([shadow]).codes_in(url) == frozenset()
    assert zoo.with_resources([shadow]).without([url]).codes_in(url) == zoo.codes_in(url)
    with pytest.raises(NotFound):
        zoo.without([ANIMALS]).descendants(ANIMALS, "horse")


def test_a_supplement_adds_wordings(zoo):
    supplement = {
        "resourceType": "CodeSystem", "url": "http://example.org/zh", "content": "supplement", "supplements": ANIMALS,
        "concept": [{"code": "bird", "designation": [{"language": "zh-CN", "value": "鸟"}]}],
    }  # fmt: skip
    assert lookup(zoo, ANIMALS, "bird").display("zh") == "Bird"
    supplemented = zoo.with_resources([supplement])
    assert lookup(supplemented, ANIMALS, "bird").display("zh") == "鸟"
    assert lookup(supplemented.without(["http://example.org/zh"]), ANIMALS, "bird").display("zh") == "Bird"


def test_letter_case_does_not_matter_where_a_system_says_so():
    system = {"resourceType": "CodeSystem", "url": "u", "caseSensitive": False, "concept": [{"code": "Ab"}]}
    terminology = specification().with_resources([system])
    assert lookup(terminology, "u", "aB").code == "Ab"


def test_needs_tells_what_to_fetch(zoo, value_set):
    wanting = value_set({"system": "http://loinc.org"}, {"valueSet": ["http://example.org/b"]}, {"system": ANIMALS})
    terminology = zoo.with_resources([wanting])
    assert terminology.needs(wanting["url"]) == {"http://loinc.org", "http://example.org/b"}
    assert terminology.needs("http://example.org/b") == {"http://example.org/b"}
    found = value_set({"system": ANIMALS}, url="http://example.org/b")
    assert terminology.with_resources([found]).needs(wanting["url"]) == {"http://loinc.org"}


@pytest.mark.parametrize("resource", [{"resourceType": "Patient", "url": "a"}, {"resourceType": "ValueSet"}, {}])
def test_only_terminology_resources_are_added(resource):
    with pytest.raises(Invalid, match="not-a-terminology-resource"):
        specification().with_resources([resource])


def test_a_system_with_only_a_form_has_no_hierarchy():
    with pytest.raises(NotSupported):
        specification().descendants("urn:ietf:bcp:47", "zh")


def test_all_codes_of_a_system_are_a_value_set_without_a_resource(zoo):
    assert len(zoo.codes_in(f"{ANIMALS}/all|1")) == 7
    assert zoo.value_set("http://unitsofmeasure.org/vs").has("http://unitsofmeasure.org", "kg")


@pytest.mark.parametrize(
    ("system", "code", "valid"),
    [
        ("urn:ietf:bcp:47", "zh", True),
        ("urn:ietf:bcp:47", "zh-Hans-CN", True),
        ("urn:ietf:bcp:47", "zh-cmn-Hans-CN-x-private", True),
        ("urn:ietf:bcp:47", "chinese-", False),
        ("urn:ietf:bcp:13", "application/fhir+json", True),
        ("urn:ietf:bcp:13", 'text/plain; charset="utf-8"', True),
        ("urn:ietf:bcp:13", "text", False),
        ("http://unitsofmeasure.org", "10*9/L", True),
        ("http://unitsofmeasure.org", "每升", False),
        ("urn:iso:std:iso:4217", "CNY", True),
        ("urn:iso:std:iso:4217", "cny", False),
        ("urn:iso:std:iso:3166", "CHN", True),
        ("urn:iso:std:iso:3166:-2", "CN-43", True),
        ("urn:ietf:rfc:3986", "urn:uuid:0", True),
        ("urn:ietf:rfc:3986", "a" * 300, False),
    ],
)
def test_codes_known_by_their_form(system, code, valid):
    assert validate_code(specification(), Claim(code, system)).result is valid

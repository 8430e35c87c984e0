"""What is in a value set, and what cannot be told."""

import pytest

from kangyun.base.errors import Invalid, NotFound, NotSupported, TooCostly
from kangyun.fhir.definitions import definitions
from kangyun.fhir.terminology import specification

ANIMALS = "http://example.org/animals"
UCUM = "http://unitsofmeasure.org"
ALL = {"mammal", "horse", "pony", "mule", "donkey", "bird", "dodo"}


def codes(content):
    return {member.code for member in content.members}


def condition(name, op, value):
    return {"system": ANIMALS, "filter": [{"property": name, "op": op, "value": value}]}


@pytest.mark.parametrize(
    ("name", "op", "value", "expected"),
    [
        ("concept", "is-a", "horse", {"horse", "pony", "mule"}),
        ("concept", "descendent-of", "horse", {"pony", "mule"}),
        ("concept", "is-not-a", "mammal", {"bird", "dodo"}),
        ("code", "generalizes", "mule", {"mule", "horse", "donkey", "mammal"}),
        ("code", "=", "pony", {"pony"}),
        ("code", "in", "pony, mule,unicorn", {"pony", "mule"}),
        ("code", "not-in", "pony,mule", ALL - {"pony", "mule"}),
        ("code", "regex", "m.*|d[^u]do", {"mammal", "mule", "dodo"}),
        ("display", "regex", "[DP].*y", {"donkey", "pony"}),
        ("legs", "=", "4", {"horse", "pony"}),
        ("legs", "in", "2,4", {"horse", "pony", "bird"}),
        ("legs", "exists", "false", ALL - {"horse", "pony", "bird"}),
        ("notSelectable", "=", "true", {"mammal"}),
        ("parent", "=", "horse", {"pony", "mule"}),
        ("child", "=", "mule", {"horse", "donkey"}),
        ("definition", "exists", "true", {"horse"}),
    ],
)
def test_filters(zoo, value_set, name, op, value, expected):
    content = zoo.value_set(value_set(condition(name, op, value)))
    assert codes(content) == expected
    assert {code for code in ALL if content.has(ANIMALS, code)} == expected


def test_several_filters_must_all_hold(zoo, value_set):
    both = {"system": ANIMALS, "filter": [
        {"property": "concept", "op": "is-a", "value": "horse"}, {"property": "legs", "op": "exists", "value": "true"},
    ]}  # fmt: skip
    assert codes(zoo.value_set(value_set(both))) == {"horse", "pony"}


@pytest.mark.parametrize(
    ("name", "op", "value", "error"),
    [
        ("concept", "is-a", "unicorn", Invalid),
        ("concept", "resembles", "horse", NotSupported),
        ("legs", "is-a", "4", NotSupported),
        ("legs", "exists", "maybe", Invalid),
        ("code", "regex", "(?=a)", Invalid),
    ],
)
def test_filters_that_cannot_be_meant_are_refused(zoo, value_set, name, op, value, error):
    with pytest.raises(error):
        zoo.value_set(value_set(condition(name, op, value)))


def test_includes_excludes_and_value_sets_combine(zoo, value_set):
    horses = value_set(condition("concept", "is-a", "horse"), url="http://example.org/horses")
    more = zoo.with_resources([horses])
    content = more.value_set(
        value_set(
            {"valueSet": ["http://example.org/horses"]},
            {"system": ANIMALS, "concept": [{"code": "bird", "display": "Anything that flies"}]},
            exclude=[{"system": ANIMALS, "concept": [{"code": "pony"}]}],
        )
    )
    assert [member.code for member in content.members] == ["horse", "mule", "bird"]
    within = more.value_set(value_set({"system": ANIMALS, "valueSet": ["http://example.org/horses", f"{ANIMALS}/all"]}))
    assert codes(within) == {"horse", "pony", "mule"}


def test_inactive_concepts_can_be_kept_out(zoo, value_set):
    content = zoo.value_set(value_set({"system": ANIMALS}, inactive=False))
    assert codes(content) == ALL - {"dodo"}
    assert content.has(ANIMALS, "dodo") is False


def test_an_expansion_serves_where_there_is_no_definition(zoo):
    entries = [
        {"system": ANIMALS, "code": "bird", "contains": [{"system": ANIMALS, "code": "dodo"}]},
        {"abstract": True},
    ]
    content = zoo.value_set({"resourceType": "ValueSet", "expansion": {"contains": entries}})
    assert [member.code for member in content.members] == ["bird", "dodo"]


def test_units_belong_though_they_cannot_be_listed():
    content = specification().value_set("http://hl7.org/fhir/ValueSet/ucum-units")
    assert content.has(UCUM, "mg/dL") is True
    assert content.has(UCUM, "spoonful") is False
    with pytest.raises(TooCostly):
        assert content.members


def test_units_of_time_are_those_that_convert_to_time():
    content = specification().value_set("http://hl7.org/fhir/ValueSet/all-time-units")
    assert [content.has(UCUM, unit) for unit in ("h", "min", "mm")] == [True, True, False]


def test_what_is_not_here_cannot_be_told(value_set):
    content = specification().value_set(value_set({"system": "http://loinc.org"}, {"system": UCUM}))
    assert content.has("http://loinc.org", "8480-6") is None
    assert content.has(UCUM, "mm") is True
    assert content.has("http://example.org", "a") is False
    assert content.missing == "http://loinc.org"
    with pytest.raises(TooCostly) as refused:
        assert content.members
    assert refused.value.issues[0].parameters["url"] == "http://loinc.org"


def test_an_exclude_that_is_not_here_leaves_the_answer_open(value_set):
    exclude = [{"valueSet": ["http://example.org/elsewhere"]}]
    content = specification().value_set(value_set({"system": UCUM}, exclude=exclude))
    assert content.has(UCUM, "mm") is None
    assert content.has(UCUM, "spoonful") is False


@pytest.mark.parametrize(
    ("include", "exclude"),
    [
        ({"system": ANIMALS, "valueSet": [f"{ANIMALS}/all", "http://example.org/partly"]}, []),
        ({"system": ANIMALS}, [{"valueSet": ["http://example.org/partly"]}]),
        ({"system": ANIMALS}, [{"valueSet": ["http://example.org/elsewhere"]}]),
    ],
)
def test_a_list_that_might_be_wrong_is_not_given(zoo, value_set, include, exclude):
    partly = value_set({"valueSet": ["http://example.org/elsewhere"]}, url="http://example.org/partly")
    content = zoo.with_resources([partly]).value_set(value_set(include, exclude=exclude))
    with pytest.raises(TooCostly, match="cannot-list"):
        assert content.members


def test_a_value_set_that_includes_itself_is_refused(value_set):
    circle = [
        value_set({"valueSet": ["http://example.org/b"]}, url="http://example.org/a"),
        value_set({"valueSet": ["http://example.org/a|1"]}, url="http://example.org/b") | {"version": "1"},
    ]
    with pytest.raises(Invalid, match="circle"):
        specification().with_resources(circle).value_set("http://example.org/a")


def test_value_sets_that_include_one_another_many_times_are_answered_at_once(value_set):
    base = value_set({"system": UCUM}, url="http://example.org/0")
    layers = [
        value_set({"valueSet": [f"http://example.org/{n}"] * 20}, url=f"http://example.org/{n + 1}") for n in range(15)
    ]
    content = specification().with_resources([base, *layers]).value_set("http://example.org/15")
    assert content.has(UCUM, "mm")
    assert (content.systems, content.missing, content.named(UCUM, "mm")) == ({UCUM}, None, None)


@pytest.mark.parametrize("parts", [{"filter": [{"property": "code", "op": "=", "value": "a"}] * 300}])
def test_a_value_set_of_too_many_parts_is_too_costly(zoo, value_set, parts):
    with pytest.raises(TooCostly):
        zoo.value_set(value_set({"system": ANIMALS, **parts}))


@pytest.mark.parametrize(
    "resource",
    [
        {"compose": []},
        {"compose": {"include": [None]}},
        {"compose": {"include": [{"system": 5}]}},
        {"compose": {"include": [{"concept": [{"code": None}]}]}},
        {"expansion": {"contains": {}}},
    ],
)
def test_a_misshapen_value_set_is_refused(resource):
    with pytest.raises(Invalid, match="shape") as refused:
        specification().value_set({"resourceType": "ValueSet", **resource})
    assert refused.value.at.startswith("ValueSet.")


def test_an_unknown_value_set_is_not_found():
    with pytest.raises(NotFound):
        specification().value_set("http://example.org/none")


def test_the_specification_lists_what_its_package_lists():
    types = definitions().types.values()
    bindings = [element.binding for each in types for element in each.elements.values() if element.binding]
    urls = {url for each in bindings if each.strength == "required" for url in (each.value_set,) if url}
    listed = {url: found for url in urls if (found := definitions().codes(url)) is not None}
    assert len(listed) > 150
    for url, systems in listed.items():
        assert specification().codes_in(url) == {(system, code) for system, codes in systems.items() for code in codes}

"""The operations as a client sees them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid, NotFound, NotSupported, PlatformError, TooCostly
from kangyun.base.texts import say
from kangyun.fhir.terminology import OPERATIONS, Call, specification

ANIMALS = "http://example.org/animals"
GENDER = "http://hl7.org/fhir/administrative-gender"
NOW = "2026-11-21T08:00:00+08:00"


def parameters(*pairs, **values):
    """Parameters of (name, kind, value): `parameters(("code", "Code", "a"))`, or of text: `parameters(code="a")`."""
    named = [
        {"name": name, kind if kind in ("resource", "part") else f"value{kind}": value} for name, kind, value in pairs
    ]
    plain = [{"name": name.replace("_", "-"), "valueString": value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": named + plain}


@pytest.fixture
def run(zoo):
    def run(operation, *pairs, instance=None, language="en", **values):
        kind, _, name = operation.partition("/$")
        return OPERATIONS[kind, name](zoo, Call(parameters(*pairs, **values), NOW, language, instance))

    return run


def flat(answer):
    """An answer as a list of names and values, parts in brackets."""
    return [
        (
            item["name"],
            flat({"parameter": item["part"]}) if "part" in item else next(v for k, v in item.items() if k != "name"),
        )
        for item in answer["parameter"]
    ]


def test_lookup_tells_all(run):
    answer = flat(run("CodeSystem/$lookup", system=ANIMALS, code="horse"))
    assert answer[:3] == [("name", "动物"), ("version", "1"), ("display", "Horse")]
    assert ("designation", [("language", "zh"), ("value", "马")]) in answer
    assert ("property", [("code", "definition"), ("value", "An animal to ride.")]) in answer
    assert ("property", [("code", "parent"), ("value", "mammal"), ("description", "Mammal")]) in answer
    assert ("property", [("code", "legs"), ("value", 4)]) in answer


def test_lookup_tells_what_was_asked(run):
    coding = ("coding", "Coding", {"system": ANIMALS, "code": "horse"})
    answer = run("CodeSystem/$lookup", coding, ("property", "Code", "legs"), displayLanguage="zh-CN")
    assert flat(answer)[2:] == [("display", "马"), ("property", [("code", "legs"), ("value", 4)])]


def test_lookup_by_form_and_on_an_instance(run, animals):
    assert ("display", "mm[Hg]") in flat(run("CodeSystem/$lookup", system="http://unitsofmeasure.org", code="mm[Hg]"))
    assert ("display", "Pony") in flat(run("CodeSystem/$lookup", code="pony", instance=animals))


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"system": ANIMALS, "code": "unicorn"}, NotFound, "code-not-here"),
        ({"system": "http://example.org/none", "code": "a"}, NotFound, "system-not-here"),
        ({"system": "http://unitsofmeasure.org", "code": "spoonful"}, NotFound, "code-not-here"),
        ({"code": "a"}, Invalid, "parameter-needed"),
        ({"system": ANIMALS}, Invalid, "parameter-needed"),
        ({"system": ANIMALS, "code": "horse", "date": "2020"}, NotSupported, "parameter-unsupported"),
        ({"system": ANIMALS, "code": "horse", "colour": "red"}, NotSupported, "parameter-unknown"),
    ],
)
def test_lookup_refuses(run, values, error, text):
    with pytest.raises(error, match=text) as refused:
        run("CodeSystem/$lookup", **values)
    issue = refused.value.issues[0]
    assert say(issue.text, "zh", issue.parameters)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"url": ANIMALS, "code": "horse"}, [("result", True), ("display", "Horse")]),
        ({"url": ANIMALS, "code": "horse", "display": " hORSE"}, [("result", True), ("display", "Horse")]),
        ({"url": ANIMALS, "code": "horse", "display": "马"}, [("result", True), ("display", "Horse")]),
        ({"url": ANIMALS, "code": "mammal", "abstract": "true"}, [("result", True), ("display", "Mammal")]),
    ],
)
def test_codes_of_a_system_are_valid(run, values, expected):
    assert flat(run("CodeSystem/$validate-code", **values)) == expected


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"url": ANIMALS, "code": "unicorn"}, "no such code"),
        ({"url": ANIMALS, "code": "horse", "display": "Cow"}, "display"),
        ({"url": ANIMALS, "code": "mammal", "abstract": "false"}, "only groups others"),
        ({"url": "http://snomed.info/sct", "code": "1"}, "cannot be told"),
        ({"code": "horse"}, "code system"),
    ],
)
def test_codes_that_a_system_does_not_have_are_not_valid(run, values, words):
    answer = dict(flat(run("CodeSystem/$validate-code", **values)))
    assert answer["result"] is False
    assert words in answer["message"]


def test_a_code_no_longer_in_use_is_valid_with_a_warning(run):
    answer = dict(flat(run("CodeSystem/$validate-code", url=ANIMALS, code="dodo")))
    assert (answer["result"], answer["message"]) == (True, "The code is no longer in use.")


def test_a_code_system_may_come_with_the_call(run):
    given = ("codeSystem", "resource", {"resourceType": "CodeSystem", "url": "u", "concept": [{"code": "a"}]})
    assert flat(run("CodeSystem/$validate-code", given, code="a")) == [("result", True)]
    coding = ("coding", "Coding", {"system": ANIMALS, "code": "horse"})
    assert dict(flat(run("CodeSystem/$validate-code", given, coding)))["result"] is False


@pytest.mark.parametrize(
    ("pairs", "values", "expected"),
    [
        ([], {"code": "female", "system": GENDER}, [("result", True), ("display", "Female")]),
        ([], {"code": "female"}, [("result", True), ("display", "Female")]),
        (
            [("coding", "Coding", {"system": GENDER, "code": "male", "display": "Male"})],
            {},
            [("result", True), ("display", "Male")],
        ),
        (
            [
                (
                    "codeableConcept",
                    "CodeableConcept",
                    {"coding": [{"system": "u", "code": "f"}, {"system": GENDER, "code": "female"}]},
                )
            ],
            {},
            [("result", True), ("display", "Female")],
        ),
        ([], {"code": "woman", "system": GENDER}, [("result", False), ("message", "值集")]),
        ([], {"code": "female", "system": "u"}, [("result", False), ("message", "值集")]),
        (
            [("codeableConcept", "CodeableConcept", {"coding": [{"system": "u", "code": "f"}, {"code": "x"}]})],
            {},
            [("result", False), ("message", "编码")],
        ),
    ],
)
def test_codes_in_a_value_set(run, pairs, values, expected):
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    answer = flat(run("ValueSet/$validate-code", *pairs, language="zh", url=url, **values))
    assert [name for name, _ in answer] == [name for name, _ in expected]
    assert all(str(want) in str(got) for (_, got), (_, want) in zip(answer, expected, strict=True))


def test_a_display_of_the_value_set_is_right_too(run, value_set):
    own = (
        "valueSet",
        "resource",
        value_set({"system": ANIMALS, "concept": [{"code": "pony", "display": "Little horse"}]}),
    )
    answer = run("ValueSet/$validate-code", own, system=ANIMALS, code="pony", display="little horse")
    assert dict(flat(answer))["result"] is True


def test_a_code_in_two_systems_needs_its_system(run, value_set):
    two = ("valueSet", "resource", value_set(*({"system": url, "concept": [{"code": "a"}]} for url in ("u", "v"))))
    assert "please give system" in dict(flat(run("ValueSet/$validate-code", two, code="a")))["message"]


def test_what_cannot_be_told_is_not_valid(run, value_set):
    loinc = ("valueSet", "resource", value_set({"system": "http://loinc.org"}))
    answer = dict(flat(run("ValueSet/$validate-code", loinc, code="8480-6", system="http://loinc.org")))
    assert (answer["result"], answer["message"]) == (False, "This cannot be told: http://loinc.org is not here.")


def test_expand_lists_a_value_set(run):
    expansion = run("ValueSet/$expand", url=f"{ANIMALS}/all")
    assert (expansion["url"], expansion["status"]) == (f"{ANIMALS}/all", "active")
    assert expansion["expansion"]["total"] == 7
    assert expansion["expansion"]["timestamp"] == NOW
    assert expansion["expansion"]["contains"][0] == {
        "system": ANIMALS, "abstract": True, "code": "mammal", "display": "Mammal",
    }  # fmt: skip
    assert expansion["expansion"]["contains"][-1] == {
        "system": ANIMALS, "inactive": True, "code": "dodo", "display": "Dodo",
    }  # fmt: skip
    assert {"name": "version", "valueUri": f"{ANIMALS}|1"} in expansion["expansion"]["parameter"]


@pytest.mark.parametrize(
    ("values", "total", "codes"),
    [
        ({"filter": "o e"}, 2, ["horse", "donkey"]),
        ({"filter": "马"}, 1, ["horse"]),
        ({"offset": "2", "count": "2"}, 7, ["pony", "donkey"]),
        ({"offset": "7"}, 7, []),
        ({"count": "0"}, 7, []),
        ({"activeOnly": "true", "filter": "d"}, 2, ["donkey", "bird"]),
        ({"excludeNotForUI": "true", "count": "1"}, 6, ["horse"]),
        ({"exclude_system": ANIMALS}, 0, []),
        ({"excludeNested": "true", "filter": "unicorn"}, 0, []),
    ],
)
def test_expand_narrows_and_pages(run, values, total, codes):
    expansion = run("ValueSet/$expand", url=f"{ANIMALS}/all", **values)["expansion"]
    assert expansion["total"] == total
    assert [entry["code"] for entry in expansion.get("contains", [])] == codes
    assert {item["name"] for item in expansion["parameter"]} >= {name.replace("_", "-") for name in values} - {
        "excludeNested"
    }


def test_expand_speaks_languages_and_gives_wordings(run):
    expansion = run(
        "ValueSet/$expand", url=f"{ANIMALS}/all", displayLanguage="zh", includeDesignations="true", filter="horse"
    )
    assert expansion["expansion"]["contains"] == [
        {"system": ANIMALS, "code": "horse", "display": "马", "designation": [{"language": "zh", "value": "马"}]}
    ]
    assert "designation" not in str(
        run("ValueSet/$expand", url=f"{ANIMALS}/all", designation="fr")["expansion"]["contains"]
    )


def test_expand_can_repeat_the_definition(run, value_set):
    own = value_set({"system": ANIMALS, "concept": [{"code": "pony"}]})
    assert "compose" not in run("ValueSet/$expand", instance=own)
    assert run("ValueSet/$expand", instance=own, includeDefinition="true")["compose"] == own["compose"]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"url": "http://example.org/none"}, NotFound),
        ({"url": f"{ANIMALS}/all", "valueSetVersion": "7"}, NotFound),
        ({"url": "http://hl7.org/fhir/ValueSet/ucum-units"}, TooCostly),
        ({"url": "http://hl7.org/fhir/ValueSet/observation-codes"}, TooCostly),
        ({"url": f"{ANIMALS}/all", "filter": "a " * 30}, Invalid),
        ({"url": f"{ANIMALS}/all", "offset": "-1"}, Invalid),
        ({"url": f"{ANIMALS}/all", "count": "many"}, Invalid),
        ({"url": f"{ANIMALS}/all", "date": "2020-01-01"}, NotSupported),
        ({"url": f"{ANIMALS}/all", "force_system_version": f"{ANIMALS}|2"}, NotSupported),
        ({}, Invalid),
    ],
)
def test_expand_refuses(run, values, error):
    with pytest.raises(error):
        run("ValueSet/$expand", **values)


def test_a_very_large_expansion_comes_in_pages():
    concepts = [{"code": str(number)} for number in range(10_001)]
    system = {"resourceType": "CodeSystem", "url": "u", "valueSet": "v", "content": "complete", "concept": concepts}
    terminology = specification().with_resources([system])
    expand = OPERATIONS["ValueSet", "expand"]
    with pytest.raises(TooCostly, match="page-needed"):
        expand(terminology, Call(parameters(url="v"), NOW))
    page = expand(terminology, Call(parameters(url="v", offset="10000", count="10"), NOW))
    assert [entry["code"] for entry in page["expansion"]["contains"]] == ["10000"]


@pytest.mark.parametrize(("one", "other", "outcome"), [("mammal", "pony", "subsumes"), ("dodo", "bird", "subsumed-by")])
def test_subsumes(run, one, other, outcome):
    assert flat(run("CodeSystem/$subsumes", system=ANIMALS, codeA=one, codeB=other)) == [("outcome", outcome)]
    codings = [
        ("codingA", "Coding", {"system": ANIMALS, "code": one}),
        ("codingB", "Coding", {"system": ANIMALS, "code": other}),
    ]
    assert flat(run("CodeSystem/$subsumes", *codings)) == [("outcome", outcome)]


def test_codes_of_two_systems_cannot_be_compared(run):
    coding = ("codingB", "Coding", {"system": GENDER, "code": "female"})
    with pytest.raises(Invalid, match="other-system"):
        run("CodeSystem/$subsumes", coding, system=ANIMALS, codeA="horse")


ALL_NAMES = st.sampled_from(
    ["url", "code", "system", "coding", "codeableConcept", "valueSet", "count", "filter", "dependency", "x"]
)
KEYS = st.sampled_from(["valueString", "valueCode", "valueCoding", "valueInteger", "valueBoolean", "resource", "part"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["a", "", ANIMALS, "-1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["code", "coding", "resourceType", "name"]), inner)
    ),
    max_leaves=5,
)


@given(
    st.sampled_from(sorted(OPERATIONS)),
    st.lists(
        st.fixed_dictionaries({"name": ALL_NAMES})
        | st.builds(lambda name, key, value: {"name": name, key: value}, ALL_NAMES, KEYS, JUNK)
        | JUNK,
        max_size=3,
    ),
)
def test_whatever_is_sent_raises_nothing_but_platform_errors(operation, sent):
    try:
        answer = OPERATIONS[operation](specification(), Call({"resourceType": "Parameters", "parameter": sent}, NOW))
        assert answer["resourceType"] in ("Parameters", "ValueSet")
    except PlatformError as refused:
        assert say(refused.issues[0].text, "zh", refused.issues[0].parameters)

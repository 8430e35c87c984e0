"""Profiles: what they add to a type is demanded, and said of the right element."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.fhir.json import decode
from kangyun.fhir.validation import Validator, validator

CORE = "http://hl7.org/fhir/StructureDefinition/"
NAME_USE = "http://hl7.org/fhir/ValueSet/name-use"
RESOURCES = {path.stem: decode(path.read_bytes()) for path in sorted(Path(__file__).parent.glob("examples/*.json"))}
OBSERVATION = RESOURCES["observation"]
PATIENT = RESOURCES["patient"]


def profile(
    type_name: str, *elements: dict[str, Any], url: str = "http://example.org/p", **more: Any
) -> dict[str, Any]:
    """A profile with a differential only."""
    return {
        "resourceType": "StructureDefinition",
        "url": url,
        "type": type_name,
        "derivation": "constraint",
        "baseDefinition": CORE + type_name,
        "differential": {"element": list(elements)},
    } | more


def element(path: str, **what: Any) -> dict[str, Any]:
    return {"id": path, "path": path} | what


def sliced(path: str, *discriminators: tuple[str, str], rules: str = "open", **more: Any) -> dict[str, Any]:
    by = [{"type": kind, "path": where} for kind, where in discriminators]
    return element(path, slicing={"discriminator": by, "rules": rules} | more)


def faults(resource: dict[str, Any], *profiles: dict[str, Any]) -> set[tuple[str, str | None]]:
    found = validator().validate(resource, profiles=profiles)
    return {(issue.text.removeprefix("fhir.validation."), issue.at) for issue in found}


# One element


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (element("Patient.maritalStatus", min=1), {("required", "Patient.maritalStatus")}),
        (element("Patient.photo", max="0"), {("too-many", "Patient.photo[0]")}),
        (element("Patient.contact.organization", min=1), {("required", "Patient.contact[0].organization")}),
        (element("Patient.deceased[x]", type=[{"code": "dateTime"}]), {("type", "Patient.deceased")}),
        (element("Patient.deceasedDateTime", min=1), {
            ("slice-required", "Patient.deceased"), ("slice-closed", "Patient.deceased"), ("type", "Patient.deceased"),
        }),
        (element("Patient.gender", fixedCode="female"), {("fixed", "Patient.gender")}),
        (element("Patient.telecom", patternContactPoint={"system": "email"}), {("pattern", "Patient.telecom[0]")}),
        (element("Patient.telecom.rank", maxValuePositiveInt=0), {("too-great", "Patient.telecom[0].rank")}),
        (element("Patient.birthDate", minValueDate="1960-01-01"), {("too-small", "Patient.birthDate")}),
        (element("Patient.name.family", maxLength=0), {("too-long", "Patient.name[0].family")}),
        (element("Patient.gender", binding={"strength": "required", "valueSet": NAME_USE + "|4.0.1"}), {
            ("binding", "Patient.gender"),
        }),
        (element("Patient.gender", binding={"strength": "preferred", "valueSet": NAME_USE}), set()),
        (element("Patient.managingOrganization", type=[{"code": "Reference", "targetProfile": [CORE + "Location"]}]), {
            ("target", "Patient.managingOrganization"),
        }),
    ],
)  # fmt: skip
def test_an_element_is_held_to_what_a_profile_says(what, expected):
    assert faults(PATIENT, profile("Patient", what)) == expected


def test_an_invariant_of_a_profile_is_asked_at_its_element():
    constraint = {"key": "cn-1", "severity": "error", "human": "h", "expression": "given.count() = 1"}
    found = validator().validate(
        PATIENT, profiles=[profile("Patient", element("Patient.name", constraint=[constraint]))]
    )
    assert [(i.parameters["key"], i.at) for i in found] == [("cn-1", "Patient.name[0]")]


def test_a_repeated_element_is_held_to_what_is_said_of_the_first():
    what = profile("Questionnaire", element("Questionnaire.item.text", min=1))
    assert faults(RESOURCES["questionnaire"], what) == {
        ("required", "Questionnaire.item[0].item[1].text"),
        ("required", "Questionnaire.item[0].item[1].item[0].text"),
        ("required", "Questionnaire.item[1].text"),
    }


def test_a_primitive_with_an_extension_only_is_there():
    absent = {"extension": [{"url": CORE + "data-absent-reason", "valueCode": "unknown"}]}
    patient = {"resourceType": "Patient", "_gender": absent}
    assert faults(patient, profile("Patient", element("Patient.gender", min=1))) == set()


# Profiles as resources


def faults_as_resource(**what):
    about = {"name": "P", "status": "draft", "kind": "resource", "abstract": False}
    return {
        (issue.text.removeprefix("fhir.validation."), issue.at)
        for issue in validator().validate(profile("Patient", **about | what))
    }


def constrained(path, expression):
    return element(path, constraint=[{"key": "cn-1", "severity": "error", "human": "h", "expression": expression}])


def differential(*elements):
    return {"differential": {"element": [element("Patient"), *elements]}}


@pytest.mark.parametrize(
    "path",
    ["Patient.name.family", "Patient.deceased[x]", "Patient.deceasedBoolean", "Patient.contact.name.given",
     "Patient.contained.anything", "Patient.extension.value[x].coding.code", "Patient.birthDate.extension"],
)  # fmt: skip
def test_a_profile_may_speak_of_every_element_that_its_type_has(path):
    assert faults_as_resource(**differential(constrained(path, "exists()"))) == set()


@pytest.mark.parametrize(
    "path", ["Patient.nope", "Patient.name.nope", "Patient.deceasedQuantity", "Patient.code.text", "Patient.name.use.x"]
)
@pytest.mark.parametrize("view", ["differential", "snapshot"])
def test_a_profile_of_an_element_that_its_type_does_not_have_is_refused(path, view):
    found = faults_as_resource(**differential() | {view: {"element": [element("Patient"), element(path)]}})
    assert ("no-such-element", f"StructureDefinition.{view}.element[1].path") in found


@pytest.mark.parametrize("expression", ["given.count(", "given.nonsense()", "given.substring(1, 2, 3)"])
def test_a_constraint_that_nobody_can_ask_is_refused(expression):
    at = "StructureDefinition.differential.element[1].constraint[0].expression"
    found = faults_as_resource(**differential(constrained("Patient.name", expression)))
    assert found == {("constraint-unreadable", at)}


def test_what_nobody_is_held_to_is_not_looked_at():
    nope = differential(element("Patient.nope"))
    assert faults_as_resource(derivation="specialization", **nope) == set()
    assert faults_as_resource(kind="logical", **nope) == set()


# Slices

VITAL = {"coding": [{"system": "http://example.org/category", "code": "vital"}]}
SOCIAL = {"coding": [{"system": "http://example.org/category", "code": "social"}]}
OTHER = {"text": "other"}


def observation(*categories: Any, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "category": list(categories),
    } | more


def categories(rules: str, *discriminators: tuple[str, str], **more: Any) -> dict[str, Any]:
    return profile(
        "Observation",
        sliced("Observation.category", *discriminators, rules=rules, **more),
        element("Observation.category", sliceName="vital", min=1, max="1", patternCodeableConcept=VITAL),
        element("Observation.category", sliceName="social", max="1", patternCodeableConcept=SOCIAL),
        element("Observation.category.text", max="0"),
    )


@pytest.mark.parametrize("by", [[("pattern", "$this")], [("value", "$this")], []])
@pytest.mark.parametrize(
    ("given_categories", "expected"),
    [
        ([VITAL], set()),
        ([VITAL, SOCIAL, OTHER], set()),
        ([SOCIAL], {("slice-required", "Observation.category")}),
        ([VITAL, OTHER, VITAL], {("slice-too-many", "Observation.category[2]")}),
        ([VITAL, SOCIAL | {"text": "t"}], {("too-many", "Observation.category[1].text")}),
    ],
)
def test_slices_by_pattern(by, given_categories, expected):
    # Without a discriminator an item that breaks a rule of the slice is no item of it.
    expected = expected if by else expected - {("too-many", "Observation.category[1].text")}
    assert faults(observation(*given_categories), categories("open", *by)) == expected


def test_a_closed_slicing_takes_nothing_else():
    what = categories("closed", ("pattern", "$this"))
    assert faults(observation(VITAL, OTHER), what) == {("slice-closed", "Observation.category[1]")}


def test_an_ordered_slicing_takes_slices_in_their_order():
    what = categories("open", ("pattern", "$this"), ordered=True)
    assert faults(observation(SOCIAL, OTHER, VITAL), what) == {("slice-order", "Observation.category[2]")}
    assert faults(observation(OTHER, VITAL, OTHER, SOCIAL), what) == set()


def test_what_is_open_at_the_end_takes_the_rest_after_the_slices():
    what = categories("openAtEnd", ("pattern", "$this"))
    assert faults(observation(VITAL, OTHER), what) == set()
    assert faults(observation(OTHER, VITAL), what) == {("slice-order", "Observation.category[1]")}


def test_slices_by_a_value_further_down():
    what = profile(
        "Observation",
        sliced("Observation.component", ("value", "code.coding.code"), ("value", "code.coding.system")),
        element("Observation.component", sliceName="systolic", min=1),
        element("Observation.component.code.coding.system", fixedUri="http://loinc.org"),
        element("Observation.component.code.coding.code", fixedCode="8480-6"),
        element("Observation.component.valueQuantity", min=1),
        element("Observation.component.valueQuantity.unit", fixedString="kPa"),
        element("Observation.component", sliceName="pulse", min=1),
        element("Observation.component.code.coding.code", fixedCode="8867-4"),
    )
    assert faults(OBSERVATION, what) == {
        ("fixed", "Observation.component[0].value.unit"),
        ("slice-required", "Observation.component"),
    }


def test_slices_by_type():
    what = profile(
        "Observation",
        sliced("Observation.value[x]", ("type", "$this")),
        element("Observation.value[x]", sliceName="valueQuantity", type=[{"code": "Quantity"}]),
        element("Observation.value[x].code", min=1),
    )
    assert faults(observation(VITAL, valueQuantity={"value": 1}), what) == {("required", "Observation.value.code")}
    assert faults(observation(VITAL, valueString="x"), what) == set()


def test_slices_of_a_bundle_by_the_type_of_its_resources():
    what = profile(
        "Bundle",
        sliced("Bundle.entry", ("type", "resource"), rules="closed"),
        element("Bundle.entry", sliceName="order", max="0"),
        element("Bundle.entry.resource", type=[{"code": "MedicationRequest"}]),
    )
    assert faults(RESOURCES["bundle"], what) == {
        ("slice-too-many", "Bundle.entry[0]"),
        ("slice-closed", "Bundle.entry[1]"),
    }


def test_slices_by_what_is_there():
    what = profile(
        "Patient",
        sliced("Patient.identifier", ("exists", "system"), rules="closed"),
        element("Patient.identifier", sliceName="known"),
        element("Patient.identifier.system", min=1),
        element("Patient.identifier.value", min=1),
    )
    patient = {"resourceType": "Patient", "identifier": [{"value": "1"}, {"system": "s"}]}
    assert faults(patient, what) == {
        ("slice-closed", "Patient.identifier[0]"),
        ("required", "Patient.identifier[1].value"),
    }


def test_slices_by_the_profile_of_a_contained_target():
    practice = profile(
        "Organization", element("Organization.name", patternString="城东"), url="http://example.org/practice"
    )
    what = profile(
        "Patient",
        sliced("Patient.generalPractitioner", ("profile", "resolve()"), rules="closed"),
        element(
            "Patient.generalPractitioner",
            sliceName="practice",
            type=[{"code": "Reference", "targetProfile": ["http://example.org/practice"]}],
        ),
    )
    patient = {
        "resourceType": "Patient",
        "contained": [
            {"resourceType": "Organization", "id": "a", "name": "城东"},
            {"resourceType": "Organization", "id": "b", "name": "城西"},
        ],
        "generalPractitioner": [{"reference": "#a"}, {"reference": "#b"}],
    }
    found = Validator(structure_of={practice["url"]: practice}.get).validate(patient, profiles=[what])
    assert [(i.text, i.at) for i in found] == [("fhir.validation.slice-closed", "Patient.generalPractitioner[1]")]


def test_a_slice_that_cannot_be_told_is_not_missed():
    what = profile(
        "Observation",
        sliced("Observation.hasMember", ("value", "resolve().code")),
        element("Observation.hasMember", sliceName="total", min=1),
    )
    assert faults(observation(VITAL, hasMember=[{"reference": "Observation/1"}]), what) == set()
    assert faults(observation(VITAL), what) == {("slice-required", "Observation.hasMember")}


def test_a_slice_of_a_slice():
    what = profile(
        "Patient",
        sliced("Patient.telecom", ("value", "system")),
        element("Patient.telecom", sliceName="phone")
        | {"slicing": {"discriminator": [{"type": "value", "path": "use"}]}},
        element("Patient.telecom.system", fixedCode="phone"),
        element("Patient.telecom", sliceName="phone/mobile", min=1),
        element("Patient.telecom.use", fixedCode="mobile"),
    )
    assert faults(PATIENT, what) == {("slice-required", "Patient.telecom")}
    mobile = [{"system": "phone", "use": "mobile", "value": "1"}]
    assert faults(PATIENT | {"telecom": mobile}, what) == set()


# Extensions

STREET = profile(
    "Extension",
    element("Extension", max="1"),
    element("Extension.url", fixedUri="http://example.org/street"),
    element("Extension.value[x]", min=1, type=[{"code": "string"}]),
    url="http://example.org/street",
    context=[{"type": "element", "expression": "Address"}],
)


def patient_with(*extensions: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Patient", "extension": list(extensions)}


def test_an_extension_is_held_to_its_definition():
    what = profile(
        "Patient",
        element(
            "Patient.extension",
            sliceName="street",
            min=1,
            max="1",
            type=[{"code": "Extension", "profile": [STREET["url"]]}],
        ),
    )
    good = {"url": STREET["url"], "valueString": "人民路"}
    assert faults(patient_with(good), what, STREET) == {("profile-type", "Patient")}
    validating = Validator(structure_of={STREET["url"]: STREET}.get)
    assert validating.validate(patient_with(good), profiles=[what]) == []
    missing = validating.validate({"resourceType": "Patient"}, profiles=[what])
    assert [i.at for i in missing] == ["Patient.extension"]
    wrong = validating.validate(patient_with({"url": STREET["url"], "valueCode": "x"}), profiles=[what])
    assert [(i.at, i.parameters["type"]) for i in wrong] == [("Patient.extension[0].value", "code")]


def test_extensions_are_held_to_their_definitions_when_claims_are_looked_at():
    wrong = {"url": CORE + "patient-birthPlace", "valueString": "成都"}
    assert validator().validate(patient_with(wrong)) == []
    found = validator().validate(patient_with(wrong), claimed=True)
    assert [(i.at, i.text) for i in found] == [("Patient.extension[0].value", "fhir.validation.type")]


def test_an_extension_outside_its_context_is_a_warning():
    good = patient_with({"url": STREET["url"], "valueString": "人民路"})
    found = Validator(structure_of={STREET["url"]: STREET}.get).validate(good, claimed=True, warnings=True)
    assert ("warning", "fhir.validation.extension-context") in {(i.severity, i.text) for i in found}


# What is no profile


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"url": "http://example.org/p"},
        profile("Patient", baseDefinition="http://example.org/none"),
        profile("Patient", baseDefinition="http://example.org/p"),
        profile("NoSuchType"),
        profile("Patient", url=7),
    ],
)
def test_what_cannot_be_used_as_a_profile_is_said(broken):
    assert faults(PATIENT, broken) == {("profile-unusable", "Patient")}


def test_a_chain_of_profiles_without_end_is_said():
    first = element("Patient.name", type=[{"code": "HumanName", "profile": ["http://example.org/name/0"]}])
    names = {
        f"http://example.org/name/{i}": profile(
            "HumanName",
            element("HumanName", type=[{"code": "HumanName", "profile": [f"http://example.org/name/{i + 1}"]}]),
            url=f"http://example.org/name/{i}",
        )
        for i in range(2000)
    }
    found = Validator(structure_of=names.get).validate(PATIENT, profiles=[profile("Patient", first)])
    assert [i.text for i in found] == ["fhir.validation.profiles-deep"]


def test_a_path_without_end_makes_no_profile():
    assert faults(PATIENT, profile("Patient", element("Patient" + ".a" * 5000))) == {("profile-unusable", "Patient")}


def test_a_profile_of_another_type_is_a_fault():
    assert faults(PATIENT, profile("Observation")) == {("profile-type", "Patient")}


def test_profiles_that_lead_in_circles_come_to_an_end():
    again = [{"code": "Patient", "profile": ["http://example.org/p"]}]
    what = profile("Patient", element("Patient", type=again), element("Patient.maritalStatus", min=1))
    assert faults(PATIENT, what) == {("required", "Patient.maritalStatus")}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4) | st.sampled_from(["*", "1", "url", "$this"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "path", "code", "rules"]), inner)
    ),
    max_leaves=6,
)
NAMES = [
    "min",
    "max",
    "type",
    "slicing",
    "sliceName",
    "binding",
    "constraint",
    "fixedCode",
    "patternCoding",
    "maxLength",
]
PATHS = [
    "Patient",
    "Patient.name",
    "Patient.name.given",
    "Patient.extension",
    "Patient.deceased[x]",
    "Patient.",
    "x",
    "a.b.c",
]


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON).flatmap(
    lambda what: st.sampled_from(PATHS).map(lambda path: {"path": path} | what)
), max_size=4))  # fmt: skip
def test_any_profile_gives_issues_and_no_exception(elements):
    assert isinstance(validator().validate(PATIENT, profiles=[profile("Patient", *elements)]), list)

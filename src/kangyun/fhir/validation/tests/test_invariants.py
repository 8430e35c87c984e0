"""What is answered without FHIRPath is what FHIRPath answers."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import PlatformError
from kangyun.fhir.definitions import Constraint, definitions
from kangyun.fhir.fhirpath import compile as compile_expression
from kangyun.fhir.json import decode
from kangyun.fhir.validation import validator
from kangyun.fhir.validation.invariants import (
    BY_STRUCTURE,
    CORRECTED,
    NOT_RUN,
    SHORTCUTS,
    by_expression,
    expression_of,
    invariants_of,
)
from kangyun.fhir.validation.presence import open_invariants
from kangyun.fhir.validation.report import Scope

ARCHIVE = Path(__file__).parents[6] / "shared/data/fhir/r4-examples.tar.xz"
TYPES = definitions().types
ALL: dict[str, Constraint] = {
    c.key: c for t in TYPES.values() for c in (*t.constraints, *(c for e in t.elements.values() for c in e.constraints))
}


def objects(value: Any, type_name: str, scope: Scope) -> Iterator[tuple[dict[str, Any], str, Scope]]:
    yield value, type_name, scope
    for name, member in value.items():
        element = TYPES[type_name].elements.get(name)
        for item in member if isinstance(member, list) else [member]:
            if element is not None and isinstance(item, dict):
                inside = element.type == "Resource"
                inner = Scope(item, scope if name == "contained" else None) if inside else scope
                yield from objects(item, item["resourceType"] if inside else element.type, inner)


@pytest.fixture(scope="module")
def examples() -> list[tuple[dict[str, Any], str, Scope]]:
    if not ARCHIVE.exists():
        pytest.skip("needs ../shared/data/fhir/r4-examples.tar.xz")
    wanted = ("Observation-", "Patient-", "Bundle-", "Questionnaire", "Condition-", "MedicationRequest-", "Timing")
    with tarfile.open(ARCHIVE) as tar:
        members = [m for m in tar if Path(m.name).name.startswith(wanted)]
        resources = [decode(file.read()) for m in members if (file := tar.extractfile(m))]
    return [o for r in resources for o in objects(r, r["resourceType"], Scope(r))]


def test_every_invariant_of_the_definitions_compiles_for_its_type():
    for type_ in TYPES.values():
        for constraint in type_.constraints:
            compile_expression(constraint.expression).program(type_.name)


def test_every_exception_names_an_invariant_that_exists():
    assert set(SHORTCUTS) | set(BY_STRUCTURE) | set(CORRECTED) | set(NOT_RUN) <= set(ALL)


def test_presence_proves_only_what_the_expression_says(examples):
    for node, type_name, scope in examples:
        asked = invariants_of(type_name, TYPES[type_name].constraints)
        present = frozenset(TYPES[type_name].elements[n.removeprefix("_")].path for n in node if n != "resourceType")
        still_open = open_invariants(asked, type_name, present)
        proven = asked if still_open is None else [i for i in asked if i not in still_open]
        truth = {i.key: by_expression(i.expression, type_name)(node, scope) for i in proven}
        assert (still_open is None) == (not all(truth.values())), truth


def test_presence_decides_most_of_the_invariants(examples):
    asked = decided = 0
    for node, type_name, _ in examples:
        invariants = invariants_of(type_name, TYPES[type_name].constraints)
        present = frozenset(TYPES[type_name].elements[n.removeprefix("_")].path for n in node if n != "resourceType")
        asked += len(invariants)
        decided += len(invariants) - len(open_invariants(invariants, type_name, present) or ())
    assert decided / asked > 0.8


dates = st.sampled_from(
    ["2024", "2024-02", "2024-02-29", "2024-03-01", "2024-02-29T08:00:00Z", "2024-02-29T16:00:00+08:00",
     "2024-02-29T08:00:00.5Z", "2024-02-29T07:59:59-01:00", "2024-02-29T23:00:00-05:00", "1999-12-31T23:59:60Z"]
)  # fmt: skip
ids = st.sampled_from(["a", "b", "c"])
references = st.builds(lambda i: {"reference": "#" + i}, ids | st.just("")) | st.just({"display": "x"})
contained = st.fixed_dictionaries(
    {"resourceType": st.just("Patient")},
    optional={
        "id": ids,
        "implicitRules": st.just("#") | ids.map("#{}".format),
        "meta": st.sampled_from([{"versionId": "1"}, {"security": [{"code": "R"}]}, {"tag": [{"code": "R"}]}]),
        "managingOrganization": references,
        "contained": st.just([{"resourceType": "Patient", "id": "x"}]),
    },
)
observations = st.fixed_dictionaries(
    {"resourceType": st.just("Observation"), "status": st.just("final"), "code": st.just({"text": "x"})},
    optional={
        "contained": st.lists(contained, min_size=1, max_size=3),
        "subject": references,
        "performer": st.lists(references, min_size=1, max_size=2),
    },
)


def agree(key: str, node: dict[str, Any], type_name: str, scope: Scope) -> bool:
    """Tells whether the shortcut leaves it open or says what the expression says."""
    answer = SHORTCUTS[key](node, scope)
    return answer is None or answer == by_expression(expression_of(ALL[key]), type_name)(node, scope)


@given(st.fixed_dictionaries({}, optional={"start": dates, "end": dates}))
def test_the_shortcut_for_periods_agrees(period):
    assert agree("per-1", period, "Period", Scope({}))


@pytest.mark.parametrize("key", ["dom-2", "dom-3", "dom-4", "dom-5"])
@given(node=observations)
def test_the_shortcuts_for_contained_resources_agree(key, node):
    assert agree(key, node, "Observation", Scope(node))


@given(
    st.fixed_dictionaries(
        {"url": st.just("http://example.org")},
        optional={"valueString": st.just("a"), "extension": st.just([{"url": "b", "valueCode": "c"}])},
    )
)
def test_the_shortcut_for_extensions_agrees(extension):
    assert agree("ext-1", extension, "Extension", Scope({}))


@given(observations)
def test_a_contained_target_is_missed_where_the_invariant_misses_it(node):
    scope = Scope(node)
    held = [node.get("subject", {}), *node.get("performer", ())]
    by_invariant = all(by_expression(ALL["ref-1"].expression, "Reference")(r, scope) for r in held)
    found = [
        i
        for i in validator().validate(node)
        if i.text == "fhir.validation.dangling" and "contained" not in (i.at or "")
    ]
    assert (not found) == by_invariant


@pytest.mark.parametrize(
    ("key", "at", "resource"),
    [
        ("obs-6", "Observation", {"valueString": "x", "dataAbsentReason": {"text": "y"}}),
        ("obs-7", "Observation", {
            "code": {"coding": [{"system": "s", "code": "c"}]}, "valueString": "x",
            "component": [{"code": {"coding": [{"system": "s", "code": "c"}]}}],
        }),
        ("per-1", "Observation.effective", {"effectivePeriod": {"start": "2024-02-02", "end": "2024-02-01"}}),
        ("qty-3", "Observation.value", {"valueQuantity": {"code": "g"}}),
        ("sqty-1", "Observation.referenceRange[0].low", {"referenceRange": [{"low": {"comparator": "<", "value": 1}}]}),
        ("obs-3", "Observation.referenceRange[0]", {"referenceRange": [{"type": {"text": "x"}}]}),
        ("ext-1", "Observation.extension[0]", {"extension": [{"url": "http://x.org"}]}),
        ("dom-2", "Observation", {"contained": [
            {"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Patient", "id": "q"}]},
        ], "subject": {"reference": "#p"}}),
        ("dom-3", "Observation", {"contained": [{"resourceType": "Patient", "id": "p"}]}),
    ],
)  # fmt: skip
def test_a_broken_invariant_is_found_at_its_element(key, at, resource):
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}} | resource
    found = [(i.parameters["key"], i.at) for i in validator().validate(observation) if "key" in i.parameters]
    assert (key, at) in found


def test_an_invariant_that_cannot_be_evaluated_is_no_exception():
    broken = by_expression("now().exists()", "Patient")
    with pytest.raises(PlatformError):
        broken({"name": [{}, {}]}, Scope({}))

"""Translation, forwards and backwards."""

import pytest

from kangyun.base.errors import Invalid, NotFound
from kangyun.fhir.terminology import OPERATIONS, Call, Question, specification

MAP = {
    "resourceType": "ConceptMap", "url": "http://example.org/map", "version": "1", "status": "active",
    "sourceUri": "http://example.org/from", "targetCanonical": "http://example.org/to",
    "group": [
        {
            "source": "urn:a", "target": "urn:b",
            "element": [
                {"code": "1", "display": "one", "target": [{"code": "I", "equivalence": "equal", "display": "Eins"}]},
                {"code": "2", "target": [
                    {"code": "I", "equivalence": "wider"},
                    {"code": "II", "equivalence": "narrower"},
                ]},
                {"code": "3", "target": [{"equivalence": "unmatched"}]},
                {"code": "4", "target": [
                    {"code": "IV", "equivalence": "equal",
                     "dependsOn": [{"property": "http://example.org/sex", "value": "f"}],
                     "product": [{"property": "http://example.org/size", "system": "urn:size", "value": "L"}]},
                ]},
            ],
            "unmapped": {"mode": "fixed", "code": "other"},
        },
        {"source": "urn:a2", "target": "urn:b", "element": [{"code": "9"}], "unmapped": {"mode": "provided"}},
        {"source": "urn:a3", "target": "urn:b", "element": [{"code": "9"}],
         "unmapped": {"mode": "other-map", "url": "http://example.org/loop"}},
    ],
}  # fmt: skip
LOOP = {
    "resourceType": "ConceptMap", "url": "http://example.org/loop",
    "group": [{"source": "urn:a3", "target": "urn:c", "element": [{"code": "7", "target": [{"code": "VII"}]}],
               "unmapped": {"mode": "other-map", "url": "http://example.org/loop"}}],
}  # fmt: skip


@pytest.fixture(scope="session")
def terminology():
    return specification().with_resources([MAP, LOOP])


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("urn:a", "1", [("equal", "urn:b", "I")]),
        ("urn:a", "2", [("wider", "urn:b", "I"), ("narrower", "urn:b", "II")]),
        ("urn:a", "3", [("unmatched", "urn:b", None)]),
        ("urn:a", "5", [("inexact", "urn:b", "other")]),
        ("urn:a2", "8", [("equal", "urn:b", "8")]),
        ("urn:a3", "7", [("equivalent", "urn:c", "VII")]),
        ("urn:a3", "8", []),
        ("urn:z", "1", []),
    ],
)
def test_forwards(terminology, system, code, expected):
    found = terminology.maps.translate(Question(system, code), only=terminology.maps.get("http://example.org/map"))
    assert [(match.equivalence, match.system, match.code) for match in found] == expected


def test_backwards_turns_the_equivalence(terminology):
    found = terminology.maps.translate(Question("urn:b", "I"), reverse=True)
    assert [(match.equivalence, match.system, match.code) for match in found] == [
        ("equal", "urn:a", "1"), ("narrower", "urn:a", "2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "count"),
    [
        (Question("urn:a", "1", source="http://example.org/from", target="http://example.org/to"), 1),
        (Question("urn:a", "1", source="http://example.org/elsewhere"), 0),
        (Question("urn:a", "1", target_system="urn:b"), 1),
        (Question("urn:a", "1", target_system="urn:c"), 0),
        (Question("urn:a", "4"), 0),
        (Question("urn:a", "4", given=frozenset({("http://example.org/sex", None, "f")})), 1),
        (Question("urn:a", "4", given=frozenset({("http://example.org/sex", None, "m")})), 0),
    ],
)
def test_a_question_can_be_narrowed(terminology, question, count):
    assert len(terminology.maps.translate(question)) == count


def translate(terminology, *parameters, instance=None):
    call = Call({"resourceType": "Parameters", "parameter": list(parameters)}, "2026-01-01", "en", instance)
    return OPERATIONS["ConceptMap", "translate"](terminology, call)["parameter"]


def test_the_operation_gives_matches_with_their_source(terminology):
    dependency = [
        {"name": "element", "valueUri": "http://example.org/sex"},
        {"name": "concept", "valueCodeableConcept": {"coding": [{"code": "f"}]}},
    ]
    coding = {"name": "coding", "valueCoding": {"system": "urn:a", "code": "4"}}
    assert translate(terminology, coding, {"name": "dependency", "part": dependency}) == [
        {"name": "result", "valueBoolean": True},
        {"name": "match", "part": [
            {"name": "equivalence", "valueCode": "equal"},
            {"name": "concept", "valueCoding": {"system": "urn:b", "code": "IV"}},
            {"name": "product", "part": [
                {"name": "element", "valueUri": "http://example.org/size"},
                {"name": "concept", "valueCoding": {"system": "urn:size", "code": "L"}},
            ]},
            {"name": "source", "valueUri": "http://example.org/map"},
        ]},
    ]  # fmt: skip


def test_no_match_is_an_answer_too(terminology):
    concept = {"name": "codeableConcept", "valueCodeableConcept": {"coding": [{"system": "urn:a", "code": "3"}, {}]}}
    answer = translate(terminology, concept, instance=MAP)
    assert answer[:2] == [
        {"name": "result", "valueBoolean": False},
        {"name": "message", "valueString": "No corresponding code was found."},
    ]


def test_the_maps_of_the_specification_answer(terminology):
    system = {"name": "system", "valueUri": "http://hl7.org/fhir/administrative-gender"}
    target = {"name": "targetsystem", "valueUri": "http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender"}
    answer = translate(terminology, system, {"name": "code", "valueCode": "female"}, target)
    assert {"name": "concept", "valueCoding": {"system": target["valueUri"], "code": "F"}}.items() <= answer[1]["part"][
        1
    ].items()


def test_a_map_or_a_code_that_is_not_there(terminology):
    with pytest.raises(NotFound, match="map-not-here"):
        translate(terminology, {"name": "url", "valueUri": "u"}, {"name": "code", "valueCode": "a"})
    with pytest.raises(Invalid, match="parameter-needed"):
        translate(terminology, {"name": "reverse", "valueBoolean": True})

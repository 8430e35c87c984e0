"""What a score is made of, and what holds of every score."""

import subprocess
import sys
from math import log2

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.identity.linkage.learning import Setting, learn
from kangyun.identity.linkage.scoring import Scorer

WORDS = st.sampled_from(["kami", "kamiro", "kamior", "rokami", "tenlu", "tenlusha", "shavo", "berdan"])
VALUES = {
    "given": WORDS,
    "surname": WORDS,
    "birth": st.sampled_from(["19640312", "19640321", "19641203", "1964", "19880101", "20010203"]),
    "phone": st.sampled_from(["13800138000", "13800138001", "13912345678"]),
    "number": st.sampled_from(["990121196403121234", "990121196403121243", "990121198801015678"]),
}
RECORDS = st.fixed_dictionaries(
    {}, optional={field: st.lists(one, max_size=2, unique=True).map(tuple) for field, one in VALUES.items()}
)
FULL = st.fixed_dictionaries({field: one.map(lambda value: (value,)) for field, one in VALUES.items()})


@given(one=RECORDS, other=RECORDS)
def test_order_does_not_matter(scorer, one, other):
    assert scorer.score(one, other) == scorer.score(other, one)


@given(one=RECORDS, others=st.lists(RECORDS, min_size=1, max_size=5))
def test_a_prepared_record_scores_as_one_alone(scorer, one, others):
    query = scorer.prepare(one)
    assert [query.score(other) for other in others + others] == [scorer.score(one, other) for other in others + others]


@given(one=RECORDS, other=RECORDS)
def test_the_waterfall_adds_up(scorer, one, other):
    found = scorer.prepare(one).explain(other)
    assert found.score == scorer.score(one, other)
    assert sum(step.bits for step in found.steps) == pytest.approx(found.score.bits)
    assert found.score.probability == pytest.approx(1 / (1 + 2 ** -(found.prior + found.score.bits)))
    assert [step.comparison for step in found.steps] == ["name", "birth", "phone", "number"]


@given(one=FULL, other=FULL, fields=st.sets(st.sampled_from(["birth", "phone", "number"])))
def test_more_agreement_never_lowers_the_score(scorer, one, other, fields):
    agreeing = other | {field: one[field] for field in fields}
    assert scorer.score(one, agreeing).bits >= scorer.score(one, other).bits - 1e-9


@given(one=FULL, other=FULL)
def test_equal_names_score_no_less_than_any_others(scorer, one, other):
    equal = other | {field: one[field] for field in ("given", "surname")}
    assert scorer.score(one, equal).bits >= scorer.score(one, other).bits - 1e-9


@given(one=FULL, other=FULL, field=st.sampled_from(["birth", "phone", "number"]))
def test_a_value_more_never_lowers_the_score(scorer, one, other, field):
    richer = other | {field: tuple(dict.fromkeys([*other[field], *one[field]]))}
    assert scorer.score(one, richer).bits >= scorer.score(one, other).bits - 1e-9


@given(one=FULL, other=FULL)
def test_two_numbers_forbid_whatever_else_agrees(scorer, one, other):
    numbers = {"number": ("990121196403121234",)}, {"number": ("990121198801015678",)}
    for a, b in ((one, other), (one, one)):
        found = scorer.score(a | numbers[0], b | numbers[1])
        assert (found.forbidden is None, found.grade) == (False, "none")


def test_a_rule_needs_all_that_it_names(scorer, made):
    one = made(given="kamiro", surname="tenlu", birth="19640312", phone="13800138000")
    twin = one | {"given": ("berdan",)}
    assert scorer.score(one, twin).forbidden == "twins"
    assert scorer.score(one, one).forbidden is None
    assert scorer.score(one, twin | {"phone": ()}).forbidden is None
    assert scorer.score(one, twin | {"birth": ("19640313",)}).forbidden is None


def test_what_is_missing_says_nothing(scorer, made):
    found = scorer.prepare(made(given="kamiro", birth="19640312")).explain({})
    assert (found.score.bits, {step.level for step in found.steps}) == (0.0, {"missing"})
    assert found.score.probability == pytest.approx(1 / (1 + 2**-found.prior))


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, "both"),
        ({"given": ("tenlu",), "surname": ("kamiro",)}, "swapped"),
        ({"surname": ("berdan", "tenlu")}, "both"),
        ({"given": ("kamio",)}, "alike"),
        ({"given": ("shavo",)}, "surname"),
        ({"given": ()}, "surname, no given"),
        ({"given": ("shavo",), "surname": ("berdan",)}, "differs"),
    ],
)
def test_names_are_at_the_first_level_that_holds(scorer, made, changed, level):
    one = made(given="kamiro", surname="tenlu")
    assert scorer.prepare(one).explain(one | changed).steps[0].level == level


def test_a_rare_value_counts_more_than_a_common_one(scorer, weights, people, made):
    known = weights.frequencies["surname"]
    common = max(known.values, key=known.values.__getitem__)
    rare = scorer.prepare(made(surname="zzyzx")).explain(made(surname="zzyzx")).steps[0]
    usual = scorer.prepare(made(surname=common)).explain(made(surname=common)).steps[0]
    assert rare.frequency == pytest.approx(log2(known.average / known.floor))
    assert usual.frequency == pytest.approx(log2(known.average / known.values[common]))
    assert rare.bits > 0 > usual.frequency


def test_the_prior_may_be_the_callers(schema, weights, people):
    usual, sceptical = Scorer(schema, weights), Scorer(schema, weights, prior=1e-9)
    one, other = (scorer.score(people[0], people[1_500]) for scorer in (usual, sceptical))
    assert one.bits == other.bits
    assert one.probability > other.probability


@pytest.mark.parametrize(
    ("probability", "grade"),
    [(1, "certain"), (0.999, "certain"), (0.99, "probable"), (0.5, "possible"), (0.01, "none")],
)
def test_grades_follow_from_probabilities(schema, probability, grade):
    assert schema.thresholds.grade(probability) == grade


def test_hashed_frequencies_score_the_same(schema, weights, scorer, people):
    hide = lambda value: value[::-1]  # noqa: E731
    hidden = learn(schema, people, date="2026-11-22", setting=Setting(random_pairs=40_000, hide=hide))
    assert hidden.frequencies["surname"].values.keys().isdisjoint(weights.frequencies["surname"].values)
    assert Scorer(schema, hidden, hide=hide).score(people[3], people[1_503]) == scorer.score(people[3], people[1_503])
    with pytest.raises(Invalid, match="weights-hidden"):
        Scorer(schema, hidden)


def test_certain_evidence_does_not_overflow(schema, weights):
    sure = tuple(
        msgspec.structs.replace(one, m=tuple(1e-300 if place else 1.0 for place in range(len(one.m))), u=one.u)
        for one in weights.comparisons
    )
    scorer = Scorer(schema, msgspec.structs.replace(weights, comparisons=sure))
    one = dict.fromkeys(VALUES, ("a",))
    assert scorer.score(one, dict.fromkeys(VALUES, ("zz",))).probability < 1e-300


def test_scoring_does_not_wait_for_numpy():
    """A process of the web starts with it."""
    asked = "import sys, kangyun.identity.linkage.scoring; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0

"""Weights are found again that made the data, without a label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.base.errors import Invalid
from kangyun.identity.linkage.learning import Setting, expectation_maximisation, learn
from kangyun.identity.linkage.patterns import Patterns
from kangyun.identity.linkage.weights import check, save

TRUE_M = [np.array([0.9, 0.07, 0.03]), np.array([0.8, 0.2]), np.array([0.7, 0.2, 0.1]), np.array([0.95, 0.05])]
TRUE_U = [np.array([0.01, 0.04, 0.95]), np.array([0.5, 0.5]), np.array([0.02, 0.08, 0.9]), np.array([0.1, 0.9])]
START = [np.array([0.6, 0.3, 0.1]), np.array([0.6, 0.4]), np.array([0.6, 0.3, 0.1]), np.array([0.6, 0.4])]


def simulated(share, pairs, missing, seed):
    """Returns patterns of pairs of which a share are matches, each comparison missing in some."""
    generator = np.random.default_rng(seed)
    matches = generator.random(pairs) < share
    columns = [
        np.where(matches, generator.choice(len(m), pairs, p=m), generator.choice(len(u), pairs, p=u))
        for m, u in zip(TRUE_M, TRUE_U, strict=True)
    ]
    rows = np.stack(columns, axis=1).astype(np.int8)
    rows[generator.random(rows.shape) < missing] = -1
    return Patterns.of(rows)


@settings(max_examples=10)
@given(share=st.floats(0.1, 0.6), missing=st.floats(0, 0.2), seed=st.integers(0, 1000))
def test_em_finds_what_made_the_patterns(share, missing, seed):
    m, prior = expectation_maximisation(simulated(share, 60_000, missing, seed), START, TRUE_U, range(4), 0.3)
    assert prior == pytest.approx(share, abs=0.03)
    assert all(np.abs(found - true).max() < 0.03 for found, true in zip(m, TRUE_M, strict=True))


def test_what_a_block_conditions_on_is_left_alone():
    patterns = simulated(0.3, 20_000, 0.0, seed=1)
    m, _ = expectation_maximisation(patterns, START, TRUE_U, [1, 2, 3], 0.3)
    assert m[0] is START[0]
    assert np.abs(m[2] - TRUE_M[2]).max() < 0.05


def test_learning_finds_how_people_were_made(weights, people):
    learnt = {one.name: one for one in weights.comparisons}
    assert weights.learned.expected == pytest.approx(1_500, rel=0.03)
    assert weights.learned.records == len(people)
    # One in ten slips, and not all slips are seen: two equal neighbours may be transposed.
    assert learnt["birth"].m[0] == pytest.approx(0.91, abs=0.03)
    assert learnt["phone"].m[0] == pytest.approx(0.91, abs=0.03)
    assert learnt["number"].m[1] == pytest.approx(0.09, abs=0.03)
    # The few matches among random pairs would make this one in 3,000.
    assert learnt["number"].u[0] < 5e-5


def test_learning_is_the_same_each_time(schema, people, weights):
    again = learn(schema, people, date="2026-11-22", setting=Setting(random_pairs=40_000))
    assert save(again) == save(weights)
    other = learn(schema, people, date="2026-11-22", setting=Setting(random_pairs=40_000, seed=2))
    assert other.version != weights.version


def test_two_sets_are_learnt_from_as_one_is(schema, people, weights):
    both = learn(schema, people[:1_500], people[1_500:], date="2026-11-22", setting=Setting(random_pairs=40_000))
    assert both.learned.expected == pytest.approx(1_500, rel=0.03)
    bits = [(a.bits[0], b.bits[0]) for a, b in zip(both.comparisons, weights.comparisons, strict=True)]
    assert all(a == pytest.approx(b, abs=2) for a, b in bits)


@pytest.mark.parametrize("seed", range(5))
def test_levels_never_count_in_another_order_than_declared(schema, people, seed):
    few = people[:100] + people[1_500:1_600]
    check(learn(schema, few, date="", setting=Setting(random_pairs=300, seed=seed)), schema)


@pytest.mark.parametrize("records", [[], [{}], [{}, {}], [{"birth": ("1964",)}, {"birth": ("1965",)}]])
def test_nothing_is_learnt_from_nothing(schema, records):
    with pytest.raises(Invalid, match="nothing-to-learn"):
        learn(schema, records, date="", setting=Setting(random_pairs=10))


def test_a_comparison_that_no_block_leaves_free_is_told(schema, people):
    same = [{"birth": ("19640312",)}] * 3
    with pytest.raises(Invalid) as refused:
        learn(schema, same, date="", setting=Setting(random_pairs=10))
    assert refused.value.issues[0].parameters == {"reason": "birth"}

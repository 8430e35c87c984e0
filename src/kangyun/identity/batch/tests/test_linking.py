"""A batch scores as the index does, and makes residents by its rules."""

from collections import Counter
from dataclasses import replace
from itertools import combinations

import numpy as np
import pyarrow.parquet as pq
import pytest

from kangyun.identity import rules
from kangyun.identity.batch.exporting import FIELDS, PLAIN
from kangyun.identity.batch.linking import link, model_by
from kangyun.identity.batch.residents import By, Decided, grouped, residents
from kangyun.identity.linkage.scoring import Scorer

NUMBER, OTHER = "990101194912310028", "990101199003070014"
PERSON = {"name": ("王建国",), "birth_date": ("19491231",), "sex": ("male",), "phone": ("13912345678",)}


def numbered(number, **more):
    own = {"id_number": (number,), rules.ANY_NUMBER: (number,), rules.CERTAIN: (f"id_number|{number}",)}
    return PERSON | own | more


def clusters(home):
    found = {}
    for place, lowest in enumerate(home.tolist()):
        found.setdefault(lowest, set()).add(place)
    return sorted(map(sorted, found.values()))


@pytest.fixture
def linking(written, tmp_path):
    """Links a few registrations and returns the clusters."""

    def link_(several, decided=Decided()):  # noqa: B008 - it is never changed
        by = By(len(several), True)
        file = written([(one, 0) for one in several], by, tmp_path / "few.parquet")
        return clusters(link(file, by, decided).home)

    return link_


def test_pairs_have_the_bits_of_the_online_score(linked, people, by):
    model = model_by(by)
    scorer = Scorer(model.schema, model.weights, model.comparators, prior=rules.prior_among(by.among))
    pairs = linked.found.pairs
    online = np.array([
        scorer.score(people[left][0], people[right][0]).bits + scorer.prior_bits
        for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True)
    ])  # fmt: skip
    settled = online - pairs.bits > 1e-6
    assert len(online) > 2_000
    assert np.abs(online - pairs.bits)[~settled].max() < 1e-6
    # What was settled before has the least bits that such a pair may have, and more than enough of them.
    assert len(set(pairs.bits[settled].tolist())) == 1
    assert pairs.firm[settled].all()


def test_nothing_is_missed_that_could_be_scored(linked, people, by):
    """What was dropped between blocking and scoring is below the least probability."""
    pairs = set(zip(linked.found.pairs.left.tolist(), linked.found.pairs.right.tolist(), strict=True))
    scorer = Scorer(rules.schema(), rules.shipped_weights(), rules.AT_HAND, prior=rules.prior_among(by.among))
    likely = {
        (one, other)
        for one, other in combinations(range(400), 2)
        if people[one][1] == people[other][1]
        and scorer.score(people[one][0], people[other][0]).probability >= rules.schema().thresholds.possible
        and rules._forbidden(people[one][0], people[other][0]) == ""
    }
    assert len(likely) > 400
    assert len(likely - pairs) < 0.01 * len(likely)  # Those that have no key in common.


def test_residents_are_nearly_the_true_ones(linked, people):
    truth = [true for _, true in people]
    together = Counter(zip(linked.home.tolist(), truth, strict=True))

    def pairs(sizes):
        return sum(size * (size - 1) // 2 for size in sizes.values())

    assert pairs(together) / pairs(Counter(linked.home.tolist())) > 0.998
    assert pairs(together) / pairs(Counter(truth)) > 0.95


def test_what_is_taken_whole_is_what_the_rules_would_link(linked, file, by):
    table = pq.read_table(file, columns=[FIELDS, PLAIN])
    texts, plain = table[FIELDS].to_pylist(), table[PLAIN].to_numpy()
    certain = rules.schema().thresholds.certain
    least = float(np.log2(certain / (1 - certain)))
    unsure = replace(linked.found.pairs, firm=np.zeros(len(linked.found.pairs.left), bool))
    found = replace(linked.found, pairs=unsure)
    slowly = residents(found, plain, by, lambda places: {one: texts[one] for one in places}, least=least)
    assert clusters(slowly) == clusters(linked.home)
    assert len(grouped(linked.found, plain, Decided(), least)[1]) < len(grouped(found, plain, Decided(), least)[1]) / 2


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([numbered(NUMBER), numbered(NUMBER, name=("王建国", "王建囯"))], [[0, 1]]),
        ([PERSON, PERSON], [[0, 1]]),
        # A number between two others: a chain makes nobody one.
        ([numbered(NUMBER), PERSON, numbered(OTHER)], [[0, 1], [2]]),
        ([numbered(NUMBER), numbered(NUMBER, name=("李娜",), birth_date=("19900307",), sex=("female",))], [[0], [1]]),
        ([PERSON | {"multiple_birth": ("1",)}, PERSON | {"multiple_birth": ("2",)}], [[0], [1]]),
        ([{"sex": ("male",)}, {"sex": ("male",)}], [[0], [1]]),
    ],
)
def test_rules_of_the_index_hold(linking, several, expected):
    assert linking(several) == expected


def test_what_persons_decided_binds(linking):
    assert linking([PERSON, PERSON], Decided(apart=frozenset({(0, 1)}))) == [[0], [1]]
    strangers = [numbered(NUMBER), numbered(OTHER, name=("李娜",))]
    assert linking(strangers, Decided(together=frozenset({(0, 1)}))) == [[0, 1]]
    # A word on two holds for whoever is one with them.
    three = [numbered(NUMBER)] * 3
    assert linking(three, Decided(apart=frozenset({(0, 1)}))) == [[0, 2], [1]]

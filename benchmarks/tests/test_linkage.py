"""The bars of record linkage on published sets, and how they are judged."""

import pytest

from benchmarks.linkage.__main__ import SHARED, judged, measure, works
from benchmarks.linkage.sets import Absent
from kangyun.identity.linkage.learning import Setting

WORKS = works(SHARED)


@pytest.mark.parametrize("name", WORKS)
def test_the_bars_hold(name):
    read, schema, bars = WORKS[name]
    try:
        sets = read()
    except Absent as absent:
        pytest.skip(str(absent))
    found = measure(sets, schema, Setting(random_pairs=30_000))
    assert {what: found["links"][what] for what, bar in bars.items() if found["links"][what] < bar} == {}
    assert found["blocked"] > 0.998


def test_judgement_counts_what_is_wrong_and_what_is_missed():
    found = judged({(0, 0), (1, 1), (2, 3)}, {(0, 0), (1, 1), (2, 2), (3, 3)})
    assert found == {"precision": 2 / 3, "recall": 0.5, "f1": 4 / 7, "wrong": 1, "missed": 2}

"""Whose a registration is, by verdicts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kangyun.identity.deciding import MOST_QUESTIONS, Verdict, decide, loose, parted_by_person, rivals, stays

MARGIN = 3.0


def outcome(*verdicts):
    made = decide(verdicts, margin=MARGIN)
    return made.kind, made.resident, [(one.why, one.resident) for one in made.questions]


def certain(resident, bits=10.0, **more):
    return Verdict(resident, certain=True, bits=bits, **more)


def likely(resident, bits, grade="certain", **more):
    return Verdict(resident, bits=bits, grade=grade, **more)


@pytest.mark.parametrize(
    ("verdicts", "decided"),
    [
        ([], ("new", None, [])),
        ([certain(1)], ("certain", 1, [])),
        # Whoever shares what decides comes before whoever is more alike.
        ([certain(1, 2.0), likely(2, 30.0)], ("certain", 1, [])),
        ([certain(1, 5.0), certain(2, 9.0)], ("certain", 2, [("two-residents", 1)])),
        ([certain(1, contradicted=("name",))], ("new", None, [("contradicted", 1)])),
        ([certain(1, forbidden="numbers-differ")], ("new", None, [("contradicted", 1)])),
        # An identifier that points elsewhere is not overruled by what is only likely.
        ([certain(1, contradicted=("name",)), likely(2, 30.0)], ("new", None, [("contradicted", 1)])),
        ([certain(1, contradicted=("name",)), certain(2)], ("certain", 2, [("contradicted", 1)])),
        ([likely(1, 15.0)], ("probable", 1, [])),
        ([likely(1, 15.0), likely(2, 20.0)], ("probable", 2, [("two-residents", 1)])),
        ([likely(1, 15.0), likely(2, 16.0)], ("new", None, [("alike", 2), ("alike", 1)])),
        ([likely(1, 6.0, "possible"), likely(2, 5.0, "possible")], ("new", None, [("alike", 1)])),
        ([likely(1, -4.0, "no")], ("new", None, [])),
        ([likely(1, 15.0, forbidden="not-same")], ("new", None, [])),
        # A new name under one's own number; and the name of somebody else of the household under it.
        ([certain(1, renamed=True), likely(2, 0.0, "no")], ("certain", 1, [])),
        ([certain(1, renamed=True), likely(2, 0, "no", named=True)], ("new", None, [("contradicted", 1)])),
    ],
)
def test_what_is_decided(verdicts, decided):
    assert outcome(*verdicts) == decided


def test_who_may_be_the_one_that_was_joined_is_decided_anew():
    verdicts = [
        certain(1), likely(2, 9.0, "possible"), likely(3, 9.0), likely(4, -9.0, "no"),
        likely(5, 9.0, forbidden="twins"), certain(6, contradicted=("name",)),
    ]  # fmt: skip
    assert loose(verdicts, 1) == [2, 3, 6]


def test_of_whom_a_registration_may_be_each_may_be_one():
    alike = decide([likely(1, 15.0), likely(2, 16.0)], margin=MARGIN)
    assert rivals(alike) == [2, 1]
    for verdicts in (
        [],
        [likely(1, 15.0)],
        [likely(1, 6.0, "possible")],
        [certain(1, contradicted=("name",)), certain(2)],
    ):
        assert rivals(decide(verdicts, margin=MARGIN)) == []


COMMON = {
    "resident": st.integers(1, 9),
    "forbidden": st.sampled_from(["", "numbers-differ"]),
    "bits": st.floats(-30, 60),
}
GRADES = st.sampled_from(["certain", "possible", "no"])
VERDICTS = st.builds(Verdict, **COMMON, grade=GRADES) | st.builds(
    Verdict, **COMMON, grade=GRADES, certain=st.just(True), contradicted=st.sampled_from([(), ("name",)])
)


@given(st.lists(VERDICTS, max_size=6, unique_by=lambda one: one.resident))
def test_never_to_whom_it_is_forbidden_nor_in_silence_against_a_contradiction(verdicts):
    made = decide(verdicts, margin=MARGIN)
    by_number = {one.resident: one for one in verdicts}
    assert made.resident is None or not (by_number[made.resident].forbidden or by_number[made.resident].contradicted)
    assert len(made.questions) <= MOST_QUESTIONS
    assert made.resident not in {one.resident for one in made.questions}
    doubtful = [one for one in verdicts if one.certain and (one.contradicted or one.forbidden)]
    assert bool(doubtful) <= bool(made.questions)


@given(st.lists(VERDICTS, max_size=6, unique_by=lambda one: one.resident), st.randoms())
def test_the_order_of_verdicts_decides_nothing(verdicts, rng):
    shuffled = rng.sample(verdicts, len(verdicts))
    assert decide(shuffled, margin=MARGIN) == decide(verdicts, margin=MARGIN)


def test_who_is_there_stays_unless_a_rule_forbids_it():
    assert stays(likely(1, -20.0, "no"))
    assert not stays(certain(1, forbidden="numbers-differ"))


def test_whom_somebody_parted_is_parted_either_way_round():
    assert parted_by_person([5], [2], {(2, 5)})
    assert not parted_by_person([5], [3], {(2, 5)})

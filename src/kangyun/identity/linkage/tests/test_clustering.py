"""Residents out of scored pairs: whole against whole, and never what is forbidden."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kangyun.identity.linkage.blocking import pairs
from kangyun.identity.linkage.clustering import Rule, Scored, best_pairs, cluster, scored, united
from kangyun.identity.linkage.scoring import Score

RULE = Rule(0.9)
ANNA = {"given": ("kamiro",), "surname": ("tenlu",), "birth": ("19640312",), "phone": ("13800138000",)}


def every_pair(scorer, records, **options):
    return scored(scorer, records, records, combinations(range(len(records)), 2), **options)


def clusters(scorer, records, rule=RULE, **decided):
    return cluster(scorer, records, every_pair(scorer, records), rule, **decided)


def test_people_are_put_together_again(schema, scorer, people):
    few = people[:400] + people[1_500:1_900]
    blocked = pairs(few, None, schema.block)
    found = cluster(scorer, few, scored(scorer, few, few, blocked.split(blocked.union()), least=0.5), RULE)
    right = [members for members in found.members if len(members) == 2 and members[1] - members[0] == 400]
    assert len(right) > 370
    assert [members for members in found.members if members not in right and len(members) > 1] == []


@settings(max_examples=25)
@given(
    chosen=st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0, 1_500])), min_size=2, max_size=8, unique=True),
    apart=st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1])),
    together=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), max_size=2),
)
def test_clusters_never_join_what_is_forbidden(scorer, people, chosen, apart, together):
    records = [people[person + copy] for person, copy in chosen]
    found = clusters(scorer, records, apart=apart, together=together)
    decided = {frozenset(pair) for pair in together}
    inside = [pair for members in found.members for pair in combinations(members, 2)]
    assert sorted(place for members in found.members for place in members) == list(range(len(records)))
    assert [pair for pair in inside if pair in apart or pair[::-1] in apart] == []
    assert [
        pair
        for pair in inside
        if scorer.score(records[pair[0]], records[pair[1]]).forbidden and frozenset(pair) not in decided
    ] == []


@given(order=st.permutations(range(6)))
def test_the_order_of_pairs_does_not_matter(scorer, people, order):
    records = [people[place] for place in (0, 1_500, 1, 1_501, 2, 1_502)]
    found = list(every_pair(scorer, records))
    shuffled = sorted(found, key=lambda pair: order[pair.left] * 10 + order[pair.right])
    assert cluster(scorer, records, shuffled, RULE) == cluster(scorer, records, found, RULE)


def test_a_chain_does_not_make_one_resident(scorer):
    """A father's registration with his son's birth date lies between the two, whose numbers differ."""
    father = ANNA | {"number": ("990121193001011111",), "birth": ("19300101",)}
    son = ANNA | {"number": ("990121196403122222",)}
    between = ANNA | {"birth": ("19300101", "19640312")}
    found = clusters(scorer, [father, between, son])
    assert len(found.members) == 2
    assert [reason for _, _, reason in found.refused] == ["forbidden"]


def test_one_record_does_not_bridge_two_groups(scorer):
    """Each group has name and birth date of its own; one registration knows both."""
    other = {"given": ("berdan",), "surname": ("shavo",), "birth": ("19880101",), "phone": ("13912345678",)}
    both = united([ANNA, other])
    found = clusters(scorer, [ANNA, ANNA, other, other, both])
    assert [members for members in found.members if {0, 2} <= set(members)] == []
    assert {reason for _, _, reason in found.refused} == {"members"}


def test_what_somebody_decided_comes_before_scores(scorer):
    stranger = {"given": ("berdan",), "surname": ("shavo",), "birth": ("19880101",)}
    records = [ANNA, ANNA, stranger]
    assert clusters(scorer, records).members == ((0, 1), (2,))
    assert clusters(scorer, records, apart={(1, 0)}).members == ((0,), (1,), (2,))
    assert clusters(scorer, records, together=[(0, 2)], apart={(0, 1)}).members == ((0, 2), (1,))
    assert clusters(scorer, records, together=[(0, 1)], apart={(0, 1)}).members == ((0,), (1,), (2,))


def test_a_resident_has_only_so_many_registrations(scorer):
    found = clusters(scorer, [ANNA] * 5, Rule(0.9, most=3))
    assert max(len(members) for members in found.members) <= 3
    assert {reason for _, _, reason in found.refused} == {"size"}


@pytest.mark.parametrize(
    ("found", "best"),
    [
        ([(0, 0, 9.0), (0, 1, 8.0), (1, 0, 7.0), (1, 1, 1.0)], [(0, 0), (1, 1)]),
        ([(0, 1, 5.0), (0, 0, 5.0)], [(0, 0)]),
        ([(1, 0, 5.0), (0, 0, 5.0)], [(0, 0)]),
        ([], []),
    ],
)
def test_each_record_has_its_best_partner(found, best):
    given_pairs = [Scored(left, right, Score(bits, 1.0, "certain", None)) for left, right, bits in found]
    assert [(pair.left, pair.right) for pair in best_pairs(given_pairs)] == best


def test_a_forbidden_pair_is_nobodys_best():
    assert best_pairs([Scored(0, 0, Score(30.0, 1.0, "none", "twins"))]) == []


def test_everything_known_of_several_records():
    assert united([{"a": ("1",), "b": ("2",)}, {"a": ("3", "1")}]) == {"a": ("1", "3"), "b": ("2",)}

"""Learns weights from unlabelled records. Pure and deterministic by seed; by numpy.

*u* is of random pairs, each weighted by the probability that it is no match: in a small register the few matches among
random pairs would otherwise make rare agreements look common. *m* is of EM over the pairs of each block that says
`learn`, with u fixed, for the comparisons that look at no field of the block's key: among pairs of one birth date the
birth date says nothing. m of several blocks is averaged, weighted by the matches each is expected to hold. *The prior*
is the expected number of matches among the pairs of all blocks, by the weights themselves, over all possible pairs.
The three depend on each other and are taken in turn until none moves.

At the end levels that came out in another order than the schema declares are pooled (their m and u added), so that a
level never counts less than the one below it.

Sources: Winkler WE. Using the EM algorithm for weight computation in the Fellegi-Sunter model of record linkage.
Proceedings of the Section on Survey Research Methods, ASA 1988:667-71; Herzog, Scheuren, Winkler. Data Quality and
Record Linkage Techniques, 2007, ch. 9; Linacre et al. Splink: free software for probabilistic record linkage at
scale. Int J Popul Data Sci 2022;7(3), doi:10.23889/ijpds.v7i3.1794 (u of random pairs, m by blocks that leave fields
free).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kangyun.base.errors import Invalid
from kangyun.identity.linkage import Record
from kangyun.identity.linkage.blocking import TRANSFORMS, Codes, Key, Pairs, Transform, pairs
from kangyun.identity.linkage.comparators import COMPARATORS, Comparator
from kangyun.identity.linkage.patterns import Floats, Patterns, Tables, probabilities, rows_of
from kangyun.identity.linkage.schema import Block, Comparison, Schema
from kangyun.identity.linkage.weights import Frequencies, Hide, Learned, LevelWeights, Weights

ROUNDS = 50
EM_ROUNDS = 500
STILL = 1e-6
"""Learning has ended when no probability moves by more than this."""
LEAST = 0.5
"""Pairs added to each level, so that one never seen is rare and not impossible."""


@dataclass(frozen=True)
class Setting:
    """How to learn.

    seed, random_pairs: the sample for u. limit: most pairs of one key. least_count: how often a value occurs at least
    to have a frequency of its own. floor_count: how often all others are taken to occur; without it as often as that.
    hide: hashes the values that are kept.
    """

    seed: int = 1
    random_pairs: int = 1_000_000
    limit: int = 100_000
    least_count: int = 2
    floor_count: int = 0
    hide: Hide | None = None


def learn(
    schema: Schema,
    records: Sequence[Record],
    others: Sequence[Record] | None = None,
    *,
    date: str,
    setting: Setting | None = None,
    comparators: Mapping[str, Comparator] = COMPARATORS,
    transforms: Mapping[str, Transform] = TRANSFORMS,
) -> Weights:
    """Returns weights learnt from a set of records, or from two sets between which pairs are sought.

    date: kept as it is given. Raises Invalid without pairs, or without any that leave a comparison free.
    """
    setting = setting or Setting()
    right = records if others is None else others
    blocked = pairs(records, others, schema.block, transforms=transforms, limit=setting.limit)
    codes = blocked.union()
    drawn = _random_pairs(len(records), None if others is None else len(others), setting)
    if not len(codes) or not len(drawn):
        raise Invalid("identity.linkage.nothing-to-learn", reason="pairs")
    rows = rows_of(schema, comparators, records, right, blocked.split(codes))
    sample = Patterns.of(rows_of(schema, comparators, records, right, Pairs({}, len(right)).split(drawn)))
    sessions = [
        _Session(Patterns.of(rows[np.isin(codes, found)]), _free(schema, block, transforms))
        for block in schema.block
        if block.learn and len(found := blocked.by_block[block.name])
    ]
    possible = len(records) * (len(records) - 1) / 2 if others is None else len(records) * len(others)
    m, u, prior, rounds = _in_turn(schema, sessions, sample, Patterns.of(rows), possible)
    return Weights(
        schema=schema.digest,
        prior=prior,
        comparisons=tuple(map(_pooled, schema.comparison, m, u)),
        frequencies={field: _frequencies(field, (records, others or ()), setting) for field in schema.frequency_fields},
        hidden=setting.hide is not None,
        learned=Learned(
            date, setting.seed, len(records) + len(others or ()), len(drawn), len(codes), rounds, prior * possible
        ),
    )


@dataclass(frozen=True)
class _Session:
    """The pairs of one block, and the comparisons that it leaves free."""

    patterns: Patterns
    free: list[int]


def _in_turn(
    schema: Schema, sessions: list[_Session], sample: Patterns, union: Patterns, possible: float
) -> tuple[Tables, Tables, float, int]:
    """Returns m, u, the prior and how many rounds it took until none moved."""
    sizes = [len(comparison.level_names) for comparison in schema.comparison]
    everything = range(len(sizes))
    u = [sample.shares(place, sample.counts, size, LEAST) for place, size in enumerate(sizes)]
    m = [_start(size) for size in sizes]
    prior = 1 / possible**0.5
    found: list[tuple[Tables, float]] = [(m, prior) for _ in sessions]
    rounds = 0
    while rounds < ROUNDS:
        rounds += 1
        before = [*m, *u, np.array([prior])]
        found = [
            expectation_maximisation(session.patterns, start, u, session.free, odds)
            for session, (start, odds) in zip(sessions, found, strict=True)
        ]
        m = [_averaged(place, sessions, found, schema) for place in everything]
        evidence = union.evidence(m, u, everything)
        for _ in range(ROUNDS):
            expected = float(union.counts @ probabilities(evidence, prior))
            prior = min(max(expected, 1.0), possible / 2) / possible
        different = sample.counts * (1 - probabilities(sample.evidence(m, u, everything), prior))
        u = [sample.shares(place, different, size, LEAST) for place, size in enumerate(sizes)]
        if max(np.abs(a - b).max() for a, b in zip(before, [*m, *u, np.array([prior])], strict=True)) < STILL:
            break
    return m, u, prior, rounds


def expectation_maximisation(
    patterns: Patterns, m: Tables, u: Tables, free: Iterable[int], prior: float
) -> tuple[Tables, float]:
    """Returns m of the comparisons `free`, and the share of matches among the pairs, that make the patterns likeliest.

    m, prior: where to begin; m of comparisons that are not free comes back as it was. u is held.
    """
    using, m = list(free), list(m)
    total = patterns.counts.sum()
    for _ in range(EM_ROUNDS):
        weights = patterns.counts * probabilities(patterns.evidence(m, u, using), prior)
        before = [m[place] for place in using]
        for place in using:
            m[place] = patterns.shares(place, weights, len(m[place]), LEAST)
        moved = max([np.abs(m[place] - old).max() for place, old in zip(using, before, strict=True)], default=0.0)
        share = float(np.clip(weights.sum() / total, 1e-9, 1 - 1e-9))
        moved, prior = max(moved, abs(share - prior)), share
        if moved < STILL / 10:
            break
    return m, prior


def _averaged(place: int, sessions: list[_Session], found: list[tuple[Tables, float]], schema: Schema) -> Floats:
    """Returns m of one comparison over the blocks that leave it free."""
    free = [
        (m[place], share * session.patterns.counts.sum())
        for session, (m, share) in zip(sessions, found, strict=True)
        if place in session.free
    ]
    if not free:
        raise Invalid("identity.linkage.nothing-to-learn", reason=schema.comparison[place].name)
    averaged: Floats = np.average([m for m, _ in free], axis=0, weights=[matches for _, matches in free])
    return averaged


def _start(levels: int) -> Floats:
    """Where m begins: most matches agree fully, and the farther down a level stands the less likely it is."""
    shares = np.power(0.2, np.arange(levels, dtype=np.float64))
    found: Floats = shares / shares.sum()
    return found


def _pooled(comparison: Comparison, m: Floats, u: Floats) -> LevelWeights:
    """Pools neighbouring levels that count in the wrong order; each pool's m is dealt out by u. m keeps its sum."""
    pools: list[list[float]] = []
    for one, other in zip(m.tolist(), u.tolist(), strict=True):
        pools.append([one, other, 1])
        while len(pools) > 1 and pools[-1][0] * pools[-2][1] > pools[-2][0] * pools[-1][1]:
            last = pools.pop()
            pools[-1] = [a + b for a, b in zip(pools[-1], last, strict=True)]
    ratios = [pool[0] / pool[1] for pool in pools for _ in range(int(pool[2]))]
    shares = tuple(u.tolist())
    return LevelWeights(
        comparison.name, tuple(min(ratio * share, 1.0) for ratio, share in zip(ratios, shares, strict=True)), shares
    )


def _free(schema: Schema, block: Block, transforms: Mapping[str, Transform]) -> list[int]:
    """Returns the places of the comparisons that look at no field of a block's key."""
    fields = Key(block, transforms).fields
    return [place for place, comparison in enumerate(schema.comparison) if not comparison.fields & fields]


def _random_pairs(left: int, right: int | None, setting: Setting) -> Codes:
    """Returns pairs drawn with replacement, ascending; never of a record with itself."""
    generator = np.random.default_rng(setting.seed)
    one = generator.integers(0, left, setting.random_pairs) if left else np.empty(0, np.int64)
    if right is None:
        if left < 2:
            return np.empty(0, np.int64)
        other = (one + generator.integers(1, left, len(one))) % left
        codes = np.minimum(one, other) * left + np.maximum(one, other)
    else:
        if not right:
            return np.empty(0, np.int64)
        codes = one * right + generator.integers(0, right, len(one))
    return np.sort(codes)


def _frequencies(field: str, sets: Iterable[Sequence[Record]], setting: Setting) -> Frequencies:
    counted = Counter(value for records in sets for record in records for value in record.get(field, ()))
    total = sum(counted.values())
    if not total:
        return Frequencies(1.0, 1.0, {})
    values = {value: count / total for value, count in sorted(counted.items()) if count >= setting.least_count}
    hide = setting.hide
    return Frequencies(
        floor=min((setting.floor_count or setting.least_count) / total, 1.0),
        average=sum((count / total) ** 2 for count in counted.values()),
        values={hide(value): share for value, share in values.items()} if hide else values,
    )

"""Levels of many pairs, counted: what learning works on, however many pairs there were. Pure, by numpy.

Source of counting patterns first: Winkler 1988 (see `learning`); EM then costs as much as there are different patterns.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kangyun.identity.linkage import Record
from kangyun.identity.linkage.comparators import Comparator
from kangyun.identity.linkage.comparing import Levels, Values, compiled
from kangyun.identity.linkage.schema import Schema

Floats = NDArray[np.float64]
Tables = list[Floats]
"""One array a comparison, one number a level."""


@dataclass(frozen=True)
class Patterns:
    """`levels`: one row a pattern, one column a comparison, -1 where that is missing; `counts`: pairs that have it."""

    levels: NDArray[np.int8]
    counts: Floats

    @classmethod
    def of(cls, rows: NDArray[np.int8]) -> "Patterns":
        """Counts rows that are equal."""
        levels, counts = np.unique(rows, axis=0, return_counts=True)
        return cls(levels, counts.astype(np.float64))

    def evidence(self, m: Tables, u: Tables, using: Iterable[int]) -> Floats:
        """Returns the natural logarithm of each pattern's Bayes factor, of some comparisons only."""
        total = np.zeros(len(self.levels))
        for column in using:
            total += np.append(np.log(m[column]) - np.log(u[column]), 0.0)[self.levels[:, column]]
        return total

    def shares(self, column: int, weights: Floats, levels: int, least: float) -> Floats:
        """Returns the share of each level of a comparison among pairs that have it, `least` pairs added to each."""
        there = self.levels[:, column] >= 0
        found: Any = np.bincount(self.levels[there, column], weights[there], levels) + least
        shares: Floats = found / found.sum()
        return shares


def probabilities(evidence: Floats, prior: float) -> Floats:
    """Returns the probability of a match for logarithms of Bayes factors."""
    odds = np.clip(evidence + np.log(prior / (1 - prior)), -700, 700)
    found: Floats = 1 / (1 + np.exp(-odds))
    return found


def rows_of(
    schema: Schema,
    comparators: Mapping[str, Comparator],
    left: Sequence[Record],
    right: Sequence[Record],
    pairs: Iterable[tuple[int, int]],
) -> NDArray[np.int8]:
    """Returns the levels of pairs, one row each. Quickest where pairs of one left record follow each other."""
    parts = compiled(schema, comparators)
    mine = [[part.values(record) for part in parts] for record in left]
    theirs = mine if right is left else [[part.values(record) for part in parts] for record in right]
    rows = bytearray()
    last, bound = -1, list[tuple[Callable[[Values], Levels], dict[Values, int]]]()
    for one, other in pairs:
        if one != last:
            last, bound = one, [(part.bind(values), {}) for part, values in zip(parts, mine[one], strict=True)]
        for (levels, known), values in zip(bound, theirs[other], strict=True):
            found = known.get(values)
            if found is None:
                found = known[values] = levels(values)[0] & 0xFF  # NOWHERE as the byte that int8 reads as -1
            rows.append(found)
    return np.frombuffer(bytes(rows), np.int8).reshape(-1, len(parts))

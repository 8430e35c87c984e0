"""From scored pairs to residents: the best partner of each record, and clusters that are held together as wholes. Pure.

Chains of pairs make monsters: father like son, son like cousin. Here clusters grow best pair first, and two of them
become one only if all of this holds:

* everything known of the one scores against everything known of the other at the threshold;
* at least a share of the pairs between them is itself possible (`Schema.thresholds`), so that no single record bridges
  two groups that otherwise contradict each other;
* no pair between them is forbidden by a hard rule, or by somebody who said that these are two people;
* together they are not more than a resident can well have.

What is refused is given back: it is a question for a steward.
"""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from typing import Literal

import msgspec

from kangyun.identity.linkage import Record
from kangyun.identity.linkage.scoring import Score, Scorer

Reason = Literal["forbidden", "resident", "members", "size"]


class Scored(msgspec.Struct, frozen=True):
    """Two places and their score."""

    left: int
    right: int
    score: Score


@dataclass(frozen=True)
class Rule:
    """When clusters become one.

    threshold: probability of the whole against the whole. support: share of the pairs between that are possible. most:
    records of one resident.
    """

    threshold: float
    support: float = 0.5
    most: int = 200


@dataclass(frozen=True)
class Clusters:
    """`members`: places, each in one cluster; `refused`: pairs at the threshold whose clusters stayed apart."""

    members: tuple[tuple[int, ...], ...]
    refused: tuple[tuple[int, int, Reason], ...]


def scored(
    scorer: Scorer,
    left: Sequence[Record],
    right: Sequence[Record],
    pairs: Iterable[tuple[int, int]],
    *,
    least: float = 0.0,
) -> Iterator[Scored]:
    """Yields the pairs of at least a probability; quickest where pairs of one left record follow each other."""
    last, query = -1, None
    for one, other in pairs:
        if query is None or one != last:
            last, query = one, scorer.prepare(left[one])
        score = query.score(right[other])
        if score.probability >= least:
            yield Scored(one, other, score)


def best_pairs(found: Iterable[Scored]) -> list[Scored]:
    """Returns pairs so that no record is in two, best first: for two sets of which each holds a person once."""
    lefts, rights, chosen = set[int](), set[int](), []
    for pair in sorted(found, key=_order):
        if pair.score.forbidden is None and pair.left not in lefts and pair.right not in rights:
            lefts.add(pair.left)
            rights.add(pair.right)
            chosen.append(pair)
    return chosen


def cluster(
    scorer: Scorer,
    records: Sequence[Record],
    found: Iterable[Scored],
    rule: Rule,
    *,
    together: Iterable[tuple[int, int]] = (),
    apart: Set[tuple[int, int]] = frozenset(),
) -> Clusters:
    """Returns the residents among records.

    found: pairs, of which those at the threshold are looked at. together, apart: what somebody decided, as pairs in
    either order; it comes before every score, and `apart` before `together`.
    """
    growing = _Growing(scorer, records, rule, {frozenset(pair) for pair in apart})
    for one, other in sorted(together):
        growing.join(one, other, decided=True)
    refused = []
    for pair in sorted(found, key=_order):
        if pair.score.probability >= rule.threshold and (reason := growing.join(pair.left, pair.right)):
            refused.append((pair.left, pair.right, reason))
    members = sorted(tuple(sorted(members)) for members in growing.members.values())
    # What was refused early may have come together on the way of others.
    open_still = tuple(one for one in refused if growing.home[one[0]] != growing.home[one[1]])
    return Clusters(tuple(members), open_still)


def united(records: Iterable[Record]) -> Record:
    """Returns everything known of several records as one: what a resident is scored by."""
    fields: dict[str, tuple[str, ...]] = {}
    for record in records:
        for field, values in record.items():
            known = fields.setdefault(field, values)
            if known != values:
                fields[field] = (*known, *(value for value in values if value not in known))
    return fields


def _order(pair: Scored) -> tuple[float, int, int]:
    return (-pair.score.bits, pair.left, pair.right)


class _Growing:
    """Clusters on the way."""

    def __init__(self, scorer: Scorer, records: Sequence[Record], rule: Rule, apart: Set[frozenset[int]]) -> None:
        self._scorer, self._records, self._rule, self._apart = scorer, records, rule, apart
        self.home = list(range(len(records)))
        self.members = {place: [place] for place in self.home}

    def join(self, one: int, other: int, *, decided: bool = False) -> Reason | None:
        """Makes one of the clusters of two records, or returns why not."""
        a, b = self.home[one], self.home[other]
        if a == b:
            return None
        if reason := self._against(self.members[a], self.members[b], decided=decided):
            return reason
        keep, gone = (a, b) if len(self.members[a]) >= len(self.members[b]) else (b, a)
        for place in self.members[gone]:
            self.home[place] = keep
        self.members[keep] += self.members.pop(gone)
        return None

    def _against(self, ones: list[int], others: list[int], *, decided: bool) -> Reason | None:
        if any(frozenset((one, other)) in self._apart for one in ones for other in others):
            return "forbidden"
        if decided:
            return None
        if len(ones) + len(others) > self._rule.most:
            return "size"
        scores = [
            query.score(self._records[other])
            for query in [self._scorer.prepare(self._records[one]) for one in ones]
            for other in others
        ]
        if any(score.forbidden for score in scores):
            return "forbidden"
        possible = self._scorer.schema.thresholds.possible
        if sum(score.probability >= possible for score in scores) < self._rule.support * len(scores):
            return "members"
        whole = self._scorer.score(self._united(ones), self._united(others))
        return None if whole.probability >= self._rule.threshold else "resident"

    def _united(self, places: list[int]) -> Record:
        return united(self._records[place] for place in places)

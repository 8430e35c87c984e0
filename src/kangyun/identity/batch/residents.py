"""From pairs to residents, by the rules that decide online: by score to the whole resident, not by chains of pairs.

Registrations that pairs join directly or by way of others are one *group*. Within it clusters grow, the likeliest pair
first, and two become one only if everything the one says, held against the other as a resident (`rules.Prepared`), is
linked: by an identifier that decides and is not contradicted, or by odds; never where a hard rule forbids it, or
somebody said that these are two people. What somebody linked stays together. In most groups each pair links by itself
and is firm (`pairs.Pairs`): they are taken whole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from kangyun.identity.batch.levels import Ints
from kangyun.identity.batch.pairs import Found
from kangyun.identity.deciding import Verdict
from kangyun.identity.linkage.clustering import united
from kangyun.identity.registration.fields import Fields
from kangyun.identity.rules import ResidentRules, resident_rules

MOST = 200
"""Registrations of one resident."""
FEW = 5
"""Chunks of groups that one process judges before others could begin."""
_AT_ONCE = 200
Said = Callable[[Sequence[int]], Mapping[int, str]]
"""Takes places, and returns what these registrations say, as JSON."""
_fields = msgspec.json.Decoder(dict[str, tuple[str, ...]])


@dataclass(frozen=True)
class By:
    """By what is judged. among: how many registrations there are, roughly, from which the prior follows."""

    among: int
    demo: bool

    def rules(self) -> ResidentRules:
        """Returns the rules. No day is asked of them: nobody knows any more when a registration was made."""
        return resident_rules(lambda: date.max, demo=self.demo)


@dataclass(frozen=True)
class Decided:
    """What persons decided, as pairs of places, the lower one first."""

    together: AbstractSet[tuple[int, int]] = frozenset()
    apart: AbstractSet[tuple[int, int]] = frozenset()


NOTHING = Decided()


@dataclass(frozen=True)
class Group:
    """Registrations that belong together by some way of pairs.

    edges: from the likeliest down. firm: those of them that leave no doubt, neither by what is alike nor by
    who it is.
    """

    members: list[int]
    edges: list[tuple[int, int]] = field(default_factory=list)
    firm: set[tuple[int, int]] = field(default_factory=set)
    together: list[tuple[int, int]] = field(default_factory=list)
    apart: list[tuple[int, int]] = field(default_factory=list)


def residents(
    found: Found, plain: NDArray[np.bool_], by: By, said: Said, decided: Decided = NOTHING,
    *, least: float, executor: Executor | None = None,
) -> Ints:  # fmt: skip
    """Returns for each registration the lowest place of its resident.

    plain: for each registration whether nothing about the person asks for a closer look. said: gives what registrations
    say. least: bits, with the prior, from which on a pair joins a group. executor: of processes that `levels.processes`
    gives.
    """
    home, doubtful = grouped(found, plain, decided, least)
    chunks = [doubtful[start : start + _AT_ONCE] for start in range(0, len(doubtful), _AT_ONCE)]
    payloads = ((several, said([one for group in several for one in group.members]), by) for several in chunks)
    judge = map if executor is None or len(chunks) < FEW else executor.map
    for clusters in judge(_judged, *zip(*payloads, strict=True)) if chunks else ():
        for members in clusters:
            home[members] = members[0]
    return home


def grouped(found: Found, plain: NDArray[np.bool_], decided: Decided, least: float) -> tuple[Ints, list[Group]]:
    """Returns the lowest place of each registration's group, and the groups that need a closer look."""
    pairs, count = found.pairs, len(plain)
    linking = pairs.bits >= least
    left, right, bits = pairs.left[linking], pairs.right[linking], pairs.bits[linking]
    firm = pairs.firm[linking] & plain[left] & plain[right]
    roots = _roots(count, chain(_zipped(left, right), _zipped(*found.sure), decided.together))
    sizes = np.bincount(roots, minlength=count)
    doubtful = np.bincount(roots[left[firm]], minlength=count) != sizes * (sizes - 1) // 2
    for one, _ in decided.apart:
        doubtful[roots[one]] = sizes[roots[one]] > 1
    looked_at = np.flatnonzero(doubtful[roots])
    gathered: dict[int, Group] = {root: Group([]) for root in np.unique(roots[looked_at]).tolist()}
    for place, root in zip(looked_at.tolist(), roots[looked_at].tolist(), strict=True):
        gathered[root].members.append(place)
    there = doubtful[roots[left]]
    order = np.lexsort((right[there], left[there], -bits[there]))
    for pair, one_person in zip(
        _zipped(left[there][order], right[there][order]), firm[there][order].tolist(), strict=True
    ):
        gathered[int(roots[pair[0]])].edges.append(pair)
        if one_person:
            gathered[int(roots[pair[0]])].firm.add(pair)
    _add(gathered, roots, ((pair, "edges") for pair in _zipped(*found.sure)))
    _add(gathered, roots, ((pair, "together") for pair in sorted(decided.together)))
    _add(gathered, roots, ((pair, "apart") for pair in sorted(decided.apart)))
    return roots, list(gathered.values())


def _add(gathered: Mapping[int, Group], roots: Ints, pairs: Iterable[tuple[tuple[int, int], str]]) -> None:
    """Adds pairs to the groups that both places are of."""
    for (one, other), kind in pairs:
        group = gathered.get(int(roots[one]))
        if group is not None and roots[one] == roots[other]:
            getattr(group, kind).append((one, other))


def _zipped(left: Ints, right: Ints) -> Iterable[tuple[int, int]]:
    return zip(left.tolist(), right.tolist(), strict=True)


def _roots(count: int, pairs: Iterable[tuple[int, int]]) -> Ints:
    """Returns the lowest place that each place is joined with by pairs."""
    roots = list(range(count))
    for one, other in pairs:
        while roots[one] != one:
            roots[one] = one = roots[roots[one]]
        while roots[other] != other:
            roots[other] = other = roots[roots[other]]
        if one != other:
            roots[max(one, other)] = min(one, other)
    found = np.array(roots, np.int64)
    while (found != found[found]).any():
        found = found[found]
    return found


@lru_cache(1)
def _rules(by: By) -> ResidentRules:
    return by.rules()


def _judged(several: Sequence[Group], said: Mapping[int, str], by: By) -> list[list[int]]:
    """Returns the clusters of groups, each in order."""
    fields = {place: _fields.decode(text) for place, text in said.items()}
    return [members for group in several for members in Growing(_rules(by), by.among, group, fields).grown()]


def links(verdict: Verdict) -> bool:
    """Whether a registration is linked with a resident, as `deciding.decide` says of one alone."""
    if verdict.forbidden or verdict.contradicted:
        return False
    return verdict.certain or verdict.grade == "certain"


@dataclass
class Growing:
    """The clusters of a group on the way."""

    rules: ResidentRules
    among: int
    group: Group
    fields: Mapping[int, Fields]
    home: dict[int, int] = field(default_factory=dict)
    clusters: dict[int, list[int]] = field(default_factory=dict)

    def grown(self) -> list[list[int]]:
        """Returns the clusters."""
        self.home = {one: one for one in self.group.members}
        self.clusters = {one: [one] for one in self.group.members}
        for one, other in self.group.together:
            self._join(one, other, lambda ones, others: not self._parted(ones, others))
        for one, other in self.group.edges:
            self._join(one, other, self._may_be_one)
        return [sorted(members) for members in self.clusters.values()]

    def _join(self, one: int, other: int, allowed: Callable[[list[int], list[int]], bool]) -> None:
        a, b = self.home[one], self.home[other]
        if a == b or not allowed(self.clusters[a], self.clusters[b]):
            return
        self.clusters[a] += self.clusters.pop(b)
        self.home.update(dict.fromkeys(self.clusters[a], a))

    def _parted(self, ones: list[int], others: list[int]) -> bool:
        apart = self.group.apart
        return bool(apart) and any((min(a, b), max(a, b)) in apart for a in ones for b in others)

    def _may_be_one(self, ones: list[int], others: list[int]) -> bool:
        if self._parted(ones, others) or len(ones) + len(others) > MOST:
            return False
        if all((min(a, b), max(a, b)) in self.group.firm for a in ones for b in others):
            return True
        few, many = sorted((ones, others), key=len)
        prepared = self.rules.prepare(united(self.fields[one] for one in few), among=self.among, historic=True)
        return links(prepared.held(0, [self.fields[one] for one in many]).verdict)

"""What a local code may stand for in a list: ranked, with a score and a reason. Pure. Nothing is decided here.

The same code and the same name go first, then a national map, then the same name, the same code with another name, and
names that are alike: those that share pairs of characters are compared by the share of characters that they have in
common in order. Of a result, unit and specimen speak for or against. Scores rank, from 0 to 100; they are no
probability, and the weights are ours (`unverified`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from heapq import nlargest
from typing import Literal, NamedTuple

from rapidfuzz.fuzz import ratio

from kangyun.access.codes.table import Listed
from kangyun.exchange.codes.normalising import Name, code, normal, opposed, unit

Reason = Literal["code-and-name", "national-map", "name", "code", "similar"]

LEAST = 55.0
"""Below it nothing is suggested."""
COMPARED = 60
"""Names of a list that are compared in full: those that share most."""
COMMON = 3_000
"""A pair of characters that more names have says nothing."""
SIDE, DOUBT, OPPOSED, UNIT, SPECIMEN = 6.0, 3.0, 20.0, 12.0, 12.0  # points taken off


class Local(NamedTuple):
    """A local code, as its institution calls it."""

    code: str
    name: str = ""
    unit: str = ""
    specimen: str = ""


class Suggestion(NamedTuple):
    """What a code may stand for. score: 0 to 100."""

    target: Listed
    score: float
    reason: Reason


class Index:
    """A list, made ready to be asked. national: what codes of another national list stand for in it."""

    def __init__(self, listed: Iterable[Listed], national: Mapping[str, str] | None = None) -> None:
        self._listed = list(listed)
        self._national = {code(one): target for one, target in (national or {}).items()}
        self._by_code = {code(one.code): nth for nth, one in enumerate(self._listed)}
        self._names = [normal(one.name) for one in self._listed]
        self._by_name: dict[str, list[int]] = defaultdict(list)
        self._by_pair: dict[str, list[int]] = defaultdict(list)
        for nth, name in enumerate(self._names):
            if name.text:
                self._by_name[name.text].append(nth)
            for pair in _pairs(name.text):
                self._by_pair[pair].append(nth)

    def suggest(self, local: Local, most: int = 5) -> list[Suggestion]:
        """Returns the best, the best first; none that is not worth looking at."""
        name = normal(local.name)
        found: dict[int, Suggestion] = {}
        for nth, score, reason in (*self._by_map(local), *self._same(local, name), *self._alike(name)):
            score = max(0.0, score - self._against(nth, local, name))
            if score >= LEAST and (nth not in found or found[nth].score < score):
                found[nth] = Suggestion(self._listed[nth], round(score, 1), reason)
        return sorted(found.values(), key=lambda one: (-one.score, one.target.code))[:most]

    def _by_map(self, local: Local) -> Iterable[tuple[int, float, Reason]]:
        nth = self._by_code.get(code(self._national.get(code(local.code), "")))
        if nth is not None:
            yield nth, 99.0, "national-map"

    def _same(self, local: Local, name: Name) -> Iterable[tuple[int, float, Reason]]:
        nth = self._by_code.get(code(local.code))
        if nth is not None:
            alike = ratio(name.text, self._names[nth].text)
            if name.text and name.text == self._names[nth].text:
                yield nth, 100.0, "code-and-name"
            elif not name.text or not self._names[nth].text:
                yield nth, 80.0, "code"
            else:
                yield nth, 50.0 + alike * 0.4, "code"
        for other in self._by_name.get(name.text, ()):
            yield other, 97.0, "name"

    def _alike(self, name: Name) -> Iterable[tuple[int, float, Reason]]:
        pairs = _pairs(name.text)
        shared: Counter[int] = Counter()
        for pair in pairs:
            places = self._by_pair.get(pair, ())
            if len(places) <= COMMON:
                shared.update(places)
        size = len(pairs)
        likely = nlargest(
            COMPARED, shared, key=lambda nth: 2 * shared[nth] / (size + max(1, len(self._names[nth].text) - 1))
        )
        for nth in likely:
            yield nth, ratio(name.text, self._names[nth].text) * 0.95, "similar"

    def _against(self, nth: int, local: Local, name: Name) -> float:
        """Returns what speaks against one, in points."""
        listed, other = self._listed[nth], self._names[nth]
        off = SIDE * (name.side != other.side) + DOUBT * name.doubted
        if name.text and other.text:
            off += OPPOSED * opposed(name.text, other.text)
        if local.unit and listed.unit:
            off += UNIT * (unit(local.unit) != unit(listed.unit))
        if local.specimen and listed.specimen:
            off += SPECIMEN * (normal(local.specimen).text != normal(listed.specimen).text)
        return off


@lru_cache(100_000)
def _pairs(text: str) -> frozenset[str]:
    """Returns the pairs of characters of a name; of one character that one."""
    return frozenset(text[at : at + 2] for at in range(len(text) - 1)) or frozenset({text} - {""})

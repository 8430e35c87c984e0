"""The score of two records: evidence in bits, probability, grade, the hard rule that forbids, and how it came about.

`Scorer.prepare(record)` gives a query that scores one record against many candidates: what was compared once is
remembered by its values, so that the twentieth candidate of the same surname costs a look into a table. Pure.

The frequency of a value moves its term by log2(average / frequency): what is as frequent as equal pairs are on average
counts as learnt, a rare value more, a common one less. Where values are alike but not equal the more frequent one
decides. A pair never counts less at its level than at a level below of which it meets a condition as well, so that
more agreement does not lower a score where values are common.
Source: Winkler WE. Using the EM algorithm for weight computation in the Fellegi-Sunter model of record linkage. 1988,
as adjusted by value; Splink's documentation of term frequencies for the rule of the more frequent one.
"""

from collections.abc import Mapping
from math import log2

import msgspec

from kangyun.base.errors import Invalid
from kangyun.identity.linkage import Record
from kangyun.identity.linkage.comparators import COMPARATORS, Comparator
from kangyun.identity.linkage.comparing import NOWHERE, Compiled, Levels, Values
from kangyun.identity.linkage.schema import MISSING, Comparison, Grade, Schema
from kangyun.identity.linkage.weights import Frequencies, Hide, LevelWeights, Weights, check


class Score(msgspec.Struct, frozen=True):
    """`bits`: log2 of the Bayes factor; `probability`: with the prior; `forbidden`: the hard rule that says no."""

    bits: float
    probability: float
    grade: Grade
    forbidden: str | None


class Step(msgspec.Struct, frozen=True):
    """What one comparison added: `bits` in all, of them `frequency` for how rare or common the value is."""

    comparison: str
    level: str
    bits: float
    frequency: float


class Waterfall(msgspec.Struct, frozen=True):
    """How a score came about, from the prior's bits over each comparison; it quotes no value."""

    prior: float
    steps: tuple[Step, ...]
    score: Score


class _Evidence(msgspec.Struct, frozen=True):
    bits: float
    rules: int
    level: int
    frequency: float


_Ways = tuple[tuple[float, tuple[str, ...]], ...]


class Scorer:
    """Scores by a schema and weights that fit it.

    prior: probability that a candidate is the same person before anything is compared; that of the weights without.
    Raises Invalid where weights and schema, or schema and comparators, do not fit each other.
    """

    def __init__(
        self,
        schema: Schema,
        weights: Weights,
        comparators: Mapping[str, Comparator] = COMPARATORS,
        *,
        prior: float | None = None,
        hide: Hide | None = None,
    ) -> None:
        check(weights, schema)
        if weights.hidden != (hide is not None):
            raise Invalid("identity.linkage.weights-hidden")
        probability = weights.prior if prior is None else prior
        self.schema, self._hide = schema, hide
        self.prior_bits = log2(probability / (1 - probability))
        self._parts = [
            _Part(schema, comparison, learnt, weights.frequencies, Compiled(comparison, comparators))
            for comparison, learnt in zip(schema.comparison, weights.comparisons, strict=True)
        ]

    def prepare(self, record: Record, *, prior: float | None = None) -> "Query":
        """Returns what scores candidates against a record. prior: another one than the scorer's."""
        bits = self.prior_bits if prior is None else log2(prior / (1 - prior))
        return Query(self.schema, bits, [_Bound(part, record, self._hide) for part in self._parts])

    def score(self, one: Record, other: Record) -> Score:
        """Returns the score of two records; their order does not matter."""
        return self.prepare(one).score(other)


class Query:
    """One record, ready to be scored against candidates."""

    def __init__(self, schema: Schema, prior_bits: float, parts: list["_Bound"]) -> None:
        self._schema, self.prior, self._parts = schema, prior_bits, parts
        self._rules = (1 << len(schema.forbid)) - 1
        self._quick = [(part.fields, part.known.get, part.evidence) for part in parts]

    def score(self, candidate: Record) -> Score:
        """Returns the score of a candidate."""
        bits, rules, get = 0.0, self._rules, candidate.get
        for fields, known, evidence in self._quick:
            theirs = tuple([get(field, ()) for field in fields])
            found = known(theirs) or evidence(theirs)
            bits += found.bits
            rules &= found.rules
        return self._score(bits, rules)

    def _score(self, bits: float, rules: int) -> Score:
        probability = self.probability(bits)
        if rules:
            return Score(bits, probability, "none", self._schema.forbid[(rules & -rules).bit_length() - 1].name)
        return Score(bits, probability, self._schema.thresholds.grade(probability), None)

    def probability(self, bits: float) -> float:
        """Returns the probability that so many bits of evidence come to, with the prior."""
        odds: float = 2.0 ** min(-bits - self.prior, 1000.0)
        return 1 / (1 + odds)

    def explain(self, candidate: Record) -> Waterfall:
        """Returns the score with what each comparison added to it."""
        bits, rules, steps = 0.0, self._rules, []
        for part in self._parts:
            theirs = tuple([candidate.get(field, ()) for field in part.fields])
            found = part.known.get(theirs) or part.evidence(theirs)
            bits += found.bits
            rules &= found.rules
            level = MISSING if found.level == NOWHERE else part.level_names[found.level]
            steps.append(Step(part.name, level, found.bits, found.frequency))
        return Waterfall(self.prior, tuple(steps), self._score(bits, rules))


class _Part:
    """One comparison with its weights."""

    def __init__(
        self,
        schema: Schema,
        comparison: Comparison,
        learnt: LevelWeights,
        frequencies: Mapping[str, Frequencies],
        compiled: Compiled,
    ) -> None:
        self.compiled, self.frequencies, self.bits = compiled, frequencies, learnt.bits
        self.rules = [_rules(schema, comparison.name, level) for level in (*compiled.level_names, MISSING)]
        frequent = [{comparison.terms[term].field for term in level.frequency} for level in comparison.levels]
        self._named = [tuple(sorted(fields)) for fields in [*frequent, set[str]()]]
        self._known: dict[Levels, tuple[_Evidence, _Ways]] = {}

    def outcome(self, levels: Levels) -> tuple[_Evidence, _Ways]:
        """Returns what levels say before frequencies are looked at, and the ways in which these may move it."""
        known = self._known.get(levels)
        if known is None:
            level = levels[0]
            bits = 0.0 if level == NOWHERE else self.bits[level]
            known = self._known[levels] = (_Evidence(bits, self.rules[level], level, 0.0), self._ways(levels))
        return known

    def _ways(self, levels: Levels) -> _Ways:
        """Returns bits and the fields whose frequency moves them, of each level that holds; () where none is moved.

        Of levels with the same fields the highest counts most.
        """
        found: dict[tuple[str, ...], float] = {}
        for level in levels:
            if level != NOWHERE:
                found.setdefault(self._named[level], self.bits[level])
        return tuple((bits, fields) for fields, bits in found.items()) if any(found) else ()


class _Bound:
    """One comparison with its weights and the values of one record."""

    def __init__(self, part: _Part, record: Record, hide: Hide | None) -> None:
        self.name, self.level_names, self.fields = part.compiled.name, part.compiled.level_names, part.compiled.fields
        self.known: dict[Values, _Evidence] = {}
        self._part, self._mine, self._hide = part, part.compiled.values(record), hide
        self._levels = part.compiled.bind(self._mine)

    def evidence(self, theirs: Values) -> _Evidence:
        """Returns what the other record's values say."""
        found, ways = self._part.outcome(self._levels(theirs))
        if ways:
            moved = {field: self._moved(field, theirs) for _, fields in ways for field in fields}
            bits = max([least + sum([moved[field] for field in fields]) for least, fields in ways])
            found = _Evidence(bits, found.rules, found.level, bits - found.bits)
        self.known[theirs] = found
        return found

    def _moved(self, field: str, theirs: Values) -> float:
        """Returns the bits by which the frequency of a field's values moves a level."""
        place = self.fields.index(field)
        left, right = self._mine[place], theirs[place]
        if not left or not right:
            return 0.0
        known, hide = self._part.frequencies[field], self._hide
        common = left if left == right else set(left) & set(right)
        found = [known.values.get(hide(value) if hide else value, known.floor) for value in common or (*left, *right)]
        return log2(known.average / (min(found) if common else max(found)))


def _rules(schema: Schema, comparison: str, level: str) -> int:
    """Returns a bit for each hard rule that a comparison at a level does not rule out."""
    return sum(
        1 << place
        for place, rule in enumerate(schema.forbid)
        if comparison not in rule.when or level in rule.when[comparison]
    )

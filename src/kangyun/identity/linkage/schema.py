"""The schema of a linkage as data: comparisons and their levels, blocks, hard rules, grades. Pure.

A *comparison* is one piece of evidence: what depends on each other (given name and surname, which people swap) is one
comparison, so that nothing is counted twice. Its *terms* each compare a field by a named comparator, and its *levels*
are ordered from the most telling down: a pair of records is at the first level of which one of the conditions holds, at
`differs` where none does, and nowhere where all terms are missing. A condition names for each term the least grade of
its comparator, or `missing`.

Whether a schema fits the comparators it names is told when it is compiled (`comparing`).
"""

from hashlib import sha256
from typing import Literal

import msgspec

from kangyun.base.errors import Invalid

DIFFERS = "differs"
"""The last level of every comparison."""
MISSING = "missing"
"""What a condition says of a term of which a record has no value."""
Grade = Literal["certain", "probable", "possible", "none"]


class Term(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Compares `field` of two records; with `across`, `field` of each with `across` of the other: both must agree."""

    comparator: str
    field: str
    across: str = ""


class Level(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`when`: alternatives, each of term -> least grade.

    `frequency`: terms, none of them crosswise, of which a rare value counts more. A level above one that has some
    should have them too, or a common value that agrees there counts less than one that does not.
    """

    name: str
    when: tuple[dict[str, str], ...]
    frequency: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One piece of evidence."""

    name: str
    terms: dict[str, Term]
    levels: tuple[Level, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Fields that are looked at."""
        return frozenset(name for term in self.terms.values() for name in (term.field, term.across) if name)

    @property
    def level_names(self) -> tuple[str, ...]:
        return (*(level.name for level in self.levels), DIFFERS)


class Forbid(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hard rule: records that are at one of the levels named, in each comparison named, must not be linked."""

    name: str
    when: dict[str, tuple[str, ...]]


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Brings together records that have a key in common; each part is `field`, or `field transform argument`.

    `a|b` stands for the values of either field. `learn`: m is also learnt from the pairs of this block.
    """

    name: str
    key: tuple[str, ...]
    learn: bool = False


class Thresholds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Least probability of each grade."""

    certain: float
    probable: float
    possible: float

    def grade(self, probability: float) -> Grade:
        """Returns the grade of a probability."""
        if probability >= self.certain:
            return "certain"
        if probability >= self.probable:
            return "probable"
        return "possible" if probability >= self.possible else "none"


class Schema(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that is declared of one linkage."""

    name: str
    thresholds: Thresholds
    comparison: tuple[Comparison, ...]
    block: tuple[Block, ...]
    forbid: tuple[Forbid, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over what weights depend on: the comparisons. Thresholds, blocks and rules may change without."""
        return sha256(msgspec.json.encode(self.comparison, order="sorted")).hexdigest()

    @property
    def frequency_fields(self) -> tuple[str, ...]:
        """Fields of which the frequency of values counts, sorted."""
        return tuple(
            sorted(
                {
                    comparison.terms[term].field
                    for comparison in self.comparison
                    for level in comparison.levels
                    for term in level.frequency
                }
            )
        )


def read_schema(data: bytes) -> Schema:
    """Returns the schema of a TOML file's bytes. Raises Invalid, naming the place that is wrong."""
    try:
        schema = msgspec.toml.decode(data, type=Schema)
    except ValueError as error:
        raise Invalid("identity.linkage.schema-unreadable", reason=str(error)[:200]) from None
    for place in _faults(schema):
        raise Invalid("identity.linkage.schema-wrong", place=place)
    return schema


def _faults(schema: Schema) -> list[str]:
    """Returns the places at which a schema contradicts itself."""
    names = [comparison.name for comparison in schema.comparison]
    faults = [f"comparison {name}" for name in names if names.count(name) > 1]
    limits = schema.thresholds
    if not 1 >= limits.certain >= limits.probable >= limits.possible > 0:
        faults.append("thresholds")
    for comparison in schema.comparison:
        levels = comparison.level_names
        faults += [f"{comparison.name}.{name}" for name in levels if levels.count(name) > 1 or not comparison.terms]
        for level in comparison.levels:
            named = {term for condition in level.when for term in condition} | set(level.frequency)
            crossed = [term for term in level.frequency if comparison.terms.get(term, _NONE).across]
            if not level.when or not all(level.when) or named - comparison.terms.keys() or crossed:
                faults.append(f"{comparison.name}.{level.name}")
    by_name = {comparison.name: comparison.level_names for comparison in schema.comparison}
    for rule in schema.forbid:
        if not rule.when or any(set(levels) - set(by_name.get(name, ())) for name, levels in rule.when.items()):
            faults.append(f"forbid {rule.name}")
    return faults


_NONE = Term("", "")

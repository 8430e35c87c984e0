"""A schema's comparisons, compiled with comparators: two records in, one level a comparison out. Pure.

A term takes the best grade over all pairs of values, so that a former name or an old number still counts.
"""

from collections.abc import Callable, Mapping

from kangyun.base.errors import Invalid
from kangyun.identity.linkage import Record
from kangyun.identity.linkage.comparators import COMPARATORS, Comparator
from kangyun.identity.linkage.schema import MISSING, Comparison, Schema, Term

NOWHERE = -1
"""Level of a comparison all of whose terms are missing, and grade of a term that is missing."""
Values = tuple[tuple[str, ...], ...]
"""Values of a record, one tuple a field of one comparison."""
Levels = tuple[int, ...]
"""Places in `level_names`: the level that a pair is at, and those below of which a condition holds as well."""
_CROSSWISE: Levels = ()
_Bound = Callable[[Values], int]
_Compare = Callable[[Values], _Bound]
_Condition = tuple[tuple[int, int], ...]


class Compiled:
    """One comparison, ready to compare the values of two records."""

    def __init__(self, comparison: Comparison, comparators: Mapping[str, Comparator]) -> None:
        self.name = comparison.name
        self.fields = tuple(sorted(comparison.fields))
        self.level_names = comparison.level_names
        # Crosswise terms last: they are looked at only where a level that asks for one could still be reached.
        terms = dict(sorted(comparison.terms.items(), key=lambda item: bool(item[1].across)))
        self._straight = [self._term(term, comparators) for term in terms.values() if not term.across]
        self._crosswise = [self._term(term, comparators) for term in terms.values() if term.across]
        places = {name: place for place, name in enumerate(terms)}
        self._levels = [
            [self._condition(condition, comparison, places, comparators) for condition in level.when]
            for level in comparison.levels
        ]
        self._known: dict[tuple[int, ...], Levels] = {}

    def _condition(
        self,
        condition: dict[str, str],
        comparison: Comparison,
        places: dict[str, int],
        comparators: Mapping[str, Comparator],
    ) -> _Condition:
        found = []
        for term, grade in condition.items():
            grades = comparators[comparison.terms[term].comparator].grades
            if grade != MISSING and grade not in grades:
                raise Invalid("identity.linkage.schema-wrong", place=f"{self.name}.{term}.{grade}")
            found.append((places[term], NOWHERE if grade == MISSING else grades.index(grade)))
        return tuple(found)

    def _term(self, term: Term, comparators: Mapping[str, Comparator]) -> _Compare:
        if term.comparator not in comparators:
            raise Invalid("identity.linkage.schema-wrong", place=f"{self.name}.{term.comparator}")
        comparator, field = comparators[term.comparator], self.fields.index(term.field)
        if not term.across:
            return _straight(comparator, field)
        return _crosswise(comparator, field, self.fields.index(term.across))

    def values(self, record: Record) -> Values:
        """Returns what `level` takes of a record."""
        return tuple([record.get(field, ()) for field in self.fields])

    def bind(self, mine: Values) -> Callable[[Values], Levels]:
        """Returns what takes another record's values to the levels that hold, the one they are at first."""
        straight = [term(mine) for term in self._straight]
        known, crossed = self._known, list[_Bound]()

        def levels(theirs: Values) -> Levels:
            grades = tuple([term(theirs) for term in straight])
            found = known.get(grades)
            if found is None:
                found = known[grades] = self._find(grades)
            if found is not _CROSSWISE:
                return found
            if not crossed:
                crossed.extend([term(mine) for term in self._crosswise])
            grades += tuple([term(theirs) for term in crossed])
            found = known.get(grades)
            if found is None:
                found = known[grades] = self._find(grades)
            return found

        return levels

    def _find(self, grades: tuple[int, ...]) -> Levels:
        """Returns the levels of grades, or _CROSSWISE where the first depends on terms that have not been looked at."""
        if all(grade == NOWHERE for grade in grades):
            return (NOWHERE,)
        found: list[int] = []
        for place, conditions in enumerate(self._levels):
            if any(_holds(condition, grades) for condition in conditions):
                found.append(place)
            elif not found and any(term >= len(grades) for condition in conditions for term, _ in condition):
                return _CROSSWISE
        return (*found, len(self._levels))


def compiled(schema: Schema, comparators: Mapping[str, Comparator] = COMPARATORS) -> tuple[Compiled, ...]:
    """Returns the comparisons of a schema. Raises Invalid for a comparator or a grade that is not there."""
    return tuple(Compiled(comparison, comparators) for comparison in schema.comparison)


def _holds(condition: _Condition, grades: tuple[int, ...]) -> bool:
    """Whether a condition holds; it does not where one of its terms has not been looked at."""
    return all(
        term < len(grades) and (grades[term] == NOWHERE if least == NOWHERE else 0 <= grades[term] <= least)
        for term, least in condition
    )


def _straight(comparator: Comparator, field: int) -> _Compare:
    compare = comparator.compare

    def bind(mine: Values) -> _Bound:
        ones = mine[field]
        if not ones:
            return _nowhere
        first = ones[0] if len(ones) == 1 else None

        def bound(theirs: Values) -> int:
            others = theirs[field]
            if others == ones:
                return 0
            if first is not None and len(others) == 1:
                return compare(first, others[0])
            return min([compare(one, other) for one in ones for other in others], default=NOWHERE)

        return bound

    return bind


def _crosswise(comparator: Comparator, field: int, across: int) -> _Compare:
    there, back = _straight(comparator, 0), _straight(comparator, 0)
    worst = len(comparator.grades)

    def bind(mine: Values) -> _Bound:
        one, other = there((mine[field],)), back((mine[across],))

        def bound(theirs: Values) -> int:
            if not mine[across] or not theirs[field]:
                return NOWHERE
            grade = one((theirs[across],))
            return grade if grade in (NOWHERE, worst) else max(grade, other((theirs[field],)))

        return bound

    return bind


def _nowhere(_: Values) -> int:
    return NOWHERE

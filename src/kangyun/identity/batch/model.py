"""The model of a batch: the schema and weights of the index as settings of Splink. Pure.

A registration is one row. For each comparison it has a column that stands for the values of the comparison's fields,
and a level is asked of a function of SQL that takes two of them: `level_0(c0_l, c0_r) = 2`. So there is one definition
of every level, the online one. m and u are those of the weights.

Frequencies: Splink moves a level by log2(u / tf). A row's `tf` is chosen so that this is what `linkage.scoring` adds: u
of the level times frequency over average, and never so much that the level is below the best lower one that always
holds with it. Of several values of a row the rarest counts, where online it is the rarest that both have.

Source: https://moj-analytical-services.github.io/splink/topic_guides/comparisons/term-frequency.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import log2
from typing import Any, Literal

from kangyun.identity.linkage import Record
from kangyun.identity.linkage.comparators import Comparator
from kangyun.identity.linkage.schema import MISSING, Comparison, Level, Schema
from kangyun.identity.linkage.weights import Weights

ROW, KEYS, NUMBERS = "unique_id", "keys", "numbers"
"""Columns: the place of a registration, the hashes of its keys, and of its valid identity card numbers."""

_OF_LISTS = {"duckdb": ("len", "list_has_any"), "spark": ("size", "arrays_overlap")}


@dataclass(frozen=True)
class Model:
    """What pairs are scored by.

    prior_bits: log2 of the odds before anything is compared. least: probability from which on a pair is kept.
    """

    schema: Schema
    weights: Weights
    comparators: Mapping[str, Comparator]
    prior_bits: float
    least: float

    @cached_property
    def least_bits(self) -> float:
        """Bits of evidence from which on a pair is kept."""
        return log2(self.least / (1 - self.least)) - self.prior_bits

    @cached_property
    def gains(self) -> tuple[tuple[float, ...], ...]:
        """The most that frequency can add to each level of each comparison."""
        return tuple(
            (*(sum(map(self._gain, frequent_fields(comparison, level))) for level in comparison.levels), 0.0)
            for comparison in self.schema.comparison
        )

    def _gain(self, field: str) -> float:
        known = self.weights.frequencies[field]
        return max(0.0, log2(known.average / min(known.floor, *known.values.values())))

    @cached_property
    def most_bits(self) -> tuple[float, ...]:
        """The most that each comparison can add, frequency included."""
        return tuple(
            max(0.0, *map(sum, zip(learnt.bits, gains, strict=True)))
            for learnt, gains in zip(self.weights.comparisons, self.gains, strict=True)
        )

    @cached_property
    def least_of_top(self) -> tuple[float, ...]:
        """The least that the top level of each comparison counts, frequency included."""
        lowest = {one.of: one.least_bits for one in self.moved if one.place == 0}
        return tuple(lowest.get(place, learnt.bits[0]) for place, learnt in enumerate(self.weights.comparisons))

    @cached_property
    def moved(self) -> tuple["Moved", ...]:
        """The levels that frequencies move."""
        return tuple(
            Moved(self, column, comparison, place)
            for column, comparison in enumerate(self.schema.comparison)
            for place, level in enumerate(comparison.levels)
            if level.frequency
        )

    def settings(self, dialect: Literal["duckdb", "spark"]) -> dict[str, Any]:
        """Returns Splink's settings."""
        size, overlap = _OF_LISTS[dialect]
        left, right = f"l.{NUMBERS}", f"r.{NUMBERS}"
        apart = f"({size}({left}) > 0 and {size}({right}) > 0 and not {overlap}({left}, {right}))"
        return {
            "link_type": "dedupe_only",
            "unique_id_column_name": ROW,
            "probability_two_random_records_match": 1 / (1 + 2**-self.prior_bits),
            "retain_matching_columns": False,
            "retain_intermediate_calculation_columns": True,
            "blocking_rules_to_generate_predictions": [
                # What a hard rule forbids need not be compared.
                {"blocking_rule": f"l.{KEYS} = r.{KEYS} and not {apart}", "arrays_to_explode": [KEYS]}
            ],
            "comparisons": [self._comparison(place) for place in range(len(self.schema.comparison))],
        }

    def _comparison(self, column: int) -> dict[str, Any]:
        comparison, learnt = self.schema.comparison[column], self.weights.comparisons[column]
        function = f"{function_name(column)}({column_name(column)}_l, {column_name(column)}_r)"
        levels: list[dict[str, Any]] = [
            {"sql_condition": f"{function} = -1", "label_for_charts": MISSING, "is_null_level": True}
        ]
        moved = {one.place: one.column for one in self.moved if one.of == column}
        for place, name in enumerate(comparison.level_names):
            last = place == len(comparison.levels)
            level = {
                "sql_condition": "ELSE" if last else f"{function} = {place}",
                "label_for_charts": name,
                "m_probability": learnt.m[place],
                "u_probability": learnt.u[place],
            }
            if place in moved:
                level |= {"tf_adjustment_column": moved[place], "disable_tf_exact_match_detection": True}
            levels.append(level)
        return {"output_column_name": comparison.name.replace(" ", "_"), "comparison_levels": levels}


class Moved:
    """A level that the frequency of values moves, and the column that says how much."""

    def __init__(self, model: Model, column: int, comparison: Comparison, place: int) -> None:
        learnt = model.weights.comparisons[column]
        self.of, self.place, self.column = column, place, f"t{column}_{place}"
        self._known = [
            (field, model.weights.frequencies[field])
            for field in sorted(frequent_fields(comparison, comparison.levels[place]))
        ]
        self._u = learnt.u[place]
        below = [
            learnt.bits[lower]
            for lower, level in enumerate(comparison.levels[place + 1 :], place + 1)
            if not level.frequency and _implied(comparison, comparison.levels[place], level, model.comparators)
        ]
        self.least_bits = max(below, default=learnt.bits[-1])
        self._most_taken = learnt.bits[place] - self.least_bits

    def of_record(self, record: Record) -> float | None:
        """Returns what stands in the column, None where a value is missing."""
        bits = 0.0
        for field, known in self._known:
            values = record.get(field)
            if not values:
                return None
            bits += log2(known.average / min(known.values.get(value, known.floor) for value in values))
        return float(self._u * 2 ** -max(bits, -self._most_taken))


def column_name(place: int) -> str:
    """Returns the column of a comparison."""
    return f"c{place}"


def function_name(place: int) -> str:
    """Returns the function of SQL that gives the level of a comparison."""
    return f"level_{place}"


def frequent_fields(comparison: Comparison, level: Level) -> frozenset[str]:
    """Returns the fields whose frequency moves a level."""
    return frozenset(comparison.terms[term].field for term in level.frequency)


def _implied(comparison: Comparison, level: Level, lower: Level, comparators: Mapping[str, Comparator]) -> bool:
    """Whether a lower level holds wherever a level does."""
    return all(any(_covers(comparison, one, other, comparators) for other in lower.when) for one in level.when)


def _covers(
    comparison: Comparison, one: Mapping[str, str], other: Mapping[str, str], comparators: Mapping[str, Comparator]
) -> bool:
    for term, least in other.items():
        grade = one.get(term)
        grades = comparators[comparison.terms[term].comparator].grades
        if grade is None or (grade == MISSING) != (least == MISSING):
            return False
        if grade != MISSING and grades.index(grade) > grades.index(least):
            return False
    return True

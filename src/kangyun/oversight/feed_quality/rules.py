"""Scores of figures. Pure: the figures of a table and month in, five dimensions, a score and a grade out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import msgspec

DIMENSIONS = ("completeness", "validity", "timeliness", "consistency", "linkage")


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`data/feed_quality.toml`. unverified: that weights and grades are nobody's but ours: the circular says so."""

    edition: str
    weights: Mapping[str, float]
    grades: Mapping[str, float]
    fields: Mapping[str, Sequence[str]]
    unverified: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a table in a month. of: the table; fields: each of its fields; by the names of its MeasureReport."""

    institution: str
    feed: str
    table: str
    title: str
    month: date
    of: Mapping[str, int]
    fields: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Score:
    """What a table's month is worth. rows: that came. shares: by dimension, from 0 to 1; None where nothing says it.

    score: from 0 to 100, None where nothing is known. appealed: dimensions that an appeal took out.
    """

    figures: Figures
    rows: int
    shares: Mapping[str, float | None]
    score: float | None
    grade: str
    appealed: tuple[str, ...] = ()


def read_rules(table: Mapping[str, Any]) -> Rules:
    """Returns the rules of a file. Raises ValueError, naming the place."""
    try:
        rules = msgspec.convert(table, Rules)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    if set(rules.weights) != set(DIMENSIONS) or min(rules.weights.values()) < 0 or not sum(rules.weights.values()):
        raise ValueError("weights")
    if not rules.grades or min(rules.grades.values()) > 0:
        raise ValueError("grades")
    return rules


def scored(figures: Figures, rules: Rules, appealed: Iterable[str] = ()) -> Score:
    """Returns the score of a table's month. appealed: dimensions that do not count."""
    out = tuple(sorted(set(appealed)))
    shares = {name: None if name in out else _SHARES[name](figures, rules) for name in DIMENSIONS}
    known = {name: share for name, share in shares.items() if share is not None and rules.weights[name]}
    weight = sum(rules.weights[name] for name in known)
    weighted = sum(share * rules.weights[name] for name, share in known.items())
    score = round(weighted / weight * 100, 2) if weight else None
    return Score(figures, _rows(figures), shares, score, grade(score, rules), out)


def grade(score: float | None, rules: Rules) -> str:
    """Returns the grade of a score, empty for none."""
    if score is None:
        return ""
    return next(name for name, least in sorted(rules.grades.items(), key=lambda one: -one[1]) if score >= least)


def overall(scores: Sequence[Score]) -> float | None:
    """Returns the score of several tables, each by its rows; None where none has one."""
    known = [(one.score, one.rows) for one in scores if one.score is not None and one.rows]
    rows = sum(count for _, count in known)
    return round(sum(score * count for score, count in known) / rows, 2) if rows else None


def _rows(figures: Figures) -> int:
    return sum(figures.of.get(name, 0) for name in ("stored", "revoked", "refused"))


def _looked_at(figures: Figures, rules: Rules) -> list[Mapping[str, int]]:
    """Returns the figures of the fields that the rules name, of alternatives the one that is filled most.

    What the table has and nobody sent is among the figures, not filled; what it does not have is not.
    """
    wanted = rules.fields.get(figures.table, rules.fields.get("*", ()))
    found = []
    for written in wanted:
        there = [figures.fields[name] for name in written.split("|") if name in figures.fields]
        if there:
            found.append(max(there, key=lambda one: one.get("filled", 0)))
    return found


def _share(part: int, whole: int) -> float | None:
    return min(1.0, max(0.0, part / whole)) if whole else None


def _of_fields(figures: Figures, rules: Rules, part: str, whole: str) -> float | None:
    fields = _looked_at(figures, rules)
    return _share(sum(one.get(part, 0) for one in fields), sum(one.get(whole, 0) for one in fields))


def _consistency(figures: Figures, rules: Rules) -> float | None:
    """Fields that say what they should where they should, and counts that agree with what the hospital declares."""
    put_right = sum(one.get("put-right", 0) for one in figures.fields.values())
    filled = sum(one.get("filled", 0) for one in figures.fields.values())
    parts = [_share(filled - put_right, filled)]
    if "either" in figures.of:
        parts.append(_share(figures.of.get("agreeing", 0), figures.of["either"]))
    elif "declared" in figures.of:  # As it was published until 2026-11.
        declared, compared = figures.of["declared"], figures.of.get("compared", 0)
        parts.append(_share(min(declared, compared), max(declared, compared)))
    known = [part for part in parts if part is not None]
    return sum(known) / len(known) if known else None


def _timeliness(figures: Figures, rules: Rules) -> float | None:
    came = figures.of.get("stored", 0) + figures.of.get("revoked", 0)
    # What is of days before the feed was connected could not come in time.
    return _share(figures.of.get("in-time", 0), max(came - figures.of.get("back-fill", 0), 0))


def _linkage(figures: Figures, rules: Rules) -> float | None:
    return _share(figures.of.get("linked", 0), figures.of.get("looked-at", 0))


_SHARES: Mapping[str, Callable[[Figures, Rules], float | None]] = {
    "completeness": partial(_of_fields, part="filled", whole="rows"),
    "validity": partial(_of_fields, part="valid", whole="filled"),
    "timeliness": _timeliness,
    "consistency": _consistency,
    "linkage": _linkage,
}

"""Pairs that a batch found, and what its engines have in common. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import log2
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from kangyun.identity.batch.levels import Ints
from kangyun.identity.batch.model import ROW, Model
from kangyun.identity.linkage.schema import DIFFERS
from kangyun.identity.rules import HOUSEHOLD_ODDS

ALIKE = ("name", "birth", "sex", "number")
"""Comparisons at whose top level two registrations are settled."""
OWN_NAME = "parts"
"""The least level of a name that is not a relative's."""
HOME = ("telephone", "home", "family")
"""What a household has in common."""
BESIDE, SUPPORT = ("number", *HOME), 5.0  # bits
"""What stands beside name, sex and birth: one of it speaks for a firm pair by so much."""
Step = Literal["exporting", "blocking", "comparing", "scoring", "residents", "holding"]
Tell = Callable[[Step], None]
"""Is told which step begins."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of places at the least probability.

    bits: with the prior; of settled pairs, the least that they can have. firm: neither namesakes nor siblings, nor does
    anything contradict them, so that the bits decide.
    """

    left: Ints
    right: Ints
    bits: NDArray[np.float64]
    firm: NDArray[np.bool_]


@dataclass(frozen=True)
class Found:
    """What an engine found.

    sure: pairs of places that share an identifier that decides. blocked, scored: pairs that had a key in common, and
    those of them that Splink scored. left_out: keys that too many registrations have.
    """

    pairs: Pairs
    sure: tuple[Ints, Ints]
    blocked: int
    scored: int
    left_out: int


def untold(_: Step) -> None:
    """Tells nobody."""


def selected(model: Model) -> str:
    """Returns the columns of Splink's predictions that `pairs_of` reads."""
    columns = [_column(name) for name in ("name", "birth", *BESIDE)]
    return ", ".join((f"{ROW}_l", f"{ROW}_r", "match_weight", *columns, *_of_frequency(model)))


def pairs_of(model: Model, table: pa.Table, settled: tuple[Ints, Ints, float] | None = None) -> Pairs:
    """Returns the pairs of Splink's predictions, the lower place first, and those that were settled before."""
    one, other, bits = (table[name].to_numpy() for name in (f"{ROW}_l", f"{ROW}_r", "match_weight"))
    firm = _firm(model, table, bits)
    if settled is not None:
        one, other = np.append(one, settled[0]), np.append(other, settled[1])
        bits = np.append(bits, np.full(len(settled[0]), settled[2]))
        firm = np.append(firm, np.ones(len(settled[0]), bool))
    left, right = np.minimum(one, other), np.maximum(one, other)
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], bits[order], firm[order])


def _firm(model: Model, table: pa.Table, bits: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns which pairs `rules.Prepared` has no doubt of: their odds are enough without all that a household shares
    but its best, and nothing of what makes it doubt may be so."""
    at = {name: table[_column(name)].to_numpy() for name in ("name", "birth", *BESIDE)}
    certain = model.schema.thresholds.certain
    shared = np.sum([np.maximum(at[name], 0.0) for name in HOME], axis=0)
    shared = shared + np.sum([np.maximum(table[name].to_numpy(), 0.0) for name in _of_frequency(model)], axis=0)
    odds = bits - np.maximum(0.0, shared - (HOUSEHOLD_ODDS - model.prior_bits))
    firm: NDArray[np.bool_] = odds >= log2(certain / (1 - certain))
    firm &= np.max([at[name] for name in BESIDE], axis=0, initial=-np.inf) >= SUPPORT
    firm &= at["name"] >= _bits(model, "name", OWN_NAME)
    firm &= at["birth"] > _bits(model, "birth", DIFFERS) + 2e-6
    return firm


def _of_frequency(model: Model) -> list[str]:
    """Returns Splink's columns of what frequency adds to what a household has in common."""
    names = [model.schema.comparison[one.of].name for one in model.moved]
    return [f"mw_tf_adj_{name}" for name in dict.fromkeys(names) if name in HOME]


def _column(name: str) -> str:
    """Returns Splink's column of the bits of a comparison's level, frequency apart."""
    return f"mw_{name.replace(' ', '_')}"


def _bits(model: Model, name: str, level: str) -> float:
    """Returns the bits of a level, as little less as rounding may take."""
    (place,) = [place for place, one in enumerate(model.schema.comparison) if one.name == name]
    levels = model.schema.comparison[place].level_names
    return model.weights.comparisons[place].bits[levels.index(level)] - 1e-6


def frequencies(model: Model, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Gives Splink's lookup of each column of frequencies: they are their own."""
    for one in model.moved:
        values = pc.unique(table[one.column].combine_chunks()).drop_null()
        yield one.column, pa.table({one.column: values, f"tf_{one.column}": values})


def sharing(table: pa.Table, column: str, most: int) -> tuple[Ints, Ints]:
    """Returns pairs of places whose lists share a value that at most so many have, each pair once."""
    lists = table[column].combine_chunks()
    places = pc.list_parent_indices(lists).to_numpy()
    values = pc.list_flatten(lists).to_numpy()
    order = np.argsort(values, kind="stable")
    places, values = places[order], values[order]
    starts = np.flatnonzero(np.append(True, values[1:] != values[:-1])) if len(values) else np.empty(0, np.int64)
    sizes = np.diff(np.append(starts, len(values)))
    found = {(0, 0)} - {(0, 0)}
    for start, size in zip(starts[(sizes > 1) & (sizes <= most)], sizes[(sizes > 1) & (sizes <= most)], strict=True):
        group = sorted(set(places[start : start + size].tolist()))
        found.update((a, b) for nth, a in enumerate(group) for b in group[nth + 1 :])
    pairs = np.array(sorted(found), np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]

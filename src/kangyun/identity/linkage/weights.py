"""The learned weights: m and u of every level, how frequent values are, the prior; JSON in and out. Pure.

A file says which comparisons it was learnt for and is refused by a schema that has others. It holds no record: only
values at least as frequent as the floor, and those hashed where the caller had them hashed.
"""

from collections.abc import Callable
from hashlib import sha256
from math import isfinite, log2
from typing import Literal

import msgspec

from kangyun.base.errors import Invalid
from kangyun.identity.linkage.schema import Schema

Hide = Callable[[str], str]
"""Hashes a value of which the frequency is kept; the same key must be given where the weights are used."""


class LevelWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How often pairs of one person (m) and of two (u) are at each level; each adds up to one."""

    name: str
    m: tuple[float, ...]
    u: tuple[float, ...]

    @property
    def bits(self) -> tuple[float, ...]:
        """Evidence of each level: log2 of the Bayes factor m / u."""
        return tuple(log2(m / u) for m, u in zip(self.m, self.u, strict=True))


class Frequencies(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Relative frequency of a field's values; what is rarer than `floor`, or unknown, counts as that frequent.

    `average`: chance that two values taken at random are equal, which u of an exact level stands for.
    """

    floor: float
    average: float
    values: dict[str, float]


class Learned(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How weights came about. `date` is the caller's; `expected` is the number of matches that the prior stands for."""

    date: str
    seed: int
    records: int
    random_pairs: int
    blocked_pairs: int
    rounds: int
    expected: float


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that was learnt."""

    schema: str
    prior: float
    comparisons: tuple[LevelWeights, ...]
    frequencies: dict[str, Frequencies]
    hidden: bool
    learned: Learned

    @property
    def version(self) -> str:
        """SHA-256 over all of it: what a decision names as the model it was made by."""
        return sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Literal["kangyun-linkage-weights-1"]
    version: str
    weights: Weights


def save(weights: Weights) -> bytes:
    """Returns weights as JSON; equal weights give equal bytes."""
    file = _File("kangyun-linkage-weights-1", weights.version, weights)
    return msgspec.json.format(msgspec.json.encode(file, order="sorted"), indent=1)


def load(data: bytes, schema: Schema) -> Weights:
    """Returns the weights of JSON. Raises Invalid for what is damaged or was learnt for another schema."""
    try:
        file = msgspec.json.decode(data, type=_File)
    except ValueError as error:
        raise Invalid("identity.linkage.weights-unreadable", reason=str(error)[:200]) from None
    if file.weights.version != file.version:
        raise Invalid("identity.linkage.weights-unreadable", reason="version")
    check(file.weights, schema)
    return file.weights


def check(weights: Weights, schema: Schema) -> None:
    """Raises Invalid unless weights fit a schema and each level counts at least as much as the one below."""
    if weights.schema != schema.digest or len(weights.comparisons) != len(schema.comparison):
        raise Invalid("identity.linkage.weights-of-another-schema")
    if not 0 < weights.prior < 1 or weights.frequencies.keys() != set(schema.frequency_fields):
        raise Invalid("identity.linkage.weights-wrong", place="prior")
    for learnt, comparison in zip(weights.comparisons, schema.comparison, strict=True):
        levels = len(comparison.level_names)
        shape = learnt.name == comparison.name and len(learnt.m) == levels == len(learnt.u)
        if not shape or not all(isfinite(one) and 0 < one <= 1 for one in (*learnt.m, *learnt.u)):
            raise Invalid("identity.linkage.weights-wrong", place=comparison.name)
        if any(above < below - 1e-9 for above, below in zip(learnt.bits, learnt.bits[1:], strict=False)):
            raise Invalid("identity.linkage.weights-wrong", place=comparison.name)
    for field, known in weights.frequencies.items():
        values = (known.floor, known.average, *known.values.values())
        if not all(0 < one <= 1 for one in values):
            raise Invalid("identity.linkage.weights-wrong", place=field)

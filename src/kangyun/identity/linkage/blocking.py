"""Which records are compared at all: those that have a key of a block in common. A join in memory, for learning and for
batches that fit it; online the keys are columns of an index. Pure.

A key that too many records have is left out, and counted: what is lost by it has to be visible.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from kangyun.base.errors import Invalid
from kangyun.identity.linkage import Record
from kangyun.identity.linkage.schema import Block

Transform = Callable[[str, int], str]
"""A value and the argument that the block gives, 0 without; an empty string is no key."""
TRANSFORMS: Mapping[str, Transform] = {
    "first": lambda value, length: value[:length],
    "last": lambda value, length: value[-length:],
    # The letters that a word has, whatever their order and number: a slip in a long word may change none of them.
    "letters": lambda value, _: "".join(sorted(set(value) - {" "})),
    # Joined words of an address are one key with split ones.
    "joined": lambda value, length: value.replace(" ", "")[: length or None],
}
Codes = NDArray[np.int64]
"""Pairs as left * (number of right records) + right, ascending, each once."""


@dataclass(frozen=True)
class Pairs:
    """The pairs of each block, the keys left out and how many pairs they would have made."""

    by_block: dict[str, Codes]
    width: int
    left_out: dict[str, tuple[int, int]] = field(default_factory=dict)

    def union(self) -> Codes:
        """Returns the pairs of all blocks, each once."""
        return np.unique(np.concatenate([np.empty(0, np.int64), *self.by_block.values()]))

    def split(self, codes: Codes) -> Iterable[tuple[int, int]]:
        """Returns codes as pairs of places."""
        left, right = np.divmod(codes, self.width)
        return zip(left.tolist(), right.tolist(), strict=True)


class Key:
    """The key of a block, ready to be taken of records. Raises Invalid for what cannot be read."""

    def __init__(self, block: Block, transforms: Mapping[str, Transform] = TRANSFORMS) -> None:
        self._parts = [_part(part, block, transforms) for part in block.key]
        self.fields = frozenset(name for names, _, _ in self._parts for name in names)

    def of(self, record: Record) -> set[tuple[str, ...]]:
        """Returns all keys of a record: one for each combination of its values."""
        parts = []
        for names, transform, argument in self._parts:
            values = [value for name in names for value in record.get(name, ())]
            found = {transform(value, argument) for value in values} if transform else set(values)
            found.discard("")
            if not found:
                return set()
            parts.append(found)
        return set(product(*parts))


def pairs(
    left: Sequence[Record],
    right: Sequence[Record] | None,
    blocks: Iterable[Block],
    *,
    transforms: Mapping[str, Transform] = TRANSFORMS,
    limit: int = 100_000,
) -> Pairs:
    """Returns the pairs of blocks: between two sets of records, or without `right` within one, each pair once.

    limit: most pairs that one key may make.
    """
    by_block, left_out = {}, {}
    width = len(left if right is None else right)
    for block in blocks:
        key = Key(block, transforms)
        mine = _places(key, left)
        theirs = mine if right is None else _places(key, right)
        found: list[int] = []
        lost = [0, 0]
        for value, ones in mine.items():
            others = theirs.get(value, [])
            number = len(ones) * (len(ones) - 1) // 2 if right is None else len(ones) * len(others)
            if number > limit:
                lost = [lost[0] + 1, lost[1] + number]
            elif number:
                both = combinations(ones, 2) if right is None else product(ones, others)
                found.extend([one * width + other for one, other in both])
        by_block[block.name] = np.unique(np.array(found, np.int64))
        if lost[0]:
            left_out[block.name] = (lost[0], lost[1])
    return Pairs(by_block, width, left_out)


def _places(key: Key, records: Sequence[Record]) -> dict[tuple[str, ...], list[int]]:
    """Returns the places, ascending, at which each key stands."""
    places: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, record in enumerate(records):
        for value in key.of(record):
            places[value].append(place)
    return places


def _part(
    part: str, block: Block, transforms: Mapping[str, Transform]
) -> tuple[tuple[str, ...], Transform | None, int]:
    words = part.split()
    known = len(words) == 1 or (len(words) in (2, 3) and words[1] in transforms)
    if not known or not all(word.isdecimal() for word in words[2:]):
        raise Invalid("identity.linkage.schema-wrong", place=f"block {block.name}")
    transform = transforms[words[1]] if len(words) > 1 else None
    return tuple(words[0].split("|")), transform, int(words[2]) if len(words) == 3 else 0

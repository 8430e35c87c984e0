"""Levels of many pairs of values by the online comparators: each pair of values once, in several processes. Pure.

A value is text: JSON of what `linkage.comparing` takes of a record for one comparison.
"""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from kangyun.identity.linkage.comparators import Comparator
from kangyun.identity.linkage.comparing import Compiled, Values, compiled
from kangyun.identity.linkage.schema import Schema

Ints = NDArray[np.int64]
FEW = 50_000
"""Pairs of values that one process compares before others could begin."""
_CHUNK = 25_000
_values = msgspec.json.Decoder(tuple[tuple[str, ...], ...])


@contextmanager
def processes(count: int, schema: Schema, comparators: Mapping[str, Comparator]) -> Iterator[Executor]:
    """Gives processes that are ready to compare."""
    # Fresh ones: this one has threads of DuckDB.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, context, _prepare, (schema, comparators)) as executor:
        yield executor


def has_values(text: str) -> bool:
    """Whether a value says anything."""
    return text.strip("[],") != ""


@dataclass(frozen=True, slots=True)
class Known:
    """Levels of pairs of codes, sorted by code, each pair once with the lower code first."""

    codes: Ints
    levels: NDArray[np.int8]

    def of(self, left: Ints, right: Ints) -> NDArray[np.int8]:
        """Returns the levels of pairs, all of which are known."""
        return self.levels[np.searchsorted(self.codes, paired(left, right))]


def paired(left: Ints, right: Ints) -> Ints:
    """Returns one number for each pair of codes, whatever their order."""
    return (np.minimum(left, right) << np.int64(32)) | np.maximum(left, right)


class Comparing:
    """Compares values of one schema."""

    def __init__(self, schema: Schema, comparators: Mapping[str, Comparator]) -> None:
        self._parts = compiled(schema, comparators)

    def levels(self, part: int, lefts: Sequence[str], rights: Sequence[str]) -> bytes:
        """Returns the level of each pair as a byte, 255 where all is missing; quickest where lefts repeat."""
        compared, last = bytearray(), None
        one: Compiled = self._parts[part]
        bound = one.bind(_values.decode(lefts[0])) if lefts else None
        for left, right in zip(lefts, rights, strict=True):
            if left is not last or bound is None:
                last, bound = left, one.bind(_values.decode(left))
            other: Values = _values.decode(right)
            compared.append(bound(other)[0] & 0xFF)
        return bytes(compared)


_here: Comparing | None = None


def _prepare(schema: Schema, comparators: Mapping[str, Comparator]) -> None:
    """Makes a process ready to compare."""
    global _here
    _here = Comparing(schema, comparators)


def _elsewhere(part: int, lefts: list[str], rights: list[str]) -> bytes:
    assert _here is not None
    return _here.levels(part, lefts, rights)


def known_levels(
    comparing: Comparing, executor: Executor | None, part: int, values: Sequence[str], codes: Ints
) -> Known:
    """Returns the levels of pairs of codes of values; codes: sorted, each once."""
    lefts, rights = (codes >> np.int64(32)).tolist(), (codes & np.int64(0xFFFFFFFF)).tolist()
    if executor is None or len(codes) <= FEW:
        found = comparing.levels(part, [values[one] for one in lefts], [values[one] for one in rights])
        return Known(codes, np.frombuffer(found, np.int8))
    waiting = [
        executor.submit(
            _elsewhere,
            part,
            [values[one] for one in lefts[start : start + _CHUNK]],
            [values[one] for one in rights[start : start + _CHUNK]],
        )
        for start in range(0, len(codes), _CHUNK)
    ]
    return Known(codes, np.frombuffer(b"".join([one.result() for one in waiting]), np.int8))

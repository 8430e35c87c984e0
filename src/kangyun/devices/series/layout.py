"""Which samples go to which chunk. Pure.

Chunks of a series do not overlap. New samples go to the chunk that begins before them, which is written anew; behind
one that is full begins the next. So a dense series has a chunk a day or two, a sparse one a chunk in four years, and
late samples rewrite one chunk.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kangyun.devices.series.packing import MOST, Curve

LONGEST = 4 * 366 * 86_400_000_000
"""Microseconds that a chunk reaches; it is written anew with each day that comes to it, some three thousand samples."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """What is known of a chunk without opening it."""

    since: int
    until: int
    samples: int


@dataclass(frozen=True, slots=True)
class Share:
    """New samples, and the chunk that they are put together with, None for a new one. last: none begins behind it."""

    chunk: Chunk | None
    fresh: Curve
    last: bool


def shares(chunks: Sequence[Chunk], fresh: Curve) -> list[Share]:
    """Shares out new samples. chunks: in order, at least from the last that begins before them to their end."""
    begins = np.array([chunk.since for chunk in chunks], np.int64)
    owner = np.searchsorted(begins, fresh.at, side="right") - 1
    found = []
    for place in range(-1, len(chunks)):
        part = fresh.of(owner == place)
        if not len(part):
            continue
        chunk = chunks[place] if place >= 0 else None
        if chunk is not None and part.at[0] > chunk.until and _is_full(chunk, int(part.at[0])):
            chunk = None
        found.append(Share(chunk, part, place == len(chunks) - 1))
    return found


def pieces(samples: Curve, last: bool) -> list[Curve]:
    """Cuts what was put together into what a chunk may hold: of the last, the rest stays open for what comes."""
    if len(samples) <= MOST:
        return [samples]
    count = -(-len(samples) // MOST)
    size = MOST if last else -(-len(samples) // count)
    return [samples.of(slice(begin, begin + size)) for begin in range(0, len(samples), size)]


def _is_full(chunk: Chunk, following: int) -> bool:
    return chunk.samples >= MOST or following - chunk.since > LONGEST

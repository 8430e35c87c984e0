"""Samples packed: what a chunk is made of. Pure, and exact: what comes out is what went in.

A chunk's body is a head and one frame (zstd, LZMA where there is little) of three columns, each turned into small
numbers first: instants as differences, or differences of differences where that is less, over their greatest common
divisor; values likewise, or as they are above the least of them; marks as they are. Small numbers are written as planes
of bytes: the high ones are all alike and vanish, the low ones are left to the entropy coder. Measured
(docs/devices/series.md): bits packed by their width take a third more, a shared dictionary gives nothing at this size,
and higher levels of zstd a few per cent for fifty times the work.

Beside it stands what each hour comes to (`hours`), so that a chart of a year opens no body.

Source of delta-of-delta: Pelkonen et al., Gorilla, VLDB 2015, doi:10.14778/2824032.2824078; of the frame: RFC 8878.
"""

import lzma
import struct
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from kangyun.devices.model import Mark
from kangyun.devices.series.batch import Flags, Whole

MOST = 16_384
"""Samples of a chunk."""
HOUR = 3_600_000_000  # microseconds
HOURS = np.dtype(
    [
        ("hour", "<i4"),
        ("count", "<u2"),
        ("all", "<u2"),
        ("mark", "<u2"),
        ("low", "<i4"),
        ("high", "<i4"),
        ("sum", "<i8"),
    ]
)
"""hour: since 1970. count: of samples that are judged; low, high, sum are of these, in steps. all: with the others."""
UNJUDGED = int(Mark.DOUBTED | Mark.QUESTION)
FEW = 4
"""With fewer samples an hour than this, their hours would take as much room as they do."""
SPARSE = 4_096
"""Fewer samples than this are packed by LZMA, whose coder learns as it goes: a tenth less, for a millisecond."""
_VERSION, _LEVEL = 1, 3
_LZMA = [{"id": lzma.FILTER_LZMA1, "dict_size": 1 << 16, "lc": 0, "lp": 0, "pb": 0}]
_HEAD = struct.Struct("<BBBBBIqqqqq")


@dataclass(frozen=True, slots=True)
class Curve:
    """Samples of one series in order of their instants, each once. value: in steps."""

    at: Whole
    value: Whole
    mark: Whole

    def __len__(self) -> int:
        return len(self.at)

    def cut(self, since: int, until: int) -> "Curve":
        """Returns those of [since, until)."""
        low, high = np.searchsorted(self.at, (since, until))
        return self.of(slice(int(low), int(high)))

    def of(self, which: slice | Flags) -> "Curve":
        """Returns some of them."""
        return Curve(self.at[which], self.value[which], self.mark[which])


NONE = Curve(*(np.zeros(0, np.int64) for _ in range(3)))


def merged(*parts: Curve) -> Curve:
    """Returns samples of several as one; of an instant the part that stands first counts."""
    at, value, mark = (np.concatenate([getattr(part, name) for part in parts]) for name in ("at", "value", "mark"))
    order = np.argsort(at, kind="stable")
    at = at[order]
    first = np.ones(len(at), dtype=bool)
    first[1:] = at[1:] != at[:-1]
    return Curve(at[first], value[order][first], mark[order][first])


def packed(samples: Curve) -> bytes:
    """Returns the body of a chunk. There is at least one sample, and at most MOST."""
    at, value = samples.at, samples.value
    steps = np.diff(at)
    unit = int(np.gcd.reduce(steps)) if len(steps) else 1
    steps //= unit
    changes = np.diff(steps)
    twice = _size(changes) < _size(steps)
    first_step = int(steps[0]) if twice else 0
    least = int(value.min())
    differences = np.diff(value)
    # One unit serves both: each difference is one of two values above the least.
    size = int(np.gcd.reduce(value - least)) or 1
    differing = _size(differences // size) < _size((value - least) // size)
    start = int(value[0]) if differing else least
    columns = (changes if twice else steps, (differences if differing else value - least) // size, samples.mark)
    planes = [_planes(column) for column in columns]
    sparse = len(at) < SPARSE
    kinds = (2 if twice else 1) | (4 if differing else 0) | (8 if sparse else 0)
    head = _HEAD.pack(
        _VERSION, kinds, *(wide for wide, _ in planes), len(at), int(at[0]), unit, first_step, start, size
    )
    plain = b"".join(plane for _, plane in planes)
    if sparse:
        return head + lzma.compress(plain, format=lzma.FORMAT_RAW, filters=_LZMA)
    return head + zstandard.ZstdCompressor(level=_LEVEL, write_content_size=False).compress(plain)


def unpacked(body: bytes) -> Curve:
    """Returns the samples of a body. Raises ValueError for what is none."""
    version, kinds, *widths, count, first, unit, first_step, start, size = _HEAD.unpack_from(body)
    if version != _VERSION or not 0 < count <= MOST:
        raise ValueError("no chunk of this version")
    order = kinds & 3
    lengths = [max(count - order, 0), count - 1 if kinds & 4 else count, count]
    most = sum(length * wide for length, wide in zip(lengths, widths, strict=True))
    if kinds & 8:
        frame = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_LZMA).decompress(body[_HEAD.size :], most)
    else:
        frame = zstandard.ZstdDecompressor().decompress(body[_HEAD.size :], max_output_size=most)
    columns, place = [], 0
    for length, wide in zip(lengths, widths, strict=True):
        columns.append(_column(frame[place : place + length * wide], length, wide))
        place += length * wide
    steps, value, mark = columns
    if order == 2:
        steps = _sums(steps, first_step) if count > 1 else steps
    value = _sums(value * size, start) if kinds & 4 else value * size + start
    return Curve(_sums(steps * unit, first), value, mark)


def hours_of(samples: Curve) -> NDArray[np.void]:
    """Returns what each hour with samples comes to, as HOURS."""
    hour = samples.at // HOUR
    begins = np.flatnonzero(np.diff(hour, prepend=hour[:1] - 1))
    judged = (samples.mark & UNJUDGED) == 0
    found = np.zeros(len(begins), HOURS)
    if not len(begins):
        return found
    found["hour"] = hour[begins]
    found["all"] = np.diff(begins, append=len(hour))
    found["count"] = np.add.reduceat(judged.astype(np.int64), begins)
    found["mark"] = np.bitwise_or.reduceat(samples.mark, begins)
    found["low"] = np.minimum.reduceat(np.where(judged, samples.value, _HIGHEST), begins)
    found["high"] = np.maximum.reduceat(np.where(judged, samples.value, -_HIGHEST), begins)
    found["sum"] = np.add.reduceat(np.where(judged, samples.value, 0), begins)
    return found


def packed_hours(samples: Curve) -> bytes:
    """Returns the hours of a chunk, empty where its samples say the same in as little room."""
    found = hours_of(samples)
    if len(samples) < FEW * len(found):
        return b""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(found.tobytes())


def unpacked_hours(parts: list[bytes]) -> NDArray[np.void]:
    """Returns the hours of many chunks, in their order."""
    decompressor = zstandard.ZstdDecompressor()
    return np.frombuffer(b"".join(map(decompressor.decompress, parts)), HOURS)


_HIGHEST = (1 << 31) - 1


def _size(column: Whole) -> float:
    """Returns about how many bits a column needs."""
    return float(np.log2(1.0 + np.abs(column.astype(np.float64))).sum())


def _planes(column: Whole) -> tuple[int, bytes]:
    """Returns how many bytes each number needs, its sign in the lowest bit, and the planes."""
    folded = ((column << 1) ^ (column >> 63)).astype("<u8")
    wide = (int(folded.max()).bit_length() + 7) // 8 if len(folded) else 0
    return wide, folded.view(np.uint8).reshape(-1, 8)[:, :wide].T.tobytes()


def _column(planes: bytes, count: int, wide: int) -> Whole:
    bytes_of = np.zeros((count, 8), np.uint8)
    bytes_of[:, :wide] = np.frombuffer(planes, np.uint8).reshape(wide, count).T
    folded = bytes_of.view("<u8").reshape(count)
    return (folded >> np.uint64(1)).astype(np.int64) ^ -(folded & np.uint64(1)).astype(np.int64)


def _sums(differences: Whole, first: int) -> Whole:
    sums = np.empty(len(differences) + 1, np.int64)
    sums[0] = first
    sums[1:] = differences
    return np.cumsum(sums)

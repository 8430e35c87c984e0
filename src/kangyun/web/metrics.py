"""What `/metrics` shows: figures of all processes of this host in one answer, in the text format of Prometheus.

Each process counts in a file of its own, mapped into its memory: counting is an addition to a number, and a process
that is killed leaves its figures behind. Whoever is asked adds the files up. A process holds a lock on its file as long
as it lives, so a file without one is of a process that ended: its counters are kept, its gauges are not.

No label carries anything of a request but which interaction it was, its class and its status.

Source: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4)
"""

import contextlib
import fcntl
import hashlib
import mmap
import os
import secrets
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from kangyun.web.limits import Kind
from kangyun.web.shape import Interaction

FOLDER = "run"
ENDED = "ended.metrics"
LOCK = ".lock"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATUSES = (
    "200", "201", "202", "204", "304", "400", "401", "403", "404", "405", "406", "408", "409", "410", "412", "413",
    "415", "422", "423", "429", "500", "503", "504", "other",
)  # fmt: skip
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
# Of a family with so few series each is shown before it is counted: else its first rise is not seen as one.
FEW = len(get_args(Kind))
_ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)


@dataclass(frozen=True, slots=True)
class Family:
    """Figures of one name. labels: each with all values that it can have. buckets: upper bounds of a histogram."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    buckets: tuple[float, ...] = ()

    def series(self) -> list[tuple[str, ...]]:
        """All combinations of label values."""
        found: list[tuple[str, ...]] = [()]
        for _, values in self.labels:
            found = [(*one, value) for one in found for value in values]
        return found

    @property
    def width(self) -> int:
        """Numbers of one series: of a histogram a count a bucket, one beyond them, and the sum."""
        return len(self.buckets) + 2 if self.kind == "histogram" else 1


_INTERACTION = ("interaction", get_args(Interaction))
_CLASS = ("class", get_args(Kind))
REQUESTS = Family(
    "kangyun_requests_total", "counter", "Requests answered.", (_INTERACTION, ("status", STATUSES))
)  # fmt: skip
LATENCY = Family(
    "kangyun_request_seconds", "histogram", "From the first byte read to the answer sent.", (_INTERACTION,), _SECONDS
)
PLACES = Family("kangyun_places_in_use", "gauge", "Requests being worked on.", (_CLASS,))
PLACES_WAITING = Family("kangyun_places_waiting", "gauge", "Requests that wait for a place.", (_CLASS,))
REFUSED = Family("kangyun_places_refused_total", "counter", "Requests sent away, as no place came free.", (_CLASS,))
BODY_BYTES = Family("kangyun_body_bytes", "gauge", "Bytes of request bodies held in memory.")
POOL_WAIT = Family("kangyun_pool_wait_seconds", "histogram", "Wait for a database connection.", (), _SECONDS)
POOL_IN_USE = Family("kangyun_pool_in_use", "gauge", "Database connections lent out.")
POOL_WAITING = Family("kangyun_pool_waiting", "gauge", "Callers that wait for a database connection.")
AUDIT_GROUP = Family("kangyun_audit_group_rows", "histogram", "Audit rows written together.", (), _ROWS)
UNEXPECTED = Family("kangyun_unexpected_errors_total", "counter", "Defects met: answered with 500 and logged.")
TOO_COSTLY = Family("kangyun_too_costly_total", "counter", "Requests ended, as they would cost too much.")
PROCESSES = Family("kangyun_processes", "gauge", "Web processes that are alive.")

FAMILIES = (
    *(REQUESTS, LATENCY, PLACES, PLACES_WAITING, REFUSED, BODY_BYTES, POOL_WAIT, POOL_IN_USE, POOL_WAITING),
    *(AUDIT_GROUP, UNEXPECTED, TOO_COSTLY, PROCESSES),
)


def _places() -> tuple[dict[str, dict[tuple[str, ...], int]], int]:
    """Returns where each series of each family begins, and how many numbers there are."""
    found: dict[str, dict[tuple[str, ...], int]] = {}
    end = 0
    for family in FAMILIES:
        found[family.name] = {}
        for labels in family.series():
            found[family.name][labels] = end
            end += family.width
    return found, end


_PLACES, _SIZE = _places()
# A file of another layout, of a version before or after, is not read.
_LAYOUT = hashlib.sha256(repr(FAMILIES).encode()).digest()[:8]
Numbers: TypeAlias = "array[float]"


class Metrics:
    """The figures of this process. One for a process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{secrets.token_hex(4)}.metrics"
        with _locked(self._folder / LOCK):  # Nobody may see the file before it is ours.
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            os.pwrite(self._file, _LAYOUT + bytes(8 * _SIZE), 0)
        self._map = mmap.mmap(self._file, 8 + 8 * _SIZE)
        self._numbers = memoryview(self._map)[8:].cast("d")
        self.set(PROCESSES, 1)

    def close(self) -> None:
        """Lets the file go: its counters stay."""
        self._numbers.release()
        self._map.close()
        os.close(self._file)

    def add(self, family: Family, labels: tuple[str, ...] = (), amount: float = 1.0) -> None:
        """Adds to a counter."""
        self._numbers[_PLACES[family.name][labels]] += amount

    def set(self, family: Family, value: float, labels: tuple[str, ...] = ()) -> None:
        """Sets a gauge."""
        self._numbers[_PLACES[family.name][labels]] = value

    def observe(self, family: Family, value: float, labels: tuple[str, ...] = ()) -> None:
        """Counts a value in a histogram."""
        begin = _PLACES[family.name][labels]
        self._numbers[begin + bisect_left(family.buckets, value)] += 1
        self._numbers[begin + family.width - 1] += value

    def request(self, interaction: Interaction, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        places = _PLACES[REQUESTS.name]
        place = places.get((interaction, str(status)))
        self._numbers[place if place is not None else places[interaction, "other"]] += 1
        self.observe(LATENCY, seconds, (interaction,))

    def text(self, more: Iterable[tuple[str, str, float]] = ()) -> str:
        """Returns the figures of all processes; `more` are gauges that are asked for now: name, help, value. A name may
        bear labels; those of one family stand together."""
        total = self._gathered()
        lines: list[str] = []
        for family in FAMILIES:
            lines += _head(family.name, family.help, family.kind)
            for labels, begin in _PLACES[family.name].items():
                lines += _lines(family, labels, total[begin : begin + family.width])
        family_before = ""
        for name, told, value in more:
            family_now = name.partition("{")[0]
            lines += _head(family_now, told, "gauge") if family_now != family_before else []
            lines.append(f"{name} {_written(value)}")
            family_before = family_now
        return "\n".join(lines) + "\n"

    def _gathered(self) -> Numbers:
        """Adds up the files of all processes; those of processes that ended become one."""
        with _locked(self._folder / LOCK):
            ended = _read(self._folder / ENDED)
            total = array("d", bytes(8 * _SIZE))
            done = []
            for path in self._folder.glob("*-*.metrics"):
                if _alive(path):
                    _add(total, _read(path))
                else:
                    _add(ended, _without_gauges(_read(path)))
                    done.append(path)
            if done:
                fresh = self._folder / f".{ENDED}"
                fresh.write_bytes(_LAYOUT + ended.tobytes())
                fresh.rename(self._folder / ENDED)
                for path in done:
                    path.unlink(missing_ok=True)
        _add(total, ended)
        return total


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _alive(path: Path) -> bool:
    """Whether a process holds the file."""
    file = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _read(path: Path) -> Numbers:
    """Returns a file's numbers; zeros for one that is absent or of another layout."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw = b""
    fits = raw[:8] == _LAYOUT and len(raw) == 8 + 8 * _SIZE
    return array("d", raw[8:] if fits else bytes(8 * _SIZE))


def _without_gauges(numbers: Numbers) -> Numbers:
    for family in FAMILIES:
        for begin in _PLACES[family.name].values() if family.kind == "gauge" else ():
            numbers[begin] = 0.0
    return numbers


def _add(total: Numbers, more: Numbers) -> None:
    for place, value in enumerate(more):
        if value:
            total[place] += value


def _head(name: str, told: str, kind: str) -> list[str]:
    return [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]


def _lines(family: Family, labels: tuple[str, ...], numbers: Sequence[float]) -> list[str]:
    """The lines of one series; one of many that was never counted has none."""
    pairs = [f'{name}="{value}"' for (name, _), value in zip(family.labels, labels, strict=True)]
    few = len(_PLACES[family.name]) <= FEW
    if family.kind != "histogram":
        return [f"{family.name}{_in_braces(pairs)} {_written(numbers[0])}"] if numbers[0] or few else []
    counts = list(accumulate(numbers[:-1]))
    if not counts[-1] and not few:
        return []
    lines = []
    for bound, count in zip([*map(_written, family.buckets), "+Inf"], counts, strict=True):
        braces = _in_braces([*pairs, f'le="{bound}"'])
        lines.append(f"{family.name}_bucket{braces} {_written(count)}")
    lines.append(f"{family.name}_sum{_in_braces(pairs)} {numbers[-1]:.6f}")
    lines.append(f"{family.name}_count{_in_braces(pairs)} {_written(counts[-1])}")
    return lines


def _in_braces(pairs: list[str]) -> str:
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _written(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)

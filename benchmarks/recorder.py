"""Latencies and errors of a run, and what they come to."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

MOST_KINDS_OF_ERRORS = 20


def percentile(ascending: "array[float] | list[float]", share: float) -> float:
    """Returns the nearest-rank percentile of sorted values; `share` is 0 to 1. NaN for no values."""
    if not ascending:
        return math.nan
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


@dataclass(slots=True)
class Summary:
    """What a group of requests came to. Latencies in milliseconds, CPU in milliseconds an operation.

    `operations` counts what the step is about: requests, or resources for imports.
    """

    name: str
    operations: int
    requests: int
    errors: int
    seconds: float
    per_second: float
    mean: float
    p50: float
    p95: float
    p99: float
    most: float
    server_cpu: float | None = None
    database_cpu: float | None = None
    details: dict[str, object] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Returns the figures as JSON values; what was not measured is null."""
        return {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in asdict(self).items()
        }


class Recorder:
    """Collects the latencies of requests by name, and the first kinds of errors."""

    def __init__(self) -> None:
        self._latencies: dict[str, array[float]] = {}
        self._operations: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def add(self, name: str, seconds: float, operations: int = 1) -> None:
        """Records a request that succeeded."""
        latencies = self._latencies.get(name)
        if latencies is None:
            latencies = self._latencies[name] = array("d")
        latencies.append(seconds)
        self._operations[name] += operations

    def fail(self, name: str, kind: str) -> None:
        """Records a request that failed, and how."""
        self._failed[name] += 1
        key = f"{name}: {kind}"
        if key in self.errors or len(self.errors) < MOST_KINDS_OF_ERRORS:
            self.errors[key] += 1

    @property
    def requests(self) -> int:
        """Requests that succeeded so far."""
        return sum(map(len, self._latencies.values()))

    @property
    def operations(self) -> int:
        """Operations of the requests that succeeded so far."""
        return self._operations.total()

    @property
    def failed(self) -> int:
        """Requests that failed so far."""
        return self._failed.total()

    @property
    def names(self) -> list[str]:
        """Names in the order of their first request."""
        return list(dict.fromkeys([*self._latencies, *self._failed]))

    def summary(self, name: str, seconds: float, of: Iterable[str] | None = None) -> Summary:
        """Sums up the requests of some names, or of all, as one group over `seconds` of wall time."""
        names = self.names if of is None else list(of)
        merged = array("d")
        for part in names:
            merged.extend(self._latencies.get(part, ()))
        ascending = sorted(merged)
        operations = sum(self._operations[part] for part in names)
        return Summary(
            name=name,
            operations=operations,
            requests=len(ascending),
            errors=sum(self._failed[part] for part in names),
            seconds=seconds,
            per_second=operations / seconds if seconds > 0 else math.nan,
            mean=sum(ascending) / len(ascending) * 1000 if ascending else math.nan,
            p50=percentile(ascending, 0.50) * 1000,
            p95=percentile(ascending, 0.95) * 1000,
            p99=percentile(ascending, 0.99) * 1000,
            most=percentile(ascending, 1.0) * 1000,
        )

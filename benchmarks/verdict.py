"""What the figures of all commands come to, held against the bars of the project.

Pure: reads the JSON that the commands wrote. A bar without its figure (not measured on that server) is left open.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Figures = dict[str, Any]
"""The JSON of each command, by its name."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One figure and its bar. `met` is None where nothing was measured."""

    what: str
    figure: float | None
    bar: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        if self.figure is None:
            return None
        return self.figure >= self.bar if self.at_least else self.figure <= self.bar

    def as_json(self) -> dict[str, object]:
        """Returns it as JSON values."""
        bound = "at least" if self.at_least else "at most"
        return {
            "what": self.what, "figure": self.figure, "bar": self.bar, "bound": bound, "unit": self.unit,
            "met": self.met,
        }  # fmt: skip


def verdicts(figures: Figures) -> list[Verdict]:
    """Returns all of them, in the order of the project's list."""
    return [
        *_imports(figures.get("import")),
        *_growth(figures.get("growth")),
        *_reads(figures.get("reads")),
        *_feed(figures.get("feed")),
        *_start(figures.get("start")),
    ]


def _cpu(row: dict[str, Any]) -> float | None:
    if row["server_cpu"] is None or row["database_cpu"] is None:
        return None
    return float(row["server_cpu"] + row["database_cpu"])


def _imports(figures: Figures | None) -> Iterator[Verdict]:
    for row in _rows(figures, "import").values():
        yield Verdict("transactions over HTTP", row["per_second"], 5_000, "resources/s", at_least=True)
        yield Verdict("transactions over HTTP", _cpu(row), 0.25, "CPU-ms a resource")


def _growth(figures: Figures | None) -> Iterator[Verdict]:
    sizes = _by_size(figures)
    for size, steps in sizes.items():
        (loaded,) = steps[f"$import {size}"]
        yield Verdict(f"$import, {size}", loaded["per_second"], 8_000, "resources/s", at_least=True)
        yield Verdict(f"$import, {size}", _cpu(loaded), 0.2, "CPU-ms a resource")
        yield Verdict(f"disk, {size}", loaded["details"].get("bytes_an_operation"), 1_100, "bytes a resource")
        families = steps.get("search, each family alone", [])
        yield Verdict(f"search list, {size}", _mean(families, _cpu), 1.5, "CPU-ms on average")
        mixed = [row["p99"] for row in steps.get("search", [])[1:] if row["requests"]]
        yield Verdict(f"search list, {size}, slowest family", max(mixed, default=None), 100, "ms, p99")
        hard = [row["p95"] for row in steps.get("hard searches", []) if row["requests"]]
        yield Verdict(f"hard searches, {size}, slowest", max(hard, default=None), 50, "ms, p95")
    if len(sizes) > 1:
        (first, before), *_, (last, after) = sizes.items()
        share = after[f"$import {last}"][0]["per_second"] / before[f"$import {first}"][0]["per_second"]
        yield Verdict(f"$import, {last} against {first}", share * 100, 80, "% of the rate", at_least=True)
        ratio = _ratio(*(_mean(steps.get("search, each family alone", []), _cpu) for steps in (after, before)))
        yield Verdict(f"search list, {last} against {first}", ratio, 1.5, "times the CPU")


def _by_size(figures: Figures | None) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Returns the rows of each step, by the size that was loaded before them."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    size = None
    for step in figures["steps"] if figures else ():
        size = step["step"].removeprefix("$import ") if step["step"].startswith("$import ") else size
        if size is not None:
            found.setdefault(size, {})[step["step"]] = step["rows"]
    return found


def _reads(figures: Figures | None) -> Iterator[Verdict]:
    rows = _rows(figures, "reads")
    for name, bar in (("read", 0.4), ("create", 0.9), ("update", 1.1)):
        if name in rows:
            yield Verdict(f"{name}, audited", _cpu(rows[name]), bar, "CPU-ms")


def _feed(figures: Figures | None) -> Iterator[Verdict]:
    if figures:
        yield Verdict("feed", figures["speed"]["commits_per_second"], 4_000, "commits/s", at_least=True)
        faults = sum(sum(one["faults"].values()) for one in figures.values())
        yield Verdict("feed, lost, twice or out of order", faults, 0, "commits")


def _start(figures: Figures | None) -> Iterator[Verdict]:
    if figures:
        yield Verdict("start to the first answer", figures["median"]["first_answer"], figures["bar"], "s")


def _rows(figures: Figures | None, title: str) -> dict[str, dict[str, Any]]:
    return {
        row["name"]: row for step in (figures or {}).get("steps", ()) if step["step"] == title for row in step["rows"]
    }


def _mean(rows: list[dict[str, Any]], figure: Callable[[dict[str, Any]], float | None]) -> float | None:
    values = [value for row in rows if (value := figure(row)) is not None]
    return sum(values) / len(values) if values else None


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None

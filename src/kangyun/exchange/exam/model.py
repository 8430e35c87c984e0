"""Lines of the lists, and the report that they make."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from kangyun.fhir.json import canonical

List = Literal["data-sets", "documents", "services"]
Covered = Literal["yes", "part", "no"]
Outcome = Literal["passed", "failed", "not-run"]
FILE = "exam.json"
"""Of the data folder: the last report."""
LISTS: tuple[List, ...] = ("data-sets", "documents", "services")


class Line(msgspec.Struct, kw_only=True):
    """One line. id: by which the points of a region name it. standard: whose it is, empty of our own.

    count, digest: of what was run; zero and empty where nothing was. remark: why it is so, a text id of this package.
    parameters: of the remark. points: of the region's table, None where it names no such line.
    """

    id: str
    list: List
    standard: str
    name: str
    covered: Covered = "no"
    outcome: Outcome = "not-run"
    ran: str = ""
    count: int = 0
    digest: str = ""
    remark: str = ""
    parameters: dict[str, str | int] = {}
    points: float | None = None


class Sum(msgspec.Struct, kw_only=True):
    """The lines of a list, counted. points, most: None where no points were loaded.

    part: those of the points whose lines are covered in part only, and passed as far as they are.
    """

    list: List
    lines: int
    covered: int
    passed: int
    failed: int
    points: float | None = None
    most: float | None = None
    part: float = 0


class Report(msgspec.Struct, kw_only=True):
    """What an exam found. platform: the version that ran. scores: the name of the region's file, empty for none."""

    instant: datetime
    platform: str
    lines: list[Line]
    sums: list[Sum]
    scores: str = ""


def report(lines: Sequence[Line], instant: datetime, platform: str, scores: str = "") -> Report:
    """Returns the report of lines."""
    return Report(
        instant=instant, platform=platform, lines=list(lines), scores=scores,
        sums=[_sum(name, [one for one in lines if one.list == name]) for name in LISTS],
    )  # fmt: skip


def digest_of(*what: Any) -> str:
    """Returns a digest of what was run: of bytes and of JSON values."""
    found = hashlib.sha256()
    for one in what:
        found.update(one if isinstance(one, bytes) else canonical(one))
    return found.hexdigest()


def _sum(name: List, lines: Sequence[Line]) -> Sum:
    valued = [one for one in lines if one.points is not None]
    return Sum(
        list=name,
        lines=len(lines),
        covered=sum(one.covered != "no" for one in lines),
        passed=sum(one.outcome == "passed" for one in lines),
        failed=sum(one.outcome == "failed" for one in lines),
        points=sum(one.points or 0 for one in valued if one.outcome == "passed") if valued else None,
        most=sum(one.points or 0 for one in valued) if valued else None,
        part=sum(one.points or 0 for one in valued if one.outcome == "passed" and one.covered == "part"),
    )

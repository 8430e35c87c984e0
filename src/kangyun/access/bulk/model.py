"""What is handed to a process that writes, and what it gives back."""

from typing import Literal

import msgspec

from kangyun.base.errors import Issue

MOST_ISSUES = 10
"""So many faults of one refused resource are told."""


class Line(msgspec.Struct, array_like=True, frozen=True):
    """One resource as JSON: a line of a file, by its number."""

    number: int
    text: bytes


class Task(msgspec.Struct, array_like=True, frozen=True):
    """Something to write.

    lines:   resources to be put under their own ids, in order.
    bundle:  one file: a Bundle is carried out or taken apart, any other resource is put.
    type:    the only type that lines may be of, empty for any.
    keep_ids: entries of a transaction that would be created are put under the ids that they have.
    request: the request id that the commits are to carry.
    again:   it may have been carried out before: a transaction that has left a commit of this request is not done
             twice.
    """

    number: int
    kind: Literal["lines", "bundle"]
    lines: list[Line] = []
    type: str = ""
    keep_ids: bool = False
    request: str = ""
    again: bool = False


class Refusal(msgspec.Struct, array_like=True, frozen=True):
    """A resource that was not written, and why. `line` is a line of a file, or an entry of a Bundle."""

    line: int
    issues: tuple[Issue, ...]


class Written(msgspec.Struct, array_like=True):
    """What became of a task. `failed`: nothing more can be said now, try again later (the database is away)."""

    number: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    refused: list[Refusal] = []
    failed: tuple[Issue, ...] = ()

    def add(self, other: "Written") -> None:
        """Adds the counts of another, not its refusals."""
        self.created += other.created
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.deleted += other.deleted

    @property
    def good(self) -> int:
        return self.created + self.updated + self.unchanged + self.deleted


def told(line: int, issues: tuple[Issue, ...]) -> Refusal:
    """Returns a refusal with the first faults that are errors."""
    errors = tuple(issue for issue in issues if issue.severity in ("error", "fatal"))
    return Refusal(line, (errors or issues)[:MOST_ISSUES])

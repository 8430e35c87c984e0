"""What is asked of the record in one transaction, and what becomes of each part of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import asyncpg

from kangyun.fhir import Resource
from kangyun.store import body
from kangyun.store.batch import Change
from kangyun.store.model import Stored
from kangyun.store.reader import Current

Method = Literal["create", "update", "patch", "delete"]
Status = Literal["created", "updated", "unchanged", "deleted", "matched", "absent"]
ANY_VERSION = -1
"""As the version that must be current: that there is one."""


@dataclass(slots=True)
class Operation:
    """One interaction.

    resource:   of create and update, valid but for its references. patch: from the current resource to the next.
    onto:       of an update: what is to stand, by what stands (None: nothing) and `resource`, which may say less.
    may_patch:  asked of what stands before a patch reads it; raises where it may not.
    condition:  a search that must single out the resource (If-None-Exist for create).
    if_match:   the version that must be current. only_new: refuse an update of what exists (If-None-Match: *).
    full_url:   what other entries of the transaction call it, "" where it has no such name; None outside of one.
    at:         where it stands in what was sent.
    text:       the resource as it was sent, where it was JSON: it saves work.
    links:      its literal references, where they are known already.
    named:      the patients whom its conditions name, or to whom it refers without being about one; filled in while it
                is carried out, whatever comes of it.
    found:      whom what it is to change is about, as far as its writer sees it: who is refused was told something.
    """

    method: Method
    type: str
    id: str | None = None
    resource: Resource | None = None
    condition: str | None = None
    if_match: int | None = None
    only_new: bool = False
    patch: Callable[[Resource], Resource] | None = None
    onto: Callable[[Resource | None, Resource], Resource] | None = None
    may_patch: Callable[[asyncpg.Connection, Stored], Awaitable[None]] | None = None
    full_url: str | None = None
    at: str | None = None
    text: bytes | None = None
    links: list[Resource] | None = None
    named: set[int] = field(default_factory=set)
    found: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Done:
    """What became of an operation: the version that was found, or the change that was made and when.

    What was made is put together only where somebody wants to see it: those who load by the million do not.
    """

    status: Status
    found: Stored | None = None
    made: tuple[Change, datetime] | None = None

    @property
    def stored(self) -> Stored | None:
        """The version that stands; None where there is nothing to show (nothing was deleted)."""
        if self.made is not None:
            change, moment = self.made
            _, rest = body.split_id(change.text)
            about = change.res, change.type, change.id, change.version
            self.found = Stored(*about, moment, change.action, rest, change.patient)
            self.made = None
        return self.found


@dataclass(slots=True)
class Plan:
    """What one operation comes to."""

    operation: Operation
    index: int
    current: Current | None = None
    res: int = 0
    id: str = ""
    chosen: bool = False  # the id, by a client
    resource: Resource | None = None
    links: list[Resource] = field(default_factory=list)
    rewritten: int = 0
    old: Resource | None = None
    done: Done | None = None
    change: Change | None = None
    matched: bool = False  # by its condition
    text: bytes = b""  # of the resource as JSON, its references as they were sent
    twin: "Plan | None" = None  # an earlier conditional create that asks for the same
    contents: set[int] = field(default_factory=set)  # the Binaries that it names

"""What an app is: one declaration, by which the platform finds, checks and bounds it. Data only.

Of the kinds of thing that an app may contribute, a declaration has those that the platform carries out. Guards,
views and screens come with what runs them.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, Literal

from kangyun.fhir import Resource

Operation = Callable[..., Awaitable[Any]]
"""`async def refer(record: Record, *, patient: Reference, reason: CodeableConcept) -> Referred`: a FHIR operation.

Its parameters are those behind the star, by their types (`parameters`); what it returns is a dataclass, answered as
Parameters, or a resource.
"""


@dataclass(frozen=True, slots=True)
class Query:
    """An operation that changes nothing, so it may be called by GET too."""

    carry_out: Operation


@dataclass(frozen=True, slots=True)
class Changed:
    """A version that somebody has written. action: created, updated, deleted; resource: None of what was deleted."""

    type: str
    id: str
    version: int
    action: Literal["created", "updated", "deleted"]
    resource: Resource | None


@dataclass(frozen=True, slots=True)
class Reaction:
    """What is done after a write: `async def follow_up(record: Record, changed: Changed) -> None`.

    types:    of which changes, among those that the app reads. historic: also of what has happened elsewhere before.
    At least once each change, in their order; what cannot be dealt with is parked, and stops nothing. It acts as the
    app itself, for nobody: it sees what is of the declared types, of everybody, and what it writes is the platform's.
    """

    react: Callable[..., Awaitable[None]]
    types: frozenset[str]
    historic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What is done by the clock: `async def remind(record: Record) -> None`. It acts as a reaction does.

    at: each day at this time of the region. every: at the multiples of it since 1970, in UTC. One of them is given.
    """

    run: Callable[..., Awaitable[None]]
    at: time | None = None
    every: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """An app. What is not declared is refused.

    purpose:    code of v3-PurposeOfUse that it is used for. Who calls it must have a role for that purpose; residents
                and guardians act for their own (PATRQT, FAMRQT).
    reads:      types of resources.
    writes:     types, or parts of one: `Task:referral` are the Tasks with the code or category `referral` of
                `urn:kangyun:task`. No other app writes them.
    identifies: systems of identifiers, which it puts on resources that others wrote and its caller may change. No other
                app puts them there.
    opens:      grounds of the policy (`card`, `word`) by which it may open a record to its caller.
    operations: by address: `$verify`, `Slot/$book`, `Task/[task]/$advance`, where `task` is the argument that gets the
                id.
    reactions, schedules: by a name, under which it is kept how far each has come.
    """

    purpose: str
    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    identifies: frozenset[str] = frozenset()
    opens: frozenset[str] = frozenset()
    operations: Mapping[str, Operation | Query] = field(default_factory=dict)
    reactions: Mapping[str, Reaction] = field(default_factory=dict)
    schedules: Mapping[str, Schedule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Installed:
    """An app where it was found. package: dotted, below `kangyun`: `care.health_card`."""

    package: str
    app: App

    @property
    def name(self) -> str:
        """The name of its folder."""
        return self.package.rpartition(".")[2]

    @property
    def id(self) -> str:
        """Its name as ids and addresses have it."""
        return self.name.replace("_", "-")

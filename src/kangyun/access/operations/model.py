"""What an operation is: where it is called, what it takes, what carries it out.

Source: https://hl7.org/fhir/R4/operations.html
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from kangyun.access.record import Record
from kangyun.base.errors import Issue
from kangyun.base.texts import Language
from kangyun.fhir import Resource
from kangyun.store.model import Stored

Level = Literal["system", "type", "instance"]


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter that an operation takes: its FHIR type, and whether it may repeat."""

    name: str
    type: str
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation.

    type, id, version: what it is called on; None on the levels above.
    parameters:        a Parameters resource. language: of messages to people.
    cursor:            where the page before ended, bound: what such a cursor is bound to.
    """

    type: str | None
    id: str | None
    parameters: Resource
    language: Language = "zh"
    version: int | None = None
    cursor: str | None = None
    bound: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A page of resources: answered as a searchset. `next` is the cursor of the page behind."""

    matches: list[Stored]
    included: list[Stored]
    total: int | None
    next: str | None


Issues: TypeAlias = tuple[Issue, ...]
"""Answered as an OperationOutcome with status 200: what the operation found out."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation: `name` is without its dollar sign.

    types:      on which it can be called; None for all. affects_state: then it is not called by GET.
    on_versions: also called on a version of an instance.
    body:       the input that may be sent as the body itself, not wrapped in Parameters.
    definition: canonical url of its OperationDefinition.
    """

    name: str
    levels: frozenset[Level]
    carry_out: Callable[[Record, Call], Awaitable[Resource | Excerpt | Issues]]
    definition: str
    inputs: tuple[Input, ...] = ()
    types: frozenset[str] | None = None
    affects_state: bool = False
    body: str | None = None
    on_versions: bool = False

    @property
    def known(self) -> frozenset[str]:
        """The names of its inputs."""
        return frozenset(one.name for one in self.inputs)


def parameters(*items: Resource) -> Resource:
    """Returns a Parameters resource."""
    return {"resourceType": "Parameters", "parameter": list(items)}

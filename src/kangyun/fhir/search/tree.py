"""The tree that a search is read into: tests, and how they are joined.

Source: https://hl7.org/fhir/R4/search.html
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from kangyun.fhir.search.parameters import Parameter
from kangyun.fhir.search.terms import Value


@dataclass(frozen=True, slots=True)
class Test:
    """One parameter against values, any of which will do."""

    parameter: Parameter
    modifier: str | None
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference parameter whose target of one of `types` passes `inner` (a node for each type)."""

    parameter: Parameter
    inner: tuple[tuple[str, "Node"], ...]


@dataclass(frozen=True, slots=True)
class Has:
    """Some resource of `type` that passes `inner` refers here by `parameter`."""

    type: str
    parameter: Parameter
    inner: "Node"


@dataclass(frozen=True, slots=True)
class All:
    """Every node holds."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """Some node holds."""

    nodes: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The node does not hold."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class Column:
    """A test of what is no index value: `_id`, `_lastUpdated`, `_list`, `_text`, `_content`.

    chained: of what is referred to, or refers: no match bears it.
    """

    name: Literal["_id", "_lastUpdated", "_list", "_text", "_content"]
    values: tuple[Value, ...]
    chained: bool = False


Node: TypeAlias = Test | Chain | Has | All | Either | Not | Column


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort key: a parameter, or `_id`, `_lastUpdated`."""

    code: str
    descending: bool
    parameter: Parameter | None = None


@dataclass(frozen=True, slots=True)
class Include:
    """`_include` or `_revinclude`: source type, parameter (None for `*`), target type or None, again on what it
    brings."""

    source: str
    parameter: Parameter | None
    target: str | None
    iterate: bool
    reverse: bool

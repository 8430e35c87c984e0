"""The syntax tree of a FHIRPath expression: plain frozen data, for the compiler and for everyone who reads expressions.

It says what was written and knows nothing of types. A `focus` of None is the implicit `$this`.

Source: FHIRPath Normative Release (2.0.0), http://hl7.org/fhirpath/N1/grammar.html
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal as OneOf

from kangyun.fhir.fhirpath.quantity import Quantity
from kangyun.fhir.fhirpath.temporal import Temporal

Constant = bool | int | Decimal | str | Temporal | Quantity


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant; `value` is None for `{}`. `at` is the position in the text, from 0, here and below."""

    value: Constant | None
    at: int


@dataclass(frozen=True, slots=True)
class Special:
    """`$this`, `$index` or `$total`."""

    name: OneOf["this", "index", "total"]
    at: int


@dataclass(frozen=True, slots=True)
class External:
    """`%name`."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Member:
    """`focus.name`, which may also be the name of a type where there is no focus."""

    focus: "Node | None"
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """`focus.name(arguments)`."""

    focus: "Node | None"
    name: str
    arguments: tuple["Node", ...]
    at: int


@dataclass(frozen=True, slots=True)
class Item:
    """`focus[index]`."""

    focus: "Node"
    index: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Sign:
    """`-operand` or `+operand`."""

    operator: OneOf["+", "-"]
    operand: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`, keywords included: `and`, `in`, `div` ..."""

    operator: str
    left: "Node"
    right: "Node"
    at: int


@dataclass(frozen=True, slots=True)
class TypeTest:
    """`operand is type` or `operand as type`; `type` as written, "System.String" for a qualified one."""

    operator: OneOf["is", "as"]
    operand: "Node"
    type: str
    at: int


Node = Literal | Special | External | Member | Call | Item | Sign | Binary | TypeTest


def children(node: Node) -> Iterator[Node]:
    """Yields the nodes directly below a node, in the order in which they were written."""
    match node:
        case Member(focus=focus):
            parts: tuple[Node | None, ...] = (focus,)
        case Call(focus=focus, arguments=arguments):
            parts = (focus, *arguments)
        case Item(focus=focus, index=index):
            parts = (focus, index)
        case Sign(operand=operand) | TypeTest(operand=operand):
            parts = (operand,)
        case Binary(left=left, right=right):
            parts = (left, right)
        case _:
            parts = ()
    for part in parts:
        if part is not None:
            yield part


def qualified_name(node: Node) -> str | None:
    """Returns "FHIR.Patient" for `FHIR.Patient` and "Patient" for `Patient`; None for what cannot name a type."""
    match node:
        case Member(focus=None, name=name):
            return name
        case Member(focus=Member(focus=None, name=namespace), name=name):
            return f"{namespace}.{name}"
        case _:
            return None

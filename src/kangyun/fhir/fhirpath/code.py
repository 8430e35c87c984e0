"""Compiled pieces of an expression, what they run in, and the ways from one form of result to another.

Every piece is a closure `run(this, environment)`: `this` is the item in focus. A piece whose result is at most one item
by its type is *single* and returns that item or None; the others return a list, which nobody may change, because it
may be the resource's own. Errors in the shape of the data show up as AttributeError, TypeError and the like and are
turned into Invalid in one place, `Program`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn, Protocol

from kangyun.base.errors import Invalid, TooCostly
from kangyun.fhir.definitions.model import Element as Definition
from kangyun.fhir.fhirpath.types import BOOLEAN, NOTHING, Static
from kangyun.fhir.fhirpath.values import unboxer

Run = Callable[[Any, "Environment"], Any]

BUDGET = 2_000_000
"""Items that the loops of one evaluation may visit; about a second."""


class Service(Protocol):
    """What an expression may ask of others, about terminology and profiles. None means: unknown."""

    def member_of(self, value: Any, type_name: str, value_set: str) -> bool | None:
        """Whether a code, Coding, CodeableConcept or string is in a value set."""

    def subsumes(self, left: Any, right: Any) -> bool | None:
        """Whether a Coding or CodeableConcept is the same as, or more general than, another."""

    def conforms_to(self, resource: Any, profile: str) -> bool | None:
        """Whether an element or resource meets a profile."""

    def is_safe_html(self, xhtml: Any) -> bool | None:
        """Whether a narrative has only what the specification allows there."""


class Environment:
    """What an expression reads besides its focus; one serves all evaluations on one resource that nobody changes.

    resource:  the resource around the focus (`%resource`); root: the one that contains it (`%rootResource`).
    variables: values of other `%names`, each a list.
    resolve:   from the text of a reference to the resource, or None.
    now:       the instant of `now()`, with a zone; there is no clock here.
    trace:     is told the name and items of `trace()`.
    budget:    what is left of the items to visit; `Program` does not renew it.
    """

    variables: Mapping[str, list[Any]] = {}
    resolve: Callable[[str], Any] | None = None
    now: datetime | None = None
    service: Service | None = None
    trace: Callable[[str, list[Any]], None] | None = None
    # The state of the loops that an evaluation is in.
    index: int = 0
    total: Any = None
    context: Any = None

    def __init__(self, resource: Any = None, root: Any = None) -> None:
        self.resource = resource
        self.root = resource if root is None else root
        self.budget = BUDGET
        self.defined: dict[int, list[Any]] = {}
        self.descendants: dict[int, tuple[Any, list[Any]]] = {}

    def spend(self, items: int) -> None:
        """Counts items that a loop visits. Raises TooCostly when there were too many."""
        self.budget -= items
        if self.budget < 0:
            raise TooCostly("fhir.fhirpath.too-costly", limit=BUDGET)


@dataclass(frozen=True, slots=True)
class Choice:
    """A step to a choice element: what `as`, `is`, `ofType` and the next step read directly."""

    focus: "Code"
    elements: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A compiled piece.

    raw:      where single and primitive: returns the plain value, without looking for extensions.
    present:  where single: whether there is an item, quicker than `run`.
    primitive: the focus and name of a step to a primitive, whose extensions stand beside it.
    reference: what `resolve()` was called on: the type of the target often shows in the reference itself.
    constant: the value of a literal, a tuple for several.
    """

    type: Static
    single: bool
    run: Run
    ordered: bool = True
    raw: Run | None = None
    present: Run | None = None
    choice: Choice | None = None
    primitive: "tuple[Code, str] | None" = None
    reference: "Code | None" = None
    is_this: bool = False
    constant: Any = None


EMPTY = Code(NOTHING, True, lambda this, environment: None)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the compiler knows where it stands.

    this, total: types of `$this` and `$total`; None for `$total` outside of aggregate().
    resource:    type of `%resource`; context: type of `%context`.
    defined:     for each variable that defineVariable() has made visible here, where in the text that call stands.
    """

    this: Static
    resource: Static
    context: Static
    in_loop: bool = False
    total: Static | None = None
    defined: Mapping[str, int] = field(default_factory=dict)


def too_many(this: Any = None, environment: Any = None) -> NoReturn:
    raise Invalid("fhir.fhirpath.singleton")


def many(code: Code) -> Run:
    """Returns a closure to the items of a piece as a list."""
    if not code.single:
        return code.run
    run = code.run

    def listed(this: Any, environment: Environment) -> list[Any]:
        item = run(this, environment)
        return [] if item is None else [item]

    return listed


def only(items: Sequence[Any]) -> Any:
    """Returns the one item of a list or None. Raises Invalid for several."""
    if len(items) > 1:
        too_many()
    return items[0] if items else None


def one(code: Code) -> Run:
    """Returns a closure to the one item of a piece, or None. It raises Invalid for several."""
    if code.single:
        return code.run
    run = code.run
    return lambda this, environment: only(run(this, environment))


def value(code: Code) -> Run:
    """Returns a closure to the one item of a piece as a comparable (see `values.unboxer`), or None."""
    if code.type.namespace == "System":
        return one(code)
    unbox = unboxer(code.type)
    if code.raw is not None:
        if code.type.family in ("String", "Boolean", "Integer", "Decimal"):
            return code.raw
        raw = code.raw
        return lambda this, environment: None if (item := raw(this, environment)) is None else unbox(item)
    run = one(code)
    return lambda this, environment: None if (item := run(this, environment)) is None else unbox(item)


def comparables(code: Code) -> Run:
    """Returns a closure to all items of a piece as comparables; a primitive without value is None among them."""
    run = many(code)
    if code.type.namespace == "System":
        return run
    unbox = unboxer(code.type)
    return lambda this, environment: [unbox(item) for item in run(this, environment)]


def truth(code: Code) -> Run:
    """Returns a closure to True, False or None, as where a Boolean is expected: any other single item is true."""
    if code.type == BOOLEAN:
        return one(code)
    if code.type.family == "Boolean" and code.raw is not None:
        return code.raw
    run = value(code)

    def converted(this: Any, environment: Environment) -> bool | None:
        item = run(this, environment)
        return item if item is None or item.__class__ is bool else True

    return converted


def exists(code: Code) -> Run:
    """Returns a closure that tells whether a piece has any item."""
    if code.present is not None:
        return code.present
    run = code.run
    if code.single:
        return lambda this, environment: run(this, environment) is not None
    return lambda this, environment: bool(run(this, environment))


def constant(type: Static, value: Any) -> Code:
    """Returns the piece of a literal."""
    return Code(type, True, lambda this, environment: value, constant=value)


def boolean(run: Run) -> Code:
    return Code(BOOLEAN, True, run)

"""A call of a function while it is compiled, and the table of functions that the modules of `functions` fill.

A function is compiled by one Python function that takes an `Invocation` and returns the piece for the result.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import code as pieces
from kangyun.fhir.fhirpath.code import Code, Run, Scope
from kangyun.fhir.fhirpath.syntax import Node
from kangyun.fhir.fhirpath.types import Static


class Compiler(Protocol):
    """What functions need of the compiler."""

    strict: bool

    def expression(self, node: Node, scope: Scope) -> Code:
        """Compiles a node."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """`focus.name(arguments)` in a scope."""

    compiler: Compiler
    focus: Code
    name: str
    arguments: tuple[Node, ...]
    scope: Scope
    at: int

    def argument(self, index: int) -> Code:
        """Compiles an argument that is evaluated once, where the call stands."""
        return self.compiler.expression(self.arguments[index], self.scope)

    def value(self, index: int) -> Run:
        """Compiles an argument that is one comparable."""
        return pieces.value(self.argument(index))

    def body(self, index: int, this: Static | None = None, total: Static | None = None) -> Code:
        """Compiles an argument that is evaluated for each item of the focus, as `$this`."""
        inner = replace(
            self.scope, this=this or self.focus.type, in_loop=True, total=total if total else self.scope.total
        )
        return self.compiler.expression(self.arguments[index], inner)

    def invalid(self, text: str) -> Invalid:
        """Returns the error that names this function and where it stands."""
        return Invalid(f"fhir.fhirpath.{text}", function=self.name, position=self.at)


Compile = Callable[[Invocation], Code]


class Function(NamedTuple):
    least: int
    most: int
    compile: Compile


FUNCTIONS: dict[str, Function] = {}


def function(*names: str, least: int = 0, most: int | None = None) -> Callable[[Compile], Compile]:
    """Registers a function under its names, with the numbers of arguments that it takes (`most` None: as `least`)."""

    def register(compile: Compile) -> Compile:
        for name in names:
            FUNCTIONS[name] = Function(least, least if most is None else most, compile)
        return compile

    return register


def apply(
    call: Invocation, accepts: tuple[type, ...], result: Static, calculate: Callable[..., Any], *, optional: int = 0
) -> Code:
    """Compiles a function of one value and of arguments that are one value each.

    Empty where the focus or an argument is empty, but for the last `optional` arguments, which may be left out.
    calculate: called with the value and the arguments that were given. Raises Invalid for a focus of another type.
    """
    run, arguments = pieces.value(call.focus), [call.value(index) for index in range(len(call.arguments))]

    def check(item: Any) -> None:
        if item.__class__ not in accepts:
            raise call.invalid("focus-type")

    match arguments:
        case []:

            def applied(this: Any, env: pieces.Environment) -> Any:
                item = run(this, env)
                if item is None:
                    return None
                if item.__class__ not in accepts:
                    check(item)
                return calculate(item)

        case [argument]:

            def applied(this: Any, env: pieces.Environment) -> Any:
                item, first = run(this, env), argument(this, env)
                if item is None or first is None:
                    return None
                if item.__class__ not in accepts:
                    check(item)
                return calculate(item, first)

        case _:

            def applied(this: Any, env: pieces.Environment) -> Any:
                item, values = run(this, env), [argument(this, env) for argument in arguments]
                if item is None or None in values:
                    return None
                check(item)
                return calculate(item, *values)

    return Code(result, True, applied)


def is_text(call: Invocation, *values: Any) -> None:
    """Raises Invalid unless all arguments are strings."""
    for value in values:
        if value.__class__ is not str:
            raise call.invalid("argument-type")

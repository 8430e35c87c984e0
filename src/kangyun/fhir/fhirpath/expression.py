"""An expression ready to be evaluated: compiled once for each type that it is evaluated on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import types
from kangyun.fhir.fhirpath.code import Environment, Scope, many, truth
from kangyun.fhir.fhirpath.compiler import Compiler
from kangyun.fhir.fhirpath.parser import parse
from kangyun.fhir.fhirpath.paths import boxed
from kangyun.fhir.fhirpath.syntax import Node
from kangyun.fhir.fhirpath.types import Static, fhir
from kangyun.fhir.fhirpath.values import Element, plain, type_of

# What closures raise when the data has not the shape of its type, or a number not a sensible size: they look up members
# and compare values without asking first, which is what makes them quick.
_OF_SHAPE = (AttributeError, TypeError, LookupError, ValueError, ArithmeticError, RecursionError)


class Program:
    """An expression compiled for a focus of one type: the quick way for who evaluates it often.

    Both methods take the focus, which must have the shape of its type, and an Environment; they raise Invalid where
    it has not, and for whatever the expression makes of it that is an error.
    """

    __slots__ = ("_boxed", "_is_raw", "_run", "_truth", "type")

    def __init__(self, tree: Node, type_name: str, *, strict: bool) -> None:
        static = fhir(type_name)
        root = type_name.partition(".")[0]
        scope = Scope(static, fhir(root if types.is_resource(root) else "Resource"), static)
        code = Compiler(strict=strict).expression(tree, scope)
        self.type: Static = code.type
        self._run, self._boxed, self._truth = many(code), boxed(code), truth(code)
        self._is_raw = code.type.namespace in ("FHIR", "System") and not code.type.is_primitive

    def evaluate(self, node: Any, environment: Environment) -> list[Any]:
        """Returns the plain values: JSON values and System values; a primitive without value is left out."""
        environment.context = node
        try:
            items = self._run(node, environment)
        except _OF_SHAPE as error:
            raise Invalid("fhir.fhirpath.shape") from error
        if self._is_raw:
            return list(items)
        return [value for item in items if (value := plain(item)) is not None]

    def typed(self, node: Any, environment: Environment) -> list[tuple[str, Any]]:
        """Returns the values with the names of their types, System types as "System.Boolean"; None for no value."""
        environment.context = node
        try:
            items = self._boxed(node, environment)
        except _OF_SHAPE as error:
            raise Invalid("fhir.fhirpath.shape") from error
        return [
            (item.type, item.value) if item.__class__ is Element else (f"System.{type_of(item)[1]}", item)
            for item in items
        ]

    def test(self, node: Any, environment: Environment) -> bool:
        """Returns whether the result is true, as invariants mean it: an empty one is true, a single item, too."""
        environment.context = node
        try:
            return self._truth(node, environment) is not False
        except _OF_SHAPE as error:
            raise Invalid("fhir.fhirpath.shape") from error


class Expression:
    """A FHIRPath expression; make one with `compile`."""

    __slots__ = ("_programs", "strict", "text", "tree")

    def __init__(self, text: str, *, strict: bool) -> None:
        self.text = text
        self.tree = parse(text)
        self.strict = strict
        self._programs: dict[str, Program] = {}

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def program(self, type_name: str) -> Program:
        """Returns the expression compiled for a focus of this type ("Patient", "HumanName", "Observation.component").

        Raises Invalid for an unknown type, and for an expression that cannot work on it.
        """
        found = self._programs.get(type_name)
        if found is None:
            if not types.exists(type_name):
                raise Invalid("fhir.fhirpath.unknown-type", name=type_name[:64], position=0)
            found = self._programs[type_name] = Program(self.tree, type_name, strict=self.strict)
        return found

    def evaluate(
        self,
        node: Any,
        *,
        type_name: str,
        resource: Any = None,
        root: Any = None,
        variables: Mapping[str, list[Any]] | None = None,
        resolve: Callable[[str], Any] | None = None,
        now: datetime | None = None,
    ) -> list[Any]:
        """Returns the values of the expression on a node, as `Program.evaluate` does.

        node:      a JSON value of the type `type_name`.
        resource:  the resource around the node, `root` the one that contains it; both the node if not given.
        variables: lists of System values, Elements or resources, by name; `now` is the instant of `now()`.
        """
        environment = _environment(node, resource, root, variables, resolve, now)
        return self.program(type_name).evaluate(node, environment)

    def test(
        self,
        node: Any,
        *,
        type_name: str,
        resource: Any = None,
        root: Any = None,
        variables: Mapping[str, list[Any]] | None = None,
        resolve: Callable[[str], Any] | None = None,
        now: datetime | None = None,
    ) -> bool:
        """Returns whether the expression is true of a node; an empty result is. Arguments as in `evaluate`."""
        environment = _environment(node, resource, root, variables, resolve, now)
        return self.program(type_name).test(node, environment)


def _environment(
    node: Any,
    resource: Any,
    root: Any,
    variables: Mapping[str, list[Any]] | None,
    resolve: Callable[[str], Any] | None,
    now: datetime | None,
) -> Environment:
    environment = Environment(node if resource is None else resource, root)
    if variables is not None:
        environment.variables = variables
    if resolve is not None:
        environment.resolve = resolve
    if now is not None:
        environment.now = now
    return environment


# Expressions come from clients, too: what the caches may hold is bounded in number and in length.
_short = lru_cache(maxsize=4096)(Expression)
_long = lru_cache(maxsize=128)(Expression)
SHORT = 500


def compile(expression: str, *, strict: bool = False) -> Expression:
    """Returns an expression ready for use; the same text gives the same object. Raises Invalid for a syntax error.

    strict: also refuse members that cannot exist by the types, `as` on several items, and positions in a collection
            without order. Without it they give empty results, as R4's own invariants and search parameters need it.
    """
    return (_short if len(expression) <= SHORT else _long)(expression, strict=strict)

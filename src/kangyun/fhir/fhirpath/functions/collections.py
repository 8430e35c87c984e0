"""Functions on whole collections: counting, parts, sets of items, truths of all.

Source: FHIRPath Normative Release (2.0.0), sections 5.1, 5.3 and 5.4, http://hl7.org/fhirpath/N1/
"""

from collections.abc import Callable
from typing import Any

from kangyun.fhir.fhirpath import code as pieces
from kangyun.fhir.fhirpath.code import EMPTY, Code, Environment, Run, boolean, comparables, many, only, truth
from kangyun.fhir.fhirpath.comparison import identity
from kangyun.fhir.fhirpath.invocation import Invocation, function
from kangyun.fhir.fhirpath.operators import FEW, distinct, union
from kangyun.fhir.fhirpath.paths import boxed
from kangyun.fhir.fhirpath.types import ANY, INTEGER, NOTHING
from kangyun.fhir.fhirpath.values import unboxer


@function("empty")
def empty(call: Invocation) -> Code:
    focus = call.focus
    run = focus.run
    if focus.present is not None:
        present = focus.present
        return boolean(lambda this, env: not present(this, env))
    if focus.single:
        return boolean(lambda this, env: run(this, env) is None)
    return boolean(lambda this, env: not run(this, env))


@function("not")
def not_(call: Invocation) -> Code:
    run = truth(call.focus)
    return boolean(lambda this, env: None if (item := run(this, env)) is None else not item)


@function("count")
def count(call: Invocation) -> Code:
    if call.focus.single:
        exists = pieces.exists(call.focus)
        return Code(INTEGER, True, lambda this, env: int(exists(this, env)))
    run = call.focus.run
    return Code(INTEGER, True, lambda this, env: len(run(this, env)))


@function("distinct")
def distinct_(call: Invocation) -> Code:
    return distinct(call.focus)


@function("isDistinct")
def is_distinct(call: Invocation) -> Code:
    run = comparables(call.focus)

    def tested(this: Any, env: Environment) -> bool:
        items = run(this, env)
        return len(items) < 2 or len({identity(item) for item in items}) == len(items)

    return boolean(tested)


def _part(call: Invocation, single: bool, part: Callable[[list[Any]], Any]) -> Code:
    """Compiles a function that depends on the order of the items."""
    focus = call.focus
    if call.compiler.strict and not focus.ordered:
        raise call.invalid("unordered-focus")
    run = many(focus)
    return Code(focus.type, single, lambda this, env: part(run(this, env)))


@function("first")
def first(call: Invocation) -> Code:
    return call.focus if call.focus.single else _part(call, True, lambda items: items[0] if items else None)


@function("last")
def last(call: Invocation) -> Code:
    return call.focus if call.focus.single else _part(call, True, lambda items: items[-1] if items else None)


@function("single")
def single(call: Invocation) -> Code:
    return call.focus if call.focus.single else _part(call, True, only)


@function("tail")
def tail(call: Invocation) -> Code:
    return _part(call, False, lambda items: items[1:])


@function("skip", least=1)
def skip(call: Invocation) -> Code:
    return _cut(call, lambda items, number: items[max(0, number) :])


@function("take", least=1)
def take(call: Invocation) -> Code:
    return _cut(call, lambda items, number: items[: max(0, number)])


def _cut(call: Invocation, part: Callable[[list[Any], int], list[Any]]) -> Code:
    if call.compiler.strict and not call.focus.ordered:
        raise call.invalid("unordered-focus")
    run, number = many(call.focus), call.value(0)

    def cut(this: Any, env: Environment) -> list[Any]:
        items, wanted = run(this, env), number(this, env)
        if wanted is None:
            return []
        if wanted.__class__ is not int:
            raise call.invalid("argument-type")
        return part(items, wanted)

    return Code(call.focus.type, False, cut, ordered=call.focus.ordered)


@function("union", least=1)
def union_(call: Invocation) -> Code:
    return union((call.focus, call.argument(0)))


@function("combine", least=1)
def combine(call: Invocation) -> Code:
    left, right = call.focus, call.argument(0)
    same = left.type == right.type
    ones, others = (many(left), many(right)) if same else (boxed(left), boxed(right))

    def combined(this: Any, env: Environment) -> list[Any]:
        items = ones(this, env) + others(this, env)
        env.spend(len(items))
        return items  # type: ignore[no-any-return]

    return Code(left.type if same else ANY, False, combined)


def _identities(code: Code) -> Run:
    run = comparables(code)
    return lambda this, env: {identity(item) for item in run(this, env)}


@function("intersect", least=1)
def intersect(call: Invocation) -> Code:
    if call.focus.type == NOTHING:
        return EMPTY
    return distinct(_kept(call, lambda found, others: found in others))


@function("exclude", least=1)
def exclude(call: Invocation) -> Code:
    if call.focus.type == NOTHING:
        return EMPTY
    return _kept(call, lambda found, others: found not in others)


def _kept(call: Invocation, keep: Callable[[Any, Any], bool]) -> Code:
    focus, other = call.focus, call.argument(0)
    run, others, unbox = many(focus), _identities(other), unboxer(focus.type)
    plain = focus.type == other.type and focus.type.namespace == "FHIR" and not focus.type.is_primitive
    other_run = many(other)

    def kept(this: Any, env: Environment) -> list[Any]:
        items = run(this, env)
        if not items:
            return []
        env.spend(len(items))
        if plain and len(items) <= FEW and len(found := other_run(this, env)) <= FEW:
            return [item for item in items if keep(item, found)]
        known = others(this, env)
        return [item for item in items if keep(identity(unbox(item)), known)]

    return Code(focus.type, False, kept, ordered=focus.ordered)


@function("subsetOf", least=1)
def subset_of(call: Invocation) -> Code:
    ones, others = _identities(call.focus), _identities(call.argument(0))
    return boolean(lambda this, env: ones(this, env) <= others(this, env))


@function("supersetOf", least=1)
def superset_of(call: Invocation) -> Code:
    ones, others = _identities(call.focus), _identities(call.argument(0))
    return boolean(lambda this, env: ones(this, env) >= others(this, env))


def _booleans(call: Invocation) -> Run:
    run = comparables(call.focus)

    def checked(this: Any, env: Environment) -> list[bool]:
        items: list[Any] = run(this, env)
        if any(item.__class__ is not bool for item in items):
            raise call.invalid("focus-type")
        return items

    return checked


@function("allTrue")
def all_true(call: Invocation) -> Code:
    run = _booleans(call)
    return boolean(lambda this, env: all(run(this, env)))


@function("anyTrue")
def any_true(call: Invocation) -> Code:
    run = _booleans(call)
    return boolean(lambda this, env: any(run(this, env)))


@function("allFalse")
def all_false(call: Invocation) -> Code:
    run = _booleans(call)
    return boolean(lambda this, env: not any(run(this, env)))


@function("anyFalse")
def any_false(call: Invocation) -> Code:
    run = _booleans(call)
    return boolean(lambda this, env: not all(run(this, env)))

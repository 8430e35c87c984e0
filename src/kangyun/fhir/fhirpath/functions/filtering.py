"""Functions that evaluate an expression for each item: where, select, all, exists, repeat, aggregate, iif, sort.

Source: FHIRPath Normative Release (2.0.0), sections 5.1, 5.2, 5.5.1 and 7; `sort` is of the coming edition 3.0.
"""

from collections.abc import Callable
from functools import cmp_to_key, partial
from typing import Any

from kangyun.fhir.fhirpath import code as pieces
from kangyun.fhir.fhirpath.code import EMPTY, Code, Environment, Run, boolean, many, truth, value
from kangyun.fhir.fhirpath.comparison import compare, identity
from kangyun.fhir.fhirpath.invocation import Invocation, function
from kangyun.fhir.fhirpath.paths import boxed
from kangyun.fhir.fhirpath.syntax import Literal, Node, Sign, Special, children
from kangyun.fhir.fhirpath.types import ANY, NOTHING, Static
from kangyun.fhir.fhirpath.values import unboxer


def _reads_index(node: Node) -> bool:
    return (isinstance(node, Special) and node.name == "index") or any(map(_reads_index, children(node)))


def _indexed(call: Invocation, body: Run) -> Run:
    """Makes a closure over the whole focus that sets `$index`; the plain loops below leave it alone, to be quick."""
    run = many(call.focus)

    def results(this: Any, env: Environment) -> list[tuple[Any, Any]]:
        items, outer, found = run(this, env), env.index, []
        env.spend(len(items))
        try:
            for index, item in enumerate(items):
                env.index = index
                found.append((item, body(item, env)))
        finally:
            env.index = outer
        return found

    return results


@function("where", least=1)
def where(call: Invocation) -> Code:
    if call.focus.type == NOTHING:
        return EMPTY
    static, run, keep = call.focus.type, call.focus.run, truth(call.body(0))
    if _reads_index(call.arguments[0]):
        results = _indexed(call, keep)
        return Code(static, False, lambda this, env: [item for item, kept in results(this, env) if kept is True])
    if call.focus.single:
        return Code(
            static, True, lambda this, env: (
                item if (item := run(this, env)) is not None and keep(item, env) is True else None
            ),
        )  # fmt: skip

    def kept(this: Any, env: Environment) -> list[Any]:
        items = run(this, env)
        env.budget -= len(items)
        if env.budget < 0:
            env.spend(0)
        return [item for item in items if keep(item, env) is True]

    return Code(static, False, kept, ordered=call.focus.ordered)


@function("select", least=1)
def select(call: Invocation) -> Code:
    if call.focus.type == NOTHING:
        return EMPTY
    body = call.body(0)
    run, single = many(call.focus), body.single
    if _reads_index(call.arguments[0]):
        results = _indexed(call, many(body))
        return Code(body.type, False, lambda this, env: [x for _, found in results(this, env) for x in found])
    inner = body.run
    if call.focus.single:
        one: Any = call.focus.run
        empty: Any = None if single else []
        return Code(
            body.type, single, lambda this, env: empty if (item := one(this, env)) is None else inner(item, env)
        )

    def selected(this: Any, env: Environment) -> list[Any]:
        items = run(this, env)
        env.spend(len(items))
        if single:
            return [found for item in items if (found := inner(item, env)) is not None]
        return [found for item in items for found in inner(item, env)]

    return Code(body.type, False, selected, ordered=call.focus.ordered)


@function("all", least=1)
def all_(call: Invocation) -> Code:
    run, met = _results(call)
    return boolean(lambda this, env: all(met(item, env) is True for item in run(this, env)))


@function("exists", most=1)
def exists(call: Invocation) -> Code:
    if not call.arguments:
        return boolean(pieces.exists(call.focus))
    run, met = _results(call)
    return boolean(lambda this, env: any(met(item, env) is True for item in run(this, env)))


def _results(call: Invocation) -> tuple[Run, Run]:
    """The closures to the items of the focus and to the truth of the criteria for one."""
    if call.focus.type == NOTHING:
        return many(EMPTY), EMPTY.run
    met = truth(call.body(0))
    if _reads_index(call.arguments[0]):
        results = _indexed(call, met)
        return results, lambda result, env: result[1]
    run = many(call.focus)

    def counted(this: Any, env: Environment) -> Any:
        items = run(this, env)
        env.spend(len(items))
        return items

    return counted, met


@function("repeat", least=1)
def repeat(call: Invocation) -> Code:
    if call.focus.type == NOTHING:
        return EMPTY
    first = call.body(0)
    again = first if first.type == call.focus.type else call.body(0, this=first.type)
    if first.type == again.type and first.type != ANY:
        return Code(again.type, False, _repeated(many(call.focus), many(first), many(again), unboxer(first.type)))
    # The type changes from level to level: every item has to know its own.
    body = boxed(call.body(0, this=ANY))
    return Code(ANY, False, _repeated(boxed(call.focus), body, body, unboxer(ANY)))


def _repeated(focus: Run, first: Run, again: Run, unbox: Callable[[Any], Any]) -> Run:
    def run(this: Any, env: Environment) -> list[Any]:
        found: dict[Any, Any] = {}
        pending = [item for start in focus(this, env) for item in first(start, env)]
        while pending:
            env.spend(len(pending))
            fresh = []
            for item in pending:
                key = identity(unbox(item))
                if key not in found:
                    found[key] = item
                    fresh.append(item)
            pending = [item for start in fresh for item in again(start, env)]
        return list(found.values())

    return run


@function("aggregate", least=1, most=2)
def aggregate(call: Invocation) -> Code:
    if call.focus.type == NOTHING:
        return call.argument(1) if len(call.arguments) == 2 else EMPTY
    start = boxed(call.argument(1)) if len(call.arguments) == 2 else many(EMPTY)
    body = boxed(call.body(0, total=ANY))
    indexed = _indexed_total(many(call.focus), body)

    def run(this: Any, env: Environment) -> list[Any]:
        outer = env.total
        try:
            env.total = start(this, env)
            indexed(this, env)
            return env.total  # type: ignore[no-any-return]
        finally:
            env.total = outer

    return Code(ANY, False, run)


def _indexed_total(focus: Run, body: Run) -> Run:
    def run(this: Any, env: Environment) -> None:
        items, outer = focus(this, env), env.index
        try:
            for index, item in enumerate(items):
                env.index = index
                env.total = body(item, env)
                env.spend(1 + len(env.total))
        finally:
            env.index = outer

    return run


@function("iif", least=2, most=3)
def iif(call: Invocation) -> Code:
    """The criterion must be a Boolean here, unlike in `where`; what is not chosen is not evaluated."""
    filled, empty = _branches(call, call.focus.type), _branches(call, NOTHING)
    run, filled_run = call.focus.run, many(filled)
    if call.focus.single:
        if filled.single and empty.single and filled.type == empty.type:
            return Code(
                filled.type, True,
                lambda this, env: (empty if (item := run(this, env)) is None else filled).run(item, env),
            )  # fmt: skip
        if filled.type == empty.type:
            empty_run = many(empty)
            return Code(
                filled.type, False,
                lambda this, env: empty_run(None, env) if (item := run(this, env)) is None else filled_run(item, env),
            )  # fmt: skip
    filled_boxed, empty_boxed, focus = boxed(filled), boxed(empty), pieces.one(call.focus)
    return Code(
        ANY, False,
        lambda this, env: empty_boxed(None, env) if (item := focus(this, env)) is None else filled_boxed(item, env),
    )  # fmt: skip


def _branches(call: Invocation, this: Static) -> Code:
    criterion = call.body(0, this=this)
    if criterion.type != NOTHING and criterion.type.family not in ("Boolean", "any"):
        raise call.invalid("argument-type")
    met = value(criterion)
    chosen = call.body(1, this=this)
    otherwise = call.body(2, this=this) if len(call.arguments) == 3 else EMPTY

    def holds(this: Any, env: Environment) -> bool:
        result = met(this, env)
        if result is not None and result.__class__ is not bool:
            raise call.invalid("argument-type")
        return result is True

    if otherwise.type in (chosen.type, NOTHING):
        static, yes, no = chosen.type, many(chosen), many(otherwise)
        if chosen.single and otherwise.single:
            return Code(static, True, lambda this, env: (chosen if holds(this, env) else otherwise).run(this, env))
    elif chosen.type == NOTHING:
        static, yes, no = otherwise.type, many(chosen), many(otherwise)
    else:
        static, yes, no = ANY, boxed(chosen), boxed(otherwise)
    return Code(static, False, lambda this, env: yes(this, env) if holds(this, env) else no(this, env))


@function("sort", most=16)
def sort(call: Invocation) -> Code:
    """Each argument is a key; `-key` sorts by it in falling order. An item without key comes first."""
    if call.focus.type == NOTHING:
        return EMPTY
    keys: list[tuple[Run, bool]] = []
    for index, argument in enumerate(call.arguments):
        falling = isinstance(argument, Sign) and argument.operator == "-"
        keys.append((_key(call, index, falling), falling))
    run, unbox = many(call.focus), unboxer(call.focus.type)
    if not keys:
        keys = [(lambda item, env: unbox(item), False)]

    def ordered(this: Any, env: Environment) -> list[Any]:
        items = list(run(this, env))
        env.spend(len(items) * 16)
        for key, falling in reversed(keys):
            wanted = [key(item, env) for item in items]
            filled = [index for index, found in enumerate(wanted) if found is not None]
            filled.sort(key=cmp_to_key(partial(_order, wanted)), reverse=falling)
            empty = [index for index, found in enumerate(wanted) if found is None]
            items = [items[index] for index in (*empty, *filled)]
        return items

    return Code(call.focus.type, False, ordered)


def _key(call: Invocation, index: int, falling: bool) -> Run:
    if not falling:
        return value(call.body(index))
    argument = call.arguments[index]
    assert isinstance(argument, Sign)
    inner = Invocation(call.compiler, call.focus, call.name, (argument.operand,), call.scope, call.at)
    return value(inner.body(0))


def _order(keys: list[Any], one: int, other: int) -> int:
    return compare(keys[one], keys[other]) or 0


@function("defineVariable", least=1, most=2)
def define_variable(call: Invocation) -> Code:
    """What the name refers to is settled by the compiler; here its value is put aside when evaluation comes by."""
    name = call.arguments[0]
    if not isinstance(name, Literal) or not isinstance(name.value, str) or name.value in call.scope.defined:
        raise call.invalid("define-variable")
    run, number = call.focus.run, call.at
    values = boxed(call.argument(1)) if len(call.arguments) == 2 else boxed(call.focus)

    def defined(this: Any, env: Environment) -> Any:
        env.defined[number] = values(this, env)
        return run(this, env)

    return Code(call.focus.type, call.focus.single, defined, ordered=call.focus.ordered)

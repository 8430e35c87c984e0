"""`is`, `as`, `ofType` and `type()`, as operators and as functions.

`as` and `ofType` take a primitive only for its own type (a code is no string there), as the official R4 tests have it;
`is` and types that are no primitives go by specialisation.

Source: FHIRPath Normative Release (2.0.0), sections 5.2.4 and 6.3; http://hl7.org/fhir/R4/fhirpath.html#types
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import types
from kangyun.fhir.fhirpath.code import EMPTY, Choice, Code, Environment, Run, boolean, many, one, too_many
from kangyun.fhir.fhirpath.functions.references import target_type
from kangyun.fhir.fhirpath.invocation import Compiler, Invocation, function
from kangyun.fhir.fhirpath.paths import boxed, narrowed
from kangyun.fhir.fhirpath.syntax import qualified_name
from kangyun.fhir.fhirpath.types import ANY, NOTHING, TYPE_INFO, Named, Static
from kangyun.fhir.fhirpath.values import Element, TypeInfo, box_resource, type_of


def named(text: str | None, at: int) -> Named:
    """Returns the type of this name. Raises Invalid for an unknown one."""
    found = None if text is None else types.named(text)
    if found is None:
        raise Invalid("fhir.fhirpath.unknown-type", name=(text or "")[:64], position=at)
    return found


def test(compiler: Compiler, code: Code, type_name: str, at: int) -> Code:
    """Compiles `is`."""
    wanted = named(type_name, at)
    covers = partial(wanted.covers, exact_primitives=False)
    static = code.type
    if static == NOTHING:
        return EMPTY
    if code.reference is not None:
        return boolean(_test_of_reference(code.reference, covers))
    if code.choice is not None and code.single:
        return boolean(_test_of_choice(code.choice, lambda name: covers("FHIR", name)))
    run = one(code)
    if static.namespace == "any":
        return boolean(lambda this, env: None if (item := run(this, env)) is None else covers(*type_of(item)))
    if static.family == "resource":
        return boolean(
            lambda this, env: None if (item := run(this, env)) is None else covers("FHIR", box_resource(item).type)
        )
    answer = covers(static.namespace, static.name)
    return boolean(lambda this, env: None if run(this, env) is None else answer)


def _test_of_choice(choice: Choice, keep: Callable[[str], bool]) -> Run:
    wanted: set[str] = set()
    others: set[str] = set()
    for element in choice.elements:
        (wanted if keep(element.type) else others).update((element.name, f"_{element.name}"))
    focus = choice.focus.run

    def run(this: Any, env: Environment) -> bool | None:
        item = focus(this, env)
        if item is None:
            return None
        keys = item.keys()
        return True if not keys.isdisjoint(wanted) else None if keys.isdisjoint(others) else False

    return run


def _test_of_reference(reference: Code, covers: Callable[[str, str], bool]) -> Run:
    run = one(reference)

    def tested(this: Any, env: Environment) -> bool | None:
        item = run(this, env)
        if item is None:
            return None
        name = target_type(item, env)
        return None if name is None else covers("FHIR", name)

    return tested


def cast(compiler: Compiler, code: Code, type_name: str, at: int) -> Code:
    """Compiles `as`. With `strict`, several items are an error; else those of the type are kept, as R4's own search
    parameters need it."""
    kept = of_type(code, named(type_name, at))
    if not compiler.strict or code.single:
        return kept
    run, kept_run = many(code), many(kept)

    def single(this: Any, env: Environment) -> list[Any]:
        if len(run(this, env)) > 1:
            too_many()
        return kept_run(this, env)  # type: ignore[no-any-return]

    return Code(kept.type, False, single)


def of_type(code: Code, wanted: Named) -> Code:
    """Compiles the choice of the items of a type."""
    covers = partial(wanted.covers, exact_primitives=True)
    static = code.type
    if static == NOTHING:
        return EMPTY
    if code.choice is not None:
        return narrowed(code.choice, lambda name: covers("FHIR", name))
    if static.namespace == "any":
        return _of_any(code, wanted, covers)
    if covers(static.namespace, static.name):
        return code
    if static.family == "resource" and wanted.fhir:
        return _kept(code, types.fhir(wanted.name), lambda item: covers("FHIR", box_resource(item).type), None)
    return EMPTY


def _of_any(code: Code, wanted: Named, covers: Callable[[str, str], bool]) -> Code:
    keep = _by_type(covers)
    if wanted.system:
        return _kept(code, ANY, keep, None)
    result = types.fhir(wanted.name)
    # The type is known from here on, so what is not primitive goes on without its Element.
    unwrap = None if result.is_primitive else lambda item: item.value
    return _kept(code, result, keep, unwrap)


def _by_type(covers: Callable[[str, str], bool]) -> Callable[[Any], bool]:
    answers: dict[str, bool] = {}

    def keep(item: Any) -> bool:
        if item.__class__ is not Element:
            return covers(*type_of(item))
        answer = answers.get(item.type)
        if answer is None:
            answer = answers[item.type] = covers("FHIR", item.type)
        return answer

    return keep


def _kept(code: Code, result: Static, keep: Callable[[Any], bool], unwrap: Callable[[Any], Any] | None) -> Code:
    run = code.run
    if code.single:

        def kept_one(this: Any, env: Environment) -> Any:
            item = run(this, env)
            if item is None or not keep(item):
                return None
            return item if unwrap is None else unwrap(item)

        return Code(result, True, kept_one, ordered=code.ordered)
    if unwrap is None:
        return Code(result, False, lambda this, env: [x for x in run(this, env) if keep(x)], ordered=code.ordered)
    return Code(result, False, lambda this, env: [unwrap(x) for x in run(this, env) if keep(x)], ordered=code.ordered)


@function("is", least=1)
def is_(call: Invocation) -> Code:
    return test(call.compiler, call.focus, _written(call), call.at)


@function("as", least=1)
def as_(call: Invocation) -> Code:
    return cast(call.compiler, call.focus, _written(call), call.at)


@function("ofType", least=1)
def of_type_(call: Invocation) -> Code:
    return of_type(call.focus, named(_written(call), call.at))


def _written(call: Invocation) -> str:
    text = qualified_name(call.arguments[0])
    if text is None:
        raise call.invalid("argument-type")
    return text


@function("type")
def type_(call: Invocation) -> Code:
    run = boxed(call.focus)
    return Code(TYPE_INFO, False, lambda this, env: [TypeInfo(*type_of(item)) for item in run(this, env)])

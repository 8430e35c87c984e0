"""The functions that FHIR adds: extensions, values, references, terminology, profiles.

Terminology and profiles are asked of `Environment.service`; without one, memberOf, subsumes, htmlChecks and the like
are not supported, and conformsTo knows the types of the specification only.

Source: http://hl7.org/fhir/R4/fhirpath.html#functions; getResourceKey and getReferenceKey of SQL on FHIR 2.0.
"""

from typing import Any

from kangyun.base.errors import Invalid, NotSupported
from kangyun.fhir.fhirpath import paths, types
from kangyun.fhir.fhirpath.code import EMPTY, Code, Environment, Run, Service, boolean, many, one, value
from kangyun.fhir.fhirpath.functions import references
from kangyun.fhir.fhirpath.invocation import Invocation, function, is_text
from kangyun.fhir.fhirpath.paths import boxed
from kangyun.fhir.fhirpath.syntax import qualified_name
from kangyun.fhir.fhirpath.types import ANY, NOTHING, STRING, fhir
from kangyun.fhir.fhirpath.values import Element, unboxer

_CORE = "http://hl7.org/fhir/StructureDefinition/"


@function("extension", least=1)
def extension(call: Invocation) -> Code:
    found = paths.step(call.focus, "extension", strict=False, at=call.at)
    if found is EMPTY:
        return EMPTY
    run, url = many(found), call.value(0)
    static = fhir("Extension")

    def of_url(this: Any, env: Environment) -> list[Any]:
        wanted = url(this, env)
        return [each for each in run(this, env) if each.get("url") == wanted]

    def of_url_any(this: Any, env: Environment) -> list[Any]:
        wanted = url(this, env)
        return [each.value for each in run(this, env) if each.value.get("url") == wanted]

    return Code(static, False, of_url if found.type == static else of_url_any, ordered=call.focus.ordered)


@function("hasExtension", least=1)
def has_extension(call: Invocation) -> Code:
    run = many(extension(call))
    return boolean(lambda this, env: bool(run(this, env)))


@function("hasValue")
def has_value(call: Invocation) -> Code:
    focus = call.focus
    if focus.raw is not None:
        raw = focus.raw
        return boolean(lambda this, env: raw(this, env) is not None)
    run, unbox = many(focus), unboxer(focus.type)

    def tested(this: Any, env: Environment) -> bool:
        items = run(this, env)
        if len(items) != 1:
            return False
        item = unbox(items[0])
        return item is not None and item.__class__ is not Element

    return boolean(tested)


@function("getValue")
def get_value(call: Invocation) -> Code:
    run = value(call.focus)
    return Code(
        ANY, True, lambda this, env: None if (item := run(this, env)).__class__ is Element else item,
    )  # fmt: skip


@function("resolve")
def resolve(call: Invocation) -> Code:
    focus, static = call.focus, fhir("Resource")

    def target(item: Any, env: Environment) -> Any:
        text = references.text_of(item)
        return None if text is None else references.resolve(text, env)

    run = focus.run
    if focus.type == NOTHING:
        return EMPTY
    if focus.single:
        return Code(
            static, True, lambda this, env: None if (item := run(this, env)) is None else target(item, env),
            reference=focus,
        )  # fmt: skip
    return Code(
        static, False,
        lambda this, env: [found for item in run(this, env) if (found := target(item, env)) is not None],
        reference=focus,
    )  # fmt: skip


def _service(call: Invocation, env: Environment) -> Service:
    if env.service is None:
        raise NotSupported("fhir.fhirpath.no-service", function=call.name, position=call.at)
    return env.service


def _boxed_one(code: Code) -> Run:
    run = boxed(code)

    def only(this: Any, env: Environment) -> Any:
        items = run(this, env)
        if len(items) > 1:
            raise Invalid("fhir.fhirpath.singleton")
        return items[0] if items else None

    return only


def _json(item: Any) -> Any:
    return item.value if item.__class__ is Element else item


@function("memberOf", least=1)
def member_of(call: Invocation) -> Code:
    run, value_set = _boxed_one(call.focus), call.value(0)

    def tested(this: Any, env: Environment) -> bool | None:
        item, url = run(this, env), value_set(this, env)
        if item is None or url is None:
            return None
        is_text(call, url)
        name = item.type if item.__class__ is Element else "string"
        return _service(call, env).member_of(_json(item), name, url)

    return boolean(tested)


@function("subsumes", least=1)
def subsumes(call: Invocation) -> Code:
    return _subsumption(call, _boxed_one(call.focus), _boxed_one(call.argument(0)))


@function("subsumedBy", least=1)
def subsumed_by(call: Invocation) -> Code:
    return _subsumption(call, _boxed_one(call.argument(0)), _boxed_one(call.focus))


def _subsumption(call: Invocation, general: Run, special: Run) -> Code:
    def tested(this: Any, env: Environment) -> bool | None:
        left, right = general(this, env), special(this, env)
        if left is None or right is None:
            return None
        return _service(call, env).subsumes(_json(left), _json(right))

    return boolean(tested)


@function("conformsTo", least=1)
def conforms_to(call: Invocation) -> Code:
    run, profile = _boxed_one(call.focus), call.value(0)

    def tested(this: Any, env: Environment) -> bool | None:
        item, url = run(this, env), profile(this, env)
        if item is None or url is None:
            return None
        is_text(call, url)
        core = url.removeprefix(_CORE)
        if core != url and types.exists(core):
            return item.__class__ is Element and types.is_subtype(item.type, core)
        return _service(call, env).conforms_to(_json(item), url)

    return boolean(tested)


@function("htmlChecks", "htmlChecks2")
def html_checks(call: Invocation) -> Code:
    run = one(call.focus)

    def tested(this: Any, env: Environment) -> bool | None:
        item = run(this, env)
        return None if item is None else _service(call, env).is_safe_html(_json(item))

    return boolean(tested)


@function("checkModifiers", most=32)
def check_modifiers(call: Invocation) -> Code:
    """Passes the focus on; Invalid where an item has a modifier extension that is not among the arguments."""
    known = [call.value(index) for index in range(len(call.arguments))]
    found = many(paths.step(call.focus, "modifierExtension", strict=False, at=call.at))
    run = call.focus.run

    def checked(this: Any, env: Environment) -> Any:
        urls = {url(this, env) for url in known}
        if any(_json(each).get("url") not in urls for each in found(this, env)):
            raise call.invalid("unknown-modifier")
        return run(this, env)

    return Code(call.focus.type, call.focus.single, checked, ordered=call.focus.ordered)


@function("getResourceKey")
def get_resource_key(call: Invocation) -> Code:
    run = _boxed_one(call.focus)
    return Code(STRING, True, lambda this, env: None if (item := run(this, env)) is None else _json(item).get("id"))


@function("getReferenceKey", most=1)
def get_reference_key(call: Invocation) -> Code:
    run = _boxed_one(call.focus)
    wanted = qualified_name(call.arguments[0]) if call.arguments else None

    def key(this: Any, env: Environment) -> str | None:
        item = run(this, env)
        text = None if item is None else references.text_of(item)
        return None if text is None else references.key_in(text, wanted)

    return Code(STRING, True, key)

"""Steps from an item to a member of it: `name`, `component.code`, `value` of a choice, members of any resource.

This is the hot part of every expression. Where the type of the focus is known, a step is one or two look-ups in the
JSON object, by names that are found when the expression is compiled; that is why there are so many small closures
here, one for each combination of single or many, complex or primitive, focus `$this` or another.

Source: http://hl7.org/fhir/R4/json.html (members, choice elements, `_name` of primitives)
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.definitions.model import Element as Definition
from kangyun.fhir.fhirpath import types
from kangyun.fhir.fhirpath.code import EMPTY, Choice, Code, Environment, Run, many
from kangyun.fhir.fhirpath.types import ANY, STRING, Static, fhir, one_of
from kangyun.fhir.fhirpath.values import Element, boxer


def step(focus: Code, name: str, *, strict: bool, at: int) -> Code:
    """Compiles `focus.name`. With `strict`, raises Invalid where no item of the focus can have that member."""
    code = _step(focus, name)
    if code is not None:
        return code
    if strict:
        raise Invalid("fhir.fhirpath.unknown-member", name=name[:64], type=focus.type.name, position=at)
    return EMPTY


def _step(focus: Code, name: str) -> Code | None:
    static = focus.type
    match static.namespace:
        case "nothing":
            return EMPTY
        case "System":
            return _of_type_info(focus, name) if static.family == "TypeInfo" else None
        case "any":
            return _of_any(focus, name)
    if static.is_primitive:
        return _of_primitive(focus, name)
    elements = types.members(static.name).get(name)
    if elements is not None:
        return to_choice(focus, elements) if elements[0].choice else to_element(focus, elements[0])
    return _of_any_resource(focus, name) if static.family == "resource" else None


def _of_type_info(focus: Code, name: str) -> Code | None:
    if name not in ("namespace", "name"):
        return None
    run = focus.run
    if focus.single:
        return Code(STRING, True, lambda this, env: None if (info := run(this, env)) is None else getattr(info, name))
    return Code(STRING, False, lambda this, env: [getattr(info, name) for info in run(this, env)])


def to_element(focus: Code, element: Definition) -> Code:
    """Compiles the step to one JSON property."""
    static, key = fhir(element.type), element.name
    if static.is_primitive:
        return _to_primitives(focus, element, static) if element.is_array else _to_primitive(focus, element, static)
    present: Run | None = (lambda this, env: key in this) if focus.is_this and not element.is_array else None
    single = focus.single and not element.is_array
    return Code(static, single, _to_complex(focus, element), ordered=focus.ordered, present=present)


def _to_complex(focus: Code, element: Definition) -> Run:
    key, run = element.name, focus.run
    match focus.is_this, focus.single, element.is_array:
        case True, _, False:
            return lambda this, env: this.get(key)
        case True, _, True:
            return lambda this, env: this.get(key) or []
        case False, True, False:
            return lambda this, env: None if (item := run(this, env)) is None else item.get(key)
        case False, True, True:
            return lambda this, env: [] if (item := run(this, env)) is None else item.get(key) or []
        case False, False, False:
            return lambda this, env: [found for item in run(this, env) if (found := item.get(key)) is not None]
        case _:
            return lambda this, env: [found for item in run(this, env) if key in item for found in item[key]]


def _to_primitive(focus: Code, element: Definition, static: Static) -> Code:
    key, sibling, name, run = element.name, f"_{element.name}", static.name, focus.run
    if focus.is_this:
        return Code(
            static, True,
            lambda this, env: Element(this.get(key), name, this[sibling]) if sibling in this else this.get(key),
            raw=lambda this, env: this.get(key),
            present=lambda this, env: key in this or sibling in this,
            primitive=(focus, key),
        )  # fmt: skip
    if not focus.single:
        return Code(
            static, False,
            lambda this, env: [
                Element(item.get(key), name, item[sibling]) if sibling in item else item[key]
                for item in run(this, env)
                if key in item or sibling in item
            ],
            ordered=focus.ordered, primitive=(focus, key),
        )  # fmt: skip

    def found(this: Any, env: Environment) -> Any:
        item = run(this, env)
        if item is None:
            return None
        return Element(item.get(key), name, item[sibling]) if sibling in item else item.get(key)

    return Code(
        static, True, found,
        raw=lambda this, env: None if (item := run(this, env)) is None else item.get(key),
        ordered=focus.ordered, primitive=(focus, key),
    )  # fmt: skip


def _to_primitives(focus: Code, element: Definition, static: Static) -> Code:
    key, sibling, name, run = element.name, f"_{element.name}", static.name, many(focus)

    def of_this(this: Any, env: Environment) -> Any:
        return with_siblings(this.get(key), this[sibling], name) if sibling in this else this.get(key) or []

    def of_all(this: Any, env: Environment) -> list[Any]:
        found: list[Any] = []
        for item in run(this, env):
            if sibling in item:
                found += with_siblings(item.get(key), item[sibling], name)
            elif key in item:
                found += item[key]
        return found

    return Code(
        static, False, of_this if focus.is_this else of_all, ordered=focus.ordered, primitive=(focus, key)
    )  # fmt: skip


def with_siblings(values: list[Any] | None, siblings: Sequence[Any], name: str) -> list[Any]:
    """Joins an array of primitives with the array of their ids and extensions; null fills the gaps of both."""
    pairs = zip_longest(values or (), siblings)
    return [
        value if sibling is None else Element(value, name, sibling)
        for value, sibling in pairs
        if value is not None or sibling is not None
    ]


def _of_primitive(focus: Code, name: str) -> Code | None:
    if name not in ("id", "extension"):
        return None
    static, is_array = fhir("string" if name == "id" else "Extension"), name == "extension"
    if focus.primitive is not None:
        # The plain case `Patient.birthDate.extension`: read `_birthDate` without making Elements.
        owner, key = focus.primitive
        if focus.single:
            sibling = f"_{key}"
            of_owner = owner.run
            empty: Any = [] if is_array else None
            return Code(
                static, not is_array,
                lambda this, env: (
                    empty
                    if (item := of_owner(this, env)) is None or sibling not in item
                    else item[sibling].get(name) or empty
                ),
            )  # fmt: skip
    run = many(focus)
    siblings: Run = lambda this, env: [  # noqa: E731
        item.sibling for item in run(this, env) if item.__class__ is Element and item.sibling
    ]
    if is_array:
        return Code(
            static, False, lambda this, env: [found for each in siblings(this, env) for found in each.get(name, ())]
        )
    return Code(static, False, lambda this, env: [each[name] for each in siblings(this, env) if name in each])


def to_choice(focus: Code, elements: tuple[Definition, ...]) -> Code:
    """Compiles the step to a choice element, whatever its type turns out to be."""
    if len(elements) == 1:
        return to_element(focus, elements[0])
    keys: dict[str, tuple[str, str]] = {}
    for element in elements:
        keys[element.name] = (element.name, element.type)
        if fhir(element.type).is_primitive:
            keys[f"_{element.name}"] = (element.name, element.type)
    names = keys.keys()

    def of(item: Any) -> Element | None:
        found = item.keys() & names
        if not found:
            return None
        key, type_ = keys[found.pop()]
        return Element(item.get(key), type_, item.get(f"_{key}"))

    static = one_of(frozenset(element.type for element in elements))
    choice, run = Choice(focus, elements), focus.run
    if focus.is_this:
        return Code(
            static, True, lambda this, env: of(this),
            present=lambda this, env: not this.keys().isdisjoint(names), choice=choice,
        )  # fmt: skip
    if focus.single:
        return Code(
            static, True, lambda this, env: None if (item := run(this, env)) is None else of(item),
            ordered=focus.ordered, choice=choice,
        )  # fmt: skip
    return Code(
        static, False, lambda this, env: [found for item in run(this, env) if (found := of(item)) is not None],
        ordered=focus.ordered, choice=choice,
    )  # fmt: skip


def narrowed(choice: Choice, keep: Callable[[str], bool]) -> Code:
    """Compiles the step to a choice element, keeping only the values whose type is wanted."""
    wanted = [element for element in choice.elements if keep(element.type)]
    if not wanted:
        return EMPTY
    return to_element(choice.focus, wanted[0]) if len(wanted) == 1 else to_choice(choice.focus, tuple(wanted))


def _of_any(focus: Code, name: str) -> Code | None:
    possible = focus.type.possible
    if focus.choice is not None:
        return _of_choice(focus.choice, name)
    if possible is not None and not any(name in types.members(each) for each in possible):
        return None
    names = frozenset(element.type for each in possible or () for element in types.members(each).get(name, ()))
    run = many(focus)
    steps: dict[str, Run] = {}

    def all_of(this: Any, env: Environment) -> list[Any]:
        found: list[Any] = []
        for item in run(this, env):
            if item.__class__ is Element:
                step_to = steps.get(item.type)
                if step_to is None:
                    step_to = steps[item.type] = member_of(item.type, name)
                if step_to is not _none:
                    found += step_to(item, env)
        return found

    return Code(one_of(names) if len(names) > 1 else ANY, False, all_of, ordered=focus.ordered)


def _of_choice(choice: Choice, name: str) -> Code | None:
    """`value.unit`: the steps of all types of the choice that have the member; at most one of them finds something."""
    focus = choice.focus
    if not focus.single:
        return _for_each(focus, _of_choice(Choice(this_code(focus.type), choice.elements), name))
    found = [_step(to_element(focus, element), name) for element in choice.elements]
    steps = [code for code in found if code is not None and code is not EMPTY]
    if len(steps) <= 1:
        return steps[0] if steps else None
    same = all(code.type == steps[0].type for code in steps)
    static = steps[0].type if same else ANY
    if all(code.single for code in steps) and same:
        runs = [code.run for code in steps]
        return Code(
            static, True, lambda this, env: next((x for run in runs if (x := run(this, env)) is not None), None)
        )
    runs = [many(code) if same else boxed(code) for code in steps]
    return Code(static, False, lambda this, env: next((found for run in runs if (found := run(this, env))), []))


def _for_each(focus: Code, inner: Code | None) -> Code | None:
    if inner is None:
        return None
    run, of = many(focus), many(inner)
    return Code(
        inner.type,
        False,
        lambda this, env: [x for item in run(this, env) for x in of(item, env)],
        ordered=focus.ordered,
    )


def this_code(static: Static) -> Code:
    """Returns the piece `$this` for an item of a type."""
    return Code(static, True, lambda this, env: this, is_this=True)


def boxed(code: Code) -> Run:
    """Returns a closure to the items of a piece, each with its type."""
    run, box = many(code), boxer(code.type)
    return run if box is None else lambda this, env: [box(item) for item in run(this, env)]


def _of_any_resource(focus: Code, name: str) -> Code | None:
    """A member of an abstract resource: each item's resourceType says which step to take."""
    run = many(focus)

    def all_of(this: Any, env: Environment) -> list[Any]:
        return [found for item in run(this, env) for found in member_of(item.get("resourceType"), name)(item, env)]

    return Code(ANY, False, all_of, ordered=focus.ordered)


@lru_cache(maxsize=8192)
def _member(type_name: str, name: str) -> Run | None:
    """A closure from an Element, or the plain value of a type that is not primitive, to the member's items."""
    code = _step(this_code(fhir(type_name)), name)
    if code is None:
        return None
    run = boxed(code)
    return lambda item, env: run(item.value if item.__class__ is Element else item, env)


def member_of(type_name: Any, name: str) -> Run:
    """Returns a closure from an item of a type known at run time to the items of a member, each with its type."""
    if type_name.__class__ is not str or not types.exists(type_name):
        return _none
    static = fhir(type_name)
    if static.is_primitive:
        return _SIBLING_MEMBERS.get(name, _none)
    return _member(type_name, name) or _none


def _none(item: Any, env: Environment) -> list[Any]:
    return []


def _sibling_id(item: Any, env: Environment) -> list[Any]:
    found = item.sibling.get("id") if item.sibling else None
    return [] if found is None else [Element(found, "string")]


def _sibling_extensions(item: Any, env: Environment) -> list[Any]:
    return [Element(found, "Extension") for found in item.sibling.get("extension", ())] if item.sibling else []


_SIBLING_MEMBERS: dict[str, Run] = {"id": _sibling_id, "extension": _sibling_extensions}

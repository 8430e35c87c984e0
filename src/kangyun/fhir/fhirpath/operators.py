"""The operators: equality, order, membership, logic, arithmetic, union.

Common cases get closures of their own: a code compared to a constant is one look-up and one comparison of strings.

Source: FHIRPath Normative Release (2.0.0), section 6, http://hl7.org/fhirpath/N1/#operations
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.fhirpath import arithmetic
from kangyun.fhir.fhirpath.code import EMPTY, Code, Environment, Run, boolean, comparables, many, truth, value
from kangyun.fhir.fhirpath.comparison import compare, equal, equivalent, identity, json_identity, same_members
from kangyun.fhir.fhirpath.paths import boxed
from kangyun.fhir.fhirpath.types import ANY, DECIMAL, INTEGER, NOTHING, STRING, Static
from kangyun.fhir.fhirpath.values import Element, unboxer

FEW = 16
"""Up to so many JSON objects are compared one by one."""

_PLAIN_FAMILIES = frozenset({"String", "Boolean", "Integer"})
_NUMBER_FAMILIES = frozenset({"Integer", "Decimal"})
_DATE_FAMILIES = frozenset({"Date", "DateTime"})
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def binary(symbol: str, left: Code, right: Code) -> Code:
    """Compiles `left symbol right`."""
    match symbol:
        case "=" | "!=":
            return equality(left, right, negated=symbol == "!=")
        case "~" | "!~":
            return equivalence(left, right, negated=symbol == "!~")
        case "<" | "<=" | ">" | ">=":
            return order(_ORDERS[symbol], left, right)
        case "and" | "or" | "xor" | "implies":
            return boolean(_LOGIC[symbol](truth(left), truth(right)))
        case "in":
            return membership(left, right)
        case "contains":
            return membership(right, left)
        case "&":
            return concatenation(left, right)
        case _:
            return calculation(symbol, left, right)


def equality(left: Code, right: Code, *, negated: bool) -> Code:
    """Compiles `=` and `!=`."""
    if not (left.single and right.single):
        return boolean(_equality_of_lists(comparables(left), comparables(right), negated))
    constant, other = (right.constant, left) if right.constant is not None else (left.constant, right)
    if constant is not None and other.type.family in _PLAIN_FAMILIES and left.type.family == right.type.family:
        if other.primitive is not None and other.primitive[0].is_this:
            return boolean(_equality_of_member(other.primitive[1], constant, negated))
        run = value(other)
        if negated:
            return boolean(lambda this, env: None if (item := run(this, env)) is None else item != constant)
        return boolean(lambda this, env: None if (item := run(this, env)) is None else item == constant)
    one, two = value(left), value(right)
    if negated:
        return boolean(lambda this, env: None if (same := equal(one(this, env), two(this, env))) is None else not same)
    return boolean(lambda this, env: equal(one(this, env), two(this, env)))


def _equality_of_member(key: str, constant: Any, negated: bool) -> Run:
    """`code = 'x'`, the most frequent of all: one look-up and one comparison, in one closure."""
    if negated:
        return lambda this, env: None if (item := this.get(key)) is None else item != constant
    return lambda this, env: None if (item := this.get(key)) is None else item == constant


def _equality_of_lists(left: Run, right: Run, negated: bool) -> Run:
    def run(this: Any, env: Environment) -> bool | None:
        ones, others = left(this, env), right(this, env)
        if not ones or not others:
            return None
        same = equal_lists(ones, others)
        return same if same is None else same is not negated

    return run


def equal_lists(left: list[Any], right: list[Any]) -> bool | None:
    """Returns whether two lists of comparables are equal, in order; None where that is open."""
    if len(left) != len(right):
        return False
    results = [equal(one, other) for one, other in zip(left, right, strict=True)]
    return False if False in results else None if None in results else True


def equivalence(left: Code, right: Code, *, negated: bool) -> Code:
    """Compiles `~` and `!~`."""
    ones, others = comparables(left), comparables(right)

    def run(this: Any, env: Environment) -> bool:
        left_items, right_items = ones(this, env), others(this, env)
        same = len(left_items) == len(right_items) and (
            all(map(equivalent, left_items, right_items)) or same_members(left_items, right_items, equivalent)
        )
        return same is not negated

    return boolean(run)


def order(test: Callable[[Any, Any], bool], left: Code, right: Code) -> Code:
    """Compiles a comparison by order."""
    if (
        left.raw is not None
        and right.raw is not None
        and left.type.family in _DATE_FAMILIES
        and left.type.family == right.type.family
    ):
        return boolean(_order_of_dates(test, left.raw, right.raw, unboxer(left.type)))
    one, two = value(left), value(right)
    numbers = left.type.family in _NUMBER_FAMILIES and right.type.family in _NUMBER_FAMILIES
    if numbers and left.single and right.constant is not None and right.single:
        constant = right.constant
        return boolean(lambda this, env: None if (item := one(this, env)) is None else test(item, constant))

    def run(this: Any, env: Environment) -> bool | None:
        result = compare(one(this, env), two(this, env))
        return None if result is None else test(result, 0)

    return boolean(run)


def _order_of_dates(test: Callable[[Any, Any], bool], left: Run, right: Run, unbox: Callable[[Any], Any]) -> Run:
    """Two dates of a resource: their texts are in order when they have one form and end in the same zone."""

    def run(this: Any, env: Environment) -> bool | None:
        one, other = left(this, env), right(this, env)
        if one is None or other is None:
            return None
        if len(one) == len(other) and (len(one) <= 10 or one[19:] == other[19:]):
            return test(one, other)
        result = compare(unbox(one), unbox(other))
        return None if result is None else test(result, 0)

    return run


def membership(item: Code, collection: Code) -> Code:
    """Compiles `item in collection`."""
    one = value(item)
    if item.type.family == "String" and isinstance(collection.constant, tuple):
        constants = frozenset(collection.constant)
        return boolean(lambda this, env: None if (found := one(this, env)) is None else found in constants)
    several = comparables(collection)

    def run(this: Any, env: Environment) -> bool | None:
        wanted = one(this, env)
        if wanted is None:
            return None
        items = several(this, env)
        env.spend(len(items))
        if wanted.__class__ is str:
            return wanted in items
        return any(equal(wanted, each) for each in items)

    return boolean(run)


def _and(left: Run, right: Run) -> Run:
    def run(this: Any, env: Environment) -> bool | None:
        one = left(this, env)
        if one is False:
            return False
        other = right(this, env)
        if other is False:
            return False
        return None if one is None or other is None else True

    return run


def _or(left: Run, right: Run) -> Run:
    def run(this: Any, env: Environment) -> bool | None:
        one = left(this, env)
        if one is True:
            return True
        other = right(this, env)
        if other is True:
            return True
        return None if one is None or other is None else False

    return run


def _xor(left: Run, right: Run) -> Run:
    def run(this: Any, env: Environment) -> bool | None:
        one, other = left(this, env), right(this, env)
        return None if one is None or other is None else one is not other

    return run


def _implies(left: Run, right: Run) -> Run:
    def run(this: Any, env: Environment) -> bool | None:
        one = left(this, env)
        if one is False:
            return True
        other = right(this, env)
        if other is True:
            return True
        return None if one is None or other is None else False

    return run


_LOGIC: dict[str, Callable[[Run, Run], Run]] = {"and": _and, "or": _or, "xor": _xor, "implies": _implies}


def concatenation(left: Code, right: Code) -> Code:
    """Compiles `&`: strings, with empty as the empty string."""
    one, two = value(left), value(right)

    def run(this: Any, env: Environment) -> str:
        first, second = one(this, env), two(this, env)
        first, second = "" if first is None else first, "" if second is None else second
        if first.__class__ is not str or second.__class__ is not str:
            raise Invalid("fhir.fhirpath.operand", operator="&")
        env.spend((len(first) + len(second)) >> 6)
        return first + second

    return Code(STRING, True, run)


def calculation(symbol: str, left: Code, right: Code) -> Code:
    """Compiles `+ - * / div mod`."""
    one, two, calculate = value(left), value(right), arithmetic.OPERATIONS[symbol]

    def run(this: Any, env: Environment) -> Any:
        first, second = one(this, env), two(this, env)
        if first is None or second is None:
            return None
        if first.__class__ is str and second.__class__ is str:
            env.spend((len(first) + len(second)) >> 6)
        return calculate(first, second)

    return Code(_type_of_result(symbol, left.type, right.type), True, run)


def _type_of_result(symbol: str, left: Static, right: Static) -> Static:
    families = {left.family, right.family}
    if NOTHING in (left, right):
        return NOTHING
    if families == {"Integer"}:
        return DECIMAL if symbol == "/" else INTEGER
    if families <= _NUMBER_FAMILIES:
        return INTEGER if symbol == "div" else DECIMAL
    return STRING if families == {"String"} else ANY


def union(operands: Sequence[Code]) -> Code:
    """Compiles `a | b | c`: the items of all operands, equal ones once."""
    filled = [code for code in operands if code.type != NOTHING]
    if len(filled) < 2:
        return distinct(filled[0]) if filled else EMPTY
    first = filled[0]
    same = all(code.type == first.type for code in filled)
    if same and all(code.constant is not None for code in filled):
        return _constant_union(filled)
    runs = [many(code) if same else boxed(code) for code in filled]

    def run(this: Any, env: Environment) -> list[Any]:
        found = [item for each in runs for item in each(this, env)]
        env.budget -= len(found)
        if env.budget < 0:
            env.spend(0)
        return found

    return distinct(Code(first.type if same else ANY, False, run))


def _constant_union(codes: Sequence[Code]) -> Code:
    parts = [code.constant if isinstance(code.constant, tuple) else (code.constant,) for code in codes]
    constants = tuple({identity(item): item for part in parts for item in part}.values())
    listed = list(constants)
    return Code(codes[0].type, False, lambda this, env: listed, constant=constants)


def distinct(code: Code) -> Code:
    """Compiles the removal of all but the first of equal items."""
    if code.single:
        return code
    run, static = many(code), code.type
    unique = unique_json if static.namespace == "FHIR" and not static.is_primitive else unique_by(unboxer(static))

    def distinct_items(this: Any, env: Environment) -> list[Any]:
        items: list[Any] = run(this, env)
        return items if len(items) < 2 else unique(items)

    return Code(static, False, distinct_items, ordered=code.ordered)


def unique_json(items: list[Any]) -> list[Any]:
    """Returns JSON objects without those that equal an earlier one."""
    if len(items) > FEW:
        return unique_by(json_identity)(items)
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def unique_by(unbox: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    """Returns a function that does the same for items that have to be made comparable first."""

    def unique(items: list[Any]) -> list[Any]:
        found: dict[Any, Any] = {}
        objects: list[Any] = []
        few = len(items) <= FEW
        for item in items:
            if few and item.__class__ is Element and item.value.__class__ is dict:
                # A few objects are compared sooner than one of them is turned into something hashable.
                if item.value not in objects:
                    objects.append(item.value)
                    found[id(item)] = item
            else:
                found.setdefault(identity(unbox(item)), item)
        return list(found.values())

    return unique

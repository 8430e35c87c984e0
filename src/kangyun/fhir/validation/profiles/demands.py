"""What a node demands of one value by itself: fixed value, pattern, length, limits, codes.

Source: https://hl7.org/fhir/R4/elementdefinition.html
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from kangyun.base.errors import Issue
from kangyun.fhir.validation.bindings import CodesOf, binding_check
from kangyun.fhir.validation.profiles.instance import Item
from kangyun.fhir.validation.profiles.tree import Node
from kangyun.fhir.validation.profiles.values import fits, is_exactly


def value_faults(node: Node, item: Item, codes_of: CodesOf) -> Iterator[Issue]:
    """Yields what is wrong with the value of an item; nothing where it has none."""
    value, at = item.value, item.at
    if value is None:
        return
    if node.exact is not None and not is_exactly(value, node.exact[0]):
        yield fault("value", "fixed", at, element=node.name)
    if node.pattern is not None and not fits(value, node.pattern[0]):
        yield fault("value", "pattern", at, element=node.name)
    if node.max_length is not None and type(value) is str and len(value) > node.max_length:
        yield fault("too-long", "too-long", at, limit=node.max_length)
    if node.least is not None and _is_less(value, node.least[0]):
        yield fault("value", "too-small", at, element=node.name)
    if node.greatest is not None and _is_less(node.greatest[0], value):
        yield fault("value", "too-great", at, element=node.name)
    binding = binding_check(node.binding, item.type_name, codes_of)
    if binding is not None and not binding.accepts(value):
        yield fault("code-invalid", "binding", at, value_set=binding.value_set)


def fault(code: str, text: str, at: str, **parameters: str | int) -> Issue:
    """Returns an issue of severity error; `text` is a key of the texts of `fhir.validation`."""
    return Issue("error", code, f"fhir.validation.{text}", at, parameters)


def _is_less(left: Any, right: Any) -> bool:
    """Tells a value below a limit; only where both are numbers, or dates and times of one form."""
    if type(left) in (int, Decimal) and type(right) in (int, Decimal):
        return bool(left < right)
    if type(left) is not str or type(right) is not str:
        return False
    return len(left) == len(right) and left[19:] == right[19:] and left < right

"""What an invariant comes to when nothing is known but which elements are there.

Most invariants compare presence with presence: `dataAbsentReason.empty() or value.empty()`. Evaluated over
"empty", "something", "true", "false" and "unknown" in place of values, they are often decided before a value is
looked at, and so are the ones all whose elements are absent. What remains unknown has to be asked of the values.

Source: the truth tables and the propagation of the empty collection in http://hl7.org/fhirpath/N1/
"""

from collections.abc import Collection
from enum import Enum

from kangyun.fhir.definitions import definitions
from kangyun.fhir.fhirpath import parse
from kangyun.fhir.fhirpath.syntax import Binary, Call, Item, Literal, Member, Node, TypeTest
from kangyun.fhir.validation.invariants import Invariant


class Known(Enum):
    """What is known of a collection; SELF is the element itself that the invariant is about."""

    EMPTY = "empty"
    SOMETHING = "something"
    TRUE = "true"
    FALSE = "false"
    SELF = "self"
    UNKNOWN = "unknown"


_EMPTY, _SOMETHING, _TRUE, _FALSE, _SELF, _UNKNOWN = Known

# Functions that give nothing for nothing, whatever their arguments are.
_PASS_EMPTY = {
    "as", "children", "contains", "descendants", "distinct", "endsWith", "extension", "first", "last", "length",
    "lower", "matches", "not", "ofType", "repeat", "replace", "replaceMatches", "resolve", "select", "skip",
    "startsWith", "substring", "tail", "take", "toInteger", "toString", "trace", "upper", "where",
}  # fmt: skip
_ON_EMPTY = {"all": _TRUE, "exists": _FALSE, "empty": _TRUE, "hasValue": _FALSE, "isDistinct": _TRUE}
_EMPTY_OPERATORS = frozenset(("=", "!=", "~", "<", "<=", ">", ">=", "+", "-", "*", "/", "in"))


def open_invariants(
    invariants: Collection[Invariant], type_name: str, present: frozenset[str]
) -> tuple[Invariant, ...] | None:
    """Returns the invariants that presence alone does not prove; None where it proves that one is broken.

    present: the elements that are there, by their names in FHIRPath.
    """
    view = _View(type_name, present)
    still_open = []
    for invariant in invariants:
        known = view.of(parse(invariant.expression))
        if known is _FALSE:
            return None
        if known is not _TRUE and known is not _EMPTY:
            still_open.append(invariant)
    return tuple(still_open)


class _View:
    """A type with some of its elements."""

    def __init__(self, type_name: str, present: frozenset[str]) -> None:
        self._type_name = type_name
        self._present = present
        self._elements = {e.path for e in definitions().types[type_name].elements.values()}

    def of(self, node: Node | None) -> Known:
        match node:
            case Literal(value=True):
                return _TRUE
            case Literal(value=False):
                return _FALSE
            case Literal(value=None):
                return _EMPTY
            case Literal():
                return _SOMETHING
            case Member(focus=focus, name=name):
                return self._member(focus, name)
            case Call(focus=focus, name=name, arguments=arguments):
                return self._call(self.of(focus) if focus else _UNKNOWN, name, len(arguments))
            case Item(focus=focus) | TypeTest(operand=focus):
                return _EMPTY if self.of(focus) is _EMPTY else _UNKNOWN
            case Binary(operator=operator, left=left, right=right):
                return _binary(operator, self.of(left), self.of(right))
            case _:
                return _UNKNOWN

    def _member(self, focus: Node | None, name: str) -> Known:
        if focus is None:
            if name == self._type_name:
                return _SELF
        else:
            known = self.of(focus)
            if known is not _SELF:
                return _EMPTY if known is _EMPTY else _UNKNOWN
        if name not in self._elements:
            return _UNKNOWN
        return _SOMETHING if name in self._present else _EMPTY

    def _call(self, focus: Known, name: str, arguments: int) -> Known:
        if focus is _EMPTY:
            return _EMPTY if name in _PASS_EMPTY else _ON_EMPTY.get(name, _UNKNOWN)
        if arguments == 0 and focus in (_SOMETHING, _TRUE, _FALSE):
            if name == "exists":
                return _TRUE
            if name == "empty":
                return _FALSE
            if name == "not":
                return {_TRUE: _FALSE, _FALSE: _TRUE}.get(focus, _UNKNOWN)
        return _UNKNOWN


def _binary(operator: str, left: Known, right: Known) -> Known:
    match operator:
        case "and":
            return _and(left, right)
        case "or":
            return _not(_and(_not(left), _not(right)))
        case "implies":
            return _not(_and(left, _not(right)))
        case "|":
            return _EMPTY if left is _EMPTY and right is _EMPTY else _UNKNOWN
    if operator in _EMPTY_OPERATORS and _EMPTY in (left, right):
        # `x in {}` is false and not empty.
        return _EMPTY if operator != "in" or left is _EMPTY else _FALSE
    if left in (_TRUE, _FALSE) and right in (_TRUE, _FALSE):
        if operator == "=":
            return _TRUE if left is right else _FALSE
        if operator in ("!=", "xor"):
            return _FALSE if left is right else _TRUE
    if operator == "xor" and _EMPTY in (left, right):
        return _EMPTY
    return _UNKNOWN


def _not(known: Known) -> Known:
    return {_TRUE: _FALSE, _FALSE: _TRUE, _EMPTY: _EMPTY}.get(known, _UNKNOWN)


def _and(left: Known, right: Known) -> Known:
    if _FALSE in (left, right):
        return _FALSE
    if left is _TRUE and right is _TRUE:
        return _TRUE
    return _EMPTY if {left, right} <= {_TRUE, _EMPTY} else _UNKNOWN

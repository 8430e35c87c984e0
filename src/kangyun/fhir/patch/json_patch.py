"""JSON Patch (RFC 6902) with JSON Pointer (RFC 6901).

Members of an operation that the standard does not know are ignored, as it wants. Equality in `test` is that of JSON:
numbers by value, 1.0 equals 1, and true does not.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal

from kangyun.base.errors import Invalid, RuleBroken
from kangyun.fhir.patch.copying import MAX_OPERATIONS, Copier, Json, check_result

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)
_BAD_ESCAPE = re.compile(r"~(?![01])")
_NUMBERS = (int, Decimal, float)


def apply_json_patch(resource: dict[str, Json], operations: Sequence[Json]) -> dict[str, Json]:
    """Returns the resource with the operations applied in order, all or none.

    operations: the patch document, decoded: a list of objects.
    Raises Invalid for a malformed patch, RuleBroken for one that does not fit the resource; TooLong for one that grows
    it beyond bounds.
    """
    if operations.__class__ is not list or len(operations) > MAX_OPERATIONS:
        raise Invalid("fhir.patch.json-document", limit=MAX_OPERATIONS)
    copier = Copier()
    document = copier.copy(resource)
    for index, operation in enumerate(operations):
        copier.operation = index
        document = _Operation(index, operation, copier).apply(document)
    return check_result(resource, document, copier.operation)


class _Operation:
    """One operation and its place in the patch, which every error names."""

    def __init__(self, index: int, operation: Json, copier: Copier) -> None:
        self.index = index
        self.copier = copier
        if operation.__class__ is not dict:
            raise self.invalid("operation")
        self.operation: dict[str, Json] = operation

    def invalid(self, text: str) -> Invalid:
        return Invalid(f"fhir.patch.{text}", operation=self.index)

    def misfit(self, text: str) -> RuleBroken:
        return RuleBroken(f"fhir.patch.{text}", operation=self.index)

    def apply(self, document: Json) -> Json:
        name = self.operation.get("op")
        apply = _OPERATIONS.get(name) if name.__class__ is str else None
        if apply is None:
            raise self.invalid("unknown-operation")
        return apply(self, document)

    def pointer(self, name: str) -> list[str]:
        """Returns the reference tokens of the pointer in a member."""
        text = self.operation.get(name)
        if text.__class__ is not str or (text and text[0] != "/") or _BAD_ESCAPE.search(text):
            raise self.invalid("pointer")
        return [token.replace("~1", "/").replace("~0", "~") for token in text.split("/")[1:]]

    def value(self) -> Json:
        """Returns a copy of the member `value`."""
        if "value" not in self.operation:
            raise self.invalid("value-missing")
        return self.copier.copy(self.operation["value"])

    def position(self, items: list[Json], token: str, *, end: bool) -> int:
        """Returns the index that a token means in a list; `end` allows the one behind the last, also as "-"."""
        if end and token == "-":
            return len(items)
        if not _INDEX.fullmatch(token) or int(token) >= len(items) + end:
            raise self.misfit("no-such-place")
        return int(token)

    def get(self, document: Json, tokens: Sequence[str]) -> Json:
        """Returns the value at a place. Raises RuleBroken where there is none."""
        for token in tokens:
            if document.__class__ is list:
                document = document[self.position(document, token, end=False)]
            elif document.__class__ is dict and token in document:
                document = document[token]
            else:
                raise self.misfit("no-such-place")
        return document

    def add(self, document: Json, tokens: Sequence[str], value: Json) -> Json:
        """Returns the document with a value added at a place; an existing member of an object is replaced."""
        if not tokens:
            return value
        parent = self.get(document, tokens[:-1])
        if parent.__class__ is list:
            parent.insert(self.position(parent, tokens[-1], end=True), value)
        elif parent.__class__ is dict:
            parent[tokens[-1]] = value
        else:
            raise self.misfit("no-such-place")
        return document

    def remove(self, document: Json, tokens: Sequence[str]) -> Json:
        """Removes the value at a place from the document, and returns it."""
        if not tokens:
            raise self.misfit("whole-resource")
        parent = self.get(document, tokens[:-1])
        removed = self.get(parent, tokens[-1:])
        del parent[self.position(parent, tokens[-1], end=False) if parent.__class__ is list else tokens[-1]]
        return removed


def _add(operation: _Operation, document: Json) -> Json:
    return operation.add(document, operation.pointer("path"), operation.value())


def _remove(operation: _Operation, document: Json) -> Json:
    operation.remove(document, operation.pointer("path"))
    return document


def _replace(operation: _Operation, document: Json) -> Json:
    tokens, value = operation.pointer("path"), operation.value()
    if not tokens:
        return value
    operation.get(document, tokens)
    parent = operation.get(document, tokens[:-1])
    parent[int(tokens[-1]) if parent.__class__ is list else tokens[-1]] = value
    return document


def _move(operation: _Operation, document: Json) -> Json:
    source, target = operation.pointer("from"), operation.pointer("path")
    if target[: len(source)] == source and len(target) > len(source):
        raise operation.invalid("into-itself")
    if source == target:
        operation.get(document, source)
        return document
    return operation.add(document, target, operation.remove(document, source))


def _copy(operation: _Operation, document: Json) -> Json:
    found = operation.get(document, operation.pointer("from"))
    return operation.add(document, operation.pointer("path"), operation.copier.copy(found))


def _test(operation: _Operation, document: Json) -> Json:
    found = operation.get(document, operation.pointer("path"))
    if not _same(found, operation.value()):
        raise operation.misfit("test-failed")
    return document


_OPERATIONS: dict[str, Callable[[_Operation, Json], Json]] = {
    "add": _add, "remove": _remove, "replace": _replace, "move": _move, "copy": _copy, "test": _test,
}  # fmt: skip


def _same(one: Json, other: Json) -> bool:
    if one.__class__ is dict and other.__class__ is dict:
        return one.keys() == other.keys() and all(_same(member, other[name]) for name, member in one.items())
    if one.__class__ is list and other.__class__ is list:
        return len(one) == len(other) and all(map(_same, one, other))
    comparable = one.__class__ is other.__class__ or (one.__class__ in _NUMBERS and other.__class__ in _NUMBERS)
    return comparable and bool(one == other)

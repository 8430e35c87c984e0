"""Copies of JSON values, within limits: a patch may copy what it has copied before, and so double it each time."""

from typing import Any

from kangyun.base.errors import Invalid, TooLong

MAX_OPERATIONS = 1000
MAX_DEPTH = 64
MAX_VALUES = 1_000_000
"""JSON values that the operations of one patch may copy."""

Json = Any


class Copier:
    """Copies values and counts them; `operation` is the index that an error names."""

    def __init__(self) -> None:
        self.left = MAX_VALUES
        self.operation = 0

    def copy(self, value: Json, depth: int = 0) -> Json:
        """Returns a copy that shares no list or object with the value. Raises TooLong or Invalid beyond the limits."""
        self.left -= 1
        if self.left < 0:
            raise TooLong("fhir.patch.size", operation=self.operation, limit=MAX_VALUES)
        if depth > MAX_DEPTH:
            raise Invalid("fhir.patch.depth", operation=self.operation, limit=MAX_DEPTH)
        if value.__class__ is dict:
            return {name: self.copy(member, depth + 1) for name, member in value.items()}
        if value.__class__ is list:
            return [self.copy(item, depth + 1) for item in value]
        return value


def check_result(before: Json, after: Json, operation: int) -> dict[str, Json]:
    """Returns the patched resource. Raises Invalid where it is no object any more, is too deep or has another type."""
    copier = Copier()
    copier.operation = operation
    copier.copy(after)
    if after.__class__ is not dict or after.get("resourceType") != before.get("resourceType"):
        raise Invalid("fhir.patch.resource-type", operation=operation)
    return after

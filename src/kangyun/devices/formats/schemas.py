"""Whether a document has the structure of a schema: the few words of JSON Schema that Open mHealth uses. Pure.

$ref, type, properties, required, enum, items, allOf, anyOf, oneOf, pattern and the format date-time.

Source: JSON Schema draft 4, https://json-schema.org/draft-04/draft-fge-json-schema-validation-00
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,), "array": (list,), "string": (str,), "boolean": (bool,), "number": (int, float),
    "integer": (int,),
}  # fmt: skip
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def fault(document: object, name: str, schemas: Mapping[str, Any]) -> str | None:
    """Returns the place where a document departs from a schema, None where it does not. No value is quoted."""
    return _fault(document, schemas[name], schemas[name], schemas, "$")


def _fault(value: Any, schema: Any, root: Any, schemas: Mapping[str, Any], at: str) -> str | None:
    if (reference := schema.get("$ref")) is not None:
        if reference.startswith("#/"):
            target = root
            for step in reference[2:].split("/"):
                target = target[step]
            return _fault(value, target, root, schemas, at)
        return _fault(value, schemas[reference], schemas[reference], schemas, at)
    if _is_plainly_wrong(value, schema):
        return at
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                return f"{at}.{name}"
        for name, part in schema.get("properties", {}).items():
            if name in value and (found := _fault(value[name], part, root, schemas, f"{at}.{name}")):
                return found
    if isinstance(value, list) and isinstance(items := schema.get("items"), dict):
        for number, one in enumerate(value):
            if found := _fault(one, items, root, schemas, f"{at}[{number}]"):
                return found
    for part in schema.get("allOf", ()):
        if found := _fault(value, part, root, schemas, at):
            return found
    for word, most in (("anyOf", None), ("oneOf", 1)):
        if word in schema:
            faults = [_fault(value, part, root, schemas, at) for part in schema[word]]
            if not 1 <= faults.count(None) <= (most or len(faults)):
                return next((one for one in faults if one), at)
    return None


def _is_plainly_wrong(value: Any, schema: Any) -> bool:
    """Type, words and form of one value."""
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        return True
    if "enum" in schema and value not in schema["enum"]:
        return True
    if not isinstance(value, str):
        return False
    if "pattern" in schema and not re.search(schema["pattern"], value):
        return True
    return schema.get("format") == "date-time" and not _is_instant(value)


def _is(value: Any, kind: str) -> bool:
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _is_instant(text: str) -> bool:
    if not _INSTANT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True

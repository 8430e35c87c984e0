"""Functions on strings.

Source: FHIRPath Normative Release (2.0.0), section 5.6; encode, decode, escape, unescape, trim, split, join and
matchesFull are of edition 2.1 and later, http://hl7.org/fhirpath/
"""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable
from typing import Any

from kangyun.base.errors import TooLong
from kangyun.fhir.fhirpath import patterns
from kangyun.fhir.fhirpath.code import Code, Environment, comparables, value
from kangyun.fhir.fhirpath.invocation import Invocation, apply, function, is_text
from kangyun.fhir.fhirpath.types import BOOLEAN, INTEGER, STRING, Static

MAX_TEXT = 1 << 22
"""Characters of a string that a function may make."""


def _of_text(call: Invocation, result: Static, calculate: Callable[..., Any]) -> Code:
    """Compiles a function of a string whose arguments are strings."""

    def checked(item: str, *arguments: Any) -> Any:
        is_text(call, *arguments)
        return calculate(item, *arguments)

    return apply(call, (str,), result, checked if call.arguments else calculate)


@function("startsWith", least=1)
def starts_with(call: Invocation) -> Code:
    return _of_text(call, BOOLEAN, str.startswith)


@function("endsWith", least=1)
def ends_with(call: Invocation) -> Code:
    return _of_text(call, BOOLEAN, str.endswith)


@function("contains", least=1)
def contains(call: Invocation) -> Code:
    return _of_text(call, BOOLEAN, lambda item, part: part in item)


@function("indexOf", least=1)
def index_of(call: Invocation) -> Code:
    return _of_text(call, INTEGER, str.find)


@function("lastIndexOf", least=1)
def last_index_of(call: Invocation) -> Code:
    return _of_text(call, INTEGER, str.rfind)


@function("upper")
def upper(call: Invocation) -> Code:
    return _of_text(call, STRING, str.upper)


@function("lower")
def lower(call: Invocation) -> Code:
    return _of_text(call, STRING, str.lower)


@function("trim")
def trim(call: Invocation) -> Code:
    return _of_text(call, STRING, str.strip)


@function("length")
def length(call: Invocation) -> Code:
    return _of_text(call, INTEGER, len)


@function("toChars")
def to_chars(call: Invocation) -> Code:
    return _listed(_of_text(call, STRING, list))


@function("split", least=1)
def split(call: Invocation) -> Code:
    return _listed(_of_text(call, STRING, lambda item, separator: item.split(separator) if separator else list(item)))


def _listed(code: Code) -> Code:
    run = code.run
    return Code(STRING, False, lambda this, env: run(this, env) or [])


@function("join", most=1)
def join(call: Invocation) -> Code:
    run, separator = comparables(call.focus), call.value(0) if call.arguments else lambda this, env: ""

    def joined(this: Any, env: Environment) -> str | None:
        items, between = run(this, env), separator(this, env)
        parts = [item for item in items if item is not None]
        if not parts or between is None:
            return None
        is_text(call, between, *parts)
        return _bounded(between.join(parts))

    return Code(STRING, True, joined)


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise TooLong("fhir.fhirpath.text-length", limit=MAX_TEXT)
    return text


@function("substring", least=1, most=2)
def substring(call: Invocation) -> Code:
    run, start = value(call.focus), call.value(0)
    length = call.value(1) if len(call.arguments) == 2 else None

    def cut(this: Any, env: Environment) -> str | None:
        item, first = run(this, env), start(this, env)
        if item is None or first is None:
            return None
        if item.__class__ is not str:
            raise call.invalid("focus-type")
        wanted = None if length is None else length(this, env)
        if first.__class__ is not int or (wanted is not None and wanted.__class__ is not int):
            raise call.invalid("argument-type")
        if not 0 <= first < len(item):
            return None
        return item[first:] if wanted is None else item[first : first + max(0, wanted)]

    return Code(STRING, True, cut)


@function("replace", least=2)
def replace(call: Invocation) -> Code:
    def replaced(item: str, pattern: str, substitution: str) -> str:
        found = item.count(pattern)
        if found * len(substitution) > MAX_TEXT:
            raise TooLong("fhir.fhirpath.text-length", limit=MAX_TEXT)
        return item.replace(pattern, substitution)

    return _of_text(call, STRING, replaced)


@function("matches", least=1)
def matches(call: Invocation) -> Code:
    return _of_text(call, BOOLEAN, lambda item, pattern: patterns.read(pattern).found_in(item))


@function("matchesFull", least=1)
def matches_full(call: Invocation) -> Code:
    return _of_text(call, BOOLEAN, lambda item, pattern: patterns.read(pattern).is_all_of(item))


@function("replaceMatches", least=2)
def replace_matches(call: Invocation) -> Code:
    def replaced(item: str, pattern: str, substitution: str) -> str:
        # An empty pattern matches everywhere and nothing: the text stays as it is.
        return patterns.read(pattern).replaced_in(item, substitution, MAX_TEXT) if pattern else item

    return _of_text(call, STRING, replaced)


def _decode_text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _decode(call: Invocation, item: str, form: str) -> str | None:
    try:
        match form:
            case "hex":
                return _decode_text(bytes.fromhex(item))
            case "base64":
                return _decode_text(base64.b64decode(item, validate=True))
            case "urlbase64":
                return _decode_text(base64.b64decode(item, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        return None
    raise call.invalid("argument-value")


def _encode(call: Invocation, item: str, form: str) -> str:
    data = item.encode(errors="replace")
    match form:
        case "hex":
            return data.hex()
        case "base64":
            return base64.b64encode(data).decode()
        case "urlbase64":
            return base64.urlsafe_b64encode(data).decode()
    raise call.invalid("argument-value")


@function("encode", least=1)
def encode(call: Invocation) -> Code:
    return _of_text(call, STRING, lambda item, form: _encode(call, item, form))


@function("decode", least=1)
def decode(call: Invocation) -> Code:
    return _of_text(call, STRING, lambda item, form: _decode(call, item, form))


@function("escape", least=1)
def escape(call: Invocation) -> Code:
    def escaped(item: str, target: str) -> str:
        match target:
            case "html":
                return html.escape(item)
            case "json":
                return json.dumps(item, ensure_ascii=False)[1:-1]
        raise call.invalid("argument-value")

    return _of_text(call, STRING, escaped)


@function("unescape", least=1)
def unescape(call: Invocation) -> Code:
    def unescaped(item: str, target: str) -> str | None:
        match target:
            case "html":
                return html.unescape(item)
            case "json":
                return _from_json(item)
        raise call.invalid("argument-value")

    return _of_text(call, STRING, unescaped)


def _from_json(item: str) -> str | None:
    try:
        # A quotation mark without its escape stands for itself.
        text: str = json.loads(f'"{_QUOTE.sub(_with_escape, item)}"', strict=False)
        text.encode()
    except ValueError:
        return None
    return text


_QUOTE = re.compile(r'(\\.)|(")', re.DOTALL)


def _with_escape(found: re.Match[str]) -> str:
    return found[1] or '\\"'

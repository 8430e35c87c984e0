"""The shape of a request: what may be said of it in a log, a metric and an audit row, because no value is in it.

A path and a query string can quote a patient anywhere (an id, a value, a misspelt parameter), so only words that the
specification or this platform gave stand in a shape. Everything else has a place holder.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Literal

from kangyun.access.operations import ELSEWHERE
from kangyun.base.errors import PlatformError
from kangyun.catalog import catalog
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.parameters import parameters
from kangyun.fhir.search.query import MODIFIERS
from kangyun.web.exchange import HttpRequest

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Interaction = Literal[
    "read", "vread", "history", "search", "create", "update", "patch", "delete", "bundle", "operation", "metadata",
    "other",
]  # fmt: skip
MOST_SEGMENTS, MOST_NAMES = 6, 32
_PATH_WORDS = frozenset(
    {
        *("_history", "_search", "metadata", "apps"),
        *(
            "deliveries",
            "answers",
            "declared",
            "asked",
            "move",
            "history",
            "counts",
            "returned",
            "months",
            "mappings",
            "fields",
            "resume",
            "wait",
            *("people", "applications", "registers", "institutions", "departments", "maps", "policy", "settings"),
            *("jobs", "storage", "health", "trail", "verify", "suspend", "leave", "review", "cancel"),
        ),
    }
)
# Names and modifiers that no resource type defines; each is the specification's, or ours (_cursor).
_WORDS = frozenset(
    {
        *("_sort", "_count", "_include", "_revinclude", "_total", "_summary", "_elements", "_contained"),
        *("_containedType", "_format", "_pretty", "_cursor", "_since", "_at", "_has", "_filter", "_list", "_text"),
        *("_content", "_type", "_query", "_id", "_lastUpdated", "_typeFilter", "_outputFormat", "missing", "iterate"),
        *("type", "url", "code", "system", "version", "filter", "offset", "count", "codeA", "codeB", "profile", "mode"),
        *("start", "end", "patient", "display", "source", "target", "property", "hard", "state"),
        *("_approval", "_reason", "dryRun", "after", "month", "table", "day"),
    }
)


def shape(request: HttpRequest) -> str:
    """Returns the request without any value: method, types and operations, known names of parameters."""
    if not request.shape:
        try:
            request.shape = shape_with(request, request.pairs)
        except PlatformError:
            request.shape = _shape(request, ["[unreadable]"])
    return request.shape


def shape_with(request: HttpRequest, pairs: Iterable[tuple[str, str]]) -> str:
    """Returns the shape of a request whose parameters are these: a form's stand in its body."""
    return _shape(request, sorted({_name(name[:200]) for name, _ in pairs})[:MOST_NAMES])


def _shape(request: HttpRequest, names: list[str]) -> str:
    parts = [_path_word(part) for part in request.segments[:MOST_SEGMENTS]]
    method = request.method if request.method in METHODS else "[method]"
    return f"{method} /{'/'.join(parts)}" + (f"?{'&'.join(names)}" if names else "")


def interaction(request: HttpRequest) -> Interaction:
    """Returns which of FHIR's interactions a request asks for; `other` where it is none."""
    segments = request.segments
    if not segments:
        return "bundle" if request.method == "POST" else "search"
    if segments == ["metadata"]:
        return "metadata"
    if any(part.startswith("$") for part in segments):
        return "operation"
    if segments[0] not in definitions().resource_types and segments[0] not in ("_history", "_search"):
        return "other"
    if request.method in ("GET", "HEAD") or segments[-1] == "_search":
        return _reading(segments)
    return _WRITING.get(request.method, "other")


_WRITING: dict[str, Interaction] = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def _reading(segments: list[str]) -> Interaction:
    if segments[-1] == "_history":
        return "history"
    if len(segments) == 4 and segments[2] == "_history":
        return "vread"
    return "read" if len(segments) == 2 and segments[1] != "_search" else "search"


def _path_word(part: str) -> str:
    if part in definitions().resource_types or part in _PATH_WORDS:
        return part
    # An operation's name is given by an app; what is no name of one could be anything.
    return _operation(part) if part.startswith("$") else "[id]"


def _operation(part: str) -> str:
    return part if part[1:] in operations() else "$[name]"


@cache
def operations() -> frozenset[str]:
    """Returns the names of operations that stand in a shape as they are."""
    return ELSEWHERE | {one.name for one in catalog().operations}


@lru_cache(maxsize=4096)
def _name(name: str) -> str:
    """Returns a parameter's name with each word that nobody defined left out: `_has:[name]:patient:code`."""
    words, found, begin = _words(), [], 0
    for place, sign in enumerate(f"{name}."):
        if sign in ".:":
            word = name[begin:place]
            found.append((word if word in words or not word else "[name]") + (sign if place < len(name) else ""))
            begin = place + 1
    return "".join(found)


@cache
def _words() -> frozenset[str]:
    types = definitions().resource_types
    codes = {code for type_ in types for code in parameters(type_)}
    return frozenset(codes | set(types) | _WORDS | {word for words in MODIFIERS.values() for word in words})

"""SMART scopes: read, written as version 2 has them, and narrowed. Pure.

Version 1 (`patient/*.read`) is read as what it means in version 2 (`patient/*.rs`). What stands behind a question mark
is a search that a resource must match; it is kept as it is, and two of them hold together, as in a search.

Source: http://hl7.org/fhir/smart-app-launch/STU2/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from kangyun.base.errors import Invalid
from kangyun.fhir.definitions import definitions

LEVELS = ("patient", "user", "system")
ALL = "cruds"
OPENID, FHIR_USER, OFFLINE, ONLINE = "openid", "fhirUser", "offline_access", "online_access"
LAUNCH, LAUNCH_PATIENT, LAUNCH_ENCOUNTER = "launch", "launch/patient", "launch/encounter"
FEEDS = "system/feeds"
"""What a hospital's gateway is given: it delivers for the feeds that name it, and opens nothing of the record."""
WORDS = frozenset({OPENID, FHIR_USER, "profile", OFFLINE, ONLINE, LAUNCH, LAUNCH_PATIENT, LAUNCH_ENCOUNTER, FEEDS})
"""Scopes that are no access to data."""
_FIRST_VERSION = {"read": "rs", "write": "cud", "*": ALL}
_FORM = re.compile(r"(patient|user|system)/(\*|[A-Za-z]+)\.(\*|read|write|c?r?u?d?s?)(?:\?([^\s?#]+))?", re.ASCII)
LONGEST, MOST = 500, 200


class WrongScope(Invalid):
    """A scope that is none."""

    default_text = "access.oidc.wrong-scope"


@dataclass(frozen=True, slots=True)
class Scope:
    """Access to data. `type` is `*` for every type; `permissions` are of "cruds", in that order.

    pairs: names and values of a search, as they were sent, unescaped.
    query: the same as it was written.
    """

    level: str
    type: str
    permissions: str
    pairs: tuple[tuple[str, str], ...] = ()
    query: str = ""

    def covers(self, type_: str) -> bool:
        """Whether it is about a type."""
        return self.type in ("*", type_)

    def __str__(self) -> str:
        return f"{self.level}/{self.type}.{self.permissions}" + (f"?{self.query}" if self.query else "")


@lru_cache(maxsize=4096)
def parse(text: str) -> Scope:
    """Reads one scope of data. Raises WrongScope, also for one of WORDS."""
    match = _FORM.fullmatch(text) if len(text) <= LONGEST else None
    if match is None:
        raise WrongScope
    level, type_, given, query = match.groups()
    permissions = _FIRST_VERSION.get(given, given)
    if not permissions or (type_ != "*" and type_ not in definitions().resource_types):
        raise WrongScope
    if query and given in _FIRST_VERSION:
        raise WrongScope  # Version 1 has none.
    try:
        pairs = tuple(parse_qsl(query or "", strict_parsing=bool(query), errors="strict", keep_blank_values=True))
    except ValueError:
        raise WrongScope from None
    return Scope(level, type_, permissions, pairs, query or "")


def read(text: str) -> tuple[str, ...]:
    """Reads a list of scopes, separated by blanks: those of data as version 2 writes them, each once.

    Raises WrongScope for what is none.
    """
    words = text.split()
    if len(words) > MOST:
        raise WrongScope
    return tuple(dict.fromkeys(word if word in WORDS else str(parse(word)) for word in words))


def of_data(scopes: Iterable[str]) -> tuple[str, ...]:
    """Returns the scopes that are access to data."""
    return tuple(scope for scope in scopes if scope not in WORDS)


@lru_cache(maxsize=4096)
def data_scopes(scopes: tuple[str, ...]) -> tuple[Scope, ...]:
    """Returns the scopes of data among these, read."""
    return tuple(parse(scope) for scope in of_data(scopes))


def narrow(asked: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """Returns what of `asked` is within `allowed`: never more than either says. Both as `read` gives them."""
    limits = [parse(scope) for scope in of_data(allowed)]
    found: dict[str, None] = {}
    for scope in asked:
        if scope in WORDS:
            if scope in allowed:
                found[scope] = None
        else:
            wanted = parse(scope)
            found |= dict.fromkeys(str(both) for limit in limits if (both := _both(wanted, limit)) is not None)
    return tuple(_without_contained(list(found)))


def within(asked: Sequence[str], allowed: Sequence[str]) -> bool:
    """Whether each of `asked` is wholly within one of `allowed`."""
    limits = [parse(scope) for scope in of_data(allowed)]
    return all(
        scope in allowed if scope in WORDS else any(_contains(limit, parse(scope)) for limit in limits)
        for scope in asked
    )


def _both(one: Scope, other: Scope) -> Scope | None:
    """Returns what is within both."""
    if one.level != other.level or (one.type != other.type and "*" not in (one.type, other.type)):
        return None
    permissions = "".join(sign for sign in one.permissions if sign in other.permissions)
    if not permissions:
        return None
    queries = [query for query in dict.fromkeys((one.query, other.query)) if query]
    pairs = one.pairs if one.query == other.query else one.pairs + other.pairs
    return Scope(one.level, other.type if one.type == "*" else one.type, permissions, pairs, "&".join(queries))


def _contains(limit: Scope, scope: Scope) -> bool:
    return (
        limit.level == scope.level
        and limit.type in ("*", scope.type)
        and set(scope.permissions) <= set(limit.permissions)
        and set(limit.pairs) <= set(scope.pairs)  # Each pair of the limit holds for it, too.
    )


def _without_contained(scopes: list[str]) -> list[str]:
    """Leaves out what another one says already."""
    data = {scope: parse(scope) for scope in scopes if scope not in WORDS}
    return [
        scope
        for place, scope in enumerate(scopes)
        if scope not in data
        or not any(
            _contains(limit, data[scope]) and (not _contains(data[scope], limit) or scopes.index(other) < place)
            for other, limit in data.items()
            if other != scope
        )
    ]

"""Kinds of numbers that a registration carries, and what kind an Identifier is of. Pure; `data/identifiers.toml`.

What an Identifier says of itself decides, in this order: its system, the code of its type, the name of its type. A
system that nobody here knows is an issuer's own; without one, nothing tells the kind.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from kangyun.base.numbers import documents
from kangyun.identity.registration.fields import objects, text

_PASSPORTS = "http://hl7.org/fhir/sid/passport-"  # and three letters of the country
CODES = ("v2-0203", "cv02.01.101", "identifiertype-code-system")
"""How the systems of codes that `types` are of end; a code of any other system says nothing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of number; see the head of `data/identifiers.toml`."""

    code: str
    zh: str
    en: str
    field: str
    systems: tuple[str, ...]
    types: tuple[str, ...]
    names: tuple[str, ...]
    form: str
    scope: Literal["nation", "issuer"]
    strength: Literal["certain", "hint"]
    source: str

    def number(self, text: str) -> str:
        """Returns a number of this kind as it is compared; empty where the text is none."""
        return documents.FORMS[self.form](text)


@cache
def kinds() -> Mapping[str, Kind]:
    """Returns all kinds by their code."""
    table = tomllib.loads(files(__package__).joinpath("data", "identifiers.toml").read_text("utf-8"))["kinds"]
    return {code: Kind(code, **{key: _frozen(value) for key, value in row.items()}) for code, row in table.items()}


@cache
def certain_fields() -> frozenset[str]:
    """Returns the fields whose numbers decide who somebody is, unless the rest contradicts."""
    return frozenset(kind.field for kind in kinds().values() if kind.strength == "certain")


def kind_of(identifier: Mapping[str, Any]) -> Kind | None:
    """Returns the kind that an Identifier is of; None where nothing tells it."""
    system, table = identifier.get("system"), _by_word()
    if isinstance(system, str):
        found = table.get(("system", system)) or table.get(("system", system[: len(_PASSPORTS)]))
        if found:
            return found
    type_ = identifier.get("type")
    coded = _typed(type_) if isinstance(type_, dict) else None
    return coded or (kinds()["other"] if system else None)


def _typed(concept: Mapping[str, Any]) -> Kind | None:
    table, listed = _by_word(), objects(concept.get("coding"))
    for coding in listed:
        found = table.get(("type", text(coding.get("code"))))
        if found and text(coding.get("system")).casefold().rstrip("/").endswith(CODES):
            return found
    said = (text(concept.get("text")), *(text(coding.get("display")) for coding in listed))
    return next((table["name", word] for word in said if ("name", word) in table), None)


@cache
def _by_word() -> Mapping[tuple[str, str], Kind]:
    found: dict[tuple[str, str], Kind] = {}
    for kind in kinds().values():
        found |= {("system", system): kind for system in kind.systems}
        found |= {("type", code): kind for code in kind.types}
        found |= {("name", name): kind for name in kind.names}
    return found


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value

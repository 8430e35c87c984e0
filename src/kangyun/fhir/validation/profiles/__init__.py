"""Profiles: StructureDefinitions that constrain a type, with a snapshot or only a differential.

What is understood: cardinality, types and their profiles, fixed values, patterns, limits of value and length, required
bindings, invariants, slicing by value, pattern, type, existence and profile, re-slicing, open and closed, ordered, and
extensions by their definitions. Not looked at: mustSupport, isModifier, aggregation and versioning of references.
"""

from collections.abc import Callable, Iterable
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.definitions import definitions
from kangyun.fhir.validation.profiles.tree import Profile, compile_profile

Json = dict[str, Any]
StructureOf = Callable[[str], Json | None]
ProfileOf = Callable[[str], Profile | None]

MAX_KEPT = 512


class Profiles:
    """The profiles compiled so far, each with the StructureDefinition that it came from."""

    def __init__(self, structure_of: StructureOf | None = None) -> None:
        self._further = structure_of
        # By identity of the StructureDefinition, which is kept with it so that the identity stays its own.
        self._compiled: dict[int, tuple[Json, Profile | None]] = {}

    def structures(self, given: Iterable[Json]) -> StructureOf:
        """Returns what finds a StructureDefinition by its url: first those given, then further ones, then R4's own."""
        by_url = {s["url"]: s for s in given if type(s) is dict and type(s.get("url")) is str}

        def structure_of(url: str) -> Json | None:
            plain = url.partition("|")[0]
            found = by_url.get(plain) or (self._further(plain) if self._further else None)
            return found or definitions().structure(plain)

        return structure_of

    def profiles(self, structure_of: StructureOf) -> ProfileOf:
        """Returns what finds a profile by its url; None for what is unknown, no profile, or cannot be compiled."""

        def profile_of(url: str) -> Profile | None:
            structure = structure_of(url)
            if structure is None or structure.get("derivation") != "constraint":
                return None
            return self._profile(structure, structure_of)

        return profile_of

    def _profile(self, structure: Json, structure_of: StructureOf) -> Profile | None:
        kept = self._compiled.get(id(structure))
        if kept is None:
            try:
                profile = compile_profile(structure, structure_of)
            except Invalid:
                profile = None
            if len(self._compiled) >= MAX_KEPT:
                self._compiled.clear()
            kept = self._compiled[id(structure)] = (structure, profile)
        return kept[1]

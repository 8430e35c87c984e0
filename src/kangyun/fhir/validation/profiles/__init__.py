"""Profiles: StructureDefinitions that constrain a type, with a snapshot or only a differential.

What is understood: cardinality, types and their profiles, fixed values, patterns, limits of value and length, required
bindings, invariants, slicing by value, pattern, type, existence and profile, re-slicing, open and closed, ordered, and
extensions by their definitions. Not looked at: mustSupport, isModifier, aggregation and versioning of references.
"""

from collections.abc import Callable, Iterable
from typing import Any

from kangyun.base.errors import Invalid
from kangyun.fhir.definitions import definitions
from kangyun.fhir.validation.profiles.pruning import prune
from kangyun.fhir.validation.profiles.tree import Profile, compile_profile

Json = dict[str, Any]
StructureOf = Callable[[str], Json | None]
ProfileOf = Callable[[str], Profile | None]

MAX_KEPT = 512


class Profiles:
    """The profiles of a site and of R4, each compiled once.

    structure_of: gives a StructureDefinition of the site by its url; it should give the same object again.
    """

    def __init__(self, structure_of: StructureOf | None = None) -> None:
        self._further = structure_of
        # By identity of the StructureDefinition, which is kept with it so that the identity stays its own.
        self._compiled: dict[int, tuple[Json, Profile | None]] = {}

    def structure(self, url: str) -> Json | None:
        """Returns a StructureDefinition of the site or of R4."""
        return (self._further(url) if self._further else None) or definitions().structure(url)

    def profile(self, structure: Json, structure_of: StructureOf) -> Profile | None:
        """Returns a profile compiled; None for what is no profile or cannot be used."""
        kept = self._compiled.get(id(structure))
        if kept is None:
            if len(self._compiled) >= MAX_KEPT:
                self._compiled.clear()
            kept = self._compiled[id(structure)] = (structure, compiled(structure, structure_of))
        return kept[1]


class Known:
    """The profiles known to one check: those given for it, which are compiled for it alone, and the `Profiles`."""

    def __init__(self, given: Iterable[Json], profiles: Profiles) -> None:
        self._profiles = profiles
        self._given = {s["url"]: s for s in given if type(s) is dict and type(s.get("url")) is str}
        self._compiled: dict[str, Profile | None] = {}

    def structure(self, url: str) -> Json | None:
        """Returns the StructureDefinition with this url; a version after `|` is not looked at."""
        plain = url.partition("|")[0]
        return self._given.get(plain) or self._profiles.structure(plain)

    def profile(self, url: str) -> Profile | None:
        """Returns the profile with this url; None for what is unknown, no profile, or cannot be used."""
        plain = url.partition("|")[0]
        structure = self.structure(plain)
        if structure is None or structure is self._profiles.structure(plain):
            return self._profiles.profile(structure, self._profiles.structure) if structure else None
        if plain not in self._compiled:
            self._compiled[plain] = compiled(structure, self.structure)
        return self._compiled[plain]


def compiled(structure: Json, structure_of: StructureOf) -> Profile | None:
    """Compiles a profile; None for a StructureDefinition that is none or cannot be used."""
    if structure.get("derivation") != "constraint":
        return None
    try:
        profile = compile_profile(structure, structure_of)
    except Invalid:
        return None
    prune(profile.root, profile.type)
    return profile

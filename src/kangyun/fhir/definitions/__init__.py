"""The official FHIR R4 definitions (hl7.fhir.r4.core 4.0.1, CC0), compiled into one file.

`definitions()` gives types with all their elements, search parameters by resource type, and compartments at once;
structures, code systems, value sets and concept maps are decoded when they are asked for. Nothing here interprets
them. Rebuild `r4.bin` with `scripts/compile_definitions.py`.

Source: http://hl7.org/fhir/R4/
"""

from collections.abc import Mapping
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

import msgspec

from kangyun.fhir.definitions.file import Section, decompress, read_sections
from kangyun.fhir.definitions.model import (
    Binding,
    Codes,
    Component,
    Constraint,
    Core,
    Element,
    SearchParameter,
    Type,
)
from kangyun.fhir.definitions.terminology import Terminology

__all__ = [
    "Binding",
    "Codes",
    "Component",
    "Constraint",
    "Definitions",
    "Element",
    "SearchParameter",
    "Terminology",
    "Type",
    "definitions",
]

_core = msgspec.msgpack.Decoder(Core)
_codes = msgspec.msgpack.Decoder(dict[str, dict[str, frozenset[str]] | None])


class Definitions:
    """What R4 says about its types. Everything is read-only and shared by the whole process."""

    def __init__(self, data: bytes) -> None:
        self._sections = read_sections(data)
        core = _core.decode(decompress(self._sections["core"]))
        self.version = core.version
        """The version of the specification: "4.0.1"."""
        self.types: Mapping[str, Type] = core.types
        """Primitives, complex types, resources, and inner types named by their path ("Observation.component")."""
        self.resource_types = frozenset(
            name for name, type_ in core.types.items() if type_.kind == "resource" and not type_.abstract
        )
        """The names of the concrete resource types."""
        self.search_parameters: Mapping[str, Mapping[str, SearchParameter]] = {
            name: {
                **core.search_parameters["Resource"],
                **(core.search_parameters["DomainResource"] if core.types[name].base == "DomainResource" else {}),
                **core.search_parameters.get(name, {}),
            }
            for name in self.resource_types
        }
        """By resource type and code, those of Resource and DomainResource included."""
        self.compartments: Mapping[str, Mapping[str, tuple[str, ...]]] = core.compartments
        """By compartment and resource type: the codes of the reference parameters that place a resource in it."""

    def structure(self, url: str) -> dict[str, Any] | None:
        """Returns the StructureDefinition with this canonical url, None where the package has none.

        As published but for narrative, mappings, contacts and publisher; a version after `|` is not looked at.
        """
        return self._structures.get(url.partition("|")[0])

    @property
    def structure_urls(self) -> tuple[str, ...]:
        """The urls of all StructureDefinitions of the package: types, profiles, extensions, logical models."""
        return self._structures.urls

    def codes(self, value_set: str) -> Codes | None:
        """Returns the codes of a value set that a required binding or a maximum of the package names.

        None where they cannot be enumerated from the package (languages, media types, UCUM, LOINC answers): such
        codes can only be checked by their form. Raises KeyError for a value set that no such binding names.
        """
        return self._codes[value_set.partition("|")[0]]

    @cached_property
    def terminology(self) -> Terminology:
        """The code systems, value sets and concept maps of the package."""
        return Terminology(*(Section(self._sections[name]) for name in ("CodeSystem", "ValueSet", "ConceptMap")))

    @cached_property
    def _structures(self) -> Section:
        return Section(self._sections["StructureDefinition"])

    @cached_property
    def _codes(self) -> Mapping[str, Codes | None]:
        return _codes.decode(decompress(self._sections["codes"]))


@cache
def definitions() -> Definitions:
    """Returns the definitions of R4, read once in a process."""
    return Definitions(files(__name__).joinpath("r4.bin").read_bytes())

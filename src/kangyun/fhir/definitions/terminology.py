"""The code systems, value sets and concept maps of the specification, as their JSON objects, decoded one at a time.

Not a terminology service: nothing is expanded or looked up here, see `kangyun.fhir.terminology`. The objects are as
published but for the narrative, contacts and publisher. They are shared: do not change one.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from kangyun.fhir.definitions.file import Section


class Terminology:
    """Reads the terminology sections of the compiled file."""

    def __init__(self, code_systems: Section, value_sets: Section, concept_maps: Section) -> None:
        self._code_systems = code_systems
        self._value_sets = value_sets
        self._concept_maps = concept_maps

    @cached_property
    def code_system_urls(self) -> tuple[str, ...]:
        return self._code_systems.urls

    @cached_property
    def value_set_urls(self) -> tuple[str, ...]:
        return self._value_sets.urls

    @cached_property
    def concept_map_urls(self) -> tuple[str, ...]:
        return self._concept_maps.urls

    def code_system(self, url: str) -> dict[str, Any] | None:
        """Returns the CodeSystem with this url (without version), None where the package has none."""
        return self._code_systems.get(url)

    def value_set(self, url: str) -> dict[str, Any] | None:
        """Returns the ValueSet with this url (without version), None where the package has none."""
        return self._value_sets.get(url)

    def concept_maps(self) -> Iterator[dict[str, Any]]:
        """Yields every ConceptMap, ordered by url."""
        for url in self._concept_maps.urls:
            concept_map = self._concept_maps.get(url)
            assert concept_map is not None
            yield concept_map

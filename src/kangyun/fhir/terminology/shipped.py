"""The terminology that comes with the platform: the specification's own, and China's lists and maps.

What stands in the record under the same url takes its place, see `store.canonicals`. Of the specification's systems
there is one version each, of the others the editions that `fhir.china` has.
"""

from collections.abc import Iterable, Iterator
from functools import cache

from kangyun.fhir import Resource
from kangyun.fhir.china import codes, maps
from kangyun.fhir.china.divisions import resources as divisions
from kangyun.fhir.china.divisions.table import latest_edition
from kangyun.fhir.definitions import definitions
from kangyun.fhir.terminology.divisions import Divisions
from kangyun.fhir.terminology.model import CodeSystem
from kangyun.fhir.terminology.systems import System


@cache
def code_system_urls() -> tuple[str, ...]:
    """Returns the urls of the code systems."""
    return (*definitions().terminology.code_system_urls, *codes.code_system_urls(), divisions.URL)


@cache
def value_set_urls() -> tuple[str, ...]:
    """Returns the urls of the value sets."""
    return (*definitions().terminology.value_set_urls, *codes.value_set_urls(), divisions.VALUE_SET)


@cache
def concept_map_urls() -> tuple[str, ...]:
    """Returns the urls of the concept maps."""
    return (*definitions().terminology.concept_map_urls, *maps.concept_map_urls())


def has_editions(url: str) -> bool:
    """Whether a version that is asked for must be one of those that are here: not of the specification's systems."""
    return url == divisions.URL or bool(codes.editions(url))


def version(url: str) -> str | None:
    """Returns the edition of a Chinese system that is meant where none is named."""
    if url == divisions.URL:
        return str(latest_edition())
    found = codes.editions(url)
    return (found[0] or None) if found else None


def code_system(url: str, edition: str | None = None) -> Resource | None:
    """Returns a CodeSystem, None where none is here or not of that edition. Shared: do not change it."""
    if url == divisions.URL:
        return divisions.code_system(edition)
    if has_editions(url):
        return codes.code_system(url, edition)
    return definitions().terminology.code_system(url)


def indexed(url: str, definition: CodeSystem, supplements: Iterable[CodeSystem], edition: str | None) -> System:
    """Returns a system of these as an index."""
    if url == divisions.URL:
        return Divisions(definition, supplements, None if edition is None else int(edition))
    return System(definition, supplements)


def value_set(url: str) -> Resource | None:
    """Returns a ValueSet, None where none is here. Shared: do not change it."""
    if url == divisions.VALUE_SET:
        return divisions.value_set()
    return codes.value_set(url) or definitions().terminology.value_set(url)


def concept_maps() -> Iterator[Resource]:
    """Yields every ConceptMap."""
    yield from definitions().terminology.concept_maps()
    yield from maps.concept_maps()

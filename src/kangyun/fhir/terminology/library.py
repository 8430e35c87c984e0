"""The code systems, value sets and concept maps at hand: those that came with the platform and those that were added.

Immutable: adding resources makes a new `Terminology` that keeps every index which the new ones do not touch, so a
site holds one and replaces it when a terminology resource changes. Nothing is fetched: `needs` says which urls a
value set refers to that are not here, and whoever has them adds them.

Source: https://hl7.org/fhir/R4/terminology-service.html
"""

from collections.abc import Iterable, Mapping
from functools import cache

from kangyun.base.errors import Invalid, NotFound, NotSupported
from kangyun.fhir import Resource
from kangyun.fhir.china import canonical
from kangyun.fhir.definitions import definitions
from kangyun.fhir.terminology import shipped
from kangyun.fhir.terminology.contents import Content, prepare
from kangyun.fhir.terminology.forms import FORMS
from kangyun.fhir.terminology.maps import Maps
from kangyun.fhir.terminology.model import CodeSystem, Compose, ConceptMap, Include, ValueSet, read
from kangyun.fhir.terminology.systems import System

TYPES = frozenset({"CodeSystem", "ValueSet", "ConceptMap"})

_Key = tuple[str, str]
"""Resource type, and canonical url with or without "|version"."""


class Terminology:
    """Answers questions about codes. Start from `specification()`."""

    def __init__(
        self, added: Mapping[_Key, Resource], systems: dict[str, System], contents: dict[str, Content]
    ) -> None:
        self._added = added
        self._systems = systems
        self._contents = contents
        self._supplements: dict[str, list[CodeSystem]] = {}
        self._all_codes: dict[str, str] = {}
        for (kind, url), resource in added.items():
            if kind == "CodeSystem" and "|" not in url:
                self._note_system(url, resource)
        self._maps: Maps | None = None

    def _note_system(self, url: str, resource: Resource) -> None:
        """Notes what a code system says of other resources: what it supplements, and the value set of all its codes."""
        if resource.get("content") == "supplement":
            supplement = read(resource, CodeSystem)
            self._supplements.setdefault((supplement.supplements or "").partition("|")[0], []).append(supplement)
        elif isinstance(all_codes := resource.get("valueSet"), str):
            self._all_codes[all_codes] = url

    # What is at hand

    def with_resources(self, resources: Iterable[Resource]) -> "Terminology":
        """Returns a terminology that also knows these CodeSystem, ValueSet and ConceptMap resources.

        One with a url that is known already takes its place; a url with "|version" still gives the version asked for.
        Raises Invalid for other resources or one without a url.
        """
        added = dict(self._added)
        changed: set[str] = set()
        for resource in resources:
            kind, url, version = resource.get("resourceType"), resource.get("url"), resource.get("version")
            if kind not in TYPES or not isinstance(url, str) or not url:
                raise Invalid("fhir.terminology.not-a-terminology-resource")
            added[str(kind), url] = resource
            if isinstance(version, str):
                added[str(kind), f"{url}|{version}"] = resource
            changed |= {url, *_affected(resource)}
        return self._replaced(added, changed)

    def without(self, urls: Iterable[str]) -> "Terminology":
        """Returns a terminology that has forgotten what was added under these urls."""
        gone = set(urls)
        added = {key: resource for key, resource in self._added.items() if key[1].partition("|")[0] not in gone}
        affected = (url for key, resource in self._added.items() if key[1] in gone for url in _affected(resource))
        return self._replaced(added, gone.union(affected))

    def _replaced(self, added: Mapping[_Key, Resource], changed: set[str]) -> "Terminology":
        systems = {key: system for key, system in self._systems.items() if system.url not in changed}
        contents = {
            key: content
            for key, content in self._contents.items()
            if key.partition("|")[0] not in changed and not (content.uses & changed)
        }
        return Terminology(added, systems, contents)

    def needs(self, value_set: str) -> frozenset[str]:
        """Returns the urls that an answer about a value set would need and that are not here, itself included."""
        content = self.content(value_set)
        if content is None:
            return frozenset({value_set})
        return frozenset(url for url in content.uses if not self._knows(url))

    def _knows(self, url: str) -> bool:
        if url in FORMS:
            return True
        system = self.system(url)
        return bool(system and system.concepts) or self._definition(url) is not None

    # Library, for value sets

    def name_of(self, system: str) -> str:
        """Returns the canonical name of a code system; one that was added under another name keeps that."""
        return system if ("CodeSystem", system) in self._added else canonical(system)

    def system(self, url: str, version: str | None = None) -> System | None:
        """Returns a code system under any of its names as an index, None for one that is not here.

        Of what was added and of China's lists, only the version asked for; the specification's own systems have one
        version each.
        """
        url = self.name_of(url)
        added = ("CodeSystem", url) in self._added
        key = f"{url}|{version}" if version is not None and (added or shipped.has_editions(url)) else url
        system = self._systems.get(key)
        if system is None:
            resource = self._added.get(("CodeSystem", key))
            ours = resource is None and (key == url or shipped.has_editions(url))
            if ours:
                resource = shipped.code_system(url, version if key != url else None)
            definition = None if resource is None else read(resource, CodeSystem)
            if definition is None or definition.content == "supplement":
                return None
            extra = self._supplements.get(url, ())
            indexed = shipped.indexed(url, definition, extra, version) if ours else System(definition, extra)
            system = self._systems[key] = indexed
        return system

    def content(self, canonical: str, within: tuple[str, ...] = ()) -> Content | None:
        """Returns a value set made ready, None for one that is not here. `within` guards against circles."""
        content = self._contents.get(canonical)
        if content is None:
            if canonical.partition("|")[0] in within:
                raise Invalid("fhir.terminology.circle", url=canonical[:200])
            definition = self._definition(canonical)
            if definition is None:
                return None
            content = self._contents[canonical] = prepare(definition, self, within)
        return content

    def value_set_resource(self, canonical: str) -> Resource | None:
        """Returns a ValueSet resource by its canonical url, None where none is here. Shared: do not change it."""
        url, _, version = canonical.partition("|")
        resource = self._added.get(("ValueSet", canonical))
        if resource is None and ("ValueSet", url) not in self._added:
            resource = shipped.value_set(url)
            if resource is not None and version not in ("", resource.get("version"), definitions().version):
                return None
        return resource

    def _definition(self, canonical: str) -> ValueSet | None:
        resource = self.value_set_resource(canonical)
        if resource is not None:
            return read(resource, ValueSet)
        return self._all_codes_of_a_system(canonical)

    def _all_codes_of_a_system(self, canonical: str) -> ValueSet | None:
        """Returns the value set that a code system names for all its codes, and "/vs" for systems with only a form."""
        url, _, version = canonical.partition("|")
        system = self._all_codes.get(url)
        if system is None and url.endswith("/vs") and url.removesuffix("/vs") in FORMS:
            system = url.removesuffix("/vs")
        if system is None or (version and self.system(system, version) is None):
            return None
        return ValueSet(url, version or None, Compose((Include(system, version or None),)))

    def systems(self) -> Mapping[str, str | None]:
        """Returns the urls of the code systems at hand, with the versions of those that were added and of China's."""
        found: dict[str, str | None] = {url: shipped.version(url) for url in shipped.code_system_urls()}
        found |= dict.fromkeys(FORMS)
        for (kind, url), resource in self._added.items():
            if kind == "CodeSystem" and "|" not in url and resource.get("content") != "supplement":
                found[url] = resource.get("version")
        return found

    # Answers for search and validation

    def value_set(self, value_set: str | Resource) -> Content:
        """Returns a value set by its canonical url, or made ready from a resource. Raises NotFound, Invalid."""
        if not isinstance(value_set, str):
            return prepare(read(value_set, ValueSet), self)
        content = self.content(value_set)
        if content is None:
            raise NotFound("fhir.terminology.value-set-not-here", url=value_set[:200])
        return content

    def code_system(self, url: str, version: str | None = None) -> System:
        """Returns a code system. Raises NotSupported for one that has only a form, NotFound for one not here."""
        system = self.system(url, version)
        if system is None:
            if url in FORMS:
                raise NotSupported("fhir.terminology.only-a-form", system=url[:200])
            raise NotFound("fhir.terminology.system-not-here", system=url[:200])
        return system

    def codes_in(self, value_set: str) -> frozenset[tuple[str, str]]:
        """Returns system and code of everything in a value set, for `:in`.

        Raises NotFound for a value set that is not here, TooCostly for one that cannot be listed.
        """
        return self.value_set(value_set).pairs

    def descendants(self, system: str, code: str) -> frozenset[str]:
        """Returns a code and all below it, for `:below`. Raises NotFound for a system that is not here."""
        return frozenset(self.code_system(system).descendants(code) | {code})

    def ancestors(self, system: str, code: str) -> frozenset[str]:
        """Returns a code and all above it, for `:above`. Raises NotFound for a system that is not here."""
        return frozenset(self.code_system(system).ancestors(code) | {code})

    @property
    def maps(self) -> Maps:
        """The concept maps at hand, indexed when first asked for."""
        if self._maps is None:
            urls = {url for kind, url in self._added if kind == "ConceptMap"}
            added = [read(self._added["ConceptMap", url], ConceptMap) for url in urls if "|" not in url]
            own = [read(each, ConceptMap) for each in shipped.concept_maps() if each["url"] not in urls]
            self._maps = Maps([*added, *own])
        return self._maps


def _affected(resource: Resource) -> list[str]:
    """Returns the urls of what a code system changes besides itself."""
    names = (resource.get("supplements"), resource.get("valueSet"))
    return [name.partition("|")[0] for name in names if isinstance(name, str)]


@cache
def specified() -> frozenset[str]:
    """Returns the urls that came with a meaning: of shipped resources, and of systems that have a form."""
    return frozenset(
        (*shipped.code_system_urls(), *shipped.value_set_urls(), *shipped.concept_map_urls(), *FORMS)
    )  # fmt: skip


@cache
def specification() -> Terminology:
    """Returns the terminology that comes with the platform, the R4 specification's and China's, one in a process."""
    return Terminology({}, {}, {})

"""The parts of CodeSystem, ValueSet and ConceptMap that decide an answer, as typed data.

Resources come from the specification, from apps and from clients: reading one into these structs is also the proof
that nothing later meets a value of a kind that it does not expect. Everything else in a resource is ignored.

Source: https://hl7.org/fhir/R4/terminology-module.html
"""

import re
from typing import Any, TypeVar

import msgspec

from kangyun.base.errors import Invalid
from kangyun.fhir import Resource


class Coding(msgspec.Struct, frozen=True):
    """A Coding; `system` and `code` as sent."""

    system: str | None = None
    version: str | None = None
    code: str | None = None
    display: str | None = None


class Designation(msgspec.Struct, frozen=True):
    """Another wording of a concept."""

    value: str
    language: str | None = None
    use: Coding | None = None


class Concept(msgspec.Struct, frozen=True):
    """A concept of a code system with those below it; `property` as in JSON, one `value[x]` each."""

    code: str
    display: str | None = None
    definition: str | None = None
    designation: tuple[Designation, ...] = ()
    property: tuple[dict[str, Any], ...] = ()
    concept: tuple["Concept", ...] = ()


class CodeSystem(msgspec.Struct, frozen=True, rename="camel"):
    """A code system, or a supplement to one."""

    url: str
    version: str | None = None
    name: str | None = None
    title: str | None = None
    language: str | None = None
    content: str = "complete"
    case_sensitive: bool = True
    value_set: str | None = None
    supplements: str | None = None
    concept: tuple[Concept, ...] = ()


class ConceptReference(msgspec.Struct, frozen=True):
    """A concept that a value set names itself."""

    code: str
    display: str | None = None
    designation: tuple[Designation, ...] = ()


class Filter(msgspec.Struct, frozen=True):
    """A condition on the concepts of a code system."""

    property: str
    op: str
    value: str


class Include(msgspec.Struct, frozen=True, rename="camel"):
    """A part of a value set: a system's concepts, all, named or filtered, within other value sets."""

    system: str | None = None
    version: str | None = None
    concept: tuple[ConceptReference, ...] = ()
    filter: tuple[Filter, ...] = ()
    value_set: tuple[str, ...] = ()


class Compose(msgspec.Struct, frozen=True):
    """The definition of a value set; `inactive` says whether inactive concepts belong to it."""

    include: tuple[Include, ...] = ()
    exclude: tuple[Include, ...] = ()
    inactive: bool = True


class Contained(msgspec.Struct, frozen=True):
    """An entry of an expansion that came with a value set."""

    system: str | None = None
    code: str | None = None
    display: str | None = None
    designation: tuple[Designation, ...] = ()
    contains: tuple["Contained", ...] = ()
    abstract: bool = False


class Expansion(msgspec.Struct, frozen=True):
    """An expansion that came with a value set: used where there is no definition."""

    contains: tuple[Contained, ...] = ()


class ValueSet(msgspec.Struct, frozen=True):
    """A value set."""

    url: str | None = None
    version: str | None = None
    compose: Compose | None = None
    expansion: Expansion | None = None


class Dependency(msgspec.Struct, frozen=True):
    """Another element that a mapping depends on, or that it gives a value to."""

    property: str
    value: str
    system: str | None = None
    display: str | None = None


class Target(msgspec.Struct, frozen=True, rename="camel"):
    """What a code is mapped to."""

    equivalence: str = "equivalent"
    code: str | None = None
    display: str | None = None
    depends_on: tuple[Dependency, ...] = ()
    product: tuple[Dependency, ...] = ()


class Mapping(msgspec.Struct, frozen=True):
    """A source code and its targets."""

    code: str | None = None
    display: str | None = None
    target: tuple[Target, ...] = ()


class Unmapped(msgspec.Struct, frozen=True):
    """What to do with a code of the source system that has no mapping."""

    mode: str
    code: str | None = None
    display: str | None = None
    url: str | None = None


class Group(msgspec.Struct, frozen=True):
    """Mappings from one system to one other."""

    source: str | None = None
    target: str | None = None
    element: tuple[Mapping, ...] = ()
    unmapped: Unmapped | None = None


class ConceptMap(msgspec.Struct, frozen=True, rename="camel"):
    """A concept map; source and target are value sets."""

    url: str | None = None
    version: str | None = None
    source_uri: str | None = None
    source_canonical: str | None = None
    target_uri: str | None = None
    target_canonical: str | None = None
    group: tuple[Group, ...] = ()

    @property
    def source(self) -> str | None:
        return self.source_canonical or self.source_uri

    @property
    def target(self) -> str | None:
        return self.target_canonical or self.target_uri


_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_place = re.compile(r" - at `\$\.?(?P<path>[^`]*)`")


def read(resource: Resource, shape: type[_Shape]) -> _Shape:
    """Reads a resource into its struct. Raises Invalid, with its location, where a part is not of the right type."""
    try:
        return msgspec.convert(resource, shape)
    except msgspec.ValidationError as error:
        found = _place.search(str(error))
        at = ".".join(part for part in (shape.__name__, found["path"] if found else "") if part)
        raise Invalid("fhir.terminology.shape", at=at, type=shape.__name__) from None
    except RecursionError:
        raise Invalid("fhir.terminology.shape", type=shape.__name__) from None

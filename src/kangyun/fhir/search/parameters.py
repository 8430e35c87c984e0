"""The search parameters of a resource type, ready to be compiled: which read the resource, which stand for others.

Many R4 parameters say again what others say: `combo-code` is `code` or `component-code`, `patient` is `subject` that is
a Patient. Those are not indexed a second time: a search by them is a search by the others (`alias_of`).

Source: https://hl7.org/fhir/R4/searchparameter-registry.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import msgspec

from kangyun.base.errors import Invalid
from kangyun.fhir import fhirpath
from kangyun.fhir.definitions import Element, SearchParameter, definitions
from kangyun.fhir.search.paths import Path, branches, parse, types_at

# Answered from columns, by operations of their own, or not at all; never extracted.
_NOT_EXTRACTED = {"_id", "_lastUpdated", "_content", "_text", "_filter", "_query"}

_EXTENSION = "Patient.extension('http://hl7.org/fhir/StructureDefinition/%s')"
_CORRECTED = {
    "http://hl7.org/fhir/SearchParameter/patient-extensions-Patient-mothersMaidenName": " | ".join(
        _EXTENSION % name for name in ("patient-mothersMaidenName", "patient-extensions-Patient-mothersMaidenName")
    )
}
"""By url: expressions in the place of published ones that name an extension that there is not, besides what they name.

Source: https://hl7.org/fhir/R4/extension-patient-mothersmaidenname.html
"""

HIERARCHIES = {"DeviceDefinition": "parent", "Encounter": "part-of", "Location": "partof", "Organization": "partof"}
"""By resource type: the parameter that says what one is a part of. R4 allows one such reference, so they make trees.

Source: https://hl7.org/fhir/R4/search.html#recursive
"""


@dataclass(frozen=True, eq=False)
class Parameter:
    """One search parameter of one resource type.

    number:   its place among the type's parameters: stable, because the specification's come first.
    paths:    where it reads; empty when it is an alias, a composite, or not answerable.
    formula:  a FHIRPath expression for the engine, where it is more than a path.
    alias_of: codes of the parameters that together say the same.
    only:     the one target type that an alias is narrowed to.
    targets:  resource types that a reference parameter may point to, "Resource" for any.
    parts:    of a composite: by base path, the component parameters and their paths from there.
    building: its index is not complete yet: it is written, and not searched.
    """

    resource_type: str
    code: str
    type: str
    number: int
    url: str
    paths: tuple[Path, ...] = ()
    formula: str | None = None
    alias_of: tuple[str, ...] = ()
    only: str | None = None
    targets: tuple[str, ...] = ()
    parts: tuple[tuple[Path, tuple[tuple[str, tuple[Path, ...]], ...]], ...] = ()
    definition: SearchParameter | None = field(default=None, repr=False)
    building: bool = False

    @property
    def name(self) -> str:
        return f"{self.resource_type}.{self.code}"

    @property
    def answerable(self) -> bool:
        return bool(self.paths or self.formula or self.alias_of or self.parts)


Parameters = Mapping[str, Parameter]
Known = Callable[[str], Parameters]
"""Gives the parameters of a resource type by code."""


@cache
def parameters(resource_type: str) -> Parameters:
    """Returns the parameters that R4 defines for a type, by code. Raises KeyError for no such type."""
    return compile_parameters(resource_type, definitions().search_parameters[resource_type].values())


def compile_parameters(resource_type: str, defined: Iterable[SearchParameter]) -> dict[str, Parameter]:
    """Compiles definitions of one type; those of R4 first, so that numbers hold when a region adds its own."""
    ordered = sorted(
        (one for one in defined if one.code not in _NOT_EXTRACTED),
        key=lambda one: (one.url.partition("SearchParameter/")[0] != "http://hl7.org/fhir/", one.code),
    )
    plain = {}
    for number, one in enumerate(ordered):
        plain[one.code] = (_composite if one.components else _simple)(resource_type, number, one)
    return {code: _aliased(parameter, plain) for code, parameter in plain.items()}


def compile_added(resource_type: str, number: int, one: SearchParameter, *, building: bool = False) -> Parameter:
    """Compiles a definition that a region adds to a type.

    Raises Invalid for an expression that nobody can read, or that names an element that the type does not have.
    """
    kept = tuple(text for text in branches(one.expression or "") if _begins_at(text, resource_type))
    if not kept:
        raise Invalid("fhir.search.no-branch", type=resource_type)
    narrowed = msgspec.structs.replace(one, expression=" | ".join(kept))
    if one.components:
        parameter = _composite(resource_type, number, narrowed)
    else:
        parameter = _simple(resource_type, number, narrowed)
    if parameter.formula:
        # Unknown functions and variables show when it is made for a type, which is when it is first evaluated.
        formula = fhirpath.compile(parameter.formula, strict=True)
        formula.evaluate({"resourceType": resource_type}, type_name=resource_type)
    if not all(_leads_on(path, resource_type, ()) for path in parameter.paths) or not all(
        _leads_on(base, resource_type, paths) for base, components in parameter.parts for _, paths in components
    ):
        raise Invalid("fhir.search.no-element", type=resource_type)
    if not parameter.answerable:
        raise Invalid("fhir.search.no-branch", type=resource_type)
    return replace(parameter, building=building)


def _leads_on(path: Path, type_name: str, further: tuple[Path, ...]) -> bool:
    """Whether a path leads to something, and each further one from there, too."""
    reached = types_at(path, type_name)
    return bool(reached) and all(any(_leads_on(one, name, ()) for name in reached) for one in further)


def _begins_at(branch: str, resource_type: str) -> bool:
    """Whether a branch of a union reads this type: it names the type, none at all, or one above all types."""
    name = branch.lstrip("( ").partition(".")[0].partition(" ")[0]
    return name in (resource_type, "Resource", "DomainResource") or name not in definitions().resource_types


def _simple(resource_type: str, number: int, one: SearchParameter) -> Parameter:
    expression = _CORRECTED.get(one.url, one.expression)
    texts = branches(expression) if expression and one.type != "special" else []
    paths = [parse(text, resource_type) for text in texts]
    known = tuple(path for path in paths if path is not None)
    formula = expression if len(known) < len(paths) else None
    return Parameter(
        *(resource_type, one.code, one.type, number, one.url),
        paths=() if formula else known,
        formula=formula,
        targets=one.targets,
        definition=one,
    )


def _composite(resource_type: str, number: int, one: SearchParameter) -> Parameter:
    parts = []
    for base_text in branches(one.expression or ""):
        base = parse(base_text, resource_type)
        components = tuple(
            (
                component.code,
                tuple(path for text in branches(component.expression) if (path := parse(text, "")) is not None),
            )
            for component in one.components
        )
        if base is not None and all(paths for _, paths in components):
            parts.append((base, components))
    return Parameter(resource_type, one.code, one.type, number, one.url, parts=tuple(parts), definition=one)


def _aliased(parameter: Parameter, plain: Parameters) -> Parameter:
    reads = _reads(parameter)
    same = _covering(reads, plain, parameter)
    if same:
        return _alias(parameter, same, None)
    narrowed = {path[-1].name if path and path[-1].kind == "target" else None for path in parameter.paths}
    if len(narrowed) == 1 and None not in narrowed:
        same = _covering(frozenset(path[:-1] for path in parameter.paths), plain, parameter)
        if same:
            return _alias(parameter, same, narrowed.pop())
    return parameter


def _reads(parameter: Parameter) -> frozenset[object]:
    """What a parameter reads, comparable between the parameters of a type."""
    if parameter.parts:
        return frozenset((base, tuple(paths for _, paths in components)) for base, components in parameter.parts)
    return frozenset(parameter.paths)


def _covering(wanted: frozenset[object], plain: Parameters, parameter: Parameter) -> tuple[str, ...]:
    """Returns the codes of other parameters of the same type that together read just what is wanted."""
    chosen: list[str] = []
    covered: frozenset[object] = frozenset()
    others = ((code, _reads(other)) for code, other in plain.items() if other.type == parameter.type)
    for code, read in sorted(others, key=lambda item: (-len(item[1]), item[0])):
        # Of two parameters that read the same, the one with the smaller code is the real one.
        real = read < wanted or (read == wanted and (code < parameter.code or wanted != _reads(parameter)))
        if read and real and not read <= covered and code != parameter.code:
            chosen.append(code)
            covered |= read
    return tuple(chosen) if covered == wanted and covered else ()


def _alias(parameter: Parameter, same: tuple[str, ...], only: str | None) -> Parameter:
    return Parameter(
        *(parameter.resource_type, parameter.code, parameter.type, parameter.number, parameter.url),
        alias_of=same,
        only=only,
        targets=(only,) if only else parameter.targets,
        definition=parameter.definition,
    )


@cache
def implied_systems(parameter: Parameter) -> frozenset[str]:
    """Returns the code systems of a parameter that reads elements of type `code`: they are not in the data."""
    systems: set[str] = set()
    for element in _read(parameter):
        binding = element.binding
        if element.type == "code" and binding is not None and binding.value_set and binding.strength == "required":
            systems |= set(definitions().codes(binding.value_set) or ())
        if element.type == "boolean":
            systems.add("http://terminology.hl7.org/CodeSystem/special-values")
    return frozenset(systems)


@cache
def is_canonical(parameter: Parameter) -> bool:
    """Whether what a reference parameter reads are canonical urls."""
    return parameter.type == "reference" and any(element.type == "canonical" for element in _read(parameter))


def _read(parameter: Parameter) -> Iterator[Element]:
    """Gives the elements that the paths end at, but for choices."""
    types = definitions().types
    for path in parameter.paths:
        type_name, last = parameter.resource_type, None
        for step in path:
            element = types[type_name].elements.get(step.name) if step.kind == "member" else None
            if element is not None:
                type_name, last = element.type, element
        if last is not None:
            yield last

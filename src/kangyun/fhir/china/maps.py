"""What a Chinese code is in FHIR's own systems, and what the code of one list is in another: ConceptMaps from a table.

A map says what is meant, it does not replace: the original code stays beside what it was mapped to.

Source: data/maps.toml; the targets are HL7's, http://terminology.hl7.org
"""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec

from kangyun.fhir import Resource
from kangyun.fhir.china import codes

MAP = "urn:kangyun:concept-map:"


class _Map(msgspec.Struct, frozen=True):
    """codes: source code -> [target code, equivalence], or the target code alone where that is the same."""

    id: str
    title: str
    edition: str
    source: str
    target: str
    codes: dict[str, str | tuple[str, str]]


@cache
def concept_maps() -> tuple[Resource, ...]:
    """Returns the ConceptMaps. Shared: do not change them."""
    text = files(__package__).joinpath("data", "maps.toml").read_text("utf-8")
    return tuple(_resource(one) for one in msgspec.convert(tomllib.loads(text)["map"], list[_Map]))


def concept_map_urls() -> tuple[str, ...]:
    """Returns their urls."""
    return tuple(one["url"] for one in concept_maps())


def translated(id_: str, code: str) -> str | None:
    """Returns the target of a code in one of these maps, None where it has none. Raises KeyError for no such map."""
    return _targets()[id_].get(code)


@cache
def _targets() -> dict[str, dict[str, str]]:
    return {
        one["id"]: {
            element["code"]: element["target"][0]["code"] for group in one["group"] for element in group["element"]
        }
        for one in concept_maps()
    }


def _resource(one: _Map) -> Resource:
    elements = []
    for code, given in one.codes.items():
        target, equivalence = (given, "equivalent") if isinstance(given, str) else given
        said = codes.display(one.target, target)
        shown = codes.display(one.source, code)
        there = {"code": target, **({"display": said} if said else {}), "equivalence": equivalence}
        if equivalence == "inexact":
            there["comment"] = "两表对“其他”的划分不同 | The lists divide what is left over differently"
        elements.append({"code": code, **({"display": shown} if shown else {}), "target": [there]})
    return {
        "resourceType": "ConceptMap", "id": one.id, "url": MAP + one.id, "version": one.edition, "title": one.title,
        "status": "active", "group": [{"source": one.source, "target": one.target, "element": elements}],
    }  # fmt: skip

"""The codes of Chinese lists as FHIR resources: CodeSystem and ValueSet, with their editions and how sure they are.

Source: data/SOURCE.md. What was written down from memory carries the property `unverified`; a list of which only a part
is here says so (`content`: fragment), so that a code that is not here is not taken for a wrong one.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from kangyun.fhir import Resource
from kangyun.fhir.china.systems import System, rows, systems

VALUE_SET = "urn:kangyun:value-set:"
UNVERIFIED, REMARK = "unverified", "remark"

_PROPERTIES = [
    {"code": UNVERIFIED, "type": "boolean", "description": "未经标准文本或公开来源核实 | Written down from memory"},
    {"code": REMARK, "type": "string", "description": "备注 | Remark"},
    {"code": "parent", "type": "code", "description": "上级 | The code above"},
]


@cache
def _shipped() -> Mapping[str, System]:
    """The systems of which codes are here, by canonical name."""
    return {name: one for name, one in systems().items() if one.list and one.content != "not-present"}


@cache
def _codes() -> Mapping[str, Mapping[str, list[dict[str, str]]]]:
    """Rows by list and edition."""
    found: dict[str, dict[str, list[dict[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows("codes.csv"):
        found[row["list"]][row["edition"]].append(row)
    return found


def code_system_urls() -> tuple[str, ...]:
    """Returns the canonical names of the systems whose codes are shipped as lists."""
    return tuple(name for name, one in _shipped().items() if one.list in _codes())


def value_set_urls() -> tuple[str, ...]:
    """Returns the urls of the value sets: one a list, with all its codes."""
    return tuple(VALUE_SET + _shipped()[name].list for name in code_system_urls())


def editions(url: str) -> tuple[str, ...]:
    """Returns the editions of a system that are here, the one that is meant first; none for a system not here."""
    one = _shipped().get(url)
    if one is None or one.list not in _codes():
        return ()
    return tuple(sorted(_codes()[one.list], key=lambda edition: edition != one.edition))


@cache
def code_system(url: str, edition: str | None = None) -> Resource | None:
    """Returns a CodeSystem by its canonical name, of one edition or of that which is meant; None where it is not here.

    Shared: do not change it.
    """
    known = editions(url)
    wanted = known[0] if edition is None and known else edition
    if wanted is None or wanted not in known:
        return None
    one = _shipped()[url]
    concepts = [_concept(row) for row in _codes()[one.list][wanted]]
    return {
        "resourceType": "CodeSystem", "id": one.list, "url": url, **({"version": wanted} if wanted else {}),
        "name": _name(one.list), "title": one.zh, "status": "active", "language": "zh-CN",
        "description": f"{one.standard}。{one.certainty}", "caseSensitive": True,
        "valueSet": VALUE_SET + one.list, "content": one.content, "count": len(concepts),
        "property": _PROPERTIES, "concept": concepts,
    }  # fmt: skip


@cache
def value_set(url: str) -> Resource | None:
    """Returns the ValueSet of all codes of a system, None for another url. Shared: do not change it."""
    name = next((name for name in code_system_urls() if VALUE_SET + _shipped()[name].list == url), None)
    if name is None:
        return None
    one = _shipped()[name]
    return {
        "resourceType": "ValueSet", "id": one.list, "url": url, **({"version": one.edition} if one.edition else {}),
        "name": _name(one.list), "title": one.zh, "status": "active", "compose": {"include": [{"system": name}]},
    }  # fmt: skip


def display(url: str, code: str) -> str | None:
    """Returns what a code of a shipped system is called in the edition that is meant, None where it is not here."""
    return _displays(url).get(code)


@cache
def _displays(url: str) -> Mapping[str, str]:
    found = code_system(url)
    return {} if found is None else {concept["code"]: concept["display"] for concept in found["concept"]}


def _concept(row: Mapping[str, str]) -> dict[str, Any]:
    properties = [
        *([{"code": "parent", "valueCode": row["parent"]}] if row["parent"] else []),
        *([{"code": UNVERIFIED, "valueBoolean": True}] if row["unverified"] else []),
        *([{"code": REMARK, "valueString": row["remark"]}] if row["remark"] else []),
    ]
    concept: dict[str, Any] = {"code": row["code"], "display": row["zh"]}
    if row["other"]:
        concept["designation"] = [{"language": "zh-CN", "value": row["other"]}]
    return concept | ({"property": properties} if properties else {})


def _name(id_: str) -> str:
    return "".join(part.capitalize() for part in id_.split("-"))

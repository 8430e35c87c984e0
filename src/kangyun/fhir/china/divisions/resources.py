"""Divisions as a CodeSystem: to the county, an edition a year; what lies below is answered from the places.

Without an edition all codes are there, abolished ones as retired: an ID number keeps its division for ever. With a
year, those that were in use at its end.
"""

from functools import cache
from typing import Any

from kangyun.fhir import Resource
from kangyun.fhir.china.divisions.table import Division, editions, in_use, latest_edition, table, with_path

URL = "urn:oid:2.16.156.10011.2.3.3.2"
VALUE_SET = "urn:kangyun:value-set:division"

_PROPERTIES = [
    {"code": "parent", "type": "code", "description": "上级 | The code above"},
    {"code": "status", "type": "code", "description": "active 在用，retired 已撤销 | In use, or abolished"},
    {"code": "since", "type": "integer", "description": "启用年份 | First year"},
    {"code": "until", "type": "integer", "description": "停用年份 | First year in which it was not in use"},
    {"code": "successor", "type": "code", "description": "后继代码 | What its area has been since"},
    {"code": "basis", "type": "string", "description": "后继的依据 | How the successor is known"},
]


def has_edition(edition: str) -> bool:
    """Whether there is an edition: a year of the table."""
    return edition.isdecimal() and int(edition) in editions()


@cache
def code_system(edition: str | None = None) -> Resource | None:
    """Returns the CodeSystem of a year, or of all codes; None for a year that the table does not know. Shared."""
    if edition is not None and not has_edition(edition):
        return None
    year = None if edition is None else int(edition)
    concepts = []
    for uses in table().values():
        fitting = [one for one in uses if year is None or in_use(one, year)]
        if fitting:
            concepts.append(_concept(fitting))
    return {
        "resourceType": "CodeSystem", "id": "division", "url": URL, "version": edition or str(latest_edition()),
        "name": "Division", "title": "中华人民共和国行政区划代码", "status": "active", "language": "zh-CN",
        "description": "县级及以上，1980 年以来；乡镇、村级代码可查询、校验，不列入本资源",
        "caseSensitive": True, "valueSet": VALUE_SET, "content": "fragment", "count": len(concepts),
        "property": _PROPERTIES, "concept": concepts,
    }  # fmt: skip


@cache
def value_set() -> Resource:
    """Returns the ValueSet of all codes. Shared: do not change it."""
    return {
        "resourceType": "ValueSet", "id": "division", "url": VALUE_SET, "version": str(latest_edition()),
        "name": "Division", "title": "中华人民共和国行政区划代码", "status": "active",
        "compose": {"include": [{"system": URL}]},
    }  # fmt: skip


def concept(one: Division) -> dict[str, Any]:
    """Returns a division as a concept of the CodeSystem."""
    return _concept([one])


def _concept(uses: list[Division]) -> dict[str, Any]:
    last = uses[-1]
    path = last.path or with_path(last).path
    found: dict[str, Any] = {"code": last.code, "display": last.name}
    others = dict.fromkeys(one.name for one in uses[:-1] if one.name != last.name)
    if others:
        found["designation"] = [{"language": "zh-CN", "value": name} for name in others]
    found["property"] = [
        *([{"code": "parent", "valueCode": path[-1][0]}] if path else []),
        {"code": "status", "valueCode": "retired" if last.until else "active"},
        *([{"code": "since", "valueInteger": last.since}] if last.since else []),
        *([{"code": "until", "valueInteger": last.until}] if last.until else []),
        *({"code": "successor", "valueCode": code} for code in last.successors),
        *([{"code": "basis", "valueString": last.basis}] if last.basis else []),
    ]
    return found

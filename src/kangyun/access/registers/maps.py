"""The list of code maps: the rows of one local list to one national one make a CodeSystem and a ConceptMap.

The whole of a local list stands in one file: what the file does not have is no longer in the list. National codes are
held against the lists that the platform ships; abolished divisions are accepted with a remark.
"""

import re
from collections.abc import Sequence

from kangyun.access.record import Stored
from kangyun.access.registers.departments import institutions_of
from kangyun.access.registers.lists import Reading, listed_words
from kangyun.access.registers.planning import Known, Plan
from kangyun.fhir import Resource
from kangyun.fhir.china.systems import canonical, system
from kangyun.fhir.terminology import Claim, specification, validate_code

LOCAL_SYSTEM, LOCAL_MAP = "urn:kangyun:code-system:local:", "urn:kangyun:concept-map:local:"
RELATIONS = {"": "equivalent", "等同": "equivalent", "更宽": "wider", "更窄": "narrower", "近似": "inexact"}
REGION = "region"
_LIST = re.compile(r"[a-z0-9][a-z0-9\-]{0,40}", re.ASCII)
_Key = tuple[str, str]
"""Whose list, and which."""


def plans(readings: Sequence[Reading], institutions: Known, standing: Sequence[Stored]) -> list[Plan]:
    """Returns what rows stand for; faults are noted in the readings. standing: what has the urls of `urls`."""
    known = {one.resource["url"]: one for one in standing}
    lists: dict[_Key, list[tuple[Reading, str]]] = {}
    seen: dict[tuple[str, str, str, str], int] = {}
    for reading in readings:
        key, national = _key(reading, institutions), _national(reading)
        if key is None or national is None:
            continue
        row = (*key, reading.cells["code"], national)
        if seen.setdefault(row, reading.row.number) != reading.row.number:
            reading.wrong("twice", "code", first=seen[row])
        lists.setdefault(key, []).append((reading, national))
    found: list[Plan] = []
    for key, rows in lists.items():
        for number, resource in enumerate((_concept_map(key, rows), _code_system(key, rows))):
            found.append(Plan(rows[0][0].row, resource, known.get(resource["url"]), counts=number == 0))
    return found


def urls(readings: Sequence[Reading], institutions: Known) -> list[str]:
    """Returns the urls of the resources that rows stand for."""
    keys = {key for reading in readings if (key := _key(reading, institutions, tell=False)) is not None}
    return sorted(f"{start}{owner}:{name}" for owner, name in keys for start in (LOCAL_SYSTEM, LOCAL_MAP))


def _key(reading: Reading, institutions: Known, *, tell: bool = True) -> _Key | None:
    name = reading.cells["list"]
    if not _LIST.fullmatch(name):
        if tell and name:
            reading.wrong("list-name", "list")
        return None
    if not reading.cells["institution"]:
        return REGION, name
    found = institutions_of(reading, institutions)
    if len(found) != 1:
        if tell:
            reading.wrong("several" if found else "no-institution", "institution")
        return None
    return found[0].id, name


def _national(reading: Reading) -> str | None:
    """Returns the canonical name of the national list of a row, and holds the row's code against it."""
    text, target = reading.cells["national"], reading.cells["target"]
    if not text:
        return None
    if reading.cells["relation"] not in RELATIONS:
        reading.wrong("one-of", "relation", words=listed_words(RELATIONS))
    known = system(text)
    if known is None or known.kind != "codes":
        reading.wrong("no-list", "national")
        return None
    name = canonical(text)
    if target and known.content != "not-present":
        verdict = validate_code(specification(), Claim(target, name))
        if verdict.issue is not None and verdict.issue.text.endswith(".inactive-code"):
            reading.told("target-abolished", "target")
        elif verdict.issue is not None and verdict.issue.text.endswith(".cannot-tell-code"):
            reading.told("code-not-here", "target", list=known.zh)
        elif not verdict.result:
            reading.wrong("code", "target", list=known.zh)
    return name


def _code_system(key: _Key, rows: Sequence[tuple[Reading, str]]) -> Resource:
    names = {reading.cells["code"]: reading.cells["name"] for reading, _ in rows}
    return {
        "resourceType": "CodeSystem", "url": f"{LOCAL_SYSTEM}{key[0]}:{key[1]}", "name": key[1], "status": "active",
        "content": "complete", "caseSensitive": True, "count": len(names),
        "concept": [{"code": code} | ({"display": name} if name else {}) for code, name in names.items()],
    }  # fmt: skip


def _concept_map(key: _Key, rows: Sequence[tuple[Reading, str]]) -> Resource:
    groups: dict[str, dict[str, list[Resource]]] = {}
    for reading, national in rows:
        targets = groups.setdefault(national, {}).setdefault(reading.cells["code"], [])
        relation = RELATIONS.get(reading.cells["relation"], "equivalent")
        target: Resource = {"equivalence": "unmatched"}
        if reading.cells["target"]:
            target = {"code": reading.cells["target"], "equivalence": relation}
        if target["equivalence"] in ("narrower", "inexact"):
            target["comment"] = reading.cells["relation"]
        targets.append(target)
    source = f"{LOCAL_SYSTEM}{key[0]}:{key[1]}"
    return {
        "resourceType": "ConceptMap", "url": f"{LOCAL_MAP}{key[0]}:{key[1]}", "name": key[1], "status": "active",
        "group": [
            {"source": source, "target": national,
             "element": [{"code": code, "target": targets} for code, targets in elements.items()]}
            for national, elements in groups.items()
        ],
    }  # fmt: skip

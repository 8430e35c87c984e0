"""A register written as a list: what is exported can be imported, and then changes nothing."""

from collections.abc import Mapping

from kangyun.access.every import every
from kangyun.access.record import Record
from kangyun.access.registers import departments, institutions, maps
from kangyun.access.registers.importing import check
from kangyun.access.registers.lists import Kind, the_list
from kangyun.access.staff.sheets import template
from kangyun.fhir import Resource
from kangyun.fhir.china.systems import system

_Row = dict[str, str]


async def export(kind: Kind, record: Record) -> tuple[bytes, int]:
    """Returns a workbook of what is registered, and how many rows it has. Raises Forbidden."""
    check(record.actor)
    everything = {one.id: one.resource async for one in every(record, "Organization")}
    if kind == "maps":
        names = await _local_names(record)
        rows = [row async for one in every(record, "ConceptMap") for row in _mapped(one.resource, names, everything)]
    elif kind == "departments":
        services = [one.resource async for one in every(record, "HealthcareService")]
        serving = {one["providedBy"]["reference"] for one in services if one.get("active") and "providedBy" in one}
        rows = [
            _department(one, f"Organization/{id_}" in serving, everything)
            for id_, one in everything.items()
            if departments.is_department(one)
        ]
    else:
        rows = [_institution(one, everything) for one in everything.values() if institutions.is_institution(one)]
    listed = the_list(kind)
    table = [[row.get(column, "") for column in listed.column] for row in rows]
    await record.leave_row(f"{kind}-export", 200, [])
    return template(listed.column, listed.note, listed.title, table), len(table)


def _institution(one: Resource, everything: Mapping[str, Resource]) -> _Row:
    values = {identifier.get("system"): identifier.get("value", "") for identifier in one.get("identifier", ())}
    row = {column: values.get(of, "") for column, of in institutions.SYSTEMS.items()}
    row |= {column: _coded(one, of) for column, of in institutions.TYPES.items()}
    above = everything.get(_part_of(one))
    address: Resource = next(iter(one.get("address", ())), {})
    division = (e["valueCoding"]["code"] for e in address.get("extension", ()) if e.get("url") == institutions.DIVISION)
    row |= _head(one)
    row["campus"] = values.get(institutions.CAMPUS, "").rpartition("/")[2]
    row["parent"] = (institutions.code_of(above) or "") if above is not None else ""
    row["division"], row["address"] = next(division, ""), "".join(address.get("line", ()))
    return row


def _department(one: Resource, serves: bool, everything: Mapping[str, Resource]) -> _Row:
    values = {identifier.get("system"): identifier.get("value", "") for identifier in one.get("identifier", ())}
    above: list[Resource] = []
    step = one
    while (next_ := everything.get(_part_of(step))) is not None and next_ not in above:
        above.append(next_)
        step = next_
    owner = next((institutions.code_of(each) for each in above if institutions.code_of(each)), "") or ""
    own = {"parent": "", "campus": ""}
    for each in above[:1]:
        codes = {identifier.get("system"): identifier.get("value", "") for identifier in each.get("identifier", ())}
        own["parent"] = codes.get(departments.DEPARTMENT, "").removeprefix(f"{owner}-")
        own["campus"] = codes.get(institutions.CAMPUS, "").removeprefix(f"{owner}/")
    return own | _head(one) | {
        "institution": owner,
        "code": values[departments.DEPARTMENT].removeprefix(f"{owner}-"),
        "subject": _coded(one, departments.SUBJECT), "business": _coded(one, departments.BUSINESS),
        "service": "是" if serves else "",
    }  # fmt: skip


def _mapped(one: Resource, names: Mapping[str, Mapping[str, str]], everything: Mapping[str, Resource]) -> list[_Row]:
    """Returns the rows of a map. names: of local codes, by what of the url says whose and which list it is."""
    url = one.get("url", "")
    if not url.startswith(maps.LOCAL_MAP):
        return []
    owner, _, name = url.removeprefix(maps.LOCAL_MAP).partition(":")
    head = {"list": name, "institution": ""}
    if owner in everything:
        head["institution"] = institutions.code_of(everything[owner]) or ""
    words = {equivalence: word for word, equivalence in maps.RELATIONS.items() if word}
    rows = []
    for group in one.get("group", ()):
        head["national"] = _standard(group["target"])
        for element in group["element"]:
            head["code"], head["name"] = element["code"], names.get(f"{owner}:{name}", {}).get(element["code"], "")
            rows += [
                head | {"target": target.get("code", ""), "relation": words.get(target["equivalence"], "")}
                for target in element["target"]
            ]
    return rows


async def _local_names(record: Record) -> dict[str, dict[str, str]]:
    found = {}
    async for one in every(record, "CodeSystem"):
        if one.resource["url"].startswith(maps.LOCAL_SYSTEM):
            concepts = one.resource.get("concept", ())
            key = one.resource["url"].removeprefix(maps.LOCAL_SYSTEM)
            found[key] = {concept["code"]: concept.get("display", "") for concept in concepts}
    return found


def _standard(name: str) -> str:
    known = system(name)
    return known.standard if known is not None and known.standard.startswith("GB/T") else name


def _head(one: Resource) -> _Row:
    phone = next((each.get("value", "") for each in one.get("telecom", ()) if each.get("system") == "phone"), "")
    return {"name": one.get("name", ""), "phone": phone, "status": "" if one.get("active", True) else "停用"}


def _coded(one: Resource, of: str) -> str:
    codings = [coding for each in one.get("type", ()) for coding in each.get("coding", ())]
    return next((coding.get("code", "") for coding in codings if coding.get("system") == of), "")


def _part_of(one: Resource) -> str:
    reference: str = one.get("partOf", {}).get("reference", "")
    return reference.rpartition("/")[2]

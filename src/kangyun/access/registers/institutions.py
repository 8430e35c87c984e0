"""The list of institutions: an Organization a row. A campus is a part of its institution, without codes of its own.

Class, level, grade and management stand in Organization.type, each in its own code system: so they can be searched.

Source: WS/T 790.7-2021 asks for such a register; its messages are not public. GB 32100-2015, WS 218-2002.
"""

from collections.abc import Sequence

from kangyun.access.registers.lists import Reading
from kangyun.access.registers.planning import Known, Place, Plan, in_circles
from kangyun.fhir import Resource
from kangyun.fhir.china.divisions import resources as divisions
from kangyun.fhir.china.divisions.table import Division
from kangyun.fhir.china.institution_codes import (
    CREDIT_CODE,
    division_of,
    health_institution,
    is_credit_code,
    organisation_of,
    plain,
)

CREDIT, HEALTH = "urn:oid:2.16.156.10011.1.5", "urn:kangyun:identifier:health-institution"
SYSTEMS = {
    "credit": CREDIT, "health": HEALTH, "licence": "urn:kangyun:identifier:practice-licence",
    "insurance": "urn:kangyun:identifier:insurance-institution", "local": "urn:kangyun:identifier:local-institution",
}  # fmt: skip
"""By column: the namespace of an institution's codes, in the order in which one of them stands for it."""
TYPES = {
    "class": "urn:oid:2.16.156.10011.2.3.4.1", "level": "urn:kangyun:code-system:hospital-level",
    "grade": "urn:kangyun:code-system:hospital-grade", "management": "urn:kangyun:code-system:institution-management",
}  # fmt: skip
CAMPUS = "urn:kangyun:identifier:campus"
IDENTIFIER_TYPE = "urn:kangyun:code-system:identifier-type"
PART = "urn:kangyun:code-system:organization-part"
DIVISION = "urn:kangyun:extension:division"
HL7_TYPE = "http://terminology.hl7.org/CodeSystem/organization-type"
_CREDIT_FORM = frozenset("0123456789ABCDEFGHJKLMNPQRTUWXY")


def is_institution(resource: Resource) -> bool:
    """Whether an Organization is an institution or a campus of one: it has one of their codes."""
    return any(one.get("system") in {*SYSTEMS.values(), CAMPUS} for one in resource.get("identifier", ()))


def codes_of(resource: Resource) -> list[str]:
    """Returns the codes of an institution. The first stands for it in the codes of its parts; which one is the first
    changes when it gets another, so parts are looked for under all."""
    values = {one.get("system"): one.get("value") for one in resource.get("identifier", ())}
    return [values[system] for system in SYSTEMS.values() if system in values]


def code_of(resource: Resource) -> str | None:
    """Returns the code that stands for an institution in the codes of its parts, None where it has none."""
    return next(iter(codes_of(resource)), None)


def named(readings: Sequence[Reading]) -> set[str]:
    """Returns the values of identifiers that rows name: what is to be looked up."""
    columns = (*SYSTEMS, "parent")
    found = {plain(reading.cells[column]) for reading in readings for column in columns}
    found |= {reading.cells[column] for reading in readings for column in columns}
    return found - {""}


def campuses(readings: Sequence[Reading], known: Known) -> set[str]:
    """Returns the values under which campuses that rows name may stand."""
    return {
        f"{code}/{reading.cells['campus']}"
        for reading in readings
        if reading.cells["campus"]
        for text in {reading.cells["parent"], plain(reading.cells["parent"])}
        for one in known.called(text)
        for code in codes_of(one.resource)
    }


def plans(readings: Sequence[Reading], known: Known) -> list[Plan]:
    """Returns what rows stand for; faults are noted in the readings."""
    made: dict[Place, Plan] = {}
    first: dict[Place, int] = {}
    found: list[tuple[Reading, Plan]] = []
    for reading in readings:
        identifiers = _identifiers(reading)
        plan = Plan(reading.row, _organization(reading, identifiers))
        for column, identifier in identifiers.items():
            place = identifier["system"], identifier["value"]
            if first.setdefault(place, reading.row.number) != reading.row.number:
                reading.wrong("twice", column, first=first[place])
            made[place] = plan
        standing = known.at(made_of(identifiers))
        if len(standing) > 1:
            reading.wrong("several", next(iter(identifiers)))
        plan.standing = standing[0] if standing else None
        found.append((reading, plan))
    for reading, plan in found:
        _place(reading, plan, made, known)
    circles = {id(plan) for plan in in_circles([plan for _, plan in found], known)}
    for reading, plan in found:
        if id(plan) in circles:
            reading.wrong("circle", "parent")
    return [plan for _, plan in found]


def made_of(identifiers: dict[str, Resource]) -> list[Place]:
    """Returns system and value of identifiers."""
    return [(one["system"], one["value"]) for one in identifiers.values()]


def _identifiers(reading: Reading) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    if reading.cells["campus"]:
        return found  # Its identifier is made of its institution's, by `_place`.
    for column, system in SYSTEMS.items():
        text = reading.cells[column]
        if not text:
            continue
        check = _CHECKS.get(column)
        value = plain(text) if check is not None else reading.local(column)
        if check is not None:
            check(reading, value)
        found[column] = {
            "type": {"coding": [{"system": IDENTIFIER_TYPE, "code": column}]},
            "system": system,
            "value": value,
        }
    if not found:
        reading.wrong("no-code", "credit")
    elif {"credit", "health"} <= set(found) and organisation_of(found["credit"]["value"]) != found["health"]["value"][
        :9
    ]:
        reading.told("organisations-differ", "health")
    return found


def _credit(reading: Reading, value: str) -> None:
    if len(value) != CREDIT_CODE or set(value) - _CREDIT_FORM:
        reading.wrong("credit-form", "credit", length=len(value))
    elif not is_credit_code(value):
        reading.wrong("credit-check", "credit")
    elif division_of(value).startswith("99"):
        reading.division_of_demonstration("credit")


def _health(reading: Reading, value: str) -> None:
    parts = health_institution(value)
    if len(value) != 22 or not value.isalnum():
        reading.wrong("health-form", "health", length=len(value))
    elif parts is None:
        reading.told("health-parts", "health")


_CHECKS = {"credit": _credit, "health": _health}


def _organization(reading: Reading, identifiers: dict[str, Resource]) -> Resource:
    types = [{"coding": [{"system": HL7_TYPE, "code": "prov"}]}]
    if reading.cells["campus"]:
        types = [{"coding": [{"system": PART, "code": "campus"}]}]
    for column, system in TYPES.items():
        pair = reading.coded(column, system)
        if pair is not None:
            coding = {"system": system, "code": pair[0]} | ({"display": pair[1]} if pair[1] else {})
            types.append({"coding": [coding]})
    found: Resource = {
        "resourceType": "Organization", "active": reading.active(), "type": types, "name": reading.cells["name"],
    }  # fmt: skip
    if identifiers:
        found["identifier"] = list(identifiers.values())
    if reading.cells["phone"]:
        found["telecom"] = [{"system": "phone", "value": reading.cells["phone"], "use": "work"}]
    address = _address(reading.cells["address"], reading.division("division"), reading.cells["division"])
    return found | ({"address": [address]} if address else {})


def _address(text: str, division: Division | None, code: str) -> Resource:
    found: Resource = {}
    if code:
        coding = {"system": divisions.URL, "code": division.code if division is not None else code}
        if division is not None:
            coding["display"] = division.name
        found["extension"] = [{"url": DIVISION, "valueCoding": coding}]
    if division is not None:
        above = [*division.path, (division.code, division.name)]
        for name, (_, said) in zip(("state", "city", "district"), above, strict=False):
            found[name] = said
    if text or found:
        whole = (division.whole_name if division is not None else "") + text
        found |= {"use": "work", "country": "CN"} | ({"text": whole} if whole else {})
        found |= {"line": [text]} if text else {}
    return found


def _place(reading: Reading, plan: Plan, made: dict[Place, Plan], known: Known) -> None:
    """Puts a row below what its column of the parent names."""
    text, campus = reading.cells["parent"], reading.local("campus")
    if campus:
        for column in SYSTEMS:
            if reading.cells[column]:
                reading.wrong("campus-code", column)
        if not text:
            reading.wrong("campus-parent", "parent")
    if not text:
        return
    values = {text, plain(text)}
    parents = {id(other): other for place, other in made.items() if place[1] in values and other is not plan}
    standing = {one.id: one for value in values for one in known.called(value) if is_institution(one.resource)}
    standing = {
        key: one
        for key, one in standing.items()
        if all(p.standing is None or p.standing.id != key for p in parents.values())
    }
    if len(parents) + len(standing) != 1:
        reading.wrong("no-institution" if not parents and not standing else "several", "parent")
        return
    above = next(iter(parents.values())).resource if parents else next(iter(standing.values())).resource
    reference = next(iter(parents.values())).reference if parents else f"Organization/{next(iter(standing))}"
    plan.resource["partOf"] = {"reference": reference}
    if campus:
        value = f"{code_of(above)}/{campus}"
        plan.resource["identifier"] = [{"system": CAMPUS, "value": value}]
        other = made.setdefault((CAMPUS, value), plan)
        if other is not plan:
            reading.wrong("twice", "campus", first=other.row.number)
        plan.standing = next(iter(known.at((CAMPUS, f"{code}/{campus}") for code in codes_of(above))), None)

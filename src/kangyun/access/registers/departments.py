"""The list of departments: an Organization below its institution a row, and a HealthcareService where it serves others.

The local code stays, unique within its institution; 诊疗科目 and the business department of the statistics stand beside
it, the second derived from the first where it is not said.
"""

from collections.abc import Sequence

from kangyun.access.record import Stored
from kangyun.access.registers.institutions import CAMPUS, HL7_TYPE, code_of, codes_of, is_institution
from kangyun.access.registers.lists import Reading, listed_words
from kangyun.access.registers.planning import Known, Place, Plan, in_circles
from kangyun.fhir import Resource
from kangyun.fhir.china.codes import display
from kangyun.fhir.china.institution_codes import plain
from kangyun.fhir.china.maps import translated

DEPARTMENT = "urn:oid:2.16.156.10011.1.26"
SERVICE = "urn:kangyun:identifier:healthcare-service"
SUBJECT, BUSINESS = "urn:kangyun:code-system:service-subject", "urn:oid:2.16.156.10011.2.3.2.62"
YES = {"": False, "否": False, "是": True}


def is_department(resource: Resource) -> bool:
    """Whether an Organization is a department: it has a code of one."""
    return any(one.get("system") == DEPARTMENT for one in resource.get("identifier", ()))


def named(readings: Sequence[Reading], institutions: Known | None = None) -> set[str]:
    """Returns the values of identifiers that rows name: first of institutions, then of what lies in these."""
    if institutions is None:
        found = {reading.cells["institution"] for reading in readings}
        return (found | {plain(text) for text in found}) - {""}
    values: set[str] = set()
    for reading in readings:
        for one in institutions_of(reading, institutions):
            for code in codes_of(one.resource):
                values |= {f"{code}-{reading.cells[column]}" for column in ("code", "parent") if reading.cells[column]}
                values |= {f"{code}/{reading.cells['campus']}"} if reading.cells["campus"] else set()
    return values


def institutions_of(reading: Reading, known: Known) -> list[Stored]:
    """Returns the institutions that a row names by one of their codes."""
    text = reading.cells["institution"]
    found = {one.id: one for value in {text, plain(text)} for one in known.called(value)}
    return [
        one for one in found.values()
        if is_institution(one.resource) and code_of(one.resource) is not None and one.resource.get("active", True)
    ]  # fmt: skip


def plans(readings: Sequence[Reading], known: Known) -> list[Plan]:
    """Returns what rows stand for; faults are noted in the readings."""
    made: dict[Place, Plan] = {}
    below: list[tuple[Reading, Plan, Stored]] = []
    found: list[Plan] = []
    for reading in readings:
        code = reading.local("code")
        institutions = institutions_of(reading, known)
        if len(institutions) != 1:
            reading.wrong("several" if institutions else "no-institution", "institution")
            continue
        place = DEPARTMENT, f"{code_of(institutions[0].resource)}-{code}"
        plan = Plan(
            reading.row, _organization(reading, place), _standing(known, DEPARTMENT, institutions[0], f"-{code}")
        )
        if place in made:
            reading.wrong("twice", "code", first=made[place].row.number)
        made[place] = plan
        below.append((reading, plan, institutions[0]))
        found.append(plan)
    for reading, plan, institution in below:
        plan.resource["partOf"] = {"reference": _above(reading, institution, made, known)}
        if reading.cells["service"] not in YES:
            reading.wrong("one-of", "service", words=listed_words(YES))
        place = SERVICE, plan.resource["identifier"][0]["value"]
        standing = _standing(known, SERVICE, institution, f"-{reading.cells['code']}")
        if YES.get(reading.cells["service"]) or standing is not None:
            found.append(Plan(reading.row, _service(reading, plan, place), standing, counts=False))
    circles = {id(plan) for plan in in_circles([plan for _, plan, _ in below], known)}
    for reading, plan, _ in below:
        if id(plan) in circles:
            reading.wrong("circle", "parent")
    return found


def _standing(known: Known, system: str, institution: Stored, rest: str) -> Stored | None:
    """Returns what has a code that is made of one of an institution's and the rest."""
    return next(iter(known.at((system, f"{code}{rest}") for code in codes_of(institution.resource))), None)


def _organization(reading: Reading, place: Place) -> Resource:
    types: list[Resource] = [{"coding": [{"system": HL7_TYPE, "code": "dept"}]}]
    types += [{"coding": [coding]} for coding in codings(reading)]
    return {
        "resourceType": "Organization", "identifier": [{"system": place[0], "value": place[1]}],
        "active": reading.active(), "type": types, "name": reading.cells["name"],
        **({"telecom": [{"system": "phone", "value": reading.cells["phone"]}]} if reading.cells["phone"] else {}),
    }  # fmt: skip


def codings(reading: Reading) -> list[Resource]:
    """Returns what a department is in the national lists."""
    subject, business = reading.coded("subject", SUBJECT), reading.coded("business", BUSINESS)
    if subject is not None:
        target = translated("service-subject-to-department", subject[0])
        if business is None and target is not None:
            business = target, display(BUSINESS, target) or ""
        elif business is not None and target is not None and business[0] != target:
            reading.told("subject-and-business", "business")
    return [
        {"system": system, "code": pair[0]} | ({"display": pair[1]} if pair[1] else {})
        for system, pair in ((SUBJECT, subject), (BUSINESS, business))
        if pair is not None
    ]


def _above(reading: Reading, institution: Stored, made: dict[Place, Plan], known: Known) -> str:
    """Returns a reference to what a department is directly below: a department, a campus, its institution."""
    code = code_of(institution.resource)
    for column, system, value in (
        ("parent", DEPARTMENT, f"{code}-{reading.cells['parent']}"),
        ("campus", CAMPUS, f"{code}/{reading.cells['campus']}"),
    ):
        if not reading.cells[column]:
            continue
        if (system, value) in made:
            return made[system, value].reference
        standing = _standing(known, system, institution, value.removeprefix(str(code)))
        if standing is not None:
            return f"Organization/{standing.id}"
        reading.wrong(f"no-{column}", column)
    return f"Organization/{institution.id}"


def _service(reading: Reading, plan: Plan, place: Place) -> Resource:
    serves = bool(YES.get(reading.cells["service"]))
    codes = [{"coding": [coding]} for coding in (one["coding"][0] for one in plan.resource["type"][1:])]
    return {
        "resourceType": "HealthcareService", "identifier": [{"system": place[0], "value": place[1]}],
        "active": serves and bool(plan.resource["active"]), "providedBy": {"reference": plan.reference},
        "name": reading.cells["name"], **({"specialty": codes} if codes else {}),
    }  # fmt: skip

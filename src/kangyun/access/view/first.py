"""The first view of a resident: the national front page, and what a doctor looks at before anything else."""

from collections.abc import Sequence
from datetime import date

from kangyun.access.look.front import Standing, standing_grounds
from kangyun.access.look.lines import concept
from kangyun.access.record import Record
from kangyun.access.relations import emergency, stated
from kangyun.access.relations.whom import Resident
from kangyun.access.rulebook import rules_of
from kangyun.access.view import lists, marks
from kangyun.access.view.gathering import SQL, Gathered, gather
from kangyun.access.view.model import First, Hidden, Mark
from kangyun.access.view.person import person, registration
from kangyun.base import clock
from kangyun.fhir import Resource
from kangyun.identity.golden import golden
from kangyun.identity.standing import SQL as STANDING
from kangyun.store.model import Stored
from kangyun.store.types import TYPE_NAMES, TYPE_NUMBERS
from kangyun.store.visible import seen

ACTION = "view"
TYPES = (
    "AllergyIntolerance", "Condition", "Coverage", "Encounter", "Flag", "Immunization", "MedicationRequest",
    "MedicationStatement", "Procedure",
)  # fmt: skip
# What counts as a record of which it is said that it is not shown.
COUNTED = (
    *TYPES, "Composition", "DiagnosticReport", "DocumentReference", "FamilyMemberHistory", "ImagingStudy",
    "Observation",
)  # fmt: skip
MOST, LATEST = 40, 6
"""Entries of a section; visits of the front page."""


async def first(record: Record, id_: str) -> First:
    """Returns the first view of whom an id means. Raises NotFound, Gone, Forbidden."""
    found = await gather(record, id_, TYPES, ACTION)
    async with record.store.pool.connection() as connection:
        number = await connection.fetchval(STANDING["resident_of"], found.numbers[0]) or found.numbers[0]
        every = [row["patient"] for row in await connection.fetch(STANDING["of_same"], found.numbers)] or found.numbers
        counted = await connection.fetch(*seen(SQL["counts"], record.sight, found.numbers))
    registered = await record.shown(found.persons)
    whole = golden(number, record.store.ids.id_of(number), registered)
    resident = Resident(number, found.numbers[0], tuple(found.persons))
    standing = await standing_grounds(record, resident)
    made = _made(found, record, whole.resource, [one.resource for one in registered])
    made.marks = await health_marks(record, found.persons, [one for one, _ in found.of("Condition")])
    made.counts = {TYPE_NAMES[row["type"]]: row["count"] for row in counted}
    made.hidden = await hidden(record, every, standing)
    made.way = standing.way if standing is not None else ""
    await record.leave_row(ACTION, 200, found.numbers)
    return made


def _made(found: Gathered, record: Record, whole: Resource, registered: list[Resource]) -> First:
    """Returns what follows from what was gathered: all but marks, counts and what is hidden."""
    houses, zone = found.houses, record.store.zone
    visits, conditions = found.of("Encounter"), found.of("Condition")
    named = lists.diagnoses(conditions)
    sections = {
        "allergies": lists.together(lists.entries(found.of("AllergyIntolerance"), houses, zone)),
        "alerts": [one for one in lists.alerts(found.of("Flag"), houses, zone) if "active" in one.states],
        "problems": lists.problems(conditions, houses, zone),
        "medications": lists.medications(
            found.of("MedicationRequest", "MedicationStatement"), houses, zone, lists.day_of(clock.now(), zone)
        ),
    }
    insured = [concept(one.get("type")) for one, _ in found.of("Coverage") if one.get("status") == "active"]
    return First(
        person=person(whole, registered, [one for one in insured if one]),
        registrations=[
            registration(one, one.get("managingOrganization", {}).get("display") or registrar, houses)
            for one, registrar in zip(registered, found.registrars, strict=True)
        ],
        marks=[],
        events=lists.events(visits, found.of("Immunization"), found.of("Procedure"), houses, zone),
        latest=[lists.visit(one, named, houses, zone) for one in lists.happened(visits)[:LATEST]],
        allergies=sections["allergies"][:MOST],
        alerts=sections["alerts"][:MOST],
        problems=sections["problems"][:MOST],
        medications=sections["medications"][:MOST],
        houses=houses.names,
        counts={},
        hidden=Hidden(),
        more=[name for name, section in sections.items() if len(section) > MOST or found.more],
    )


async def health_marks(record: Record, persons: Sequence[Stored], conditions: Sequence[Resource]) -> list[Mark]:
    """Returns the health marks. Age goes by the whole date of birth, which is shown to nobody by it.

    persons: registrations as they stand. conditions: as they are seen, the newest first.
    """
    table = marks.read_table(rules_of("kangyun.access.view", marks.FILE, record.gate.settings.data))
    born = [one.resource.get("birthDate", "") for one in persons]
    whole = [date.fromisoformat(one) for one in born if len(one) == len("2026-11-23")]
    measured: list[Resource] = []
    if record.reads("Observation"):
        ids = ",".join(f"Patient/{one.id}" for one in persons)
        for codes in table.loinc:
            pairs = [("patient", ids), ("code", ",".join(sorted(codes))), ("_sort", "-date"), ("_count", "20")]
            page = await record.search(await record.read_query("Observation", pairs, strict=True))
            measured += [one.resource for one in page.matches]
    today = lists.day_of(clock.now(), record.store.zone)
    return marks.marks(table, max(whole, key=whole.count, default=None), conditions, measured, today)


async def hidden(record: Record, every: list[int], standing: Standing | None) -> Hidden:
    """Returns what is not shown. Counted is what the resident himself keeps back, and nothing that a label closes."""
    sight, policy = record.sight, record.gate.sights.policy
    ways = [
        name
        for name in (stated.CARD, stated.WORD, emergency.GROUND)
        if name in policy.grounds and record.actor.role in policy.grounds[name].roles
    ]
    if sight.everything or sight.granted_closed is None:
        return Hidden()
    types = [TYPE_NUMBERS[name] for name in COUNTED if record.reads(name)]
    async with record.store.pool.connection() as connection:
        count = await connection.fetchval(*seen(SQL["withheld"], sight, every, types))
    return Hidden(count, standing is not None and standing.closed, ways)

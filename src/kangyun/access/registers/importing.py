"""A list of a register carried out: all of it or nothing.

Each row becomes plans, which are held against the record; where a row is wrong nothing is written. A dry run does
everything but write, so what it says is what would happen. What is written is one transaction in the register's name,
with its row in the audit trail.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from kangyun.access.actor import Actor
from kangyun.access.record import Operation, Record, Stored
from kangyun.access.registers import departments, institutions, maps
from kangyun.access.registers.lists import Kind, Reading
from kangyun.access.registers.planning import Act, Known, Plan, part_of
from kangyun.access.staff.sheets import Row, Sheet
from kangyun.base.errors import Forbidden, Issue

IMPORTERS = frozenset({"system-administrator"})
ACTION = {"institutions": "institutions", "departments": "departments", "maps": "dictionaries"}
_AT_ONCE = 40  # values of one search
_PAGE = 500
_MOST_LEVELS = 16  # of Organizations above one another


@dataclass(slots=True)
class Outcome:
    """What became of a list: how many of each act, and what was wrong or worth knowing, by row.

    written: whether it was carried out: not in a dry run, and not where a row is wrong. added: name and reference of
    what is new, for commands and forms that ask for the reference.
    """

    dry_run: bool
    counts: dict[Act, int] = field(default_factory=lambda: {"add": 0, "change": 0, "same": 0})
    told: list[tuple[Row, Issue]] = field(default_factory=list)
    written: bool = False
    added: list[tuple[str, str]] = field(default_factory=list)

    @property
    def refused(self) -> list[tuple[Row, list[Issue]]]:
        """The rows that are wrong, in order, each with all its faults."""
        found: dict[int, tuple[Row, list[Issue]]] = {}
        for row, issue in self.told:
            if issue.severity == "error":
                found.setdefault(row.number, (row, []))[1].append(issue)
        return [found[number] for number in sorted(found)]

    @property
    def remarks(self) -> list[Issue]:
        """What is worth knowing of rows that are right."""
        return [issue for _, issue in self.told if issue.severity != "error"]


def check(actor: Actor) -> None:
    """Raises Forbidden for who may not import registers."""
    if not (actor.administrator or actor.role in IMPORTERS):
        raise Forbidden("access.registers.importers-only")


async def import_list(kind: Kind, sheet: Sheet, record: Record, *, dry_run: bool, demonstration: bool) -> Outcome:
    """Carries out a list. demonstration: whether the fictitious division 99 may be written. Raises Forbidden."""
    check(record.actor)
    outcome = Outcome(dry_run)
    readings = [Reading(kind, row, sheet.name, demonstration=demonstration) for row in sheet.rows]
    plans = await _plans(kind, readings, record)
    outcome.told = [(reading.row, issue) for reading in readings for issue in reading.issues]
    for plan in plans:
        if plan.counts:
            outcome.counts[plan.act] += 1
    action = f"{ACTION[kind]}-{'try' if dry_run or outcome.refused else 'import'}"
    operations: list[Operation] = []
    if not dry_run and not outcome.refused:
        operations = [operation for plan in plans if (operation := plan.operation()) is not None]
        if operations:
            done = await record.commit(operations, action)
            outcome.added = [
                (str(one.resource.get("name", "")), f"{one.resource['resourceType']}/{one.id}")
                for found in done
                if found.status == "created" and (one := found.stored) is not None
            ]
        outcome.written = True
    if not operations:
        await record.leave_row(action, 422 if outcome.refused else 200, [])
    return outcome


async def _plans(kind: Kind, readings: Sequence[Reading], record: Record) -> list[Plan]:
    if kind == "institutions":
        found = await _found(record, "Organization", "identifier", institutions.named(readings))
        found += await _found(record, "Organization", "identifier", institutions.campuses(readings, Known(found)))
        found += await _above(record, found)
        return institutions.plans(readings, Known(found))
    found = await _found(record, "Organization", "identifier", departments.named(readings))
    known = Known(found)
    if kind == "maps":
        urls = maps.urls(readings, known)
        standing = [one for type_ in ("CodeSystem", "ConceptMap") for one in await _found(record, type_, "url", urls)]
        return maps.plans(readings, known, standing)
    values = departments.named(readings, known)
    for type_ in ("Organization", "HealthcareService"):
        found += await _found(record, type_, "identifier", values)
    found += await _above(record, found)
    return departments.plans(readings, Known(found))


async def _above(record: Record, found: Sequence[Stored]) -> list[Stored]:
    """Returns what stands above these and is not among them, so far as a circle may be closed by it."""
    known, higher = {one.id for one in found}, list[Stored]()
    level: Sequence[Stored] = found
    for _ in range(_MOST_LEVELS):
        above = {part_of(one.resource).removeprefix("Organization/") for one in level} - known - {""}
        level = await _found(record, "Organization", "_id", above) if above else ()
        known |= above
        higher += level
    return higher


async def _found(record: Record, type_: str, parameter: str, values: Iterable[str]) -> list[Stored]:
    """Returns the resources with one of these identifiers, urls or ids. Values that no search can name are left out."""
    asked = sorted(value for value in values if not set(value) & set(",|$\\") and value.isascii())
    found: dict[str, Stored] = {}
    for start in range(0, len(asked), _AT_ONCE):
        pairs = [(parameter, ",".join(asked[start : start + _AT_ONCE])), ("_count", str(_PAGE))]
        page = await record.search(await record.read_query(type_, pairs, strict=True))
        found |= {one.id: one for one in page.matches}
    return list(found.values())

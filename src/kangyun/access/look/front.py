"""The front page of one resident, as one actor sees it: gathered through the record's door, an audit row each search.

Whether there is a reason to look at all is asked first (`standing_grounds`); what a reason opens, each search asks for
itself. Whether anything is hidden is never looked for: it is only said where the reason leaves labels closed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kangyun.access.events.people import called
from kangyun.access.look.lines import Line, line_of
from kangyun.access.masking import is_masked, masked
from kangyun.access.record import Record, Stored
from kangyun.access.relations.whom import Resident
from kangyun.base.errors import Forbidden, TooCostly
from kangyun.fhir import Resource
from kangyun.store.visible import visible

MOST = 20  # entries of a section
# Section: what is searched for it, newest first.
SECTIONS: tuple[tuple[str, tuple[tuple[str, tuple[tuple[str, str], ...]], ...]], ...] = (
    ("allergies", (("AllergyIntolerance", (("_sort", "-date"),)),)),
    ("problems", (("Condition", (("_sort", "-recorded-date"),)),)),
    (
        "medications",
        (("MedicationRequest", (("_sort", "-authoredon"),)), ("MedicationStatement", (("_sort", "-effective"),))),
    ),
    ("laboratory", (("Observation", (("category", "laboratory"), ("_sort", "-date"))),)),
    ("reports", (("DiagnosticReport", (("_sort", "-date"),)),)),
    ("encounters", (("Encounter", (("_sort", "-date"),)),)),
    ("documents", (("DocumentReference", (("_sort", "-date"),)), ("Composition", (("_sort", "-date"),)))),
)


@dataclass(frozen=True, slots=True)
class Standing:
    """By which reason somebody sees a resident now. way: its word in the audit. closed: it leaves labels closed."""

    way: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, and the institution that wrote it."""

    line: Line
    institution: str


@dataclass(frozen=True, slots=True)
class Section:
    """Entries, newest first. more: there are older ones. failed: it took too long to find them."""

    name: str
    entries: tuple[Entry, ...]
    more: bool
    failed: bool


@dataclass(frozen=True, slots=True)
class Front:
    """The page. persons: registrations, masked, each with the institution that wrote it."""

    persons: tuple[tuple[Resource, str], ...]
    sections: tuple[Section, ...]


async def standing_grounds(record: Record, resident: Resident) -> Standing | None:
    """Returns the newest reason by which the actor sees a resident, None without one."""
    sight = record.sight
    if sight.granted_closed is None:
        return None
    async with record.store.pool.connection() as connection:
        rows = await connection.fetch(_GROUNDS, resident.numbers, list(sight.parties), sight.purpose)
    if not rows:
        return None
    closed = sight.granted_closed
    for row in rows:
        closed &= ~row["opens"]
    return Standing(rows[0]["way"], bool(closed))


async def front(record: Record, resident: Resident) -> Front:
    """Gathers the page. Raises Unavailable."""
    ids = ",".join(resident.ids)
    persons, _, _ = await _found(record, "Patient", (("_id", ids),))
    about = (("patient", ",".join(f"Patient/{id_}" for id_ in resident.ids)),)
    gathered: list[tuple[str, list[Stored], bool, bool]] = []
    for name, searches in SECTIONS:
        found: list[Stored] = []
        more = failed = False
        for type_, pairs in searches:
            some, has_more, has_failed = await _found(record, type_, (*about, *pairs))
            found += some
            more, failed = more or has_more, failed or has_failed
        gathered.append((name, found, more, failed))
    written = await _institutions(record, [*persons, *(one for _, found, _, _ in gathered for one in found)])
    zone = record.store.zone
    sections = []
    for name, found, more, failed in gathered:
        entries = [
            Entry(line, written.get(one.res, "")) for one in found if (line := line_of(one.resource, zone)) is not None
        ]
        entries.sort(key=lambda entry: entry.line.when, reverse=True)
        sections.append(Section(name, tuple(entries[:MOST]), more or len(entries) > MOST, failed))
    # The page is for everybody who looks over a shoulder: masked for whoever has opened the person, too.
    shown = tuple(
        (one.resource if is_masked(one.resource) else masked(one.resource), written.get(one.res, "")) for one in persons
    )
    return Front(shown, tuple(sections))


async def _found(
    record: Record, type_: str, pairs: Sequence[tuple[str, str]]
) -> tuple[list[Stored], bool, bool]:  # fmt: skip
    """Returns what a search finds, whether there is more, and whether it took too long. Nothing of a closed type."""
    query = await record.read_query(type_, [*pairs, ("_count", str(MOST))], strict=True)
    try:
        page = await record.search(query)
    except Forbidden:
        return [], False, False
    except TooCostly:
        return [], False, True
    return page.matches, page.next is not None, False


async def _institutions(record: Record, found: Sequence[Stored]) -> dict[int, str]:
    """Returns the name of the institution that wrote each of what is shown."""
    async with record.store.pool.connection() as connection:
        rows = await connection.fetch(_WRITTEN, [one.res for one in found])
        names = await called(connection, record.store, {row["reference"] for row in rows})
    return {row["res"]: names.name(row["reference"]) for row in rows}


_GROUNDS = """
SELECT CASE WHEN d.source LIKE 'ticket/%' THEN 'ticket' ELSE d.ground END AS way, d.opens
FROM disclosure AS d
WHERE d.patient = ANY ($1::int8[]) AND d.party = ANY ($2::int8[]) AND (d.purposes & $3::int8) <> 0 AND d.relation
AND d.low <= now() AND d.high > now() ORDER BY d.low DESC
"""
_WRITTEN = f"""
SELECT r.res, i.reference FROM resource AS r JOIN institution AS i ON i.id = r.institution
WHERE r.res = ANY ($1::int8[]) AND {visible("r")}
"""

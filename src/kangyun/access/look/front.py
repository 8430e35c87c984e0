"""The front page of one resident, as one actor sees it: gathered through the record's door, an audit row each search.

Whether there is a reason to look at all is asked first (`standing_grounds`); what a reason opens, each search asks for
itself. Whether anything is hidden is never looked for: it is only said where the reason leaves labels closed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo

from kangyun.access.events.people import called
from kangyun.access.look.lines import Line, concept, line_of
from kangyun.access.look.recent import Found, Recent, Recognition, recent, recognition_here
from kangyun.access.masking import is_masked, masked
from kangyun.access.record import Record, Stored
from kangyun.access.relations.whom import Resident
from kangyun.base import clock
from kangyun.base.errors import Forbidden, TooCostly
from kangyun.fhir import Resource
from kangyun.store.visible import visible

MOST = 20  # entries of a section
MANY = 200  # of what is shown once however often it was written: a diagnosis, a drug
Search = tuple[str, tuple[tuple[str, str], ...]]
# Section: what is searched for it, newest first.
SECTIONS: tuple[tuple[str, int, tuple[Search, ...]], ...] = (
    ("allergies", MOST, (("AllergyIntolerance", (("_sort", "-date"),)),)),
    ("problems", MANY, (("Condition", (("_sort", "-recorded-date"),)),)),
    (
        "medications",
        MANY,
        (("MedicationRequest", (("_sort", "-authoredon"),)), ("MedicationStatement", (("_sort", "-effective"),))),
    ),
    ("laboratory", MOST, (("Observation", (("category", "laboratory"), ("_sort", "-date"))),)),
    ("reports", MOST, (("DiagnosticReport", (("_sort", "-date"),)),)),
    (
        "encounters",
        MOST,
        (
            ("Encounter", (("_sort", "-date"),)),
            ("Immunization", (("_sort", "-date"),)),
            ("Procedure", (("_sort", "-date"),)),
        ),
    ),
    (
        "documents",
        MOST,
        (("DocumentReference", (("_sort", "-date"),)), ("Composition", (("_sort", "-date"),))),
    ),
)
LATELY = 3  # searches for what was examined lately
AT_ONCE = 3  # searches
ONCE = frozenset({"problems", "medications"})
"""Sections of which a line is shown once, with how often it stands there."""


@dataclass(frozen=True, slots=True)
class Standing:
    """By which reason somebody sees a resident now. way: its word in the audit. closed: it leaves labels closed."""

    way: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A line, and the institution where it was written. times: how often it stands in the record, as far as looked."""

    line: Line
    institution: str
    times: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """Entries, newest first. more: there are older ones. failed: it took too long to find them."""

    name: str
    entries: tuple[Entry, ...]
    more: bool
    failed: bool


@dataclass(frozen=True, slots=True)
class Front:
    """The page. persons: registrations, masked, each with its institution. conditions: by which he is marked."""

    persons: tuple[tuple[Resource, str], ...]
    conditions: tuple[Resource, ...]
    recent: tuple[Recent, ...]
    days: int
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
    zone, now = record.store.zone, clock.now()
    rules = recognition_here(record.gate.settings.data)
    about = (("patient", ",".join(f"Patient/{id_}" for id_ in resident.ids)),)
    whom: Search = ("Patient", (("_id", ",".join(resident.ids)),))
    asked = [(whom, MOST), *((search, MANY) for search in _lately(rules, about, now.astimezone(zone)))]
    asked += [((type_, (*about, *pairs)), most) for _, most, searches in SECTIONS for type_, pairs in searches]
    persons, *rest = await _all_found(record, asked)
    lately, of_sections = rest[:LATELY], iter(rest[LATELY:])
    gathered = {name: [next(of_sections) for _ in searches] for name, _, searches in SECTIONS}
    everything = [
        one for found in (persons, *lately, *(one for of in gathered.values() for one in of)) for one in found
    ]
    written = await _institutions(record, everything, persons)
    diagnoses = {f"Condition/{one.id}": concept(one.resource.get("code")) for one in gathered["problems"][0]}
    sections = tuple(_section(name, found, written, diagnoses, zone) for name, found in gathered.items())
    examined = [Found(one.resource, written.get(one.res, "")) for found in lately for one in found]
    return Front(
        # The page is for everybody who looks over a shoulder: masked for whoever has opened the person, too.
        tuple((_masked(one.resource), written.get(one.res, "")) for one in persons),
        tuple(one.resource for one in gathered["problems"][0]),
        recent(rules, examined, now, zone),
        rules.days,
        sections,
    )


def _lately(rules: Recognition, about: tuple[tuple[str, str], ...], now: datetime) -> list[Search]:
    """Returns the searches for what was examined lately."""
    day = (now - timedelta(days=rules.most_days)).strftime("ge%Y-%m-%d")
    return [
        ("DiagnosticReport", (*about, ("date", day), ("_sort", "-date"))),
        ("Observation", (*about, ("category", "laboratory"), ("date", day), ("_sort", "-date"))),
        ("ImagingStudy", (*about, ("started", day), ("_sort", "-started"))),
    ]


def _section(
    name: str, found: "Sequence[_Some]", written: Mapping[int, str], diagnoses: Mapping[str, str], zone: tzinfo
) -> Section:
    entries = []
    for one in (one for some in found for one in some):
        line = line_of(one.resource, zone)
        if line is not None and one.resource["resourceType"] == "Encounter" and not line.detail:
            told = (diagnoses.get(part, "") for part in _diagnosed(one.resource))
            line = replace(line, detail="、".join(dict.fromkeys(filter(None, told))))
        if line is not None:
            entries.append(Entry(line, written.get(one.res, "")))
    entries.sort(key=lambda entry: entry.line.when, reverse=True)
    if name in ONCE:
        entries = _once(entries)
    more = any(some.more for some in found) or len(entries) > MOST
    return Section(name, tuple(entries[:MOST]), more, any(some.failed for some in found))


def _once(entries: Sequence[Entry]) -> list[Entry]:
    """Returns each of what is called the same once, as it was written last."""
    kept: dict[tuple[str, str], Entry] = {}
    for one in entries:
        # What is active and what is over are two: that somebody had it before does not hide that he has it.
        key = one.line.what or one.line.reference, one.line.states[0] if one.line.states else ""
        kept[key] = replace(kept[key], times=kept[key].times + 1) if key in kept else one
    return list(kept.values())


def _diagnosed(encounter: Resource) -> list[str]:
    return [str(one.get("condition", {}).get("reference", "")) for one in encounter.get("diagnosis", ())]


def _masked(patient: Resource) -> Resource:
    return patient if is_masked(patient) else masked(patient)


async def _all_found(record: Record, asked: Sequence[tuple[Search, int]]) -> "list[_Some]":
    """Returns what searches find, in their order; a few are under way at once, so that others get connections, too."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def found(search: Search, most: int) -> _Some:
        async with turn:
            return await _found(record, search, most)

    return list(await asyncio.gather(*(found(search, most) for search, most in asked)))


class _Some(list[Stored]):
    """What a search found. more: there is more of it. failed: it took too long."""

    more = False
    failed = False


async def _found(record: Record, search: Search, most: int) -> _Some:
    """Returns what a search finds. Nothing of a closed type."""
    type_, pairs = search
    query = await record.read_query(type_, [*pairs, ("_count", str(most))], strict=True)
    some = _Some()
    try:
        page = await record.search(query)
    except Forbidden:
        return some
    except TooCostly:
        some.failed = True
        return some
    some += page.matches
    some.more = page.next is not None
    return some


async def _institutions(record: Record, found: Sequence[Stored], persons: Sequence[Stored]) -> dict[int, str]:
    """Returns where each of what is shown was written: as it says itself, as the registration says that it is about, or
    who sent it.
    """
    of_persons = {f"Patient/{one.id}": _stated(one.resource) for one in persons}
    stated = {}
    for one in found:
        subject = one.resource.get("subject") or one.resource.get("patient") or {}
        stated[one.res] = _stated(one.resource) or of_persons.get(str(subject.get("reference", "")), "")
    async with record.store.pool.connection() as connection:
        rows = await connection.fetch(_WRITTEN, [one.res for one in found])
        sent = {row["res"]: row["reference"] for row in rows}
        names = await called(connection, record.store, {*sent.values(), *filter(None, stated.values())})
    return {res: names.name(stated.get(res) or reference) for res, reference in sent.items()}


def _stated(resource: Resource) -> str:
    """Returns the institution that a resource names as where it was done, "" where it names none."""
    given = [resource.get(name) for name in ("serviceProvider", "custodian", "managingOrganization")]
    given += [one.get("actor", one) for one in resource.get("performer", ()) if isinstance(one, dict)]
    told = (str(one.get("reference", "")) for one in given if isinstance(one, dict))
    return next((one for one in told if one.startswith("Organization/")), "")


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

"""Residents by what people type or read: a name in characters, pinyin or initials, a number, a telephone, a card.

A resident is found by a registration that the actor sees, and shown with all of them that he sees, masked until opened.
Without a question, those who were treated last at the actor's own institution, by himself first.
"""

import re
from collections.abc import Sequence
from datetime import tzinfo

import msgspec

from kangyun.access.look.lines import local
from kangyun.access.record import Record
from kangyun.access.view import lists
from kangyun.access.view.gathering import SQL
from kangyun.access.view.person import numbers_of
from kangyun.base.errors import Invalid
from kangyun.fhir import Resource
from kangyun.fhir.human_name import name_of
from kangyun.identity.golden import golden
from kangyun.store.model import Stored

PAGE, LATELY = 20, 15
LOOKED_AT = 100  # visits, for whom was treated lately
LONGEST = 100  # characters
_PHONE = re.compile(r"1\d{10}")


class Resident(msgspec.Struct, omit_defaults=True):
    """A resident as a row. where: institutions that registered him. last, kind, what: his last visit."""

    id: str
    name: str
    sex: str = ""
    born: str = ""
    number: str = ""
    phone: str = ""
    where: list[str] = []
    registrations: int = 1
    last: str = ""
    kind: str = ""
    what: str = ""


class Residents(msgspec.Struct):
    """A page. next: how the page behind is asked for, empty where there is none. lately: nothing was asked for.

    own: they are those whom the actor himself has treated.
    """

    residents: list[Resident]
    next: str = ""
    lately: bool = False
    own: bool = False


def criteria(asked: str) -> list[tuple[str, str]]:
    """Returns the search that a text means: a telephone, a number, else a name. Raises Invalid."""
    text = asked.strip()
    if not text or len(text) > LONGEST:
        raise Invalid("access.view.nothing-asked", at="q")
    plain = text.replace("\\", "\\\\").replace(",", "\\,").replace("$", "\\$").replace("|", "\\|")
    if _PHONE.fullmatch(text):
        return [("phone", plain)]
    if any(sign.isdecimal() for sign in text):
        return [("identifier", ",".join(dict.fromkeys((plain, plain.upper()))))]
    return [("name", plain)]


async def find(record: Record, asked: str, cursor: str | None) -> Residents:
    """Returns residents of whom a registration is as asked for. Raises Invalid, Forbidden, TooCostly."""
    pairs = [*criteria(asked), ("_count", str(PAGE)), *([("_cursor", cursor)] if cursor else [])]
    page = await record.search(await record.read_query("Patient", pairs, strict=True))
    return Residents(await _residents(record, [one.res for one in page.matches], {}), page.next or "")


async def lately(record: Record) -> Residents:
    """Returns whom the actor has treated last; where there is nobody, whom his institution has.

    Nobody for who sees no visits. The trail says of those who are shown, and of no other of the visits that were gone
    through.
    """
    if not record.reads("Encounter"):
        return Residents([], lately=True)
    record.may_search("Encounter")
    store = record.store
    for own in (True, False):
        pairs = [("_sort", "-date"), ("_count", str(LOOKED_AT))]
        if own:
            pairs.append(("participant", record.actor.reference))
        query = await record.read_query("Encounter", pairs, strict=True)
        async with store.pool.connection() as connection:
            page = await store.searcher.search(connection, query, record.actor.reference, record.sight)
        visits: dict[int, Stored] = {}
        for one in page.matches:
            if one.patient is not None:
                visits.setdefault(one.patient, one)
        found = await _residents(record, list(visits), visits, LATELY)
        if found or not own:
            break
    return Residents(found, lately=True, own=own)


async def _residents(
    record: Record, patients: Sequence[int], visits: dict[int, Stored], most: int | None = None
) -> list[Resident]:  # fmt: skip
    """Returns the residents whose these registrations are, in their order, as they are shown; most: so many of them."""
    store = record.store
    async with store.pool.connection() as connection:
        rows = await connection.fetch(SQL["residents_of"], list(patients))
        whose = {row["patient"]: row["resident"] for row in rows}
        numbers = list(dict.fromkeys(whose[one] for one in patients if one in whose))
        located = await store.reader.of_residents(connection, numbers, record.sight)
    stored = {number: [one.stored for one in located[number] if one.stored is not None] for number in numbers}
    numbers = [number for number in numbers if stored[number]][:most]
    latest: dict[int, Stored] = {}
    for patient, visit in visits.items():
        latest.setdefault(whose.get(patient, 0), visit)
    registered = [one for number in numbers for one in stored[number]]
    last = [latest[number] for number in numbers if number in latest]
    shown = {one.res: one for one in await record.shown([*registered, *last])}
    await record.leave_row("find", 200, sorted({one.res for one in registered}.union(record.patients_of(last))))
    return [
        _row(
            record, number, [shown[one.res] for one in stored[number]],
            shown[latest[number].res].resource if number in latest else None,
        )
        for number in numbers
    ]  # fmt: skip


def _row(record: Record, number: int, registered: Sequence[Stored], visit: Resource | None) -> Resident:
    whole = golden(number, record.store.ids.id_of(number), registered).resource
    said = dict(reversed(numbers_of(whole)))
    houses = (one.resource.get("managingOrganization", {}).get("display", "") for one in registered)
    phones = [
        str(one["value"]) for one in whole.get("telecom", ()) if one.get("system") == "phone" and one.get("value")
    ]
    row = Resident(
        whole["id"], name_of(whole), whole.get("gender", ""), whole.get("birthDate", ""), said.get("id-card", ""),
        next(iter(phones), ""), list(dict.fromkeys(filter(None, houses))), len(registered),
    )  # fmt: skip
    return row if visit is None else _with_visit(row, visit, record.store.zone)


def _with_visit(row: Resident, visit: Resource, zone: tzinfo) -> Resident:
    row.last = local(visit.get("period", {}).get("start", ""), zone)
    row.kind = lists.kind_of(visit)
    row.what = str(visit.get("serviceProvider", {}).get("display", ""))
    return row

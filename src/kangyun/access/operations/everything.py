"""`Patient/$everything`, of a resident's as well, and `Encounter/$everything`.

Source: https://hl7.org/fhir/R4/operation-patient-everything.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import asyncpg

from kangyun.access.operations.model import Call, Excerpt
from kangyun.access.record import Record
from kangyun.base.errors import Gone, Invalid, NotFound
from kangyun.base.statuses import status_of
from kangyun.fhir.definitions import definitions
from kangyun.fhir.search.dates import bounds
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.identity.golden import golden
from kangyun.identity.standing import SQL as STANDING
from kangyun.store.everything import Compartments, Kind, Wish
from kangyun.store.model import Stored
from kangyun.store.reader import Current

KNOWN = frozenset({"start", "end", "_since", "_type", "_count"})
LARGEST = 10_000
"""Members of one page, also where no count is asked for."""


async def everything(record: Record, call: Call) -> Excerpt:
    """Returns the compartment of one resource, or those of all. Raises NotFound, Gone."""
    store = record.store
    wish = _wish(record, call)
    record.may_read(str(call.type))
    kind = cast(Kind, call.type)
    compartments = Compartments(store.reader, store.indexer, store.bases)
    owner = part = None
    owners: list[Current] = []
    patients: list[int] = []
    resident = record.resident_of(kind, call.id)
    async with store.pool.connection() as connection:
        if resident is not None:
            owners = (await store.reader.of_residents(connection, [resident], record.sight))[resident]
        elif call.id is not None:
            owner = (await store.reader.locate(connection, [(kind, call.id)], record.sight)).get((kind, call.id))
            owners = [owner] if owner is not None and owner.stored is not None and not owner.stored.deleted else []
        if call.id is None or owners:
            part = await compartments.everything(connection, kind, owners, wish, record.sight)
            patients = record.patients_of((*part.members, *part.included))
    if part is None:
        deleted = owner is not None and owner.stored is not None
        absent = Gone() if deleted else record.absence(str(call.id), owner)
        await record.leave_row("everything", status_of(absent), await record.hidden(kind, str(call.id)))
        raise absent
    if call.id is None:
        await record.refuse_many("everything", patients)
    own = {one.patient for one in owners if one.patient is not None}
    await record.leave_row("everything", 200, sorted(own.union(patients)))
    shown, count = await record.shown([*part.members, *part.included]), len(part.members)
    following = None
    if part.next is not None:
        following = store.searcher.cursors.write(part.next, record.actor.reference, list(call.bound))
    whole = part.next is None and wish.place is None
    return Excerpt(shown[:count], shown[count:], count if whole else None, following)


@dataclass(frozen=True, slots=True)
class Gathered:
    """What there is of one resident, as it is shown. patients: his registrations. included: what members refer to."""

    patients: Sequence[Stored]
    members: Sequence[Stored]
    included: Sequence[Stored]

    @property
    def person(self) -> Stored:
        """One Patient of all registrations."""
        first = self.patients[0]
        return first if len(self.patients) == 1 else golden(0, first.id, self.patients)


async def gathered(record: Record, id_: str, types: Iterable[str], action: str) -> Gathered:
    """Returns what a resident's registrations hold of some types; its row is left under `action`.

    Who acts for himself, or for one of his family, gets all registrations of that one that he acts for.
    Raises NotFound, Forbidden, TooCostly.
    """
    record.may_read("Patient")
    store = record.store
    resident = record.resident_of("Patient", id_)
    compartments = Compartments(store.reader, store.indexer, store.bases)
    wish = Wish(frozenset(types), None, None, None, LARGEST, None)
    members: list[Stored] = []
    included: list[Stored] = []
    async with store.pool.connection() as connection:
        if resident is not None:
            owners = (await store.reader.of_residents(connection, [resident], record.sight))[resident]
        else:
            owners = await _own(record, connection, id_)
        owners = [one for one in owners if one.stored is not None and not one.stored.deleted]
        while owners:
            part = await compartments.everything(connection, "Patient", owners, wish, record.sight)
            members += part.members
            included += part.included
            if part.next is None:
                break
            wish = replace(wish, place=part.next)
    if not owners:
        await record.leave_row(action, 404, await record.hidden("Patient", id_))
        raise NotFound
    people = [one.stored for one in owners if one.stored is not None]
    await record.leave_row(action, 200, sorted({one.res for one in owners}))
    shown = await record.shown([*people, *members, *included])
    first, last = len(people), len(people) + len(members)
    return Gathered(shown[:first], shown[first:last], shown[last:])


async def _own(record: Record, connection: asyncpg.Connection, id_: str) -> list[Current]:
    """Returns the registration of an id and, of whom the actor acts for, the others of the same person."""
    ids = record.actor.patients if id_ in record.actor.patients else (id_,)
    found = await record.store.reader.locate(connection, [("Patient", one) for one in ids], record.sight)
    if len(ids) == 1 or record.actor.for_one:
        return list(found.values())
    # What is of one ward never stands in what is said of another.
    owner = found.get(("Patient", id_))
    linked = [] if owner is None else await connection.fetch(STANDING["of_same"], [owner.res])
    same = {row["patient"] for row in linked}
    return [one for one in found.values() if one is owner or one.res in same]


def _wish(record: Record, call: Call) -> Wish:
    inputs = Inputs.of(call.parameters, KNOWN)
    store = record.store
    types = [name.strip() for text in inputs.texts("_type") for name in text.split(",") if name.strip()]
    unknown = [name for name in types if name not in definitions().resource_types]
    if unknown:
        raise Invalid("web.no-such-type", type=unknown[0][:64])
    count = inputs.count("_count")
    since, start, end = (inputs.text(name) for name in ("_since", "start", "end"))
    place = None
    if call.cursor is not None:
        place = store.searcher.cursors.read(call.cursor, record.actor.reference, list(call.bound))
    return Wish(
        types=frozenset(types) or None,
        since=bounds(since.replace(" ", "+"), store.zone)[0] if since else None,
        start=bounds(start.replace(" ", "+"), store.zone)[0] if start else None,
        end=bounds(end.replace(" ", "+"), store.zone)[1] if end else None,
        count=LARGEST if count is None else max(min(count, LARGEST), 1),
        place=place,
    )

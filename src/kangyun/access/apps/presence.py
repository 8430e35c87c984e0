"""Opening a record to who has the resident before him, for apps: by a code, a word, a card that was read just now.

What is stated is `access.relations.stated`'s business: here it is only found out whose it is, and what the caller sees
of that resident once it is open. Somebody of whom he then sees nothing (there is nobody, or a Consent closes it) is
nobody to the app, alike; the audit row names whom it was.

Which resident some identifiers mean is asked in one place, `whose`: the resident index stands behind it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, tzinfo

from kangyun.access.linked import linked, names_of, registrations
from kangyun.access.messages.senders import Channel
from kangyun.access.opened import written_by
from kangyun.access.record import Record
from kangyun.access.relations import stated
from kangyun.access.relations.whom import Resident, by_id, by_identifier
from kangyun.access.upward import those_seen
from kangyun.base import clock
from kangyun.base.errors import Forbidden, NotFound, RuleBroken
from kangyun.fhir import Resource
from kangyun.fhir.search.dates import bounds

OLD = "old"
MOST = 50  # registrations that are looked at together


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a code names: identifiers, `system|value`, of one person. here: they are good in the caller's house only."""

    identifiers: tuple[str, ...]
    here: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """A resident, as the caller sees him now: ids of registrations, by which ground, until when."""

    patients: tuple[str, ...]
    ground: str
    until: datetime


async def whose(record: Record, named: Named) -> Resident | None:
    """Returns the resident who has one of these identifiers, in use, by the first that means somebody; else None."""
    for identifier in named.identifiers:
        try:
            resident = await by_identifier(record.store, identifier, record.institution, own=named.here)
        except NotFound:
            continue
        if any(is_in_use(one.resource, identifier, clock.now(), record.store.zone) for one in resident.registrations):
            return resident
    return None


async def same(record: Record, patients: Collection[str]) -> dict[str, str]:
    """Returns all registrations that are seen of the residents of some: for the id of each, of which of these it is."""
    store = record.store
    async with store.pool.connection() as connection:
        located = await store.reader.locate(connection, [("Patient", id_) for id_ in patients], record.sight)
        given = {one.res: id_ for (_, id_), one in located.items() if one.stored is not None}
        people = await linked(connection, given)
        several = await registrations(connection, {one.person for one in people.values()})
        of = {other: given[res] for res, one in people.items() for other in (res, *several[one.person])}
        seen = await those_seen(record, sorted(of))
        names = await names_of(connection, store, seen)
    return {id_: given.get(res, of[res]) for res, id_ in names.items()}


async def show_code(record: Record, patient: str) -> tuple[str, str]:
    """Returns a code that opens a resident's record to who reads it, and its digits. Raises Forbidden."""
    if patient not in record.actor.patients:  # Whether there is such a resident is not told.
        raise Forbidden("access.relations.not-your-code")
    return await stated.show(record, await by_id(record.store, patient), patient)


async def ask_word(record: Record, named: Named, channel: Channel) -> str:
    """Sends a word to the telephone of whom a code names, and returns its name. Raises Forbidden, RuleBroken."""
    stated.ground_of(record, stated.WORD)
    resident = await whose(record, named)
    if resident is None:  # As of who has no telephone.
        raise RuleBroken("access.relations.no-telephone")
    return await stated.ask(record, resident, channel)


async def by_code(record: Record, code: str) -> Shown | None:
    """Opens the record of whose code was read. Raises Forbidden for one that is wrong, was used, or is over."""
    return await _seen(record, await stated.open_by_code(record, code, None))


async def by_word(record: Record, challenge: str, word: str, named: Named) -> Shown | None:
    """Opens the record of who was sent a word and is whom a code names. Raises Forbidden."""
    stated.ground_of(record, stated.WORD)
    resident = await whose(record, named)
    if resident is None:  # As of a word that is wrong.
        raise Forbidden("access.relations.wrong-code")
    return await _seen(record, await stated.open_by_word(record, challenge, word, resident))


async def by_reader(record: Record, reader: str, named: Named) -> Shown | None:
    """Opens the record of whose card was read by a reader that the policy believes. Raises Forbidden, Invalid."""
    stated.believed(record, reader)
    resident = await whose(record, named)
    return await _seen(record, await stated.open_by_reader(record, resident, reader)) if resident else None


async def by_issuer(record: Record, issuer: str, named: Named) -> Shown | None:
    """Opens the record of whose code its issuer has just found to be shown by him. Raises Forbidden."""
    stated.ground_of(record, stated.CARD)
    resident = await whose(record, named)
    return await _seen(record, await stated.open_by_issuer(record, resident, issuer)) if resident else None


async def found(record: Record, named: Named) -> tuple[str, ...]:
    """Returns the registrations that have one of these identifiers, of those that the caller sees. It opens nothing.

    Raises RuleBroken where he sees more of them than can be looked at.
    """
    pairs = [("identifier", ",".join(named.identifiers)), ("_count", str(MOST))]
    page = await record.search(await record.read_query("Patient", pairs, strict=True))
    if page.next is not None:
        raise RuleBroken("access.apps.too-many-registrations", most=MOST)
    matches = page.matches
    # What is shown may be masked; whether a number is in use is asked of what stands.
    located = await record.store.finder.locate([("Patient", one.id) for one in matches], record.sight)
    standing = [one.stored for one in located.values() if one.stored is not None and not one.stored.deleted]
    now, zone = clock.now(), record.store.zone
    in_use = [one for one in standing if any(is_in_use(one.resource, each, now, zone) for each in named.identifiers)]
    if named.here:
        async with record.store.pool.connection() as connection:
            own = await written_by(connection, record.institution, [one.res for one in in_use])
        in_use = [one for one in in_use if one.res in own]
    return tuple(sorted(one.id for one in in_use))


async def _seen(record: Record, done: stated.Opened) -> Shown | None:
    seen: list[str] = []
    for begin in range(0, len(done.resident.ids), MOST):
        pairs = [("_id", ",".join(done.resident.ids[begin : begin + MOST])), ("_count", str(MOST))]
        page = await record.search(await record.read_query("Patient", pairs, strict=True))
        seen += (one.id for one in page.matches)
    return Shown(tuple(sorted(seen)), done.ground, done.ends) if seen else None


def is_in_use(resource: Resource, identifier: str, now: datetime, zone: tzinfo) -> bool:
    """Whether a resource has an identifier (`system|value`) that is not an old one, within its period. Pure."""
    system, _, value = identifier.partition("|")
    return any(
        (one.get("system"), one.get("value")) == (system, value)
        and one.get("use") != OLD
        and _covers(one.get("period", {}), now, zone)
        for one in resource.get("identifier", ())
    )


def _covers(period: Resource, now: datetime, zone: tzinfo) -> bool:
    starts, ends = period.get("start"), period.get("end")
    return (starts is None or bounds(starts, zone)[0] <= now) and (ends is None or now < bounds(ends, zone)[1])

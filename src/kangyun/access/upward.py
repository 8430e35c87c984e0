"""What another node of the region's cascade is told of this record: which registrations there are, and what kinds of
records lie behind them, of which months.

Another node is somebody who asks, by a sight of his own: whatever residents have closed to everybody, and what is
sensitive, he does not see. Of where records lie he is told less than he would see: what anybody at all is denied is
left out, since this side does not know who will look at the other one. It is no content, and no counts.

`exchange.federation` says in which form, to whom and when.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.gate import Gate
from kangyun.access.houses import BELOW, above
from kangyun.access.policy import purpose_bit
from kangyun.access.policy.sights import ANYBODY, Decision, party
from kangyun.access.record import Record
from kangyun.fhir import Resource
from kangyun.store.feed import Event, Place, Reader, last_place, place_of, read, remember
from kangyun.store.model import Stored
from kangyun.store.types import TYPE_NAMES, TYPE_NUMBERS
from kangyun.store.visible import EVERYTHING, Sight, seen

__all__ = [
    "PURPOSE", "Asker", "Event", "Known", "Place", "Reader", "changed", "known", "last_place", "numbered",
    "numbers_of", "of_same", "opened_for", "place_of", "registrations", "remember", "those_seen", "written",
]  # fmt: skip

PURPOSE = "TREAT"
SPREADS = frozenset({"Patient", "Consent", "Linkage"})
"""A change of one of these may concern all registrations of its resident: what is denied follows them."""
MOST_COMMITS = 500


@dataclass(frozen=True, slots=True)
class Span:
    """Records of a type: the first and the last moment that they are about, None where they say none."""

    type: str
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class Known:
    """A registration as another node may know it.

    stored: the Patient; institution: whose it is, as `Organization/…`. spans: by type, what lies behind it.
    companion: the resource of the same id and of the type that was asked for, where it may be seen.
    """

    stored: Stored
    institution: str
    spans: tuple[Span, ...] = ()
    companion: Resource | None = None


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks from another node: the node, and whom it says that it asks for.

    node: as `Organization/…` here. parties: further names by which a Consent may call who asks.
    """

    node: str
    parties: tuple[str, ...] = field(default=())


async def _sight(gate: Gate, connection: asyncpg.Connection, asker: Asker, types: Collection[str]) -> Sight:
    policy = gate.sights.policy
    houses = [name for name in (asker.node, *asker.parties) if name.startswith("Organization/")]
    higher = [one for house in houses for one in await above(connection, gate.store.reader, house)]
    names = (ANYBODY, asker.node, *asker.parties, *(f"{BELOW}{house}" for house in (*houses, *higher)))
    hasher = gate.store.keys.hasher
    return Sight(
        types=tuple(sorted(TYPE_NUMBERS[name] for name in types)),
        # Where residents must permit first, nothing that they did not permit to a node by name is open to it.
        all_closed=policy.sensitive | (0 if policy.permits else gate.labels.all),
        parties=tuple(party(hasher, name) for name in dict.fromkeys(names)),
        purpose=purpose_bit(PURPOSE),
        by_rule=gate.sights.anybody.by_rule,
    )


async def opened_for(
    gate: Gate, actor: Actor, about: Circumstances, asker: Asker, types: Collection[str], *, masked: bool = True
) -> Record:
    """Opens the record for somebody at another node: to read these types, and to write nothing.

    masked: persons are; not for a platform that is given an institution's records, which are of nobody without names.
    """
    async with gate.store.pool.connection() as connection:
        sight = await _sight(gate, connection, asker, types)
    nothing, reads = frozenset[str](), frozenset(types)
    decision = Decision(
        sight, reads, reads, nothing, nothing, nothing, False,
        writing=replace(sight, types=()), masked=masked, strangers=False, hides_staff=True,
    )  # fmt: skip
    home = await gate.open(actor, about)
    return Record(gate, actor, about, home.institution, decision)


async def changed(connection: asyncpg.Connection, after: Place) -> tuple[set[int], Place]:
    """Returns the registrations that commits after a place are about, and the place that these lead to."""
    events, reached = await read(connection, after, most=MOST_COMMITS)
    found: set[int] = set()
    spreading: set[int] = set()
    for event in events:
        for one in event.changes:
            patient = one.res if one.type == "Patient" else one.patient
            if patient is not None:
                (spreading if one.type in SPREADS else found).add(patient)
    if spreading:
        found |= spreading
        found |= {row["patient"] for row in await connection.fetch(_OF_SAME, list(spreading))}
    return found, reached


async def written(gate: Gate, connection: asyncpg.Connection, events: Sequence[Event]) -> list[Known]:
    """Returns the Patients that events have written, as they stand now, each with the institution that wrote it."""
    numbers = {one.res for event in events for one in event.changes if one.type == "Patient"}
    rows = await connection.fetch(*seen(_SEEN, EVERYTHING, sorted(numbers))) if numbers else ()
    houses = {(row["res"], row["version"]): row["institution"] for row in rows}
    stored = await gate.store.reader.versions(connection, houses)
    return [Known(stored[place], house) for place, house in houses.items() if place in stored]


async def registrations(connection: asyncpg.Connection, after: int, most: int) -> list[int]:
    """Returns the next registrations by number, those that are deleted included."""
    rows = await connection.fetch(*seen(_NEXT, EVERYTHING, TYPE_NUMBERS["Patient"], after, most))
    return [row["res"] for row in rows]


async def numbers_of(gate: Gate, institution: str) -> tuple[tuple[str, str], ...]:
    """Returns the numbers of an institution, system and value, by its Organization."""
    name = ("Organization", institution.rpartition("/")[2])
    async with gate.store.pool.connection() as connection:
        found = (await gate.store.reader.locate(connection, [name])).get(name)
    resource = found.stored.resource if found is not None and found.stored is not None else {}
    pairs = ((one.get("system"), one.get("value")) for one in resource.get("identifier", ()))
    return tuple((system, value) for system, value in pairs if system and value)


async def those_seen(record: Record, patients: Sequence[int]) -> list[int]:
    """Returns the registrations among these that an actor sees."""
    async with record.store.pool.connection() as connection:
        rows = await connection.fetch(*seen(_SEEN, record.sight, list(patients)))
    return [row["res"] for row in rows]


async def numbered(record: Record, ids: Sequence[str]) -> list[int]:
    """Returns the registrations of ids that an actor sees."""
    async with record.store.pool.connection() as connection:
        located = await record.store.reader.locate(connection, [("Patient", id_) for id_ in ids], record.sight)
    return [one.res for one in located.values() if one.stored is not None and not one.stored.deleted]


async def of_same(gate: Gate, patients: Sequence[int]) -> list[int]:
    """Returns all registrations of the residents whose registrations these are."""
    async with gate.store.pool.connection() as connection:
        rows = await connection.fetch(_OF_SAME, list(patients))
    return sorted({row["patient"] for row in rows} | set(patients))


async def known(
    gate: Gate, connection: asyncpg.Connection, asker: Asker, patients: Sequence[int], types: Iterable[str],
    companion: str,
) -> dict[int, Known]:  # fmt: skip
    """Returns registrations as a node may know them; those that it may not, or that are gone, are left out."""
    types = set(types)
    sight = await _sight(gate, connection, asker, {"Patient", companion, *types})
    rows = await connection.fetch(*seen(_SEEN, sight, list(patients)))
    spans: dict[int, list[Span]] = {}
    numbers = [TYPE_NUMBERS[name] for name in types]
    shown = [row["res"] for row in rows]
    for row in await connection.fetch(*seen(_SPANS, sight, shown, numbers, sight.purpose)) if shown else ():
        spans.setdefault(row["patient"], []).append(Span(TYPE_NAMES[row["type"]], row["first"], row["last"]))
    found: dict[int, Known] = {}
    reader = gate.store.reader
    for row in rows:
        stored = await reader.version(connection, row["res"], row["version"], sight)
        if stored is not None and not stored.deleted:
            found[row["res"]] = Known(stored, row["institution"], tuple(spans.get(row["res"], ())))
    return found | await _with_companions(gate, connection, sight, found, companion)


async def _with_companions(
    gate: Gate, connection: asyncpg.Connection, sight: Sight, found: Mapping[int, Known], type_: str
) -> dict[int, Known]:
    by_id = {one.stored.id: (res, one) for res, one in found.items()}
    located = await gate.store.reader.locate(connection, [(type_, id_) for id_ in by_id], sight)
    return {
        by_id[id_][0]: replace(by_id[id_][1], companion=current.stored.resource)
        for (_, id_), current in located.items()
        if current.stored is not None and not current.stored.deleted
    }


_OF_SAME = """
SELECT o.patient FROM resident_link AS l JOIN resident_link AS o ON o.resident = l.resident
WHERE l.patient = ANY ($1::int8[])
"""
_NEXT = "SELECT r.res FROM resource AS r WHERE r.type = $1 AND r.res > $2 AND {visible:r} ORDER BY r.res LIMIT $3"
_SEEN = """
SELECT r.res, r.version, i.reference AS institution FROM resource AS r JOIN institution AS i ON i.id = r.institution
WHERE r.res = ANY ($1::int8[]) AND NOT r.deleted AND {visible:r}
"""
_SPANS = """
SELECT r.patient, r.type, nullif(min(r.at), '-infinity') AS first, nullif(max(r.at), '-infinity') AS last
FROM resource AS r
WHERE r.patient = ANY ($1::int8[]) AND r.type = ANY ($2::int2[]) AND NOT r.deleted AND {visible:r}
AND NOT EXISTS (
    SELECT FROM denial AS n WHERE n.patient = r.patient AND (n.labels & r.labels) <> 0 AND (n.purposes & $3::int8) <> 0
    AND n.low <= now() AND n.high > now()
)
GROUP BY r.patient, r.type
"""

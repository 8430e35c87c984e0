"""What a desk of alarms sees of the record: who is meant, masked as everywhere, and the whole of whom it opens.

Opening an alarm is a reason of its own to see a record (the ground `alarm` of the policy): for whoever looks after the
alarm, in his role, for so many hours.
"""

from collections.abc import Collection
from datetime import timedelta

import asyncpg

from kangyun.access.events.rows import standing
from kangyun.access.gate import Gate
from kangyun.access.opened import open_person
from kangyun.access.record import Record
from kangyun.access.relations import rows
from kangyun.access.relations.following import opened
from kangyun.base import clock
from kangyun.fhir import Resource
from kangyun.store.visible import seen

GROUND = "alarm"


async def seen_of(record: Record, patients: Collection[int]) -> set[int]:
    """Returns which registrations this actor sees."""
    if not patients or not record.reads("Patient"):
        return set()
    async with record.store.pool.connection() as connection:
        found = await connection.fetch(*seen(_SEEN, record.sight, sorted(set(patients))))
    return {row["res"] for row in found}


async def faces(record: Record, patients: Collection[int]) -> dict[int, Resource]:
    """Returns Patients as they are shown to this actor, by number, whether or not his role sees them otherwise.

    The caller has found out that he looks after them, and leaves the row.
    """
    async with record.store.pool.connection() as connection:
        found = await standing(connection, record.store, set(patients))
    there = [one for one in found.values() if not one.deleted]
    return {one.res: one.resource for one in await record.shown(there)}


async def open_by_alarm(record: Record, patient: int, alarm: int, reason: str) -> None:
    """Opens a resident to who looks after an alarm of his, and leaves the row with its ground.

    What the resident has denied stays closed.
    """
    gate = record.gate
    ground = gate.sights.policy.grounds.get(GROUND)
    now = clock.now()
    async with record.store.pool.connection() as connection, connection.transaction():
        if ground is not None and record.actor.role in ground.roles:
            opens, ends = opened(gate.labels, ground.opens), now + timedelta(hours=ground.hours)
            party = gate.sights.in_role(record.actor)
            await rows.disclose(connection, patient, [party], ground, opens, now, ends, f"alarm/{alarm}")
        await open_person(connection, record.store.keys, record.actor, patient, reason)
        await record.leave_row_within(connection, "open-alarm", 200, [patient], GROUND)


async def close_by_alarm(connection: asyncpg.Connection, gate: Gate, alarm: int, reference: str) -> None:
    """Ends what an alarm opened to somebody who has it no more, within the caller's transaction."""
    ground = gate.sights.policy.grounds.get(GROUND)
    if ground is not None:
        parties = [gate.sights.party(f"{reference}#{role}") for role in sorted(ground.roles)]
        await rows.conceal(connection, parties, f"alarm/{alarm}")


_SEEN = "SELECT r.res FROM resource AS r WHERE r.res = ANY ($1::int8[]) AND {visible:r}"

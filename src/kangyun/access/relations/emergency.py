"""Breaking the glass: emergency access with a stated reason, for a time, told to the resident, looked at afterwards.

It opens the record of one resident to one person, in the role in which the reason is stated, over what the resident has
denied. The resident is told by a Communication in his own record; a background task writes those that are still to be
written, so that none is lost.
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any
from uuid import UUID

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.gate import Gate
from kangyun.access.identities.register import KIND
from kangyun.access.opened import LASTS, open_person
from kangyun.access.policy import Ground
from kangyun.access.reasons import letters
from kangyun.access.record import Record
from kangyun.access.relations import rows
from kangyun.access.relations.following import opened
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.base import clock
from kangyun.base.crypto import Sealer, derived_key, hmac_sm3
from kangyun.base.errors import Conflict, Forbidden, Invalid, NotFound, RuleBroken, VersionConflict
from kangyun.base.statuses import status_of
from kangyun.base.texts import say
from kangyun.database.rounds import make_rounds_alone
from kangyun.store.reader import Current

GROUND = "emergency"
ACTION = "break-glass"
SHORTEST_REASON, LONGEST_REASON = 5, 2_000  # characters
MOST_REGISTRATIONS = 200  # with one number: who has fewer is opened in all of them
LEAST_LETTERS = 4  # of them: stops and one sign again and again are no reason
REVIEWERS = ("security-administrator", "audit-administrator")
MOST_LISTED = 1_000
LOOK = 2.0  # seconds between two looks for who is still to be told
_LABEL, _ID = b"broken glass", "broken-glass-told"


@dataclass(frozen=True, slots=True)
class Broken:
    """One time that somebody broke the glass."""

    id: int
    patient: int
    actor: str
    institution: str
    reason: str
    began: datetime
    ends: datetime
    told: datetime | None
    reviewed: datetime | None
    reviewed_by: str | None
    justified: bool | None
    remark: str | None
    about: str = ""
    """The registration as a reference, for who reviews it."""


def may_break(record: Record) -> Ground:
    """Returns the ground of emergencies. Raises Forbidden for who may not have it, before anybody is looked for."""
    record.in_person()
    ground = record.gate.sights.policy.grounds.get(GROUND)
    if ground is None or record.actor.role not in ground.roles:
        raise Forbidden("access.relations.not-your-ground")
    return ground


def checked_reason(reason: str | None) -> str:
    """Returns a reason that may be stated. Raises Invalid, before anybody is looked for."""
    reason = (reason or "").strip()
    if not SHORTEST_REASON <= len(reason) <= LONGEST_REASON or letters(reason) < LEAST_LETTERS:
        raise Invalid("access.relations.reason", at="reason", least=SHORTEST_REASON, most=LONGEST_REASON)
    return reason


async def break_glass(record: Record, current: Current, reason: str) -> datetime:
    """Opens a resident's record to the actor and returns until when. Raises Forbidden, Invalid."""
    ground, gate, actor = may_break(record), record.gate, record.actor
    reason = checked_reason(reason)
    assert current.patient is not None
    now = clock.now()
    ends = now + timedelta(hours=ground.hours)
    party = gate.sights.in_role(actor)
    async with gate.store.pool.connection() as connection, connection.transaction():
        sealed = _sealer(gate).seal(reason.encode(), _LABEL)
        about = current.patient, actor.reference, actor.institution, sealed, now, ends
        number = await connection.fetchval(_BREAK, *about)
        opens = opened(gate.labels, ground.opens)
        await rows.disclose(
            connection, current.patient, [party], ground, opens, now, ends, f"broken-glass/{number}"
        )  # fmt: skip
        await open_person(connection, gate.store.keys, actor, current.patient, reason, min(LASTS, ends - now))
        # Seen from the next statement on, so what was done is noted before: the row stands in the same transaction.
        await record.leave_row_within(connection, ACTION, 200, [current.patient])
    return ends


async def found(record: Record, id_: str | None, identifier: str | None) -> list[Current]:
    """Returns the registrations that are meant, whether the actor may see them or not.

    A number means all that have it: who lies there has been registered by more than one, and there is no time to ask
    which is he. Where none is left, the row names those that were found; so it does where more have it than can be
    opened at once, which is said. Raises NotFound, Invalid, RuleBroken.
    """
    store = record.store
    async with store.pool.connection() as connection:
        ids = [id_] if id_ is not None else []
        if id_ is None:
            if not identifier or "|" not in identifier:
                raise Invalid("access.relations.identifier", at="identifier")
            query = await store.read_query("Patient", [("identifier", identifier)], strict=True)
            ids = await store.searcher.matches(connection, "Patient", query.node, MOST_REGISTRATIONS + 1)
        located = [*(await store.reader.locate(connection, [("Patient", one) for one in ids])).values()]
    standing = [one for one in located if one.stored is not None and not one.stored.deleted]
    if not standing or len(located) > MOST_REGISTRATIONS:
        refused = RuleBroken("access.relations.too-many", most=MOST_REGISTRATIONS) if standing else NotFound()
        patients = sorted(one.patient for one in located if one.patient is not None)
        await record.leave_row(ACTION, status_of(refused), patients)
        raise refused
    return standing


async def listed(gate: Gate, *, open_only: bool) -> list[Broken]:
    """Returns the times that somebody broke the glass, newest first; those that nobody has looked at yet, or all."""
    sealer, reader = _sealer(gate), gate.store.reader
    async with gate.store.pool.connection() as connection:
        found_ = [_read(row, sealer) for row in await connection.fetch(_LIST, open_only, MOST_LISTED)]
        known = {number: await reader.of_number(connection, number) for number in {one.patient for one in found_}}
    about = {number: f"Patient/{stored.id}" for number, stored in known.items() if stored is not None}
    return [replace(one, about=about.get(one.patient, "")) for one in found_]


async def review(record: Record, number: int, *, justified: bool, remark: str) -> None:
    """Notes what a reviewer thinks of it; what was not justified ends at once, with what was opened by it.

    Raises NotFound; Forbidden where it was the reviewer himself, Conflict where somebody has reviewed it before.
    """
    gate = record.gate
    sealed = _sealer(gate).seal(remark.strip()[:LONGEST_REASON].encode(), _LABEL)
    async with gate.store.pool.connection() as connection, connection.transaction():
        row = await connection.fetchrow("SELECT * FROM broken_glass WHERE id = $1 FOR UPDATE", number)
        if row is None:
            raise NotFound
        if row["actor"] == record.actor.reference:
            raise Forbidden("access.relations.own-review")
        if row["reviewed"] is not None:
            raise Conflict("access.relations.reviewed-already", by=row["reviewed_by"])
        ends = await connection.fetchval(_REVIEW, number, record.actor.reference, justified, sealed)
        if not justified:
            await rows.replace(connection, {f"broken-glass/{number}": rows.Follows(None)})
            await connection.execute(_CLOSE, row["patient"], row["actor"], row["institution"], row["began"])
        await record.leave_row_within(connection, "review-break-glass", 200, [row["patient"]])
        if not justified:  # Also for a restore, as the last of the transaction that does it.
            told = {"what": "end-emergency", "at": ends.isoformat()}
            await asyncio.to_thread(record.ledger.append, KIND, f"broken-glass/{number}", told)


def may_review(record: Record) -> None:
    """Raises Forbidden for who does not look at such things."""
    record.in_person()
    if not (record.actor.administrator or record.actor.role in REVIEWERS):
        raise Forbidden("access.relations.reviewers-only")


async def tell(gate: Gate, stop: asyncio.Event) -> None:
    """Tells residents, until `stop`. Of several processes, the one with the lease does."""

    async def work(connection: asyncpg.Connection) -> None:
        for row in await connection.fetch(_UNTOLD):
            await _tell(gate, connection, row)

    await make_rounds_alone(gate.store.pool, "broken glass", work, LOOK, stop)


async def _tell(gate: Gate, connection: asyncpg.Connection, row: Any) -> None:
    store = gate.store
    patient = await store.reader.of_number(connection, row["patient"])
    if patient is not None and not patient.deleted:
        said = {
            "when": _local(row["began"], store.zone), "actor": row["actor"], "institution": row["institution"],
            "until": _local(row["ends"], store.zone), "reason": _read(row, _sealer(gate)).reason,
        }  # fmt: skip
        text = " / ".join(say("access.relations.told", language, said) for language in ("zh", "en"))
        communication = {
            "resourceType": "Communication", "status": "completed", "sent": clock.instant(clock.now()),
            "category": [{"coding": [{"system": "urn:kangyun:communication", "code": "break-glass"}]}],
            "subject": {"reference": f"Patient/{patient.id}"}, "recipient": [{"reference": f"Patient/{patient.id}"}],
            "payload": [{"contentString": text}],
            "identifier": [{"system": "urn:kangyun:broken-glass", "value": str(row["id"])}],
        }  # fmt: skip
        record = await gate.open(PLATFORM, Circumstances("PUT /Communication/[id]", "", f"broken-glass/{row['id']}"))
        # Told twice is told: after a stop between the two it is there. By an id that nobody else can know before, since
        # an identifier is what anybody may write.
        id_ = str(
            UUID(bytes=hmac_sm3(derived_key(gate.store.keys.index_key, _ID), str(row["id"]).encode())[:16], version=4)
        )
        put = record.operation("update", "Communication", id=id_, resource=communication | {"id": id_}, only_new=True)
        with contextlib.suppress(VersionConflict):
            await record.commit([put], "update")
    await connection.execute("UPDATE broken_glass SET told = clock_timestamp() WHERE id = $1", row["id"])


def _local(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _sealer(gate: Gate) -> Sealer:
    keys = gate.store.keys
    return Sealer(derived_key(keys.index_key, "broken-glass"), keys.cipher)


def _read(row: Any, sealer: Sealer) -> Broken:
    opened_ = {
        name: None if row[name] is None else sealer.open(row[name], _LABEL).decode() for name in ("reason", "remark")
    }
    return Broken(**{**dict(row), **opened_})


_BREAK = """
INSERT INTO broken_glass (patient, actor, institution, reason, began, ends) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id
"""
_REVIEW = """
UPDATE broken_glass SET reviewed = clock_timestamp(), reviewed_by = $2, justified = $3, remark = $4,
    ends = CASE WHEN $3 THEN ends ELSE least(ends, clock_timestamp()) END
WHERE id = $1 RETURNING ends
"""
# Also what `$open` opened meanwhile: without the glass it would not have been seen.
_CLOSE = """
UPDATE opened SET ends = clock_timestamp()
WHERE person = $1 AND actor = $2 AND institution = $3 AND began >= $4 AND ends > clock_timestamp()
"""
_LIST = "SELECT * FROM broken_glass WHERE NOT $1 OR reviewed IS NULL ORDER BY id DESC LIMIT $2"
_UNTOLD = "SELECT * FROM broken_glass WHERE told IS NULL ORDER BY id LIMIT 100"

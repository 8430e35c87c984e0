"""Tells subscribers whose registrations are: a Linkage for each registration that a decision made another's (ADR 29).

The background work writes it, from the ledger of the resident index (`resident_decision`), as the own of the
institution whose registration it is about: so who sees the Patient sees it, and a Subscription on Linkage is told of it
as of anything that is written. It names that one Patient and, by identifiers, residents: nobody learns by it of
registrations that he does not see. What is imported, or brought into the index later, is told to nobody.
"""

import asyncio
import logging
from collections.abc import Sequence
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.gate import Gate
from kangyun.access.record import Operation
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.base.crypto import derived_key, hmac_sm3
from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.database.rounds import make_rounds_alone, work_off
from kangyun.fhir import Resource
from kangyun.identity.standing import SQL
from kangyun.store.keys import KeyRing
from kangyun.store.visible import EVERYTHING, seen

logger = logging.getLogger(__name__)

RESIDENT = "urn:kangyun:identifier:resident"
"""System of the identifiers of residents: the value is the id under which the golden Patient is read."""
DECISION, KIND = "urn:kangyun:extension:decision", "urn:kangyun:extension:decision-kind"
ORIGIN = "residents"
ABOUT = Circumstances("PUT /Linkage/[id]", "", "linkages", depth=1, origin=ORIGIN)
LOOK = 0.1  # seconds
AT_ONCE = 100


async def tell(gate: Gate, stop: asyncio.Event) -> None:
    """Tells until `stop`. Of several processes, the one with the lease does."""

    async def work(connection: asyncpg.Connection) -> None:
        await work_off(connection, lambda: tell_some(gate, connection), LOOK, stop)

    await make_rounds_alone(gate.store.pool, "linkages", work, LOOK, stop)


async def tell_some(gate: Gate, connection: asyncpg.Connection) -> int:
    """Writes the Linkages of the oldest decisions that nobody was told of, and returns how many these are.

    A decision that was written stands in the Linkage: after a stop before it is crossed off, it is not written again.
    """
    rows = await connection.fetch(*seen(SQL["untold"], EVERYTHING, AT_ONCE))
    newest = {row["patient"]: row for row in rows}  # Of several about one registration, versions follow one another.
    for institution, some in groupby(sorted(newest.values(), key=_institution), key=_institution):
        if institution:
            await _write(gate, connection, institution, list(some))
    await connection.execute(SQL["told"], [row["decision"] for row in rows])
    return len(rows)


async def _write(gate: Gate, connection: asyncpg.Connection, institution: str, rows: Sequence[Any]) -> None:
    record = await (await gate.open(PLATFORM, ABOUT)).on_behalf_of(institution)
    store = gate.store
    ids = {row["patient"]: linkage_id(store.keys, row["patient"]) for row in rows}
    standing = await store.reader.locate(connection, [("Linkage", id_) for id_ in ids.values()])
    patients = await store.reader.versions(connection, [(row["patient"], row["version"]) for row in rows])
    writes: list[Operation] = []
    for row in rows:
        patient = patients.get((row["patient"], row["version"]))
        id_ = ids[row["patient"]]
        current = standing.get(("Linkage", id_))
        stored = current.stored if current is not None else None
        there = stored is not None and not stored.deleted
        if patient is None or (there and stored is not None and decision_of(stored.resource) >= row["decision"]):
            continue
        former = None if row["former"] is None else store.ids.id_of(row["former"])
        made = linkage(id_, patient.id, store.ids.id_of(row["resident"]), former, row["decision"], row["kind"])
        known = {"if_match": stored.version} if there and stored is not None else {}
        writes.append(record.operation("update", "Linkage", id=id_, resource=made, full_url="", **known))
    try:
        if writes:
            await record.commit(writes, "update")
    except (Unavailable, Throttled):
        raise
    except PlatformError as error:
        if len(rows) == 1:  # A person can see it in the log: the others wait for nothing.
            logger.error("linkages: decision %d: %s", rows[0]["decision"], error.issues[0].text)
            return
        for row in rows:
            await _write(gate, connection, institution, [row])


def linkage_id(keys: KeyRing, patient: int) -> str:
    """Returns the id of a registration's Linkage: nobody else can know it before, and write under it."""
    key = derived_key(keys.index_key, "linkages")
    return str(UUID(bytes=hmac_sm3(key, patient.to_bytes(8, "big"))[:16], version=4))


def linkage(id_: str, patient: str, resident: str, former: str | None, decision: int, kind: str) -> Resource:
    """Returns the Linkage of a registration: whose it is by a decision, and whose it was. Pure."""
    items = [
        {"type": "alternate", "resource": {"reference": f"Patient/{patient}"}},
        {"type": "source", "resource": _resident(resident)},
    ]
    if former is not None and former != resident:
        items.append({"type": "historical", "resource": _resident(former)})
    return {
        "resourceType": "Linkage",
        "id": id_,
        "extension": [{"url": DECISION, "valueString": str(decision)}, {"url": KIND, "valueCode": kind}],
        "active": True,
        "item": items,
    }


def decision_of(resource: Resource) -> int:
    """Returns the number of the decision by which a Linkage was written."""
    said = (one.get("valueString", "0") for one in resource.get("extension", ()) if one.get("url") == DECISION)
    return int(next(said, "0"))


def _resident(id_: str) -> Resource:
    return {"type": "Patient", "identifier": {"system": RESIDENT, "value": id_}}


def _institution(row: Any) -> str:
    return row["institution"] or ""

"""Each alarm as a Flag of the record, so that foreign applications can search for it and subscribe to it.

A Flag and no DetectedIssue or Communication: it is on a person, active as long as the alarm is open, and says that
somebody has to look. A DetectedIssue is what was found in the care itself, a Communication what was said to somebody.
It is written as the own of the institution whose registration it is about, so that who sees the Patient sees it. What
is done about the alarm stays at the desk.

Source: https://hl7.org/fhir/R4/flag.html
"""

import asyncio
import logging
from typing import Any
from uuid import UUID

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.gate import Gate
from kangyun.access.linked import linked, names_of
from kangyun.access.platform import Platform
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.base import clock
from kangyun.base.crypto import derived_key, hmac_sm3
from kangyun.base.errors import PlatformError, Throttled, Unavailable
from kangyun.database.rounds import make_rounds_alone, work_off
from kangyun.devices.alarms.plan import LEVELS, SHOWN
from kangyun.devices.alarms.raising import SQL
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

ALARM = "urn:kangyun:identifier:alarm"
RULE, LEVEL = "urn:kangyun:alarm-rule", "urn:kangyun:alarm-level"
ABOUT = Circumstances("PUT /Flag/[id]", "", "alarms", depth=1, origin="alarms")
LOOK = 1.0  # seconds
AT_ONCE = 50
_CATEGORY = {"system": "http://terminology.hl7.org/CodeSystem/flag-category", "code": "safety", "display": "Safety"}
_LEVELS = {number: name for name, number in LEVELS.items()}


async def keep_flagged(platform: Platform, stop: asyncio.Event) -> None:
    """Writes until `stop`. Of several processes, the one with the lease does."""

    async def work(connection: asyncpg.Connection) -> None:
        await work_off(connection, lambda: flag_some(platform.gate, connection), LOOK, stop)

    await make_rounds_alone(platform.pool, "alarm-flags", work, LOOK, stop)


async def flag_some(gate: Gate, connection: asyncpg.Connection) -> int:
    """Writes Flags that say something else than they should, and returns how many these were.

    What was written before a stop, and was not crossed off, is written again and is no change.
    """
    rows = await connection.fetch(SQL["unflagged"], AT_ONCE)
    people = await linked(connection, (row["holder"] for row in rows))
    names = await names_of(connection, gate.store, people)
    houses = await connection.fetch(SQL["institutions"], sorted({one.institution for one in people.values()}))
    references = {row["id"]: row["reference"] for row in houses}
    for row in rows:
        house, patient = references.get(people[row["holder"]].institution), names.get(row["holder"])
        if house is not None and patient is not None:
            await _write(gate, row, house, patient)
        await connection.execute(SQL["flagged"], row["id"], row["flag"])
    return len(rows)


async def _write(gate: Gate, row: Any, house: str, patient: str) -> None:
    record = await (await gate.open(PLATFORM, ABOUT)).on_behalf_of(house)
    made = flag_of(row, flag_id(gate, row["id"]), patient)
    operation = record.operation("update", "Flag", id=made["id"], resource=made, full_url="")
    try:
        await record.commit([operation], "update")
    except (Unavailable, Throttled):
        raise
    except PlatformError as error:  # A person can see it in the log: the others wait for nothing.
        logger.error("alarm flags: alarm %d: %s", row["id"], error.issues[0].text)


def flag_of(row: Any, id_: str, patient: str) -> Resource:
    """Returns the Flag of an alarm. Pure. It names rule and level, no figures: those are in Observations."""
    period = {"start": clock.instant(row["since"])}
    if row["closed"] is not None:
        period["end"] = clock.instant(row["closed"])
    level = {"system": LEVEL, "code": _LEVELS[row["level"]], "display": SHOWN[row["level"]]}
    return {
        "resourceType": "Flag", "id": id_, "identifier": [{"system": ALARM, "value": str(row["id"])}],
        "status": "inactive" if row["state"] == "closed" else "active",
        "category": [{"coding": [_CATEGORY]}, {"coding": [level]}],
        "code": {"coding": [{"system": RULE, "code": row["rule"]}], "text": f"{SHOWN[row['level']]}告警"},
        "subject": {"reference": f"Patient/{patient}"}, "period": period,
    }  # fmt: skip


def flag_id(gate: Gate, alarm: int) -> str:
    """Returns the id of an alarm's Flag: nobody else can know it before, and write under it."""
    key = derived_key(gate.store.keys.index_key, "alarm-flags")
    return str(UUID(bytes=hmac_sm3(key, alarm.to_bytes(8, "big"))[:16], version=4))

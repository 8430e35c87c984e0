"""A Patient that says that it is replaced by another of its institution: the institution has merged two registrations.

That is how a merge comes by FHIR (IHE ITI-104): the registration that is given up is written once more, with a `link`
of the type `replaced-by`, by reference or by identifier. What follows is `identity.feeding`, a moment after the write.
Only a link that the version before did not have is a word of now: what a steward took back is not done again because
somebody corrects a telephone number.

Source: IHE ITI PIXm 3.1.0, https://profiles.ihe.net/ITI/PIXm/ITI-104.html
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.gate import Gate
from kangyun.access.operations.merging import Registration, told_by_feed
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.base.errors import Conflict, PlatformError, Throttled, Unavailable
from kangyun.fhir import Resource
from kangyun.store.feed import Change, Event
from kangyun.store.model import DELETED, Stored
from kangyun.store.visible import visible

logger = logging.getLogger(__name__)

READER = "replaced"
TYPES = ("Patient",)
MOST = 5  # links of one Patient that are followed


@dataclass(frozen=True, slots=True)
class Replaced:
    """Deals with events. One for a process."""

    gate: Gate

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with events, in order."""
        changes = {
            (change.res, change.version): change
            for event in events
            for change in event.changes
            if change.type in TYPES and change.action != DELETED
        }
        if not changes:
            return
        store = self.gate.store
        async with store.pool.connection() as connection:
            written = await store.reader.versions(connection, changes)
        for place, change in changes.items():
            stored = written.get(place)
            if stored is not None and b"replaced-by" in stored.rest:
                await self._follow(change, stored)

    async def _follow(self, change: Change, stored: Stored) -> None:
        if not replacing(stored.resource):
            return
        async with self.gate.store.pool.connection() as connection:
            former = await self._before(connection, change)
            institution = await connection.fetchval(_INSTITUTION, change.res)
        if institution is None:
            return
        record = await self.gate.open(PLATFORM, Circumstances("Patient.link", "", f"{stored.id}/{stored.version}"))
        record = await record.on_behalf_of(institution)
        own = Registration(f"Patient/{stored.id}")
        for other in [one for one in replacing(stored.resource) if one not in former][:MOST]:
            try:
                await told_by_feed(record, "merge", own, other, f"Patient/{stored.id}/_history/{stored.version}")
            except (Unavailable, Throttled, Conflict):
                raise
            except PlatformError as error:  # There is no such registration of this institution: nothing is said of any.
                logger.info("replaced: %s", error.issues[0].text)

    async def _before(self, connection: asyncpg.Connection, change: Change) -> list[Registration]:
        if change.version == 1:
            return []
        before = await self.gate.store.reader.version(connection, change.res, change.version - 1)
        return [] if before is None or before.deleted else replacing(before.resource)


def replacing(patient: Resource) -> list[Registration]:
    """Returns by which registrations a Patient says that it is replaced. Pure."""
    found = []
    for link in patient.get("link", ()):
        if link.get("type") == "replaced-by":
            other: dict[str, Any] = link.get("other", {})
            number = other.get("identifier", {})
            pair = (number.get("system"), number.get("value"))
            if other.get("reference"):
                found.append(Registration(other["reference"]))
            elif all(pair):
                found.append(Registration(None, (pair,)))
    return found


_INSTITUTION = f"""
SELECT i.reference FROM resource AS r JOIN institution AS i ON i.id = r.institution WHERE r.res = $1 AND {visible("r")}
"""

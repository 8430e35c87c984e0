"""Leavers by feed: a post that an institution's own feed ends takes the roles held there; with the last, the identity.

A PractitionerRole is over when it is not active, when its period has ended, or when it is deleted; a Practitioner when
it is not active. An institution is over when its Organization is not active or is deleted: its staff, devices and
applications are suspended, and let in again when it is active again. Only the institution whose post it is is listened
to, and the platform itself: nobody dismisses the staff of others. Posts that end on a day to come wait in a table, of
which a process looks at what is due.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.gate import Gate
from kangyun.access.opened import written_by
from kangyun.access.record import Record
from kangyun.access.register import Known, Register
from kangyun.base import clock
from kangyun.base.errors import Gone, NotFound, RuleBroken
from kangyun.database.rounds import make_rounds_alone
from kangyun.fhir import Resource
from kangyun.fhir.search.dates import bounds
from kangyun.store.feed import Change, Event
from kangyun.store.model import DELETED

logger = logging.getLogger(__name__)

READER = "staff-leavers"
TYPES = ("PractitionerRole", "Practitioner", "Organization")
LOOK = 60.0  # seconds between two looks for what is due
DEEPEST = 5  # departments within departments
MOST_POSTS = 1_000
PLATFORM = "Organization/platform"
SERVICE = Actor("Device/staff-leavers", "离职处理", PLATFORM, "PATADMIN", administrator=True)
ABOUT = Circumstances("staff-leavers", "", "")


class Leavers:
    """Deals with what feeds say of staff. One for a process."""

    def __init__(self, gate: Gate, register: Register) -> None:
        self._gate = gate
        self._register = register

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with changes of posts and of people, in order. May be given the same again."""
        for event in events:
            for change in event.changes:
                if change.type == "PractitionerRole":
                    await self._post(event, change)
                elif change.type == "Practitioner" and change.action != DELETED:
                    await self._person(event, change)
                elif change.type == "Organization":
                    await self._organization(event, change)

    async def sweep(self, stop: asyncio.Event) -> None:
        """Ends the posts that are due, until `stop`; of several processes one does it."""
        await make_rounds_alone(self._gate.store.pool, READER + "/due", lambda _: self.end_due(), LOOK, stop)

    async def end_due(self) -> None:
        """Ends the posts that are due now."""
        async with self._gate.store.pool.connection() as connection:
            rows = await connection.fetch(
                "SELECT res, version, institution FROM staff_ending WHERE ends <= $1", clock.now()
            )
        for row in rows:
            resource = await self._version(row["res"], row["version"])
            if resource is not None:
                await self._ended(resource, row["institution"])
            await self._forget(row["res"])

    async def _post(self, event: Event, change: Change) -> None:
        gone = change.action == DELETED
        resource = await self._version(change.res, change.version - 1 if gone else change.version)
        if resource is None:
            return
        ends = _end_of(resource)
        if gone or not resource.get("active", True) or (ends is not None and ends <= clock.now()):
            await self._forget(change.res)
            await self._ended(resource, event.institution)
        elif ends is None:
            await self._forget(change.res)
        else:
            async with self._gate.store.pool.connection() as connection:
                await connection.execute(_AWAIT, change.res, change.version, event.institution, ends)

    async def _person(self, event: Event, change: Change) -> None:
        resource = await self._version(change.res, change.version)
        if resource is None or resource.get("active", True):
            return
        known = await self._register.find(f"Practitioner/{resource['id']}")
        teller = await self._teller(event.institution)
        if known is not None and teller in (known.institution, PLATFORM):
            await self._leave(known, f"{teller}: Practitioner.active = false")

    async def _organization(self, event: Event, change: Change) -> None:
        """Suspends who is of an institution that is over, as it stands now, or lets them in again."""
        resource = await self._version(change.res, change.version - (change.action == DELETED))
        if resource is None:
            return
        reference = f"Organization/{resource['id']}"
        if reference == PLATFORM or await self._teller(event.institution) not in (reference, PLATFORM):
            return
        record = await self._gate.open(SERVICE, ABOUT)
        try:
            active = (await record.read("Organization", resource["id"])).resource.get("active", True)
        except (NotFound, Gone):
            active = False
        if active:
            await self._register.resume_all(reference, SERVICE.reference, f"{reference}.active")
        else:
            await self._register.suspend_all(reference, SERVICE.reference, f"{reference}.active = false")

    async def _ended(self, post: Resource, teller_number: int) -> None:
        """Takes the roles of a post that is over, unless the person holds another one at the same institution."""
        reference = str(post.get("practitioner", {}).get("reference", ""))
        organization = str(post.get("organization", {}).get("reference", ""))
        known = await self._register.find(reference) if reference.startswith("Practitioner/") else None
        if known is None or not organization:
            return
        record = await self._gate.open(SERVICE, ABOUT)
        where = await self._institution(record, organization)
        teller = await self._teller(teller_number)
        if teller not in (where, organization, PLATFORM):
            return
        # To what it belongs, an institution says itself: by that it speaks for itself, and not for what is above it.
        places = {where, organization} if teller in (where, PLATFORM) else {organization}
        for other in await self._posts(record, reference, [where, organization, PLATFORM]):
            if await self._institution(record, str(other.get("organization", {}).get("reference", ""))) == where:
                return
        await self._take(known, places, teller)

    async def _take(self, known: Known, places: set[str], teller: str) -> None:
        why = f"{teller}: PractitionerRole"
        held = [post for post in known.posts if post.institution in places]
        if len(held) == len(known.posts) and (held or known.institution in places):
            await self._leave(known, why)
            return
        for post in held:
            await self._register.take_role(known.id, post.role, post.institution, SERVICE.reference, why)

    async def _leave(self, known: Known, why: str) -> None:
        try:
            await self._register.leave(known.id, SERVICE.reference, why)
        except RuleBroken as error:  # The last in an office: the feed goes on, and a person deals with it.
            logger.warning("%s: %s", READER, error.issues[0].text)

    async def _posts(self, record: Record, reference: str, writers: list[str]) -> list[Resource]:
        """Returns the posts of a person that are not over, as these institutions say: others keep nobody in a post."""
        asked = [("practitioner", reference), ("_count", str(MOST_POSTS))]
        page = await record.search(await record.read_query("PractitionerRole", asked, strict=True))
        now, written = clock.now(), set[int]()
        async with self._gate.store.pool.connection() as connection:
            for row in await connection.fetch("SELECT id FROM institution WHERE reference = ANY ($1::text[])", writers):
                written |= await written_by(connection, row["id"], [stored.res for stored in page.matches])
        posts = [stored.resource for stored in page.matches if stored.res in written]
        return [
            post for post in posts if post.get("active", True) and ((ends := _end_of(post)) is None or ends > now)
        ]  # fmt: skip

    async def _institution(self, record: Record, reference: str) -> str:
        """Returns the institution that a department belongs to; itself where it belongs to none."""
        for _ in range(DEEPEST):
            try:
                organization = (await record.read("Organization", reference.partition("/")[2])).resource
            except (NotFound, Gone):
                return reference
            above = str(organization.get("partOf", {}).get("reference", ""))
            if not above.startswith("Organization/"):
                return reference
            reference = above
        return reference

    async def _teller(self, number: int) -> str:
        async with self._gate.store.pool.connection() as connection:
            return str(await connection.fetchval("SELECT reference FROM institution WHERE id = $1", number))

    async def _version(self, res: int, version: int) -> Resource | None:
        async with self._gate.store.pool.connection() as connection:
            stored = await self._gate.store.reader.version(connection, res, version)
        return None if stored is None or stored.deleted else stored.resource

    async def _forget(self, res: int) -> None:
        async with self._gate.store.pool.connection() as connection:
            await connection.execute("DELETE FROM staff_ending WHERE res = $1", res)


def _end_of(post: Resource) -> datetime | None:
    """Returns the instant from which on a post is over: the end of the day or the instant that its period names."""
    text = (post.get("period") or {}).get("end")
    return bounds(text)[1] if isinstance(text, str) else None


_AWAIT = """
INSERT INTO staff_ending (res, version, institution, ends) VALUES ($1, $2, $3, $4)
ON CONFLICT (res) DO UPDATE SET
    version = excluded.version, institution = excluded.institution, ends = excluded.ends
"""

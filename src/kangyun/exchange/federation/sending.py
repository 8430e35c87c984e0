"""Keeps a node above told: what the change feed brings, and a slow walk over all registrations.

There is no queue. What is told is the state of a registration as it stands when it is told; which registrations are
concerned, the change feed says by position, so that days without an answer cost nothing but the way that is left. The
walk finds what no change tells of (a denial that ends by itself, labels that were set anew) and fills a new node.

*Nothing twice, nothing lost.* Each transaction moves a mark at the other side, and is refused (412) where the mark is
not where it was left. Then either the answer to the one before was lost, which is told again and makes no version; or
the other side was restored: what was told after its mark is told again; or this side was restored (its feed has a new
epoch): all is told again, and what the other side has beyond it is deleted.

What the other side refuses although it takes the rest is noted with its status, and tried again by each walk.
"""

import asyncio
import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4
from zoneinfo import ZoneInfo

import asyncpg

from kangyun.access import upward
from kangyun.access.actor import Actor, Circumstances
from kangyun.access.platform import Platform
from kangyun.access.upward import Asker, Known, Place
from kangyun.base import clock
from kangyun.base.crypto import derived_key
from kangyun.base.errors import Unavailable
from kangyun.database.leases import pause
from kangyun.exchange.federation import forms, nodes
from kangyun.exchange.federation.forms import COMPANION, GONE, Mark, Told, Upward
from kangyun.exchange.federation.keeping import keep_each
from kangyun.exchange.federation.nodes import Node, Nodes, Row
from kangyun.exchange.federation.partner import OutOfStep, Partner
from kangyun.fhir import Resource

logger = logging.getLogger(__name__)

AT_ONCE = 50  # registrations of a transaction
LOOK = 0.5  # seconds between two looks where nothing came
WALK = 200  # registrations of a step of the walk
WALK_EVERY = 24.0  # hours
FIRST_WAIT, LONGEST_WAIT = 1.0, 120.0  # seconds between two calls that do not go well
LATEST = 2**63 - 1
ACTION = "node-report"
PAGE = 50


def wait_after(failures: int, drawn: float) -> float:
    """Returns the seconds until the next call. failures: so many before it; drawn: from 0 to 1, so that nodes that lost
    the same one do not come back together."""
    longest = min(FIRST_WAIT * 2.0 ** min(failures, 20), LONGEST_WAIT)
    return longest * (0.5 + drawn / 2)


async def keep_told(platform: Platform, stop: asyncio.Event) -> None:
    """Tells the nodes above until `stop`; of several processes one does for each."""
    register = Nodes(platform.pool, platform.identities.vault)

    async def work(name: str, connection: asyncpg.Connection) -> None:
        await _with_lease(platform, register, name, connection, stop)

    await keep_each(platform.pool, register, "node", work, stop, look=LOOK)


async def _with_lease(
    platform: Platform, register: Nodes, name: str, connection: asyncpg.Connection, stop: asyncio.Event
) -> None:
    partner = Partner(await register.get(connection, name), register)
    sender = Sender(platform, partner, forms.upward_of(platform.settings.data))
    try:
        while not stop.is_set():
            node = await register.get(connection, name)
            if node.base != partner.node.base or node.own != partner.node.own:
                return
            worked = 0
            if not node.paused and node.is_due:
                try:
                    worked = await sender.step(connection, node)
                except Unavailable as error:
                    fault = error.issues[0]
                    logger.info("node %s: %s %s", name, fault.text, fault.parameters.get("status", ""))
                    said = f"{fault.text} {fault.parameters.get('status') or fault.parameters.get('reason') or ''}"
                    await nodes.failed(connection, name, said.strip(), wait_after(node.failures, random.random()))
            if not worked:
                await pause(stop, LOOK)
    finally:
        partner.close()


@dataclass(slots=True)
class Sender:
    """Tells one node. By one process at a time, which has the lease."""

    platform: Platform
    partner: Partner
    upward: Upward
    _key: bytes = field(init=False)
    _in_step: bool = False
    _zone: ZoneInfo = field(init=False)

    def __post_init__(self) -> None:
        store = self.platform.gate.store
        self._key = derived_key(store.keys.index_key, f"node/{self.partner.node.name}", 32)
        self._zone = store.zone

    async def step(self, connection: asyncpg.Connection, node: Node) -> int:
        """Tells some of what is to be told, and returns how many registrations were looked at. Raises Unavailable."""
        place = await upward.place_of(connection, node.reader)
        if place is None:  # A new node: the walk fills it, the feed goes on from here.
            place = await upward.last_place(connection)
            await upward.remember(connection, node.reader, place)
        try:
            if not self._in_step and node.kind == "kangyun":
                await self._fall_in(connection, node, place.epoch)
                node = await self.partner.nodes.get(connection, node.name)
            self._in_step = True
            return await self._work(connection, node, place)
        except OutOfStep:
            self._in_step = False
            return 1

    async def _work(self, connection: asyncpg.Connection, node: Node, place: Place) -> int:
        waiting = await nodes.due(connection, node.name, AT_ONCE)
        changed, reached = await upward.changed(connection, place)
        for some in _chunks(sorted({*waiting, *changed})):
            await self._tell(connection, node, place.epoch, some)
        if reached != place:
            await upward.remember(connection, node.reader, reached)
        if waiting or changed:
            return len(waiting) + len(changed)
        ended = None if node.walk_done is None else (clock.now() - node.walk_done).total_seconds() / 3600
        if node.walked or ended is None or ended > WALK_EVERY:
            return await self._walk(connection, node, place.epoch)
        if node.compare:
            await self._compare(connection, node, place.epoch)
            return 1
        return 0

    async def _walk(self, connection: asyncpg.Connection, node: Node, epoch: int) -> int:
        here = await upward.registrations(connection, node.walked, WALK)
        until = here[-1] if len(here) == WALK else LATEST
        there = await nodes.told_between(connection, node.name, node.walked, until)
        for some in _chunks(sorted({*here, *there})):
            await self._tell(connection, node, epoch, some)
        await nodes.walked(connection, node.name, 0 if until == LATEST else until, done=until == LATEST)
        return len(here) or 1

    # --- what is told

    async def _tell(self, connection: asyncpg.Connection, node: Node, epoch: int, patients: Sequence[int]) -> None:
        """Tells what has changed of registrations."""
        gate = self.platform.gate
        asker = Asker(node.institution)
        rows = await nodes.rows_of(connection, node.name, patients)
        known = await upward.known(gate, connection, asker, patients, self.upward.types, COMPANION)
        told: dict[int, Told] = {}
        for patient in patients:
            said = self._said(node, patient, known.get(patient), rows.get(patient))
            row = rows.get(patient)
            if said is not None and (row is None or row.digest != said.digest):
                told[patient] = said
        if told:
            about = Circumstances("REPORT /Patient", "", uuid4().hex)
            actor = Actor(f"Device/{node.name}", node.name, node.institution, upward.PURPOSE)
            record = await upward.opened_for(gate, actor, about, asker, {"Patient", COMPANION, *self.upward.types})
            await record.leave_row(ACTION, 200, sorted(told))  # It is durable before anything leaves.
            await self._send(connection, node.name, epoch, told)

    def _said(self, node: Node, patient: int, known: Known | None, row: Row | None) -> Told | None:
        """Returns what is said of a registration, None where nothing is to be: it was never told, and may not be."""
        id_ = forms.id_of(node.own, forms.name_of(self._key, patient))
        outside = node.kind == "fhir"
        if row is not None and row.erased:
            return forms.absent(id_, erased=True, by_identifier=outside)
        if known is not None and forms.is_erased(known.stored.resource):
            return None if row is None else forms.absent(id_, erased=True, by_identifier=outside)
        path = () if known is None else forms.path_of(known.stored.resource)
        if known is None or node.name in path or node.own in path:  # What has come from there does not go back.
            return None if row is None else forms.absent(id_, erased=False, by_identifier=outside)
        return forms.present(
            forms.registration(self.upward, node.own, id_, known.institution, known.stored.resource),
            self._location(node, id_, known, path),
            by_identifier=outside,
        )

    def _location(self, node: Node, id_: str, known: Known, path: tuple[str, ...]) -> Resource | None:
        if path:
            return None if known.companion is None else forms.passed_on(id_, known.companion)
        spans = [
            (one.type, forms.month(one.first, self._zone), forms.month(one.last, self._zone)) for one in known.spans
        ]
        return forms.location(self.upward, node.own, id_, known.institution, spans)

    async def _send(self, connection: asyncpg.Connection, name: str, epoch: int, told: dict[int, Told]) -> None:
        """Sends, and where that is refused, halves, down to what is to blame."""
        node = await self.partner.nodes.get(connection, name)
        batch = node.batch + 1
        mark = None
        if node.kind == "kangyun":
            mark = forms.mark_entry(node.own, Mark(node.mark), epoch, batch)
        status, answer = await self.partner.tell([entry for one in told.values() for entry in one.entries], mark)
        if status >= 400 and len(told) > 1:
            every = list(told.items())
            await self._send(connection, name, epoch, dict(every[: len(every) // 2]))
            await self._send(connection, name, epoch, dict(every[len(every) // 2 :]))
            return
        version = node.mark
        if status >= 400:
            logger.warning("node %s: a registration was refused: %d", name, status)
            batch = node.batch  # Its mark was not moved either.
        elif mark is not None:
            version = _version(answer["entry"][-1]["response"])
        noted = {
            patient: (
                forms.name_of(self._key, patient),
                one.digest if status < 400 else None,
                None if status < 400 else status,
            )
            for patient, one in told.items()
        }
        async with connection.transaction():
            await nodes.note(connection, name, batch, noted)
            await nodes.moved(connection, name, version, epoch, batch)

    # --- who is where

    async def _fall_in(self, connection: asyncpg.Connection, node: Node, epoch: int) -> None:
        """Finds out how far the other side was told, and what is to be told again."""
        mark = await self.partner.mark()
        again = 0
        if mark.version and (mark.epoch != epoch or mark.batch > node.batch + 1 or not node.epoch):
            # This side was restored, replaced, or the node was added anew: what it knows of the other is older.
            again = await nodes.forget_after(connection, node.name, -1)
            await self.partner.nodes.compare(node.name)
            await nodes.walked(connection, node.name, 1, done=False)
        elif mark.batch < node.batch:
            again = await nodes.forget_after(connection, node.name, mark.batch)
        if again:
            logger.warning("node %s: %d registrations are told again", node.name, again)
        await nodes.moved(connection, node.name, mark.version, epoch, mark.batch)

    async def _compare(self, connection: asyncpg.Connection, node: Node, epoch: int) -> None:
        """Holds what the other side has against what it was told: what is missing is told, what is beyond deleted."""
        if node.kind != "kangyun":  # Under which ids it has what it was told, it does not say: it is told all of it.
            await nodes.forget_after(connection, node.name, -1)
            await nodes.compared(connection, node.name)
            return
        there = await self._ids_there()
        here: set[str] = set()
        missing: dict[int, tuple[bytes, bytes | None, int | None]] = {}
        told = await nodes.told_between(connection, node.name, -1, LATEST)
        for row in (await nodes.rows_of(connection, node.name, told)).values():
            if row.digest != GONE:
                id_ = forms.id_of(node.own, row.name)
                here.add(id_)
                if id_ not in there and row.refused is None:
                    missing[row.patient] = (row.name, None, None)
        await nodes.note(connection, node.name, node.batch, missing)
        beyond = sorted(there - here)
        for some in (beyond[first : first + AT_ONCE] for first in range(0, len(beyond), AT_ONCE)):
            node = await self.partner.nodes.get(connection, node.name)
            entries = [one for id_ in some for one in forms.absent(id_, erased=False, by_identifier=False).entries]
            mark = forms.mark_entry(node.own, Mark(node.mark), epoch, node.batch + 1)
            status, answer = await self.partner.tell(entries, mark)
            if status >= 400:
                raise Unavailable("exchange.federation.status", status=status)
            version = _version(answer["entry"][-1]["response"])
            await nodes.moved(connection, node.name, version, epoch, node.batch + 1)
        await nodes.compared(connection, node.name)
        logger.info("node %s: compared, %d missing, %d beyond", node.name, len(missing), len(beyond))

    async def _ids_there(self) -> set[str]:
        """Returns the ids of all registrations that the other side has of this one's."""
        found: set[str] = set()
        asked = f"Patient?_elements=id&_count={PAGE}"
        while asked:
            entry = {"request": {"method": "GET", "url": asked}}
            status, answer = await self.partner.call("", {"resourceType": "Bundle", "type": "batch", "entry": [entry]})
            page = answer["entry"][0].get("resource", {}) if status == 200 else {}
            if page.get("resourceType") != "Bundle":
                raise Unavailable("exchange.federation.status", status=status)
            found |= {one["resource"]["id"] for one in page.get("entry", ())}
            following = next((one["url"] for one in page.get("link", ()) if one["relation"] == "next"), "")
            asked = f"Patient?{following.partition('?')[2]}" if following else ""
        own = f"{self.partner.node.own}-"
        return {id_ for id_ in found if id_.startswith(own)}


def _chunks(patients: Sequence[int]) -> Iterable[Sequence[int]]:
    return (patients[first : first + AT_ONCE] for first in range(0, len(patients), AT_ONCE))


def _version(response: Resource) -> int:
    """Returns the version that an answer names. Raises Unavailable for one that names none."""
    try:
        return int(str(response["etag"]).strip('W/"'))
    except (KeyError, ValueError):
        raise Unavailable("exchange.federation.no-answer", status=200) from None

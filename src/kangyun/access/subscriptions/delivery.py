"""Tells receivers what matched: each its own queue, in order, until it answers that it has it.

A receiver that does not answer is called again after longer and longer pauses, for a week, and then told of all that it
missed, in order. A single notification that it refuses although it takes others is put aside. An audit row is written,
in the name of the subscription's owner, when the receiver has been reached and before anything leaves.

Source: https://hl7.org/fhir/R4/subscription.html#2.46.7.1
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import asyncpg

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.outbound import Outbound
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.subscriptions import table
from kangyun.access.subscriptions.owners import owner_now
from kangyun.access.subscriptions.receivers import Receivers
from kangyun.access.subscriptions.rules import (
    ATTEMPTS_IF_REFUSED,
    GIVE_UP_AFTER,
    REFUSALS,
    TELL_AFTER,
    XML,
    Wanted,
    is_taken,
    read_subscription,
    wait_after,
)
from kangyun.access.subscriptions.statuses import write_status
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, Issue, Unavailable
from kangyun.base.logging import current, new_trace
from kangyun.database.leases import pause
from kangyun.database.pool import TROUBLES
from kangyun.database.rounds import make_rounds_alone
from kangyun.fhir import xml as fhir_xml
from kangyun.fhir.json import decode, encode
from kangyun.store.model import Stored

logger = logging.getLogger(__name__)

ACTION = "notify"
LOOK = 0.1  # seconds between two looks for something to deliver
PATIENCE = 5.0  # seconds until somebody else may have given the lease up
ANSWER_WITHIN = 10.0  # seconds
AT_ONCE = 32
BATCH = 20
END_EVERY = 10.0  # seconds between two looks for subscriptions whose time is over


@dataclass(frozen=True, slots=True)
class Message:
    """One HTTP request to a receiver."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class Deliverer:
    """Delivers for all subscriptions; of several processes, the one with the lease."""

    platform: Platform
    outbound: Outbound
    receivers: Receivers
    _busy: dict[int, "asyncio.Task[None]"] = field(default_factory=dict)

    async def deliver(self, stop: asyncio.Event) -> None:
        """Delivers until `stop`. Holds one connection while it has the lease."""

        async def work(connection: asyncpg.Connection) -> None:
            try:
                await self._with_lease(connection, stop)
            finally:
                for task in self._busy.values():
                    task.cancel()
                await asyncio.gather(*self._busy.values(), return_exceptions=True)

        await make_rounds_alone(self.platform.pool, "subscription deliveries", work, PATIENCE, stop)

    async def _with_lease(self, connection: asyncpg.Connection, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        looked = 0.0
        while not stop.is_set():
            for one in await table.due(connection):
                if one.res not in self._busy and len(self._busy) < AT_ONCE:
                    task = asyncio.ensure_future(self._serve(one))
                    self._busy[one.res] = task
                    task.add_done_callback(lambda _, res=one.res: self._busy.pop(res, None))  # type: ignore[misc]
            if loop.time() - looked > END_EVERY:
                looked = loop.time()
                await self._end_those_whose_time_is_over(connection)
            await pause(stop, LOOK)

    async def _end_those_whose_time_is_over(self, connection: asyncpg.Connection) -> None:
        now = clock.now()
        for one in await table.active(connection):
            if one.ends is not None and one.ends <= now:
                await self._end(one, None)
            elif one.failing_since is not None and now - one.failing_since > timedelta(seconds=GIVE_UP_AFTER):
                await self._end(one, Issue("error", "timeout", "access.subscriptions.given-up"))

    async def _end(self, one: table.Active, issue: Issue | None) -> None:
        await write_status(self.platform.gate, one.id, one.version, "off", issue)
        async with self.platform.pool.connection() as connection:
            # It may have been asked for anew meanwhile.
            await table.remove(connection, self.platform.gate.ledger, one.res, one.version)

    # --- one subscription

    async def _serve(self, one: table.Active) -> None:
        """Delivers what is queued for one subscription, until its receiver fails."""
        try:
            await self._serve_queue(one)
        except TROUBLES as error:
            logger.warning("subscription %s: %s", one.id, type(error).__name__)

    async def _serve_queue(self, one: table.Active) -> None:
        store, pool = self.platform.gate.store, self.platform.pool
        async with pool.connection() as connection:
            subscription = await store.reader.version(connection, one.res, one.version)
        if subscription is None:
            return
        wanted = read_subscription(subscription.resource, self.outbound.guard, store.zone, store.registry.known)
        while True:
            async with pool.connection() as connection:
                now = await table.one(connection, one.res)
                queue = await table.next_deliveries(connection, one.res, BATCH)
            if not queue or now is None or now.version != one.version:
                return  # What was changed is read anew by the next look.
            one = now
            owner = await owner_now(self.platform, one)
            if owner is None or not await self._may_call(one, owner, wanted):
                return
            for delivery in queue:
                if not await self._deliver_one(one, owner, wanted, delivery):
                    return
            if one.told_failing:
                await self._say(one, "active", None)
                return

    async def _may_call(self, one: table.Active, owner: Actor, wanted: Wanted) -> bool:
        """Whether its host is still registered; else it ends."""
        try:
            await self.receivers.check(wanted, owner, self.platform.sign_in.applications)
        except Forbidden as error:
            await self._end(one, error.issues[0])
            return False
        return True

    async def _deliver_one(self, one: table.Active, owner: Actor, wanted: Wanted, delivery: table.Delivery) -> bool:
        """Delivers one notification to its owner. Returns whether the next may follow at once."""
        store, pool = self.platform.gate.store, self.platform.pool
        sight = (await self.platform.gate.decide(owner)).sight
        async with pool.connection() as connection:
            stored = await store.reader.version(connection, delivery.res, delivery.version, sight)
            patient = await connection.fetchval("SELECT patient FROM resource WHERE res = $1", delivery.res)
        status = 204
        if stored is not None:  # Else it was expunged, or may not be seen any more: there is nothing to tell.
            record = await self._record(one, owner, wanted, stored)
            message = message_of(wanted, (await record.shown([stored]))[0], self.platform.base)
            context = current.set(new_trace(f"{one.id}/{stored.version}"))
            try:
                whom = [] if patient is None else [patient]
                status = await self._send(message, partial(record.leave_row, ACTION, 200, whom))
            finally:
                current.reset(context)
        async with pool.connection() as connection:
            if is_taken(status):
                await table.delivered(connection, one.res, delivery)
                return True
            if status not in REFUSALS:
                await table.failed(connection, one.res, wait_after(one.failures + 1))
            elif delivery.attempts + 1 < ATTEMPTS_IF_REFUSED:
                await table.refused(connection, one.res, delivery, wait_after(delivery.attempts + 1))
            else:
                logger.warning("subscription %s: parked position %d: %d", one.id, delivery.position, status)
                await table.park(connection, one.res, delivery, status)
                return True
        await self._tell_when_failing_for_long(one, status)
        return False

    async def _send(self, message: Message, before: Callable[[], Awaitable[None]]) -> int:
        """Sends a message. Returns the status of the answer, 0 where there is none."""
        asked = message.method, message.url, message.headers, message.body, ANSWER_WITHIN
        try:
            return await self.outbound.send(*asked, before=before)
        except (Unavailable, Forbidden, Invalid) as error:
            logger.info("not delivered: %s", error.issues[0].text)
            return 0

    async def _record(self, one: table.Active, owner: Actor, wanted: Wanted, stored: Stored) -> Record:
        """Opens the record as the owner, who is shown what he would be shown if he asked himself."""
        shown = stored.type if wanted.content != "empty" else ""
        about = Circumstances(f"NOTIFY {wanted.content} /{shown}", "", f"{one.id}/{stored.version}")
        return await self.platform.gate.open(owner, about)

    async def _tell_when_failing_for_long(self, one: table.Active, status: int) -> None:
        since = one.failing_since
        if status in REFUSALS or one.told_failing or since is None:
            return
        if clock.now() - since > timedelta(seconds=TELL_AFTER):
            parameters: dict[str, str | int] = {"since": clock.instant(since)}
            await self._say(one, "error", Issue("error", "timeout", "access.subscriptions.failing", None, parameters))

    async def _say(self, one: table.Active, status: str, issue: Issue | None) -> None:
        """Writes the status into the resource; the subscription goes on as it is."""
        version = await write_status(self.platform.gate, one.id, one.version, status, issue)
        if version is not None:
            async with self.platform.pool.connection() as connection:
                await table.renew(connection, one.res, version, issue is not None)


def message_of(wanted: Wanted, stored: Stored, base: str) -> Message:
    """Returns what a receiver is told: nothing but that something matched, which resource, or the resource.

    A whole resource is sent as an update of it on the receiver's side: PUT [endpoint]/[type]/[id].
    """
    headers = dict(wanted.headers)
    if wanted.content == "empty":
        return Message("POST", wanted.endpoint, headers, b"")
    if wanted.content == "id-only":
        url = f"{stored.type}/{stored.id}"
        entry = {"fullUrl": f"{base}/{url}", "request": {"method": "PUT", "url": url}}
        body = encode({"resourceType": "Bundle", "type": "history", "entry": [entry]})
        method, url = "POST", wanted.endpoint
    else:
        body = stored.json
        method, url = "PUT", f"{wanted.endpoint.rstrip('/')}/{stored.type}/{stored.id}"
    if wanted.media_type == XML:
        body = fhir_xml.encode(decode(body))
    return Message(method, url, headers | {"content-type": f"{wanted.media_type};charset=utf-8"}, body)

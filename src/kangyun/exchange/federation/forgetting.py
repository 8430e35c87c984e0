"""What a node below says was erased is erased here as well, its history included.

There, two officers have asked and confirmed. Here the same request stands in the name of the node and is confirmed by
the platform, so that the trail and the ledger say it as they say any erasure, and a restore does not bring it back.
"""

import asyncio
from collections.abc import Sequence
from uuid import uuid4

from kangyun.access import upward
from kangyun.access.actor import Circumstances
from kangyun.access.erasing import UNSAID, Erasing
from kangyun.access.platform import Platform
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.access.upward import Event, Known, Reader
from kangyun.base.errors import NotFound
from kangyun.exchange.federation.forms import is_erased
from kangyun.exchange.federation.nodes import Nodes

READER = "nodes/forgetting"
ACTION = "erase"
REASON = "erased at the node below that had told it"


async def keep_forgetting(platform: Platform, stop: asyncio.Event) -> None:
    """Erases until `stop`; of several processes one does."""
    handle = Forgetting(platform).handle
    await Reader(platform.pool, READER, handle, types=["Patient"]).follow(stop)


class Forgetting:
    """Carries out what nodes below say was erased. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def handle(self, events: Sequence[Event]) -> None:
        """Deals with events of the feed. May be given the same again."""
        gate = self._platform.gate
        if not any(event.changes for event in events):
            return
        nodes = await Nodes(gate.store.pool, self._platform.identities.vault).placed("child")
        if not nodes:
            return  # As nearly everywhere: no Patient is read.
        below = {node.institution for node in nodes}
        async with gate.store.pool.connection() as connection:
            written = await upward.written(gate, connection, events)
        for one in written:
            # Another's word is no reason to erase.
            if one.institution in below and is_erased(one.stored.resource):
                await self._erase(one)

    async def _erase(self, one: Known) -> None:
        gate = self._platform.gate
        erasing = Erasing(gate.store, gate.ledger, UNSAID)
        officer, patient = f"Device/{one.institution.partition('/')[2]}", one.stored.res
        number = await erasing.asked(patient, officer)  # By what was stopped before it could confirm.
        try:
            if number is None:
                number = (await erasing.ask({patient: f"Patient/{one.stored.id}"}, officer, REASON)).id
            record = await gate.open(PLATFORM, Circumstances("ERASE /Patient", "", uuid4().hex))
            await erasing.confirm(number, PLATFORM.reference, record.audit_columns(ACTION, 200))
        except NotFound:
            return  # It was erased already.

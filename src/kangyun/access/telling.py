"""The outbox at work in an installation: its channels, and the row of the audit trail that says whom it told about."""

import asyncio
from collections.abc import Sequence

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.messages.outbox.channels import installed
from kangyun.access.messages.outbox.contacts import Contacts
from kangyun.access.messages.outbox.keeping import keep_sweeping
from kangyun.access.messages.outbox.teller import Teller
from kangyun.access.platform import Platform
from kangyun.access.subscriptions.statuses import PLATFORM

ACTION = "tell"


def root_of(base: str) -> str:
    """Returns the address that links in messages begin with: that of the pages beside the FHIR base."""
    return base.removesuffix("/fhir")


async def keep_telling(platform: Platform, stop: asyncio.Event) -> None:
    """Tells people until `stop`. Raises Invalid for rules of channels that cannot be followed."""
    gate = platform.gate
    record = await gate.open(PLATFORM, Circumstances("TELL [reader]", "", ""))

    async def audit(connection: asyncpg.Connection, holders: Sequence[int]) -> None:
        await record.leave_row_within(connection, ACTION, 200, holders)

    channels = installed(platform.settings)
    contacts = Contacts(gate.store.reader, gate.outbox.letters, channels.desks, platform.people.factors.telephones)
    root = root_of(platform.base)
    teller = Teller(platform.pool, gate.outbox, channels, contacts, audit, root)
    days = gate.outbox.rules.kept.days
    async with asyncio.TaskGroup() as group:
        group.create_task(teller.keep_telling(stop))
        group.create_task(keep_sweeping(platform.pool, days, stop))

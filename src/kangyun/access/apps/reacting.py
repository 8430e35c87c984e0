"""Reactions of apps: each follows the feed at its own pace, under its own name, parked events of its own.

One process at a time steps them all, one after the other, on one connection: there may be dozens. So a reaction is
short.
"""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Literal

import asyncpg

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.apps.model import Changed, Installed, Reaction
from kangyun.access.apps.record import Record
from kangyun.access.gate import Gate
from kangyun.access.identities.model import PLATFORM
from kangyun.access.platform import Platform
from kangyun.database.leases import pause
from kangyun.database.rounds import make_rounds_alone
from kangyun.store.feed import DEEPEST, LOOK, MOST_COMMITS, PATIENCE, Event, Reader
from kangyun.store.model import CREATED, DELETED, UPDATED
from kangyun.store.visible import EVERYTHING

LEASE = "apps/reactions"
_ACTIONS: dict[bytes, Literal["created", "updated", "deleted"]] = {
    CREATED: "created", UPDATED: "updated", DELETED: "deleted",
}  # fmt: skip


async def keep_reacting(platform: Platform, apps: Sequence[Installed], stop: asyncio.Event) -> None:
    """Runs the reactions of apps until `stop`; of several processes one does."""
    readers = [
        Reader(
            platform.pool, name_of(app, name), partial(_react, platform.gate, app, name, reaction),
            historic=reaction.historic, types=sorted(reaction.types),
        )
        for app in apps
        for name, reaction in app.app.reactions.items()
    ]  # fmt: skip
    if readers:
        await make_rounds_alone(
            platform.pool, LEASE, lambda connection: _step_all(readers, connection, stop), PATIENCE, stop
        )


def name_of(app: Installed, name: str) -> str:
    """Returns the name under which it is kept how far a reaction or a schedule has come."""
    return f"app/{app.id}/{name}"


def actor_of(app: Installed) -> Actor:
    """Returns the app itself, which acts for nobody, within what it declares."""
    return Actor(f"Device/app-{app.id}", app.id, PLATFORM, app.app.purpose, administrator=True)


async def _step_all(readers: Sequence[Reader], connection: asyncpg.Connection, stop: asyncio.Event) -> None:
    for reader in readers:
        await reader.begin(connection)
    while not stop.is_set():
        came = [await reader.step(connection) for reader in readers]
        if max(came) < MOST_COMMITS:
            await pause(stop, LOOK)


async def _react(gate: Gate, app: Installed, name: str, reaction: Reaction, events: Sequence[Event]) -> None:
    for event in events:
        # What it wrote itself is no news to it; and whoever reacts to whom reacts to him is stopped.
        if event.origin == name_of(app, name) or event.depth >= DEEPEST:
            continue
        about = Circumstances(
            f"reaction {name_of(app, name)}", "", f"feed-{event.place.epoch}-{event.place.position}",
            depth=event.depth + 1, origin=name_of(app, name),
        )  # fmt: skip
        record = Record(await gate.open(actor_of(app), about), app, name, "zh")
        for changed in await _changes(gate, event):
            await reaction.react(record, changed)


async def _changes(gate: Gate, event: Event) -> list[Changed]:
    found = []
    async with gate.store.pool.connection() as connection:
        for one in event.changes:
            stored = await gate.store.reader.version(connection, one.res, one.version, EVERYTHING)
            if stored is None:  # It was erased since.
                continue
            resource = None if stored.deleted else stored.resource
            found.append(Changed(stored.type, stored.id, stored.version, _ACTIONS[one.action], resource))
    return found

"""`kangyun feed ferry`: the signed batch files that a data diode (网闸) has brought, kept as deliveries of their feeds.

A file counts by its signature: of the key of the application that delivers for the feed it names. It is put away once
it is in the database; one that is not what it says, or comes before another, stays where it is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg

from kangyun.access.actor import Circumstances
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.errors import PlatformError
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, speak
from kangyun.exchange.feeds.deliveries import Deliveries, Verdict
from kangyun.exchange.feeds.register import Register, Source
from kangyun.exchange.gateway import batches

DONE = "done"
_STATUSES: Mapping[Verdict, int] = {"kept": 201, "kept before": 200, "out of step": 409, "not open": 423}


def ferry(folder: Path, data: Path | None, by: str) -> int:
    """Keeps what lies in a folder, in the order of the files' names. Returns 0, or 1 where something stays there."""
    files = sorted(folder.glob(f"*{batches.ENDING}"))
    left = on_platform(data, lambda platform: ferried(platform, files, by))
    announce(speak("cli.feed-ferried", kept=len(files) - left, left=left))
    return 1 if left else 0


async def ferried(platform: Platform, files: Sequence[Path], by: str) -> int:
    """Keeps files in their order and puts them away; returns how many stay where they are, with why."""
    left = 0
    who = await acting(platform, by)
    for file in files:
        try:
            verdict, following = await _keep(platform, who, file.read_bytes())
        except ValueError as error:
            announce(speak("cli.feed-not-ferried", file=file.name, why=str(error)), style="red")
            left += 1
            continue
        except PlatformError as error:
            announce(f"{file.name} {speak(error.issues[0].text, **error.issues[0].parameters)}", style="red")
            left += 1
            continue
        if verdict in ("kept", "kept before"):
            (file.parent / DONE).mkdir(mode=0o700, exist_ok=True)
            file.rename(file.parent / DONE / file.name)
        else:
            why = speak(f"cli.feed-ferry-{verdict.replace(' ', '-')}", next=following)
            announce(speak("cli.feed-not-ferried", file=file.name, why=why), style="yellow")
            left += 1
    return left


async def _keep(platform: Platform, who: str, content: bytes) -> tuple[Verdict, int]:
    """Keeps one file; returns what became of it, and the number that comes next. Raises ValueError, NotFound."""
    register = Register(platform.pool)
    feed = await register.get(batches.head_of(content).feed)
    batch = batches.read(content, await _keys(platform, feed))
    actor = replace(ADMINISTRATOR, reference=who, institution=feed.institution)
    record = await platform.gate.open(actor, Circumstances("feed ferry", "", uuid4().hex))

    async def audit(connection: asyncpg.Connection, verdict: Verdict) -> None:
        await record.leave_row_within(connection, "feed-delivery", _STATUSES[verdict])

    deliveries = Deliveries(platform.pool, register, Kept(platform.gate.store))
    verdict, told = await deliveries.keep(feed.name, batch.head.number, batch.body, record.institution, audit)
    return verdict, told.next


async def _keys(platform: Platform, feed: Source) -> dict[str, dict[str, Any]]:
    """Returns the public keys of who may deliver for a feed, by their ids; none where he may not any more."""
    application = await platform.sign_in.applications.get(feed.client)
    if application is None or not application.is_usable or application.owner != feed.institution:
        return {}
    return {str(key.get("kid")): key for key in json.loads(application.jwks or "{}").get("keys", ())}

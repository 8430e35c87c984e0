"""What the background work could not do: events and notifications that wait for a person, search parameters, jobs.

Resources are named by type and id only: that is what a person needs to mend them.
"""

from collections.abc import AsyncIterator

import asyncpg

from kangyun.access.subscriptions import table
from kangyun.cli.doctor.findings import Finding, good, note
from kangyun.cli.speech import speak
from kangyun.database import jobs
from kangyun.store import building, feed, holders
from kangyun.store.feed import Change, Parked
from kangyun.store.ids import IdPermutation
from kangyun.store.keys import KeyRing
from kangyun.store.reader import Reader

# So many are named; of an event so many resources.
MOST_NAMED, MOST_OF_ONE = 10, 3


async def examine(connection: asyncpg.Connection, keys: KeyRing | None) -> AsyncIterator[Finding]:
    """Gives the findings; without keys no id can be named."""
    reader = Reader(keys, IdPermutation(keys.index_key)) if keys else None
    parked = await feed.parked(connection)
    unusable = [one for one in parked if one.reader == building.FEED_NAME]
    for text, events in (("unusable", unusable), ("parked", [one for one in parked if one not in unusable])):
        if events:
            named = [await _event(connection, reader, one) for one in events[:MOST_NAMED]]
            yield note(text, count=len(events), which=_listed(named, len(events)))
    if not parked:
        yield good("nothing-parked")
    refused = await table.parked(connection)
    names = [f"Subscription/{id_ or '?'} ({count})" for id_, count in refused[:MOST_NAMED]]
    count = sum(count for _, count in refused)
    yield note("refused", count=count, which=_listed(names, len(refused))) if refused else good("nothing-refused")
    left = await building.abandoned(connection)
    codes = [f"{code} ({url})" for code, url in left[:MOST_NAMED]]
    yield note("abandoned", count=len(left), which=_listed(codes, len(left))) if left else good("nothing-abandoned")
    failed = await jobs.failed(connection)
    said = [f"{job.kind} {job.id} ({_reason(job)})" for job in failed[:MOST_NAMED]]
    yield note("failed", count=len(failed), which=_listed(said, len(failed))) if failed else good("nothing-failed")
    awaited = await holders.missing(connection)
    yield note("contents-missing", count=awaited) if awaited else good("contents-there")


async def _event(connection: asyncpg.Connection, reader: Reader | None, one: Parked) -> str:
    types = building.FEED_TYPES if one.reader == building.FEED_NAME else None
    changes = [change for event in await feed.at(connection, one.place, types) for change in event.changes]
    names = [await _name(connection, reader, change) for change in changes[:MOST_OF_ONE]]
    return f"{_listed(names, len(changes))} ({one.reason})"


async def _name(connection: asyncpg.Connection, reader: Reader | None, change: Change) -> str:
    stored = await reader.version(connection, change.res, change.version) if reader else None
    return f"{change.type}/{stored.id if stored else '?'}"


def _reason(job: jobs.Job) -> str:
    return "; ".join(speak(issue.text, **issue.parameters) for issue in job.issues)


def _listed(names: list[str], count: int) -> str:
    return ", ".join(names) + (f", … ({count})" if count > len(names) else "")

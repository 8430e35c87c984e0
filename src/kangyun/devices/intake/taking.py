"""One group of the log in one transaction: samples, events, warnings, alarms, and how far the log was taken in.

The log's positions are moved first, from where this process read and from nowhere else: so of two that would take in
the same, one is refused, and a group that was cut off anywhere is taken in again as if it had never been.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial

import asyncpg
import numpy as np
from numpy.typing import NDArray

from kangyun.access.audit import Auditor, Row
from kangyun.access.subscriptions.statuses import PLATFORM
from kangyun.base import clock
from kangyun.database.pool import Pool
from kangyun.database.savepoint import under_savepoint
from kangyun.devices.alarms.strays import Cry
from kangyun.devices.intake.asides import SQL, Asides
from kangyun.devices.intake.decoding import TEXTS, Aside, Found, Health, decode, instant_of, marked
from kangyun.devices.intake.parts import Alarms, Devices, Judging, Read, Samples, Strays, Waves, Wearers
from kangyun.devices.intake.whose import Whose
from kangyun.devices.log import Batch, Record
from kangyun.devices.metrics import event_kinds
from kangyun.devices.model import Event, Lane, Wave
from kangyun.devices.register import questions
from kangyun.devices.register.health import Heard, note_heard, note_refused
from kangyun.devices.register.model import Known
from kangyun.devices.series.batch import Batch as SampleBatch
from kangyun.devices.series.recording import tell_of
from kangyun.devices.signals.model import NOBODY, Group, Warning

AUDIT_EVERY = 60.0  # seconds
HEALTH_EVERY = 60_000_000  # microseconds: how a device is is written so often, though it is heard every second
SLICE = 100
"""Records that are decoded in one go: about two milliseconds."""
NO_INSTITUTION, ACTION = 0, "device-intake"


class Elsewhere(Exception):
    """Another process has taken in what this one read."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The neighbours, but for the judging, of which each task has its own. zone: of the region."""

    read: Read
    devices: Devices
    wearers: Wearers
    whose: Whose
    samples: Samples
    waves: Waves
    alarms: Alarms
    strays: Strays
    zone: tzinfo


@dataclass(slots=True)
class Taken:
    """What became of a group. oldest: when the first was received. holders: of whom there was something to judge."""

    records: int = 0
    oldest: int = 0
    readings: int = 0
    new: int = 0
    warnings: list[Warning] = field(default_factory=list)
    holders: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Work:
    """A group on its way. of: the place of each reading's record.

    owners: (holder, place of its record, event). waves: (series, place of its record, wave). cries: of nobody.
    """

    found: Found
    samples: Group
    of: NDArray[np.int64]
    asked: list[questions.Asked]
    owners: list[tuple[int, int, Event]]
    waves: list[tuple[int, int, Wave]]
    cries: list[Cry]

    def without(self, places: set[int]) -> None:
        """Leaves records out."""
        kept = ~np.isin(self.of, list(places))
        self.samples, self.of = self.samples.take(kept), self.of[kept]
        self.owners = [one for one in self.owners if one[1] not in places]
        self.waves = [one for one in self.waves if one[1] not in places]


class Taker:
    """Takes in groups of one lane after another. One for a task; `judging` is its own."""

    def __init__(self, pool: Pool, parts: Parts, judging: Judging, asides: Asides) -> None:
        self._pool, self._parts, self._judging, self._asides = pool, parts, judging, asides
        self._health: dict[int, Health] = {}
        """As it was last written."""

    async def take(
        self, lane: Lane, batches: Sequence[Batch], taken: Mapping[str, int], furthest: Mapping[str, int]
    ) -> Taken:
        """Takes in a group. Raises Elsewhere, Unavailable, or what its content made fail; then nothing of it is in.

        taken, furthest: positions as they stand in the database.
        """
        records = [record for batch in batches for record in batch.records]
        again = [batch.until <= furthest.get(batch.source, 0) for batch in batches for _ in batch.records]
        known = await self._parts.devices.known({record.device for record in records})
        found = Found(records)
        places = _wanted(records, again, known)
        for start in range(0, len(places), SLICE):
            decode(found, places[start : start + SLICE], lane, known, self._parts.read)
            await asyncio.sleep(0)  # An event may be under way.
        work = await self._worked(found)
        oldest = min((batch.records[0].received for batch in batches if batch.records), default=0)
        result = Taken(len(records), oldest, len(found.device))
        result.holders = sorted(set(work.samples.holder.tolist()) - {NOBODY} | {one[0] for one in work.owners})
        health = self._due(found)
        try:
            async with self._pool.connection() as connection, connection.transaction():
                # What a crash of the server takes back is read from the log again, with the position that it had.
                await connection.execute("SET LOCAL synchronous_commit = off")
                await self._advance(connection, batches, taken)
                await self._leave_out_told(connection, work)
                await self._store(connection, work, result)
                await self._note(connection, found, health, again)
                await self._asides.put(connection, found.asides, batches)
                await self._parts.strays.tell(connection, work.cries)
                # The last: it locks alarms.
                await self._parts.alarms.raise_(connection, result.warnings)
        except BaseException:
            self._judging.forget(result.holders)
            raise
        self._health |= health
        return result

    async def put_aside(self, batches: Sequence[Batch], taken: Mapping[str, int]) -> None:
        """Moves over what cannot be taken in, and keeps it with its reason."""
        records = [record for batch in batches for record in batch.records]
        async with self._pool.connection() as connection, connection.transaction():
            await self._advance(connection, batches, taken)
            await self._asides.put(connection, [Aside(record, f"{TEXTS}not-taken") for record in records], batches)
            # It is put aside all the same, or it would stop everybody's.
            telling = partial(self._parts.strays.tell, connection, list(self._cries(records)))
            await under_savepoint(connection, "intake: a cry for help was told to nobody", telling)

    def _cries(self, records: Sequence[Record]) -> Iterator[Cry]:
        """Yields the cries for help of records that cannot be taken in: the desk is told, though not about whom."""
        for record in records:
            with contextlib.suppress(Exception):  # Whatever made it fail may do so here.
                message, _ = self._parts.read(record.format, record.payload, record.received, 0)
                for event in message.events:
                    if event_kinds()[event.kind].urgent:
                        yield Cry(record.device, event.kind, event.at, _position_of(event))

    async def _worked(self, found: Found) -> _Work:
        """Returns the readings as columns: whose they are and of which series, and what must be asked."""
        mark = marked(found)
        holder, asked = await self._parts.whose.of(found, mark)
        series = await self._parts.samples.series_of(
            found.device, found.metric, [one or None for one in holder.tolist()]
        )
        owners, cries = await self._owners(found)
        samples = Group(
            np.where(holder == 0, NOBODY, holder), series, np.array(found.metric, np.int64),
            np.array(found.at, np.int64), np.array(found.value, np.float64), mark.astype(np.int64),
            np.ones(len(found.device), bool),
        )  # fmt: skip
        return _Work(found, samples, np.array(found.of, np.int64), asked, owners, await self._waves(found), cries)

    async def _waves(self, found: Found) -> list[tuple[int, int, Wave]]:
        if not found.waves:
            return []
        devices = [record.device for _, record, _ in found.waves]
        waves = [wave for _, _, wave in found.waves]
        holder = await self._parts.wearers.of(devices, [""] * len(devices), [wave.at for wave in waves])
        series = await self._parts.samples.series_of(
            devices, [wave.metric for wave in waves], [one or None for one in holder.tolist()]
        )
        return [(number, place, wave) for number, (place, _, wave) in zip(series.tolist(), found.waves, strict=True)]

    async def _owners(self, found: Found) -> tuple[list[tuple[int, int, Event]], list[Cry]]:
        """Returns whom events are about: (holder, place, event); and those of devices that nobody has.

        Of several who share a device, who got it last: help is sent to where it is. Of nobody: its owner sees it, and
        where it cries for help the duty desk is told.
        """
        if not found.events:
            return [], []
        uses = await self._parts.wearers.uses({record.device for _, record, _ in found.events})
        owners, cries = [], []
        for place, record, event in found.events:
            now = [use for use in uses[record.device] if use.since <= event.at < use.until]
            if not now and event_kinds()[event.kind].urgent:
                # Its clock may be behind, or it was handed over meanwhile: help goes to who has it.
                now = [use for use in uses[record.device] if use.since <= record.received < use.until]
            if now:
                owners.append((max(now, key=lambda use: use.since).holder, place, event))
            else:
                found.refuse(place, record, f"{TEXTS}event-of-nobody", event.kind)
                cries.append(Cry(record.device, event.kind, event.at, _position_of(event)))
        return owners, cries

    async def _advance(
        self, connection: asyncpg.Connection, batches: Sequence[Batch], taken: Mapping[str, int]
    ) -> None:
        moved = await connection.fetch(
            SQL["advance"],
            [batch.source for batch in batches],
            [taken.get(batch.source, 0) for batch in batches],
            [batch.until for batch in batches],
            [len(batch.records) for batch in batches],
            AUDIT_EVERY,
        )
        if len(moved) != len(batches):
            raise Elsewhere
        due = [row for row in moved if row["due"]]
        for row in due:
            shape = f"device-log/{row['source']} {row['audited']}-{row['taken']} {row['count']}"
            said = (clock.now(), NO_INSTITUTION, 200, ACTION, PLATFORM.reference, PLATFORM.purpose)
            await Auditor.write_within(connection, Row(*said, shape, "", "", []))
        if due:
            await connection.execute(SQL["audited"], [row["source"] for row in due])

    async def _leave_out_told(self, connection: asyncpg.Connection, work: _Work) -> None:
        """Leaves out messages without a time of their own that were sent before."""
        known = set(work.found.repeated)
        rows = [
            (place, *key, instant_of(received), instant_of(until))
            for key, said in work.found.told.items()
            for place, received, until in said
        ]
        if rows:
            known |= {row["place"] for row in await connection.fetch(SQL["told"], *map(list, zip(*rows, strict=True)))}
        if known:
            work.without(known)

    async def _store(self, connection: asyncpg.Connection, work: _Work, result: Taken) -> None:
        samples = work.samples
        if len(samples):
            batch = SampleBatch(
                samples.series, samples.metric.astype(np.int16), samples.at, samples.value,
                samples.mark.astype(np.int16),
            )  # fmt: skip
            inserted = await self._parts.samples.insert(connection, batch)
            for text, which in (("another-value", inserted.conflicting), ("unfit", inserted.unfit)):
                for reading in np.flatnonzero(which).tolist():
                    place = int(work.of[reading])
                    work.found.refuse(place, work.found.records[place], f"{TEXTS}{text}")
            samples = samples.take(inserted.new)
            result.new = len(samples)
            await questions.ask(connection, work.asked)
        if work.waves:
            await self._parts.waves.insert(connection, [(series, wave) for series, _, wave in work.waves])
        events = await self._happened(connection, work)
        result.warnings = await self._judging.take(connection, samples.take(samples.holder != NOBODY), events)
        await tell_of(connection, result.warnings)

    async def _happened(self, connection: asyncpg.Connection, work: _Work) -> list[tuple[int, Event]]:
        """Stores events and returns those that are new: one of a kind, a device and an instant is one."""
        if not work.owners:
            return []
        rows = [
            (work.found.records[place].device, event.kind, event.at, holder, event.latitude, event.longitude)
            for holder, place, event in work.owners
        ]
        fresh = await connection.fetch(SQL["happened"], *map(list, zip(*rows, strict=True)))
        chosen = [work.owners[row["place"] - 1] for row in fresh]
        return [(holder, event) for holder, _, event in chosen]

    async def _note(
        self, connection: asyncpg.Connection, found: Found, health: Mapping[int, Health], again: list[bool]
    ) -> None:
        """Notes what was refused, but not again in a replay, and how devices are."""
        refused = [one for place, one in found.refusals if not again[place]]
        await note_refused(connection, refused, clock.now().astimezone(self._parts.zone).date())
        await note_heard(
            connection,
            [
                Heard(
                    device, instant_of(one.heard), instant_of(one.reading) if one.reading else None, one.battery,
                    None if one.offset is None else -one.offset / 1_000_000,
                )
                for device, one in health.items()
            ],
        )  # fmt: skip

    def _due(self, found: Found) -> dict[int, Health]:
        """Returns of which devices it is time to write how they are."""
        due = {}
        for device, health in found.health.items():
            before = self._health.get(device)
            if (
                before is None
                or health.heard - before.heard >= HEALTH_EVERY
                or (health.battery is not None and health.battery != before.battery)
                or (health.offset is not None and bool(health.offset) != bool(before.offset))
            ):
                due[device] = health
        return due


def _wanted(records: Sequence[Record], again: Sequence[bool], known: Mapping[int, Known]) -> Sequence[int]:
    """Returns the places of the records that are taken in: in a replay none from before a user was erased."""
    if not any(again):
        return range(len(records))
    return [
        place
        for place, (record, repeated) in enumerate(zip(records, again, strict=True))
        if not (repeated and record.device in known and record.received < known[record.device].erased)
    ]


def _position_of(event: Event) -> tuple[float, float] | None:
    return None if event.latitude is None or event.longitude is None else (event.latitude, event.longitude)

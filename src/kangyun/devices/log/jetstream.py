"""The log in a cluster: JetStream (NATS), a stream a lane, one message a group of records, sealed as on one disk.

An append is done when JetStream says that the group is in the stream: on a majority of its replicas, and on their disks
where the servers are set to `sync_interval: always`, as they must be (docs/devices/log.md). A stream that is full
refuses; it never drops what was not taken in. A group that may or may not have arrived is published again under the
same id, which the server knows for some minutes; then it is given up, and nothing was promised.

A position is the message's number in its stream << 16 | the record's place in the message.
Sources: https://docs.nats.io/nats-concepts/jetstream ; for `sync_interval` Jepsen's test of NATS 2.12.1 (jepsen.io).
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from kangyun.base.crypto import Unreadable
from kangyun.base.errors import Unavailable
from kangyun.devices.log.frames import FRAME, Sealers, header_at, opened, packed
from kangyun.devices.log.grouping import Groups
from kangyun.devices.log.model import Batch, Behind, Damage, Record
from kangyun.devices.model import Lane

logger = logging.getLogger(__name__)

STREAM, SUBJECT = "KANGYUN_DEVICES", "kangyun.devices"
DAY = 86_400
PLACES = 16  # bits of a position
FRAME_RECORDS = 1000
TRY, PATIENCE = 2.0, 20.0  # seconds for one publish, and until it is given up
PAUSE = 0.1  # seconds between two tries
DUPLICATES = 120.0  # seconds in which a message is known by its id; longer than PATIENCE
AHEAD = 64  # messages that are fetched before they are asked for
FETCH = 0.5  # seconds
STORE_FAILED = 10077  # as servers name it: a stream takes nothing more
QUIET = 4  # fetches without anything, after which the stream is asked whether there is more
CONNECT = 5  # seconds
LANES = {lane: lane.name.lower() for lane in Lane}


@dataclass(slots=True)
class Cluster:
    """A connection to the servers. urls: of one or more of them. replicas: on how many each message is."""

    urls: Sequence[str]
    replicas: int
    most_bytes: int
    """Of each stream."""
    _client: Client | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def stream(self) -> JetStreamContext:
        """Returns JetStream, its streams made. Raises Unavailable."""
        async with self._opening:
            try:
                if self._client is None:
                    client = Client()
                    await client.connect(
                        list(self.urls), connect_timeout=CONNECT, max_reconnect_attempts=-1, reconnect_time_wait=1,
                        allow_reconnect=True, error_cb=_quiet,
                    )  # fmt: skip
                    for lane in Lane:
                        await self._make(client.jetstream(timeout=CONNECT), lane)
                    self._client = client
            except (NatsError, OSError, TimeoutError) as error:
                raise Unavailable("base.unavailable") from error
            return self._client.jetstream(timeout=CONNECT)

    async def _make(self, stream: JetStreamContext, lane: Lane) -> None:
        wanted = StreamConfig(
            name=stream_of(lane), subjects=[subject_of(lane)], retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE, num_replicas=self.replicas, discard=DiscardPolicy.NEW, max_bytes=self.most_bytes,
            duplicate_window=DUPLICATES,
        )  # fmt: skip
        with contextlib.suppress(NotFoundError):
            await stream.stream_info(stream_of(lane))
            return
        await stream.add_stream(wanted)

    async def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            await self._client.close()


def stream_of(lane: Lane) -> str:
    """Returns the name of a lane's stream."""
    return f"{STREAM}_{lane.name}"


def subject_of(lane: Lane) -> str:
    """Returns the subject that a lane's groups are published under."""
    return f"{SUBJECT}.{LANES[lane]}"


def bound(lane: Lane) -> bytes:
    """Returns what a group is bound to: a group of one lane does not open in another."""
    return subject_of(lane).encode()


class StreamWriter:
    """Publishes groups, one at a time in each lane, so that they keep their order."""

    def __init__(self, cluster: Cluster, sealers: Sealers) -> None:
        self._cluster, self._sealers = cluster, sealers
        self._lanes = {lane: _LaneWriter(cluster, lane, sealers) for lane in Lane}
        self._closed = False

    def put(self, lane: Lane, records: Sequence[Record]) -> asyncio.Future[None]:
        if self._closed:
            raise Unavailable("base.unavailable")
        return self._lanes[lane].groups.put(records)

    async def append(self, lane: Lane, records: Sequence[Record]) -> None:
        await asyncio.shield(self.put(lane, records))

    async def close(self) -> None:
        self._closed = True
        for writer in self._lanes.values():
            await writer.groups.close()
        await self._cluster.close()


class _LaneWriter:
    def __init__(self, cluster: Cluster, lane: Lane, sealers: Sealers) -> None:
        self._cluster, self._lane, self._sealers = cluster, lane, sealers
        self.groups = Groups(self._written)

    async def _written(self, records: list[Record]) -> None:
        """Returns when a group is in the stream. Raises Unavailable."""
        try:
            for start in range(0, len(records), FRAME_RECORDS):
                await self._publish(records[start : start + FRAME_RECORDS])
        except Unavailable:
            logger.error("log: lane %s cannot be written", self._lane.name)
            raise

    async def _publish(self, records: Sequence[Record]) -> None:
        """Returns when the stream has a group. Raises Unavailable; it may have it all the same."""
        epoch = int(time.time()) // DAY
        body = packed(records, 0, epoch, self._sealers.of(epoch), bound(self._lane))
        headers = {"Nats-Msg-Id": secrets.token_hex(16)}
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                stream = await self._cluster.stream()
                await stream.publish(subject_of(self._lane), body, timeout=TRY, headers=headers)
                return
            except (NatsError, Unavailable, OSError, TimeoutError) as error:
                # What cannot be stored (the stream is full) is not stored a moment later either: the device asks again.
                is_full = isinstance(error, APIError) and error.err_code == STORE_FAILED
                if is_full or time.monotonic() > deadline:
                    raise Unavailable("base.unavailable") from error
            await asyncio.sleep(PAUSE)


class StreamReader:
    """Reads the lanes of a cluster. keep: seconds that what was taken in is kept."""

    def __init__(self, cluster: Cluster, sealers: Sealers, keep: float) -> None:
        self._cluster, self._keep = cluster, keep
        self._lanes = {lane: _LaneReader(cluster, lane, sealers) for lane in Lane}
        self._marks: deque[tuple[float, dict[str, int]]] = deque()

    async def read(self, lane: Lane, taken: Mapping[str, int], *, most: int, most_bytes: int) -> list[Batch]:
        name = LANES[lane]
        batch = self._lanes[lane].next(name, taken.get(name, 0), most, most_bytes)
        return [batch] if batch is not None else []

    async def wait(self, lanes: Sequence[Lane], taken: Mapping[str, int], seconds: float) -> None:
        waits = [asyncio.create_task(self._lanes[lane].filled(taken.get(LANES[lane], 0))) for lane in lanes]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def behind(self, lane: Lane, taken: Mapping[str, int]) -> Behind:
        """Says how many groups wait, as their records are not counted by the stream."""
        position = taken.get(LANES[lane], 0) >> PLACES
        try:
            stream = await self._cluster.stream()
            state = (await stream.stream_info(stream_of(lane))).state
            waiting = max(state.last_seq - max(position, state.first_seq - 1), 0) if state.messages else 0
            if not waiting:
                return Behind(0, 0.0)
            oldest = await stream.get_msg(stream_of(lane), max(position + 1, state.first_seq))
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable("base.unavailable") from error
        since = oldest.time.timestamp() if oldest.time is not None else time.time()
        return Behind(waiting, max(time.time() - since, 0.0))

    async def release(self, taken: Mapping[str, int]) -> int:
        now = time.time()
        self._marks.append((now, dict(taken)))
        old: dict[str, int] | None = None
        while self._marks and self._marks[0][0] <= now - self._keep:
            old = self._marks.popleft()[1]
        if old is None:
            return 0
        freed = 0
        try:
            stream = await self._cluster.stream()
            for lane in Lane:
                before = (await stream.stream_info(stream_of(lane))).state.bytes
                # Up to, and without, the message that is being taken in.
                await stream.purge_stream(stream_of(lane), seq=max(old.get(LANES[lane], 0) >> PLACES, 1))
                freed += before - (await stream.stream_info(stream_of(lane))).state.bytes
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable("base.unavailable") from error
        return freed

    async def starts(self) -> dict[str, int]:
        try:
            stream = await self._cluster.stream()
            infos = [(lane, await stream.stream_info(stream_of(lane))) for lane in Lane]
        except (NatsError, OSError, TimeoutError) as error:
            raise Unavailable("base.unavailable") from error
        return {LANES[lane]: max(info.state.first_seq, 1) << PLACES for lane, info in infos}

    async def close(self) -> None:
        for one in self._lanes.values():
            await one.close()
        await self._cluster.close()


@dataclass(slots=True)
class _Fetched:
    number: int
    records: list[Record]
    damage: tuple[Damage, ...] = ()


class _LaneReader:
    """Fetches a lane's groups ahead of who reads, from where he stands."""

    def __init__(self, cluster: Cluster, lane: Lane, sealers: Sealers) -> None:
        self._cluster, self._lane, self._sealers = cluster, lane, sealers
        self._fetched: deque[_Fetched] = deque()
        self._oldest = self._next = 0
        """Messages from the one to before the other are fetched, or were taken in."""
        self._fetching: asyncio.Task[None] | None = None
        self._more, self._room = asyncio.Event(), asyncio.Event()

    def next(self, source: str, position: int, most: int, most_bytes: int) -> Batch | None:
        self._stand_at(position)
        if not self._fetched:
            return None
        head = self._fetched[0]
        place = position & ((1 << PLACES) - 1) if head.number == position >> PLACES else 0
        taken: list[Record] = []
        for record in head.records[place:]:
            most_bytes -= len(record.payload)
            if taken and (len(taken) >= most or most_bytes < 0):
                break
            taken.append(record)
        is_whole = place + len(taken) >= len(head.records)
        until = (head.number + 1) << PLACES if is_whole else head.number << PLACES | place + len(taken)
        return Batch(source, until, taken, head.damage if not place else ())

    async def filled(self, position: int) -> None:
        """Returns when there is something behind a position."""
        self._stand_at(position)
        await self._more.wait()

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)
            self._fetching = None

    def _stand_at(self, position: int) -> None:
        number = position >> PLACES
        if self._fetching is None or number < self._oldest:  # At the beginning, or set back for a replay.
            if self._fetching is not None:
                self._fetching.cancel()
            self._fetched.clear()
            self._next = max(number, 1)
            self._fetching = asyncio.get_running_loop().create_task(self._fetch())
        self._oldest = number
        while self._fetched and self._fetched[0].number < number:
            self._fetched.popleft()
        if not self._fetched:
            self._more.clear()
        self._room.set()

    async def _fetch(self) -> None:
        """Fetches until it is cancelled; where the servers are away, again and again."""
        while True:
            try:
                await self._follow()
            except (NatsError, Unavailable, OSError, TimeoutError) as error:
                logger.warning("log: lane %s cannot be read: %s", self._lane.name, type(error).__name__)
                await asyncio.sleep(PAUSE)

    async def _follow(self) -> None:
        """Fetches by one consumer, until that is gone."""
        stream = await self._cluster.stream()
        config = ConsumerConfig(
            deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._next, ack_policy=AckPolicy.NONE,
            inactive_threshold=60.0, num_replicas=1, mem_storage=True,
        )  # fmt: skip
        subscription = await stream.pull_subscribe(subject_of(self._lane), stream=stream_of(self._lane), config=config)
        quiet = 0
        try:
            while True:
                while len(self._fetched) >= AHEAD:
                    self._room.clear()
                    await self._room.wait()
                try:
                    messages = await subscription.fetch(AHEAD // 2, timeout=FETCH)
                except nats.errors.TimeoutError:
                    quiet += 1
                    if quiet % QUIET == 0 and await self._is_behind():
                        return  # The consumer went with the server that held it.
                    continue
                quiet = 0
                for message in messages:
                    number = message.metadata.sequence.stream
                    if number >= self._next:
                        self._fetched.append(self._read(number, message.data))
                        self._next = number + 1
                self._more.set()
        finally:
            with contextlib.suppress(NatsError, OSError, TimeoutError):
                await subscription.unsubscribe()

    async def _is_behind(self) -> bool:
        stream = await self._cluster.stream()
        return (await stream.stream_info(stream_of(self._lane))).state.last_seq >= self._next

    def _read(self, number: int, data: bytes) -> _Fetched:
        header = header_at(data, 0)
        place = f"{stream_of(self._lane)} {number}"
        if header is None:
            return _Fetched(number, [], (Damage(place, "header"),))
        try:
            return _Fetched(
                number, opened(header, data[FRAME.size :], self._sealers.of(header.epoch), bound(self._lane))
            )
        except (Unreadable, ValueError) as error:
            return _Fetched(number, [], (Damage(place, type(error).__name__, header.count),))


async def _quiet(error: Exception) -> None:
    """What goes wrong with the connection is met where something is asked of it."""

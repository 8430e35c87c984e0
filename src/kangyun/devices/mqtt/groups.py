"""What came in one turn of the loop goes to the log together, lane by lane, and is answered when it is on disk.

A *part* is what one connection has in such a group. Parts of a connection are answered in the order in which they came
(MQTT 5.0, section 4.6), whichever lane is quicker.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from kangyun.base.errors import Unavailable
from kangyun.base.mqtt import Reason
from kangyun.devices.log import Record
from kangyun.devices.model import Lane
from kangyun.devices.mqtt.needs import Log

RECORD_BYTES = 64
"""What a message costs besides its payload, about."""


class Part:
    """Messages of one connection that are answered together. reason: None while they are on their way to the disk.

    kind: the first byte of the answers. packets: their identifiers. count, size: messages and bytes that wait.
    """

    __slots__ = ("count", "group", "kind", "owner", "packets", "reason", "size")

    def __init__(self, owner: "Owner", group: "Group | None", kind: int, reason: Reason | None = None) -> None:
        self.owner = owner
        self.group = group
        self.kind = kind
        self.reason = reason
        self.packets: list[int] = []
        self.count = 0
        self.size = 0


class Owner(Protocol):
    """Who waits for an answer."""

    def answered(self, part: Part) -> None:
        """A part has its reason: SUCCESS on disk, QUOTA_EXCEEDED where the log takes nothing."""


class Group:
    """What goes to a lane of the log together."""

    __slots__ = ("parts", "records")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.parts: list[Part] = []


class Groups:
    """One for a process. waiting: bytes that are not yet on disk."""

    def __init__(self, log: Log, on_room: Callable[[], None]) -> None:
        self._log = log
        self._on_room = on_room
        self._loop = asyncio.get_running_loop()
        self._next = {lane: Group() for lane in Lane}
        self._scheduled = False
        self._under_way = 0
        self.waiting = 0

    @property
    def idle(self) -> bool:
        """Whether all is answered."""
        return not self._scheduled and not self._under_way

    def group(self, lane: Lane) -> Group:
        """Returns the group that is being gathered for a lane."""
        return self._next[lane]

    def add(self, part: Part, group: Group, record: Record) -> None:
        """Adds a message to a part and the group it belongs to."""
        group.records.append(record)
        size = len(record.payload) + RECORD_BYTES
        part.size += size
        part.count += 1
        self.waiting += size
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._flush)

    def keep(self, lane: Lane, record: Record) -> None:
        """Has a message kept that nobody waits for. Raises Unavailable."""
        self._log.put(lane, [record])

    def _flush(self) -> None:
        self._scheduled = False
        for lane, group in self._next.items():  # In the order of the lanes: what is urgent first.
            if not group.records:
                continue
            self._next[lane] = Group()
            try:
                done = self._log.put(lane, group.records)
            except Unavailable:
                self._answer(group, Reason.QUOTA_EXCEEDED)
            else:
                self._under_way += 1
                done.add_done_callback(partial(self._written, group))

    def _written(self, group: Group, done: asyncio.Future[None]) -> None:
        self._under_way -= 1
        lost = done.cancelled() or done.exception() is not None
        self._answer(group, Reason.QUOTA_EXCEEDED if lost else Reason.SUCCESS)

    def _answer(self, group: Group, reason: Reason) -> None:
        for part in group.parts:
            self.waiting -= part.size
            part.reason = reason
            part.owner.answered(part)
        self._on_room()

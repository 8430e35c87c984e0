"""The processes that write for one import or load: started for it, given tasks, ended with it.

They are processes because a resource costs some 0.15 ms of Python, which one process cannot do on two cores. One of
them is started and forks the others, so that what they all need is loaded once; or they were forked beforehand by who
has loaded it anyway.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections import deque
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.bulk.frames import receive, send
from kangyun.access.bulk.hand import AT_ONCE, BUFFER, Hired, run
from kangyun.access.bulk.model import Task, Written
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings

logger = logging.getLogger(__name__)

END_WITHIN = 10.0  # seconds


class _Hand:
    """One process, and what was given to it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.given: dict[int, asyncio.Future[Written]] = {}
        self.reading = asyncio.ensure_future(self._read())

    async def give(self, task: Task) -> "asyncio.Future[Written]":
        answer: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self.given[task.number] = answer
        try:
            if not self.reading.done():
                await send(self.writer, task)
        except (ConnectionError, RuntimeError):
            pass  # It has ended: nothing will be answered.
        if self.reading.done():
            self._fail()
        return answer

    async def _read(self) -> None:
        while (written := await receive(self.reader, Written)) is not None:
            answer = self.given.pop(written.number)
            if not answer.done():
                answer.set_result(written)
        self._fail()

    def _fail(self) -> None:
        """The process has ended: what it had and did not answer is not done."""
        for answer in self.given.values():
            if not answer.done():
                answer.set_exception(Unavailable("access.bulk.hand-ended"))
        self.given.clear()


class Waiting(NamedTuple):
    """Processes that wait to be hired, for one job: the first one's id, and a socket to each."""

    first: int
    sockets: list[socket.socket]


def count_of(settings: Settings) -> int:
    """Returns how many write at once."""
    return settings.bulk_workers or os.cpu_count() or 1


def forked(count: int) -> Waiting:
    """Forks processes that share what this one has loaded. There may be no event loop and no thread yet."""
    parent, pairs = os.getpid(), [socket.socketpair() for _ in range(count)]
    first = os.fork()
    if first == 0:
        code = 1
        try:
            for ours, _ in pairs:
                ours.close()
            run(parent, [their.detach() for _, their in pairs])
            code = 0
        except Exception as error:
            logger.error("hand: %s", type(error).__name__)
        finally:
            os._exit(code)
    for _, their in pairs:
        their.close()
    return Waiting(first, [ours for ours, _ in pairs])


class Hands:
    """A crew of processes. `async with Hands(…) as hands`. `waiting`: they are there already."""

    def __init__(
        self, settings: Settings, database: str, actor: Actor, about: Circumstances, action: str,
        count: int | None = None, waiting: Waiting | None = None,
    ) -> None:  # fmt: skip
        self.count = len(waiting.sockets) if waiting else count or count_of(settings)
        plain: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
        self._hired = Hired(plain, database, actor, about, action)
        self._waiting = waiting
        self._first = 0
        self._ended: asyncio.Future[Any] | None = None
        self._hands: list[_Hand] = []
        self._free: deque[_Hand] = deque()
        self._places = asyncio.Semaphore(0)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._end()
            raise
        for hand in self._hands * AT_ONCE:
            self._take_back(hand)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(at_once=error is not None)

    async def _start(self) -> None:
        first, sockets = self._waiting or await self._executed()
        self._first = first
        if self._ended is None:
            self._ended = asyncio.ensure_future(asyncio.to_thread(os.waitpid, first, 0))
        for own in sockets:
            hand = _Hand(*await asyncio.open_unix_connection(sock=own, limit=BUFFER))
            self._hands.append(hand)
            await send(hand.writer, self._hired)

    async def _executed(self) -> Waiting:
        pairs = [socket.socketpair() for _ in range(self.count)]
        theirs = [their.fileno() for _, their in pairs]
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "kangyun.access.bulk.hand", str(os.getpid()), *map(str, theirs)),
                stdin=asyncio.subprocess.DEVNULL, pass_fds=theirs, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            for ours, _ in pairs:
                ours.close()
            raise
        finally:
            for _, their in pairs:
                their.close()
        self._ended = asyncio.ensure_future(process.wait())
        return Waiting(process.pid, [ours for ours, _ in pairs])

    @property
    def places(self) -> int:
        """How many tasks are worked on at once."""
        return self.count * AT_ONCE

    async def give(self, task: Task) -> "asyncio.Future[Written]":
        """Gives a task to a process that has room, waiting for one. The answer raises Unavailable when it ended."""
        await self._places.acquire()
        hand = self._free.popleft()
        answer = await hand.give(task)
        answer.add_done_callback(lambda _: self._take_back(hand))
        return answer

    def _take_back(self, hand: _Hand) -> None:
        self._free.append(hand)
        self._places.release()

    async def _end(self, *, at_once: bool = False) -> None:
        """Ends the processes: they finish what they have, unless there is no more use in it."""
        if self._ended is None:
            return
        if at_once:
            self._send(signal.SIGTERM)  # The others end with it.
        for hand in self._hands:
            hand.writer.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._ended), END_WITHIN)
        except TimeoutError:
            self._send(signal.SIGKILL)
            await self._ended
        for hand in self._hands:
            await hand.reading

    def _send(self, number: signal.Signals) -> None:
        if self._ended is not None and not self._ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._first, number)

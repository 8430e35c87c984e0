"""Doing for many at once what costs nearly the same for one: a round trip, a flush to the disk.

Who comes while a group is under way is in the next one. It leaves when it is full or after `patience`; as soon as the
one before is done where only one waits, for whom the others may not come. Nobody waits where nobody is ahead. Without
patience (None) there is one group at a time: the next leaves when the one before is done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from kangyun.base.errors import Unavailable

Item = TypeVar("Item")
Result = TypeVar("Result")


class Apart(Exception):
    """The group failed for the sake of one of them: do it alone."""


class Gathering(Generic[Item, Result]):
    """Hands what comes to `work`, in groups of at most `most`; it returns a result or an error for each, in order."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result | Exception]]],
        *,
        most: int,
        patience: float | None,
    ) -> None:
        self._work = work
        self._most = most
        self._patience = patience  # seconds
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._begin_at: asyncio.Handle | None = None
        self._under_way = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def join(self, item: Item) -> Result:
        """Returns what came of the item.

        Raises its own error; what the work raised: Unavailable to all of the group, anything else only to who was alone
        in it, Apart to the others. Who was cancelled before the group left is not in it.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()
        self._waiting.append((item, done))
        if len(self._waiting) >= self._most and not self._must_wait:
            self._leave()
        elif len(self._waiting) == 1:
            if self._must_wait:
                pass
            elif self._under_way and self._patience is not None:
                self._begin_at = loop.call_later(self._patience, self._leave)
            else:
                self._leave_soon()
        try:
            return await done
        finally:
            del item, done  # An error remembers this frame, and the future the error: they would keep each other.

    async def do(self, item: Item) -> Result:
        """Returns what came of the item, in a group or, where that came apart, alone. Raises its own error."""
        try:
            return await self.join(item)
        except Apart:
            pass
        return await self.alone(item)

    async def alone(self, item: Item) -> Result:
        """Returns what comes of the item in no group. Raises its own error."""
        (outcome,) = await self._work([item])
        try:
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        finally:
            del item, outcome  # As in `join`.

    @property
    def _must_wait(self) -> bool:
        return self._patience is None and self._under_way > 0

    def _leave_soon(self) -> None:
        """Leaves at the end of this turn of the loop: who is ready in it comes along."""
        if self._begin_at is not None:
            self._begin_at.cancel()
        self._begin_at = asyncio.get_running_loop().call_soon(self._leave)

    def _leave(self) -> None:
        if self._begin_at is not None:
            self._begin_at.cancel()
            self._begin_at = None
        if self._must_wait:
            return
        waiting, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        group = [(item, done) for item, done in waiting if not done.done()]
        if group:
            self._under_way += 1
            task = asyncio.ensure_future(self._do(group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _do(self, group: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        outcomes = await self._outcomes([item for item, _ in group])
        self._under_way -= 1
        for (_, done), outcome in zip(group, outcomes, strict=True):
            if done.done():
                continue
            if isinstance(outcome, BaseException):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)
        if len(self._waiting) == 1 or (self._waiting and self._patience is None):
            self._leave_soon()

    async def _outcomes(self, items: Sequence[Item]) -> Sequence[Result | BaseException]:
        try:
            results = await self._work(items)
            if len(results) != len(items):
                raise ValueError("one result for each")
            return results
        except (Exception, asyncio.CancelledError) as error:
            if len(items) == 1 or isinstance(error, Unavailable):
                return [error] * len(items)
            return [Apart() for _ in items]

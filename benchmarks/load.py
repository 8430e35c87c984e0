"""Users that send requests for some seconds, each on its own connection."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any

import msgspec

from benchmarks.client import DEFAULT_TIMEOUT, Connection, Failure, Response, Target
from benchmarks.recorder import Recorder

PAUSE_AFTER_FAILURE = 0.05  # seconds, so that a server that is down is not hammered


class Over(Exception):
    """The time of the run is over: no further request is begun."""


def reason(response: Response) -> str:
    """Returns status and, where there is one, the first issue of the OperationOutcome."""
    try:
        issue: dict[str, Any] = msgspec.json.decode(response.body)["issue"][0]
        text = issue.get("details", {}).get("text") or issue.get("diagnostics") or issue.get("code", "")
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, AttributeError):
        return str(response.status)
    return f"{response.status} {str(text)[:160]}"


class User:
    """One virtual user: a connection, a random source, and the clock of the run."""

    def __init__(self, number: int, target: Target, recorder: Recorder, deadline: float, timeout: float) -> None:
        self.number = number
        self.target = target
        self.rng = Random(number)
        self.recorder = recorder
        self._deadline = deadline
        self._connection = Connection(target, timeout)
        self.finished = time.perf_counter()

    async def do(
        self, name: str, *data: bytes, expect: Iterable[int] = (200,), operations: int = 1, timeout: float | None = None
    ) -> Response | None:
        """Sends one request under a name; returns its response, or None after recording why it failed.

        Raises Over when the time is up.
        """
        start = time.perf_counter()
        if start >= self._deadline:
            raise Over
        try:
            response = await self._connection.send(*data, timeout=timeout)
        except Failure as failure:
            self.recorder.fail(name, str(failure))
            await asyncio.sleep(PAUSE_AFTER_FAILURE)
            return None
        self.finished = time.perf_counter()
        if response.status not in expect:
            self.recorder.fail(name, reason(response))
            return None
        self.recorder.add(name, self.finished - start, operations)
        return response

    def close(self) -> None:
        """Closes the connection."""
        self._connection.close()


Iterate = Callable[[User], Awaitable[None]]


async def run(
    target: Target,
    recorder: Recorder,
    iterate: Iterate,
    *,
    users: int,
    seconds: float,
    timeout: float = DEFAULT_TIMEOUT,
) -> float:
    """Lets users iterate until the time is up or an iteration raises Over; returns the seconds to the last response."""
    start = time.perf_counter()
    everyone = [User(number, target, recorder, start + seconds, timeout) for number in range(users)]

    async def live(user: User) -> None:
        try:
            while True:
                await iterate(user)
        except Over:
            return
        finally:
            user.close()

    async with asyncio.TaskGroup() as group:
        for user in everyone:
            group.create_task(live(user))
    return max([user.finished for user in everyone] + [start + 1e-9]) - start

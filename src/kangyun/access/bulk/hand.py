"""Processes that write resources: `python -m kangyun.access.bulk.hand PARENT SOCKET…`, started by `hands`.

One for each socket, all forked from the first. Each reads who it writes for, then tasks, from its socket, and answers
there. They end with the process that started them.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import uvloop

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.bulk.bundles import write_file
from kangyun.access.bulk.frames import receive, send
from kangyun.access.bulk.lines import write_lines
from kangyun.access.bulk.model import Task, Written
from kangyun.access.intake import check
from kangyun.access.platform import Platform, open_platform
from kangyun.base.errors import Throttled, Unavailable
from kangyun.base.logging import configure
from kangyun.base.settings import Settings
from kangyun.database.lifeline import end_with_parent
from kangyun.store.bulk_import import Ahead

# What one process works on at once: while the database writes one task, the next is prepared.
AT_ONCE = 2
BUFFER = 8_000_000  # bytes


class Hired(msgspec.Struct, array_like=True, frozen=True):
    """Who a hand writes for. `settings` as JSON."""

    settings: dict[str, object]
    database: str
    actor: Actor
    about: Circumstances
    action: str


async def _work(own: socket.socket) -> None:
    reader, writer = await asyncio.open_unix_connection(sock=own, limit=BUFFER)
    hired = await receive(reader, Hired)
    if hired is None:
        return
    settings = Settings(**(hired.settings | {"data": Path(str(hired.settings["data"])), "connections": AT_ONCE}))  # type: ignore[arg-type]
    configure(settings.log_level)
    platform = await open_platform(settings, hired.database)
    try:
        await _carry_out(platform, hired, reader, writer)
    finally:
        await platform.close()


async def _carry_out(
    platform: Platform, hired: Hired, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    running: set[asyncio.Task[None]] = set()
    answering = asyncio.Lock()
    opened = await platform.gate.open(hired.actor, hired.about)
    ahead = Ahead(opened.store, opened.institution, opened.may_register)

    async def one(task: Task) -> None:
        written = await _write(platform, hired, ahead, task)
        async with answering:
            await send(writer, written)

    while (task := await receive(reader, Task)) is not None:
        started = asyncio.ensure_future(one(task))
        running.add(started)
        started.add_done_callback(running.discard)
    await asyncio.gather(*running)


async def _write(platform: Platform, hired: Hired, ahead: Ahead, task: Task) -> Written:
    record = await platform.gate.open(hired.actor, replace(hired.about, request=task.request or hired.about.request))
    try:
        if task.kind == "lines":
            written = await write_lines(record, ahead, task.lines, task.type, hired.action)
        else:
            request = task.request if task.again else None
            written = await write_file(
                record, task.lines[0].text, hired.action, keep_ids=task.keep_ids, request=request
            )
    except (Unavailable, Throttled) as error:
        written = Written(refused=[], failed=error.issues)
    written.number = task.number
    return written


def run(parent: int, sockets: list[int]) -> None:
    """Forks a process for each socket but the first, and works."""
    end_with_parent(signal.SIGKILL, parent)
    check({"resourceType": "Basic", "code": {"text": "-"}})  # Compiles the validator, for all of them.
    # A chunk's objects live for a moment and hold no circles: the collector need not look at each thousand of them.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    own, first, others = sockets[0], os.getpid(), []
    for number in sockets[1:]:
        others.append(os.fork())
        if others[-1] == 0:
            end_with_parent(signal.SIGKILL, first)
            own, others = number, []
            break
    for number in sockets:
        if number != own:
            os.close(number)
    uvloop.run(_work(socket.socket(fileno=own)))
    for pid in others:
        os.waitpid(pid, 0)


if __name__ == "__main__":
    run(int(sys.argv[1]), [int(number) for number in sys.argv[2:]])

"""A process that writes resources: `python -m kangyun.access.bulk.hand`, started by `hands`, which it obeys.

It reads who it writes for, then tasks, from its standard input, and answers each on its standard output. It ends with
the process that started it.
"""

import asyncio
import gc
import signal
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
    """Who a hand writes for. `parent`: the process that started it; `settings` as JSON."""

    parent: int
    settings: dict[str, object]
    database: str
    actor: Actor
    about: Circumstances
    action: str


async def _work() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(BUFFER)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, sys.stdout.buffer)
    writer = asyncio.StreamWriter(transport, protocol, None, loop)
    hired = await receive(reader, Hired)
    if hired is None:
        return
    end_with_parent(signal.SIGKILL, hired.parent)
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
    ahead = Ahead(opened.store, opened.institution)

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


if __name__ == "__main__":
    # A chunk's objects live for a moment and hold no circles: the collector need not look at each thousand of them.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
    uvloop.run(_work())

"""`python -m benchmarks.outbox`: what a message costs, and how long a red one takes from its put to its provider.

Starts a database of its own. First red messages are put in groups of an alarm's size and told by one worker, whose
provider answers at once: rate, and CPU of the worker and of the server's processes a message. Then one red message at a
time is put while plain ones are being told, and the time until the provider is called is taken. Last a morning: a list
for each of many readers.
"""

import asyncio
import json
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import machine
from benchmarks.feed import cpu_of_clients
from benchmarks.recorder import percentile
from kangyun.access.messages.outbox import Notice, Reader, Urgency
from kangyun.access.messages.outbox.channels import Installed
from kangyun.access.messages.outbox.contacts import Contacts, keep
from kangyun.access.messages.outbox.sending import Parcel, Sent
from kangyun.access.messages.outbox.teller import Teller
from kangyun.access.platform import Platform, open_platform
from kangyun.base import clock
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer

GROUP = 20
READERS = 500


class AtOnce:
    """A provider that answers at once, and knows when it was called."""

    dedupes, receipts, rate = False, True, 0.0

    def __init__(self) -> None:
        self.called: dict[str, float] = {}
        self.count = 0

    async def send(self, parcel: Parcel) -> Sent:
        """Notes the call."""
        self.called[parcel.about["asker"]] = time.monotonic()
        self.count += 1
        return Sent(parcel.key)


def main(
    messages: Annotated[int, typer.Option(help="Red messages for the rate.")] = 5_000,
    single: Annotated[int, typer.Option(help="Red messages for the time, one by one.")] = 300,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory(prefix="kangyun-outbox-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(server.url, Path(folder), messages, single))
        finally:
            server.stop()
    table = Table("", "messages", "a second", "own CPU-ms each", "server CPU-ms each", title="outbox")
    for name in ("put", "tell", "lists"):
        one = figures[name]
        table.add_row(name, f"{one['count']:,}", f"{one['rate']:,.0f}", f"{one['own']:.3f}", f"{one['server']:.3f}")
    console = Console(highlight=False)
    console.print(table)
    red = figures["red"]
    console.print(f"red, put to provider: p50 {red['p50']:.0f} ms, p99 {red['p99']:.0f} ms, most {red['most']:.0f} ms")
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


def _notices(kind: str, count: int, urgency: Urgency) -> list[Notice]:
    return [
        Notice(
            key=f"{kind}/{number}", urgency=urgency, template="warning", asker=f"{kind}/{number}", holder=number,
            readers=(Reader(f"Practitioner/{number % READERS}", "doctor"),),
            variables={"name": "演示", "age": "70", "sentence": "收缩压 186，高于个人上限 180。"},
        )
        for number in range(count)
    ]  # fmt: skip


async def _measure(url: str, folder: Path, messages: int, single: int) -> dict[str, Any]:
    platform = await open_platform(Settings(data=folder, connections=6), url)
    provider, outbox = AtOnce(), platform.gate.outbox

    async def audit(_: asyncpg.Connection, __: object) -> None:
        """The audit row is another benchmark's."""

    contacts = Contacts(platform.gate.store.reader, outbox.letters, {})
    teller = Teller(platform.pool, outbox, Installed({"sms": provider}), contacts, audit, "https://k")
    try:
        async with platform.pool.connection() as connection:
            for number in range(READERS):
                await keep(
                    connection, outbox.letters, f"Practitioner/{number}", clock.now(), addresses={"sms": "13800000000"}
                )
            return {
                "put": await _put(connection, platform, messages),
                "tell": await _tell(connection, teller, provider, messages),
                "red": await _red(connection, platform, teller, provider, single),
                "lists": await _lists(connection, platform, teller),
            }
    finally:
        await platform.close()


async def _timed(connection: asyncpg.Connection, count: int, work: Any) -> dict[str, float]:
    began, own, server = time.monotonic(), time.process_time(), await cpu_of_clients(connection)
    await work
    seconds = time.monotonic() - began
    own, server = time.process_time() - own, await cpu_of_clients(connection) - server
    return {"count": count, "rate": count / seconds, "own": own / count * 1e3, "server": server / count * 1e3}


async def _put(connection: asyncpg.Connection, platform: Platform, messages: int) -> dict[str, float]:
    notices = _notices("alarm", messages, Urgency.RED)

    async def work() -> None:
        for begin in range(0, messages, GROUP):
            async with connection.transaction():
                await platform.gate.outbox.put(connection, notices[begin : begin + GROUP])

    return await _timed(connection, messages, work())


async def _tell(connection: asyncpg.Connection, teller: Teller, provider: AtOnce, messages: int) -> dict[str, float]:
    async def work() -> None:
        while provider.count < messages:
            await teller.tick()

    figures = await _timed(connection, messages, work())
    await connection.execute("UPDATE outbox_message SET state = 'answered'")
    return figures


async def _red(
    connection: asyncpg.Connection, platform: Platform, teller: Teller, provider: AtOnce, single: int
) -> dict[str, float]:
    stop = asyncio.Event()
    telling = asyncio.ensure_future(teller.keep_telling(stop))
    load = asyncio.ensure_future(_load(platform, stop))
    took = []
    for one in _notices("single", single, Urgency.RED):
        began = time.monotonic()
        await platform.gate.outbox.put(connection, [one])
        while one.asker not in provider.called:
            await asyncio.sleep(0.001)
        took.append((provider.called[one.asker] - began) * 1e3)
        await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(telling, load)
    took.sort()
    await connection.execute("UPDATE outbox_message SET state = 'answered'")
    return {"p50": percentile(took, 0.5), "p99": percentile(took, 0.99), "most": took[-1]}


async def _load(platform: Platform, stop: asyncio.Event) -> None:
    """Puts amber messages, 200 a second, so that the worker is busy with others."""
    number = 0
    while not stop.is_set():
        notices = [
            Notice(
                key=f"load/{number + one}", urgency=Urgency.AMBER, template="warning", asker="load/x",
                holder=number + one,
                readers=(Reader(f"Practitioner/{(number + one) % READERS}", "doctor"),),
            )
            for one in range(GROUP)
        ]  # fmt: skip
        number += GROUP
        async with platform.pool.connection() as connection:
            await platform.gate.outbox.put(connection, notices)
        await asyncio.sleep(0.1)


async def _lists(connection: asyncpg.Connection, platform: Platform, teller: Teller) -> dict[str, float]:
    await connection.execute("TRUNCATE outbox_day")
    count = READERS * 10
    notices = _notices("night", count, Urgency.PLAIN)
    await platform.gate.outbox.put(connection, notices)
    now = clock.now() + timedelta(days=1)
    morning = now.astimezone(platform.gate.outbox.zone).replace(hour=7).astimezone(now.tzinfo)
    teller.now = lambda: morning

    async def work() -> None:
        while await teller.tick():
            pass

    return await _timed(connection, count, work())


if __name__ == "__main__":
    typer.run(main)

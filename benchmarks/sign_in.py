"""`python -m benchmarks.sign_in`: what it costs to know who asks, and how soon an end is an end.

Starts a database of its own and two sign-ins on it, as two processes have them. CPU is of this process only: the
server's share of a cold look and of a look for revocations is a few index lookups.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import machine
from kangyun.access.identities.passwords import hashed
from kangyun.access.platform import Platform, open_platform
from kangyun.base.errors import SignInNeeded
from kangyun.base.settings import Settings
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer

PASSWORD = "Benchmark-horse-7"
LOOKS = 20  # revocations that are waited for


def main(
    requests: Annotated[int, typer.Option(help="Requests that are known.")] = 100_000,
    output: Annotated[Path | None, typer.Option("--json", metavar="PATH", help="Write the figures here.")] = None,
) -> None:
    """Measures."""
    with tempfile.TemporaryDirectory(prefix="kangyun-sign-in-") as folder:
        server = EmbeddedServer(Path(folder))
        server.start()
        try:
            uvloop.run(prepare_database(server.url))
            figures = uvloop.run(_measure(Settings(data=Path(folder)), server.url, requests))
        finally:
            server.stop()
    table = Table("", "", title="sign-in")
    for name, value in figures.items():
        table.add_row(name, f"{value:.4f}")
    Console(highlight=False).print(table)
    if output:
        output.write_text(json.dumps({"machine": machine(), **figures}, indent=1), "utf-8")


async def _measure(settings: Settings, database: str, requests: int) -> dict[str, float]:
    one, other = await open_platform(settings, database), await open_platform(settings, database)
    try:
        sign_in = one.sign_in
        id_ = await sign_in.identities.admit(
            "staff", "Practitioner/li", "Organization/a", "李", roles=["doctor"], vouched_by="Device/benchmark",
            evidence="benchmark", handle="li",
        )  # fmt: skip
        await sign_in.identities.set_password(id_, PASSWORD)
        token = await sign_in.sign_in("li", PASSWORD)

        async def known() -> None:
            await sign_in.actor(token)

        async def cold() -> None:
            await sign_in.is_good(token)

        async def sign() -> None:
            hashed(PASSWORD)

        ends = [await _end(one, other) for _ in range(LOOKS)]
        token = await sign_in.sign_in("li", PASSWORD)
        return {
            "known, CPU-ms a request": await _cpu(known, requests),
            "first use in a process, CPU-ms": await _cpu(cold, 500),
            "password, CPU-ms": await _cpu(sign, 10),
            "until an end is one in another process, s, mean": sum(ends) / len(ends),
            "until an end is one in another process, s, longest": max(ends),
        }
    finally:
        await one.close()
        await other.close()


async def _cpu(do: Callable[[], Awaitable[None]], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        await do()
    return (time.process_time() - began) / times * 1000


async def _end(one: Platform, other: Platform) -> float:
    """Returns how long the other process went on knowing a token that was ended here."""
    token = await one.sign_in.sign_in("li", PASSWORD)
    actor = await other.sign_in.actor(token)
    identity = await one.sign_in.identities.find("li")
    assert identity is not None
    await one.sign_in.sessions.end(identity, [actor.session], "", "")
    ended = time.monotonic()
    try:
        while True:
            await other.sign_in.actor(token)
            await asyncio.sleep(0.005)
    except SignInNeeded:
        return time.monotonic() - ended


if __name__ == "__main__":
    typer.run(main)

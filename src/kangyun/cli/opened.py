"""The platform of an installation, for commands that act on it directly: opened on its database, closed behind them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from kangyun.access.platform import Platform, open_platform
from kangyun.base.settings import read_settings
from kangyun.cli.reach import reached_database

Result = TypeVar("Result")


def on_platform(data: Path | None, do: Callable[[Platform], Awaitable[Result]]) -> Result:
    """Returns what is done with the platform. Raises Unavailable where its database cannot be reached."""
    with reached_database(read_settings(data=data)) as database:
        return asyncio.run(with_platform(database, data, do))


async def with_platform(database: str, data: Path | None, do: Callable[[Platform], Awaitable[Result]]) -> Result:
    """Returns what is done with the platform on a database that was reached."""
    platform = await open_platform(read_settings(data=data, log_level="warning"), database)
    try:
        return await do(platform)
    finally:
        await platform.close()

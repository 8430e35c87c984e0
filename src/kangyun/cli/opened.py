"""The platform of an installation, for commands that act on it directly: opened on its database, closed behind them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from kangyun.access.platform import Platform, open_platform
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.demonstration import MARK
from kangyun.cli.reach import reached_database

Result = TypeVar("Result")


def settings_of(data: Path | None) -> Settings:
    """Returns the settings of an installation. One that `up` made a demonstration is one for commands as well."""
    settings = read_settings(data=data, log_level="warning")
    if settings.demo or settings.database or not (settings.data / MARK).exists():
        return settings
    return read_settings(data=data, log_level="warning", demo=True)


def on_platform(data: Path | None, do: Callable[[Platform], Awaitable[Result]]) -> Result:
    """Returns what is done with the platform. Raises Unavailable where its database cannot be reached."""
    with reached_database(settings_of(data)) as database:
        return asyncio.run(with_platform(database, data, do))


async def with_platform(database: str, data: Path | None, do: Callable[[Platform], Awaitable[Result]]) -> Result:
    """Returns what is done with the platform on a database that was reached."""
    platform = await open_platform(settings_of(data), database)
    try:
        return await do(platform)
    finally:
        await platform.close()

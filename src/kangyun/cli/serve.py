"""`kangyun serve`, `work` and `migrate`: the parts as separate processes, on a database that is there."""

import asyncio
import importlib
import os
import signal
import sys
from pathlib import Path

import asyncpg
import uvloop

from kangyun.base.collector import leave_alone_what_is_loaded
from kangyun.base.errors import Unavailable
from kangyun.base.logging import configure
from kangyun.base.settings import Settings, read_settings
from kangyun.cli import workers
from kangyun.cli.children import UP, tie_to_up, wait_for_up
from kangyun.database.migrations import Migration, Phase, migrate
from kangyun.store.moved import settle

EXPAND: tuple[Phase, ...] = ("pre",)
EXPAND_AND_CONTRACT: tuple[Phase, ...] = ("pre", "post")
_IS_NEW = "SELECT to_regclass('migration') IS NULL"
# By name: `web` stands beside `cli`, and neither imports the other.
WEB = "kangyun.web.process"


def serve(data: Path | None = None, port: int | None = None, host: str | None = None) -> None:
    """Serves HTTP until told to stop, one process a core."""
    tie_to_up()
    settings = _settings(data=data, port=port, host=host)
    for name in ("data", "port", "host", "database"):
        os.environ[f"KANGYUN_{name.upper()}"] = str(getattr(settings, name))
    # Loaded once, before the fork: the workers start at once and share the memory.
    web = importlib.import_module(WEB)
    web.prepare()
    wait_for_up()
    count = settings.workers or os.cpu_count() or 1
    # The processes of one that was killed let go of the port in their time; `up` has seen that it is nobody else's.
    patience = workers.STOP_WITHIN if UP in os.environ else 0.0
    sys.exit(workers.run(web.serve, host=settings.host, port=settings.port, count=count, patience=patience))


def work(data: Path | None = None) -> None:
    """Runs the background work until told to stop."""
    tie_to_up()
    settings = _settings(data=data)
    configure(settings.log_level)
    wait_for_up()
    uvloop.run(_work(settings))


async def _work(settings: Settings) -> None:
    from kangyun.access.work import work as run
    from kangyun.catalog import background

    leave_alone_what_is_loaded()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await run(settings, stop, beside=background())


def bring_up_to_date(data: Path | None, phases: tuple[Phase, ...]) -> list[Migration]:
    """Applies the missing migrations of these phases to the database that is set, and returns them."""
    return asyncio.run(prepare_database(_settings(data=data).database, phases))


async def prepare_database(url: str, phases: tuple[Phase, ...] | None = None) -> list[Migration]:
    """Brings the schema up to date and returns what was applied. Raises Unavailable without the database.

    phases: by default all of them in a new database, and else what expands only: the version before may have to come
    back, so what contracts waits for `kangyun migrate`.
    """
    try:
        connection = await asyncpg.connect(url, timeout=30)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unavailable("cli.database-unreachable", reason=type(error).__name__) from error
    from kangyun.catalog import catalog  # Not for `up`, which stays small.

    try:
        if phases is None:
            phases = EXPAND_AND_CONTRACT if await connection.fetchval(_IS_NEW) else EXPAND
        done = await migrate(connection, list(catalog().schemas), phases)
        if await settle(connection):
            from kangyun.cli.speech import announce, speak  # Not for those who serve: it is a part of their start.

            announce(speak("cli.moved"), style="yellow")
        return done
    finally:
        await connection.close()


def _settings(*, data: Path | None = None, port: int | None = None, host: str | None = None) -> Settings:
    settings = read_settings(data=data, port=port, host=host)
    if not settings.database:
        raise Unavailable("cli.no-database")
    return settings

"""`kangyun reindex`: the index of an installation made again, while it serves or not.

For after an upgrade that reads resources differently, a change of the time zone, or when `doctor` asks for it. What is
interrupted goes on from where it came to: only rows of an older edition are made anew. Search parameters whose own
building came to nothing are active afterwards.
"""

import asyncio
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from kangyun.access.platform import Platform, open_platform
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import console, speak
from kangyun.store.reindex import Progress as Reached
from kangyun.store.types import TYPE_NUMBERS


def reindex(data: Path | None, types: list[str], *, resume: bool) -> None:
    """Makes the index of the types anew, of all where none is named; `resume` finishes an interrupted one.

    Raises Invalid for a type that R4 does not have, Unavailable without the database.
    """
    for type_ in types:
        if type_ not in TYPE_NUMBERS:
            raise Invalid("fhir.search.no-such-type", type=type_[:64])
    settings = read_settings(data=data)
    with reached_database(settings) as database:
        done = asyncio.run(_reindex(settings, database, types or sorted(TYPE_NUMBERS), resume))
    console.print(speak("cli.reindexed", count=done))


async def _reindex(settings: Settings, database: str, types: list[str], resume: bool) -> int:
    platform = await open_platform(settings, database)
    try:
        return await _with_bar(platform, types, resume)
    finally:
        await platform.close()


async def _with_bar(platform: Platform, types: list[str], resume: bool) -> int:
    store = platform.gate.store
    async with platform.pool.connection() as connection:
        if not resume:
            await store.registry.make_anew(connection)
        await store.registry.refresh(connection)
    edition = store.registry.edition
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(speak("cli.reindexing"), total=None)

        async def tell(reached: Reached) -> None:
            bar.update(task, completed=reached.done, total=reached.done + reached.left)

        done = await store.reindexer.run(types, tell)
    async with platform.pool.connection() as connection:
        await store.registry.complete(connection, types, edition)
    return done

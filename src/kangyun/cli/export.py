"""`kangyun export DIR`: everything, or some types, as it stands at one instant, as NDJSON: a file a type.

The same as the operation `$export`, through the gate as the administrator. Stopped, the same command goes on where it
was, as of the same instant; what `kangyun load` reads it again.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec
from rich.progress import Progress, TaskID

from kangyun.access.actor import Circumstances
from kangyun.access.bulk.exporting import Export, ExportRequest, Kept, begun
from kangyun.access.platform import Platform, open_platform
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.clock import instant
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.loading.progress import bar
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, speak
from kangyun.fhir.definitions import definitions
from kangyun.store.sequencer import sequence

STATE = "kangyun-export.json"
ABOUT = Circumstances("export", "", "")
CONNECTIONS = 6


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line."""

    folder: Path
    data: Path | None = None
    types: tuple[str, ...] = ()
    since: datetime | None = None
    packed: bool = False
    overwrite: bool = False


class _State(msgspec.Struct):
    """What the folder holds so far."""

    asked: ExportRequest
    packed: bool
    kept: Kept


def export(wish: Wish) -> int:
    """Exports. Returns the exit status: 0, or 130 after Ctrl-C. Raises Invalid for a folder that holds other things."""
    for type_ in wish.types:
        if type_ not in definitions().resource_types:
            raise Invalid("cli.export-type", type=type_)
    asked = ExportRequest("export", "system", ADMINISTRATOR, ABOUT, wish.since, tuple(sorted(set(wish.types))))
    state = _prepared(wish, asked)
    settings = read_settings(data=wish.data, log_level="warning")
    with reached_database(settings) as database:
        return _Exporting(wish, asked, settings, state).run(database)


def _prepared(wish: Wish, asked: ExportRequest) -> _State | None:
    """Makes the folder. Returns the state of a run before that asked for the same."""
    wish.folder.mkdir(parents=True, exist_ok=True)
    try:
        state = msgspec.json.decode((wish.folder / STATE).read_bytes(), type=_State)
    except (OSError, msgspec.DecodeError):
        state = None
    if state is not None and (state.asked, state.packed) == (asked, wish.packed) and not wish.overwrite:
        announce(speak("cli.export-resumes", instant=instant(state.kept.upto)))
        return state
    if any(wish.folder.iterdir()) and not wish.overwrite:
        raise Invalid("cli.export-not-empty", folder=str(wish.folder))
    for file in wish.folder.glob("*.ndjson*"):
        file.unlink()
    return None


@dataclass(slots=True)
class _Exporting:
    """One run of the command."""

    wish: Wish
    asked: ExportRequest
    settings: Settings
    state: _State | None

    def run(self, database: str) -> int:
        began = time.monotonic()
        before = self.state.kept.lines if self.state else 0
        try:
            with bar() as progress:
                kept = asyncio.run(self._work(database, progress, progress.add_task(speak("cli.exporting"), told="")))
        except KeyboardInterrupt:
            announce(speak("cli.export-stopped"))
            return 130
        (self.wish.folder / STATE).unlink()
        seconds = time.monotonic() - began
        announce(
            speak(
                "cli.export-done",
                count=f"{kept.lines:,}", files=len(kept.files), instant=instant(kept.upto),
                seconds=f"{seconds:,.1f}", rate=f"{(kept.lines - before) / seconds:,.0f}",
            )
        )  # fmt: skip
        return 0

    async def _work(self, database: str, progress: Progress, task: TaskID) -> Kept:
        settings = msgspec.structs.replace(self.settings, connections=CONNECTIONS)
        platform = await open_platform(settings, database)
        stop = asyncio.Event()
        # The instant is the sequencer's word; where nothing runs beside this, it is ours.
        sequencing = asyncio.ensure_future(sequence(platform.pool, stop))
        try:
            return await self._export(platform, progress, task)
        finally:
            stop.set()
            await sequencing
            await platform.close()

    async def _export(self, platform: Platform, progress: Progress, task: TaskID) -> Kept:
        if self.state is None:
            async with platform.pool.connection() as connection:
                now = await connection.fetchval("SELECT clock_timestamp()")
            self.state = _State(self.asked, self.wish.packed, await begun(platform, self.asked, now))
        state = self.state

        async def save(kept: Kept) -> None:
            (self.wish.folder / STATE).write_bytes(msgspec.json.encode(state))
            told = speak("cli.export-told", count=f"{kept.lines:,}")
            progress.update(task, total=kept.end or 1, completed=kept.next if kept.end else 1, told=told)

        record = await platform.gate.open(ADMINISTRATOR, ABOUT)
        await record.leave_row("export", 202, [])
        await Export(platform, record, self.asked, state.kept, self.wish.folder, save, packed=self.wish.packed).run()
        return state.kept

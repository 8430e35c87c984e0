"""`kangyun load PATH…`: brings files into the record, through the gate as the administrator, or over HTTP.

Institutions and patients come first, several processes write, and what was refused is told in words with file and line.
Stopped by Ctrl-C, a crash or a lost connection, the same command goes on where it was.
"""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from rich.progress import Progress, TaskID

from kangyun.access.actor import Circumstances
from kangyun.access.bulk.bundles import WHOLE
from kangyun.access.bulk.flow import Chunk, Crew, write_chunks
from kangyun.access.bulk.hands import Hands
from kangyun.access.bulk.model import Refusal, Written
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings, read_settings
from kangyun.cli.loading.progress import bar
from kangyun.cli.loading.remote import Remote, Server, server_of
from kangyun.cli.loading.sources import DONE, Meter, Places, chunks, found
from kangyun.cli.loading.state import State, new_state, read_state, state_file, write_state
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, speak

ACTION = "load"
ABOUT = Circumstances("load", "", "", historic=True)
SAVE_EVERY = 1.0  # seconds
RETRY_AFTER = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds, while nothing gets on
MOST_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked on the command line."""

    paths: list[Path]
    data: Path | None = None
    server: str | None = None
    token: str | None = None
    state: Path | None = None
    report: Path | None = None
    keep_ids: bool = False
    again: bool = False


def load(wish: Wish) -> int:
    """Loads. Returns the exit status: 0 when all is in, 1 when something was refused, 130 after Ctrl-C."""
    files = found(wish.paths)
    settings = read_settings(data=wish.data, log_level="warning")
    server = server_of(wish.server, wish.token or settings.admin_token or None) if wish.server else None
    file = wish.state or state_file(Path.cwd() if server else settings.data, wish.paths, wish.server)
    state = None if wish.again else read_state(file)
    if state is not None:
        announce(speak("cli.load-resumes", good=state.good, file=str(file)))
    loading = _Loading(wish, settings, files, file, state or new_state(), resumed=state is not None)
    with nullcontext("") if server else reached_database(settings) as database:
        return loading.run(server, database)


@dataclass(slots=True)
class _Loading:
    """One run of the command."""

    wish: Wish
    settings: Settings
    files: list[Path]
    file: Path
    state: State
    resumed: bool
    reasons: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    saved: float = 0.0
    sources: set[str] = field(default_factory=set)

    def run(self, server: Server | None, database: str) -> int:
        began, before, stopped = time.monotonic(), self.state.good, False
        with bar() as progress:
            task = progress.add_task(speak("cli.loading"), total=None, told="")
            try:
                asyncio.run(self._work(server, database, progress, task))
            except KeyboardInterrupt:
                stopped = True
            finally:
                self._save()
        self._tell(time.monotonic() - began, self.state.good - before)
        if stopped:
            announce(speak("cli.load-stopped"))
            return 130
        self.file.unlink(missing_ok=True)
        return 1 if self.state.refused else 0

    async def _work(self, server: Server | None, database: str, progress: Progress, task: TaskID) -> None:
        """Writes all that is left; waits and goes on while nothing but the database or the server is away."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _interrupt)
        tries, again = 0, self.resumed
        while True:
            before = self.state.good + self.state.refused
            try:
                async with self._crew(server, database) as crew:
                    await self._write(crew, progress, task, again)
                return
            except Unavailable as error:
                tries = 0 if self.state.good + self.state.refused > before else tries + 1
                if tries >= len(RETRY_AFTER):
                    raise
                again = True
                announce(speak("cli.load-waits", reason=speak(error.issues[0].text, **error.issues[0].parameters)))
                await asyncio.sleep(RETRY_AFTER[tries])

    @asynccontextmanager
    async def _crew(self, server: Server | None, database: str) -> AsyncIterator[Crew]:
        if server is None:
            async with Hands(self.settings, database, ADMINISTRATOR, ABOUT, ACTION) as hands:
                yield hands
            return
        remote = Remote(server)
        try:
            yield remote
        finally:
            remote.close()

    async def _write(self, crew: Crew, progress: Progress, task: TaskID, again: bool) -> None:
        meter = Meter(told=lambda size: progress.advance(task, size))
        progress.reset(task, told=self._told())
        progress.update(task, total=sum(path.stat().st_size for path in self.files))

        def done(chunk: Chunk, written: Written) -> None:
            self._done(chunk, written)
            progress.update(task, told=self._told())

        given = chunks(
            self.files, Places(dict(self.state.places)), meter, self.state.run, self.settings.body_limit,
            keep_ids=self.wish.keep_ids, again=again,
        )  # fmt: skip
        await write_chunks(crew, given, done)

    def _done(self, chunk: Chunk, written: Written) -> None:
        state = self.state
        state.created += written.created
        state.updated += written.updated
        state.unchanged += written.unchanged
        state.deleted += written.deleted
        for refusal in [*chunk.refused, *written.refused]:
            self._refuse(chunk, refusal)
        state.places[chunk.source] = chunk.last
        if time.monotonic() - self.saved > SAVE_EVERY:
            self._save()

    def _refuse(self, chunk: Chunk, refusal: Refusal) -> None:
        self.state.refused += 1
        issue = refusal.issues[0]
        reason = speak(issue.text, **issue.parameters) + (f" ({issue.at})" if issue.at else "")
        place = _place(chunk, refusal)
        self.reasons[reason] += 1
        self.examples.setdefault(reason, place)
        if self.wish.report:
            with self.wish.report.open("a", encoding="utf-8") as report:
                report.write(f"{place}\t{reason}\n")

    def _save(self) -> None:
        self.saved = time.monotonic()
        write_state(self.file, self.state)

    def _told(self) -> str:
        return speak("cli.load-told", good=f"{self.state.good:,}", refused=f"{self.state.refused:,}")

    def _tell(self, seconds: float, good: int) -> None:
        state = self.state
        rate = f"{good / seconds:,.0f}" if seconds else "–"
        counts = {name: f"{getattr(state, name):,}" for name in ("created", "updated", "unchanged", "deleted")}
        announce(speak("cli.load-done", **counts, seconds=f"{seconds:,.1f}", rate=rate))
        if not state.refused:
            return
        announce(speak("cli.load-refused", refused=f"{state.refused:,}"), style="yellow")
        for reason, count in self.reasons.most_common(MOST_SHOWN):
            announce(f"  {count:>8,}  {reason}  [{self.examples[reason]}]")
        if len(self.reasons) > MOST_SHOWN:
            announce(speak("cli.load-more", count=len(self.reasons) - MOST_SHOWN))


def _place(chunk: Chunk, refusal: Refusal) -> str:
    if chunk.kind == "lines" and refusal.line != DONE:
        return speak("cli.load-line", source=chunk.source, line=refusal.line)
    if refusal.line != WHOLE:
        return speak("cli.load-entry", source=chunk.source, entry=refusal.line)
    return chunk.source


def _interrupt() -> None:
    raise KeyboardInterrupt

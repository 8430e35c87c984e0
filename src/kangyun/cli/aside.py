"""`kangyun feed aside`: messages of HL7 v2 that were refused: which and why, what came, again after the repair.

Whoever may use this terminal has the root key; who says to act (`--by`) stands in the audit trail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform, open_platform
from kangyun.base.errors import Invalid
from kangyun.base.texts import say
from kangyun.cli.listen import feed_of, messages_of
from kangyun.cli.opened import settings_of
from kangyun.cli.reach import reached_database
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import write_new
from kangyun.exchange.entries import Refusal
from kangyun.exchange.feeds.aside import Aside, Waiting

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Again:
    """What is tried again. numbers: none for all of the institution that wait. file: the message put right, of one."""

    institution: str
    by: str
    numbers: Sequence[int] = ()
    file: Path | None = None
    mapping: Path | None = None
    test: bool = False


def list_aside(institution: str | None, data: Path | None, *, settled: bool) -> int:
    """Shows what is kept aside. Returns 0, or 1 where something waits."""

    async def on(platform: Platform) -> list[Waiting]:
        return await _aside(platform).list(institution, settled=settled)

    found = _carried_out(on, data)
    for one in found:
        announce(
            speak(
                "cli.aside-is", number=one.id, state=speak(f"cli.aside-{one.state}"), institution=one.institution,
                control=one.control or "-", sender=one.sender, times=one.times, at=f"{one.received:%Y-%m-%d %H:%M}",
            ),
            style="bold",
        )  # fmt: skip
        for reason in one.reasons:
            announce(f"  {_said(reason)}", style="red" if reason.whole else "yellow")
    waiting = sum(one.state == "waiting" for one in found)
    announce(speak("cli.aside-counted", count=waiting))
    return 1 if waiting else 0


def show_aside(number: int, file: Path | None, by: str, data: Path | None) -> int:
    """Shows a message that is kept aside, or writes it to a new file of mode 0600. Its patient stands in it."""

    async def on(platform: Platform) -> bytes:
        aside = _aside(platform)
        one = await aside.one(number)
        messages = await messages_of(platform, feed_of(one.institution, None), by)
        return await aside.content(await messages.record(), number)

    content = _carried_out(on, data)
    if file is None:
        announce(content.decode("gb18030" if _is_gb(content) else "utf-8", "replace").replace("\r", "\n"))
    else:
        write_new(file, content)
        announce(speak("cli.staff-written", file=str(file)))
    return 0


def again_aside(again: Again, data: Path | None) -> int:
    """Tries messages again. Returns 0, or 1 where one was refused again."""
    if again.file is not None and len(again.numbers) != 1:
        raise Invalid("cli.aside-one")
    feed = feed_of(again.institution, again.mapping, test=again.test)
    raw = None if again.file is None else _read(again.file)

    async def on(platform: Platform) -> int:
        messages = await messages_of(platform, feed, again.by)
        numbers = again.numbers or [one.id for one in await messages.aside.list(again.institution)]
        refused = 0
        for number in numbers:
            answer = await messages.again(number, raw)
            refused += answer.code != "AA"
            announce(speak("cli.aside-again", number=number, code=answer.code))
            for reason in answer.refusals:
                announce(f"  {_said(reason)}", style="red" if reason.whole else "yellow")
        announce(speak("cli.aside-tried", count=len(numbers), refused=refused))
        return refused

    return 1 if _carried_out(on, data) else 0


def drop_aside(number: int, data: Path | None) -> int:
    """Notes that a message is not to be taken any more."""

    async def on(platform: Platform) -> None:
        aside = _aside(platform)
        await aside.one(number)
        await aside.settle(number, "dropped")

    _carried_out(on, data)
    return 0


def _carried_out(work: Callable[[Platform], Awaitable[Outcome]], data: Path | None) -> Outcome:
    settings = settings_of(data)

    async def on(database: str) -> Outcome:
        platform = await open_platform(settings, database)
        try:
            return await work(platform)
        finally:
            await platform.close()

    with reached_database(settings) as database:
        return asyncio.run(on(database))


def _aside(platform: Platform) -> Aside:
    return Aside(platform.pool, Kept(platform.gate.store))


def _read(file: Path) -> bytes:
    try:
        content = file.read_bytes()
    except OSError:
        raise Invalid("cli.wrong-file", file=str(file)) from None
    # As an editor leaves it: lines end as the editor ends them.
    return content.replace(b"\r\n", b"\r").replace(b"\n", b"\r")


def _is_gb(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _said(refusal: Refusal) -> str:
    shown = f" [{refusal.shown}]" if refusal.shown else ""
    where = f"{refusal.place.part or ''}{shown}".strip()
    return f"{where} {say(refusal.text, language(), refusal.parameters)}".strip()

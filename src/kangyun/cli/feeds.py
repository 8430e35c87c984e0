"""`kangyun feed register`, `list`, `show`, `move`, `reconcile` and the rest: the register of feeds and its counts.

Whoever may use this terminal has the root key and the database; who says to act (`--by`) stands in the history of the
feed, and in the audit trail where rows or keys are shown.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timezone
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from kangyun.access.actor import Circumstances
from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.signin import ADMINISTRATOR
from kangyun.base import clock
from kangyun.base.errors import Invalid
from kangyun.cli.opened import on_platform
from kangyun.cli.registers import acting
from kangyun.cli.speech import announce, language, speak
from kangyun.cli.staff import write_new
from kangyun.exchange.feeds.overseeing import Oversight
from kangyun.exchange.feeds.reconciling import BEIJING, Line, Reconciliation, bounds, shown_day
from kangyun.exchange.feeds.register import Register, Source, check_institution
from kangyun.exchange.feeds.replaying import Replay, Which
from kangyun.exchange.feeds.reporting import HEADER, report, rows_of
from kangyun.exchange.feeds.rework import Rework
from kangyun.exchange.feeds.states import Side, table
from kangyun.exchange.protocol import State

ZONE = timezone(BEIJING)
Do = Callable[[Platform], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of a feed; None where nothing was."""

    agreement: str | None
    agreed: str | None
    client: str | None
    thumbprint: str | None
    ends: str | None
    code: str | None
    dialect: str | None
    rate: int | None

    def members(self) -> dict[str, Any]:
        """Returns it as the register has it. Raises Invalid for a day that is none."""
        ends = None if self.ends is None else datetime.combine(_day(self.ends), time.max, ZONE)
        told = {
            "agreement": self.agreement,
            "agreed": None if self.agreed is None else _day(self.agreed),
            "client": self.client,
            "thumbprint": None if self.thumbprint is None else self.thumbprint.replace(":", "").lower(),
            "certificate_ends": ends,
            "code": self.code,
            "dialect": self.dialect,
            "rate": self.rate,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be reconciled, and what is to be done about it."""

    day: str | None
    month: str | None
    serials: bool
    resend: bool
    close: bool
    to: Path | None
    by: str

    @property
    def during(self) -> tuple[date, date]:
        """The first and the last day. Raises Invalid."""
        if self.day is not None:
            return _day(self.day), _day(self.day)
        return bounds(_day(f"{self.month}-01") if self.month else (clock.now() + BEIJING).date())


def register(data: Path | None, name: str, institution: str, title: str, by: str, said: Said) -> None:
    """Registers a feed."""

    async def do(platform: Platform) -> None:
        who = await acting(platform, by)
        record = await platform.gate.open(replace(ADMINISTRATOR, reference=who), Circumstances("feed", "", uuid4().hex))
        await check_institution(record, institution)
        _tell(await Register(platform.pool).add(name, institution, title, who, **said.members()))

    on_platform(data, do)


def change(data: Path | None, name: str, by: str, said: Said) -> None:
    """Changes what was agreed."""

    async def do(platform: Platform) -> None:
        _tell(await Register(platform.pool).change(name, await acting(platform, by), **said.members()))

    on_platform(data, do)


def list_feeds(data: Path | None) -> None:
    """Lists all feeds, a line each."""

    async def do(platform: Platform) -> None:
        found = await Register(platform.pool).list()
        for one in found:
            _tell(one)
        if not found:
            announce(speak("cli.feeds-none"))

    on_platform(data, do)


def show(data: Path | None, name: str) -> None:
    """Shows a feed."""

    async def do(platform: Platform) -> None:
        feeds, oversight = Register(platform.pool), Oversight(platform.pool)
        feed = await feeds.get(name)
        _tell(feed)
        ends = feed.certificate_ends.astimezone(ZONE).date().isoformat() if feed.certificate_ends else "-"
        agreed = feed.agreed.isoformat() if feed.agreed else "-"
        announce(
            speak(
                "cli.feed-agreed", agreement=feed.agreement or "-", agreed=agreed, client=feed.client or "-", ends=ends,
                dialect=feed.dialect or "-", rate=feed.rate,
            )
        )  # fmt: skip
        for one in await oversight.tables(feed):
            announce(f"  {one['name']} {one['title']} {one['why']}", style="red" if one["stopped"] else None)
        for act in await feeds.history(name):
            announce(
                f"  {act['at'].astimezone(ZONE):%Y-%m-%d %H:%M} {act['act']} {act['state']} {act['by']} {act['why']}"
            )

    on_platform(data, do)


def move(data: Path | None, name: str, to: str, by: str, why: str) -> None:
    """Moves a feed. Raises Invalid for a state that there is none of."""
    states: dict[str, State] = {known: known for known in table().states}
    if to not in states:
        raise Invalid("cli.feed-state", known=", ".join(states))

    async def do(platform: Platform) -> None:
        _tell(await Register(platform.pool).move(name, states[to], "centre", await acting(platform, by), why))

    on_platform(data, do)


def wait(data: Path | None, name: str, side: str, for_: str, by: str) -> None:
    """Notes who is waited for. Raises Invalid for a side that there is none of."""
    sides: dict[str, Side | None] = {"centre": "centre", "institution": "institution", "nobody": None}
    if side not in sides:
        raise Invalid("cli.feed-state", known=", ".join(sides))

    async def do(platform: Platform) -> None:
        _tell(await Register(platform.pool).wait(name, sides[side], for_, await acting(platform, by)))

    on_platform(data, do)


def map_feed(data: Path | None, name: str, file: Path, by: str) -> None:
    """Gives a feed a mapping."""
    content = _text(file)

    async def do(platform: Platform) -> None:
        mapping = await Register(platform.pool).map(name, content, await acting(platform, by))
        announce(speak("cli.feed-mapped", name=mapping))

    on_platform(data, do)


def resume(data: Path | None, name: str, table: str, by: str) -> None:
    """Resumes a table."""

    async def do(platform: Platform) -> None:
        feed = await Register(platform.pool).get(name)
        count = await Oversight(platform.pool).resume(feed, await acting(platform, by), table)
        announce(speak("cli.feed-again", count=count))

    on_platform(data, do)


def again(data: Path | None, name: str, by: str, table: str, number: int | None) -> None:
    """Gives parked deliveries their turn again."""

    async def do(platform: Platform) -> None:
        feed = await Register(platform.pool).get(name)
        count = await Oversight(platform.pool).again(feed, await acting(platform, by), table, number)
        announce(speak("cli.feed-again", count=count))

    on_platform(data, do)


def reconcile(data: Path | None, name: str, wish: Wish) -> int:
    """Shows the figures and does what is wished. Returns 0 where nothing differs, else 1."""
    first, last = wish.during
    if (wish.serials or wish.resend or wish.close) and not wish.by:
        raise Invalid("cli.feed-by")
    lines: list[Line] = []

    async def do(platform: Platform) -> None:
        feed = await Register(platform.pool).get(name)
        counts = Reconciliation(platform.pool, Kept(platform.gate.store))
        who = await acting(platform, wish.by) if wish.by else ""
        lines.extend(await (counts.close(feed, first, who, "") if wish.close else counts.lines(feed, first, last)))
        _table(lines)
        whats: list[Literal["serials", "resend"]] = []
        whats += ["serials"] if wish.serials else []
        whats += ["resend"] if wish.resend else []
        for what in whats:
            record = await _opened(platform, wish.by, feed)
            for line in (one for one in lines if one.differs):
                number = await counts.ask(feed, what, line.table, line.day, who, record.institution)
                announce(speak("cli.feed-asked", number=number, table=line.table, day=line.day.isoformat()))
        if wish.to is not None:
            write_new(wish.to, report(feed, lines))
            announce(speak("cli.staff-written", file=str(wish.to)))

    on_platform(data, do)
    return 1 if any(line.differs for line in lines) else 0


def differences(data: Path | None, name: str, number: int, by: str) -> None:
    """Shows what the keys of a hospital told."""

    async def do(platform: Platform) -> None:
        feed = await Register(platform.pool).get(name)
        found = await Reconciliation(platform.pool, Kept(platform.gate.store)).found(feed, number)
        await (await _opened(platform, by, feed)).leave_row("feed-differences", 200, [])
        if found is None:
            announce(speak("cli.feed-not-answered"))
            return
        for text, keys in (("cli.feed-missing", found.missing), ("cli.feed-aside", found.aside)):
            announce(speak(text, count=len(keys)), style="bold")
            for one in keys:
                announce(f"  {' / '.join(one)}")
        announce(speak("cli.feed-elsewhere", count=len(found.elsewhere)), style="bold")
        for one, day in found.elsewhere:
            announce(f"  {' / '.join(one)}  {shown_day(day)}")
        announce(speak("cli.feed-surplus", count=len(found.surplus)), style="bold")
        for _, delivery in found.surplus:
            announce(speak("cli.feed-of-delivery", number=delivery))

    on_platform(data, do)


def returned(data: Path | None, name: str, by: str, table: str, to: Path | None) -> None:
    """Says how many rows are kept aside, or writes those of a table into a workbook of mode 0600."""

    async def do(platform: Platform) -> None:
        feed = await Register(platform.pool).get(name)
        rework = Rework(platform.pool, Kept(platform.gate.store))
        if not table or to is None:
            for sheet, count in (await rework.tables(feed)).items():
                announce(speak("cli.feed-aside-of", table=sheet, count=count))
            return
        await (await _opened(platform, by, feed)).leave_row("feed-returned", 200, [])
        book, count = await rework.workbook(feed, table)
        write_new(to, book)
        announce(speak("cli.feed-aside-of", table=table, count=count))
        announce(speak("cli.staff-written", file=str(to)))

    on_platform(data, do)


def replay(data: Path | None, name: str, by: str, which: Which, *, dry_run: bool, mapping: Path | None) -> None:
    """Replays deliveries of a table, or says what would come of it."""
    if mapping is not None and not dry_run:
        raise Invalid("cli.feed-dry-run-only")
    changed = {mapping.stem: _text(mapping)} if mapping is not None else None

    async def do(platform: Platform) -> None:
        feed = await Register(platform.pool).get(name)
        replaying, who = Replay(platform, Kept(platform.gate.store)), await acting(platform, by)
        if not dry_run:
            announce(speak("cli.feed-again", count=await replaying.replay(feed, which, who)))
            return
        found = await replaying.compare(feed, which, who, changed)
        announce(
            speak(
                "cli.feed-would", deliveries=found.deliveries, rows=found.rows, created=found.created,
                updated=found.updated, unchanged=found.unchanged, revoked=found.revoked, aside=found.aside,
            )
        )  # fmt: skip

    on_platform(data, do)


def _tell(feed: Source) -> None:
    state = table().states[feed.state].zh if language() == "zh" else feed.state
    announce(f"{feed.name}  {feed.institution}  {feed.title}", style="bold")
    announce(
        "  " + speak("cli.feed-stands", state=state, since=f"{feed.since.astimezone(ZONE):%Y-%m-%d}", next=feed.next)
    )
    if feed.waits and feed.waits_since is not None:
        told = speak(feed.waits_for) if feed.waits_for.startswith("exchange.feeds.") else feed.waits_for
        since = f"{feed.waits_since.astimezone(ZONE):%Y-%m-%d}"
        announce("  " + speak(f"cli.feed-waits-{feed.waits}", since=since, told=told))


def _table(lines: Sequence[Line]) -> None:
    announce("\t".join(HEADER), style="bold")
    for line in lines:
        for row in rows_of(line):
            announce("\t".join(row), style="red" if line.differs else None)


async def _opened(platform: Platform, by: str, feed: Source) -> Record:
    actor = replace(ADMINISTRATOR, reference=await acting(platform, by), institution=feed.institution)
    return await platform.gate.open(actor, Circumstances("feed", "", uuid4().hex))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("exchange.feeds.wrong-day") from None


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise Invalid("cli.wrong-file", file=str(file)) from None

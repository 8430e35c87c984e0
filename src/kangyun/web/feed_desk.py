"""What staff ask of one feed, over HTTP: the register, the counts, what was kept aside, and what is done about it.

GET  /feeds/{feed}                          PUT changes what was agreed
POST /feeds/{feed}/move                     {to, why}
GET  /feeds/{feed}/history
POST /feeds/{feed}/wait                     {side: centre, institution or null, for}: who has to do what
PUT  /feeds/{feed}/mappings                 a mapping of its own, as TOML
GET  /feeds/{feed}/deliveries?after=N       POST {table | number}: parked ones have their turn again
POST /feeds/{feed}/resume                   {table}: a stopped table goes on
GET  /feeds/{feed}/counts?month=2026-11     or day=; a workbook by Accept
GET  /feeds/{feed}/fields?month=2026-11     how fields were filled
GET  /feeds/{feed}/asked                    POST {what, table, day}; GET /feeds/{feed}/asked/{id}
GET  /feeds/{feed}/months                   PUT /feeds/{feed}/months/2026-11 closes one: {why}
GET  /feeds/{feed}/package                  the joining package (对接包)
GET  /feeds/{feed}/returned[?table=]        how many rows are kept aside; of a table the workbook, for its own people
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Literal, get_type_hints

import msgspec

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.staff.sheets import XLSX
from kangyun.base.errors import Forbidden, Invalid, Malformed, NotFound
from kangyun.base.texts import Language, say
from kangyun.exchange.feeds.overseeing import Oversight
from kangyun.exchange.feeds.reconciling import Line, Reconciliation, bounds
from kangyun.exchange.feeds.register import CHANGEABLE, Register, Source
from kangyun.exchange.feeds.reporting import report
from kangyun.exchange.feeds.rework import Rework
from kangyun.exchange.feeds.states import TEXTS, Side
from kangyun.exchange.joining import gathered, package
from kangyun.exchange.protocol import State
from kangyun.web.exchange import Answer, HttpRequest
from kangyun.web.feed_watch import FeedWatch
from kangyun.web.plain import file_answer, json_answer, numbered, read_json

ZIP = "application/zip"
_TYPES = get_type_hints(Source)


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    to: State
    why: str = ""


class _Ask(msgspec.Struct, forbid_unknown_fields=True):
    what: Literal["resend", "serials"]
    table: str
    day: date
    keys: list[list[str]] = []


class _Wait(msgspec.Struct, forbid_unknown_fields=True):
    side: Literal["centre", "institution"] | None
    for_: str = msgspec.field(name="for", default="")


class _Again(msgspec.Struct, forbid_unknown_fields=True):
    table: str = ""
    number: int | None = None


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    table: str


class _Why(msgspec.Struct, forbid_unknown_fields=True):
    why: str = ""


class FeedDesk:
    """Answers staff. One for a process."""

    def __init__(self, platform: Platform, kept: Kept) -> None:
        self._platform = platform
        self._register = Register(platform.pool)
        self._reconciliation = Reconciliation(platform.pool, kept)
        self._oversight = Oversight(platform.pool)
        self._rework = Rework(platform.pool, kept)
        self._watch = FeedWatch(platform, kept)

    async def answer(self, request: HttpRequest, record: Record, feed: Source, side: Side, rest: list[str]) -> Answer:
        """Answers a request of somebody who may see the feed. Raises NotFound for an address that is none of these."""
        if (watched := await self._watch.answer(request, record, feed, side, rest)) is not None:
            return watched
        if request.method in ("GET", "HEAD"):
            return await self._shown(request, record, feed, side, rest)
        answer = await self._done(request, record, feed, side, rest)
        await record.leave_row(f"feed-{rest[0] if rest else 'change'}", answer.status, [])
        return answer

    async def figures(self, feeds: Sequence[Source]) -> dict[str, dict[str, Any]]:
        """Returns how feeds go, by their names."""
        return await self._watch.watch.figures(feeds)

    async def _shown(self, request: HttpRequest, record: Record, feed: Source, side: Side, rest: list[str]) -> Answer:
        match rest:
            case []:
                tables = await self._oversight.tables(feed, request.language)
                figures = await self.figures([feed])
                return json_answer(shown(feed, request.language) | {"tables": tables} | figures[feed.name])
            case ["history"]:
                return json_answer(await self._register.history(feed.name))
            case ["deliveries"]:
                return json_answer(await self._oversight.deliveries(feed, numbered(request.option("after") or "0")))
            case ["counts"]:
                return _counted(request, feed, await self._reconciliation.lines(feed, *_during(request)))
            case ["fields"]:
                return json_answer(await self._oversight.fields(feed, *_during(request)))
            case ["asked"]:
                return json_answer(await self._reconciliation.all_asked(feed))
            case ["asked", number]:
                # Keys are numbers of cards and of visits, as the hospital has them.
                await record.leave_row("feed-differences", 200, [])
                return json_answer(await self._reconciliation.found(feed, numbered(number)))
            case ["months"]:
                closed = await self._reconciliation.closed(feed)
                return json_answer([{"month": month, **about} for month, (about, _) in closed.items()])
            case ["months", month]:
                closed = await self._reconciliation.closed(feed)
                if (first := _month(month)) not in closed:
                    raise NotFound("exchange.feeds.month-open", month=month)
                return _counted(request, feed, closed[first][1])
            case ["returned"]:
                return await self._returned(request, record, feed, side)
            case ["package"]:
                made = package(*await gathered(self._platform, record, feed), request.language)
                return file_answer(made, "feed-package.zip", ZIP)
        raise NotFound("web.no-such-route")

    async def _done(self, request: HttpRequest, record: Record, feed: Source, side: Side, rest: list[str]) -> Answer:
        by, body = record.actor.reference, await request.body()
        match request.method, rest:
            case "PUT", []:
                said = members(read_json(body, dict[str, Any]), side)
                return json_answer(shown(await self._register.change(feed.name, by, **said)))
            case "POST", ["move"]:
                asked = read_json(body, _Move)
                return json_answer(shown(await self._register.move(feed.name, asked.to, side, by, asked.why)))
            case "POST", ["asked"]:
                ask = read_json(body, _Ask)
                house = (await record.on_behalf_of(feed.institution)).institution
                about = (ask.what, ask.table, ask.day, by, house, ask.keys)
                return json_answer({"id": await self._reconciliation.ask(feed, *about)}, 201)
        if side != "centre":
            raise Forbidden("exchange.feeds.not-yours")
        match request.method, rest:
            case "PUT", ["mappings"]:
                return json_answer({"name": await self._register.map(feed.name, _text(body), by)})
            case "POST", ["deliveries"]:
                again = read_json(body, _Again)
                return json_answer({"again": await self._oversight.again(feed, by, again.table, again.number)})
            case "POST", ["wait"]:
                wait = read_json(body, _Wait)
                return json_answer(shown(await self._register.wait(feed.name, wait.side, wait.for_, by)))
            case "POST", ["resume"]:
                return json_answer({"again": await self._oversight.resume(feed, by, read_json(body, _Table).table)})
            case "PUT", ["months", month]:
                why = read_json(body, _Why).why if body else ""
                return _counted(request, feed, await self._reconciliation.close(feed, _month(month), by, why))
        raise NotFound("web.no-such-route")

    async def _returned(self, request: HttpRequest, record: Record, feed: Source, side: Side) -> Answer:
        table = request.option("table")
        if table is None:
            return json_answer(await self._rework.tables(feed))
        if side != "institution":  # The rows are as they came: persons, unmasked.
            raise Forbidden("exchange.feeds.own-people-only")
        workbook, _ = await self._rework.workbook(feed, table)
        await record.leave_row("feed-returned", 200, [])
        return file_answer(workbook, "feed-returned.xlsx")


def members(said: dict[str, Any], side: Side) -> dict[str, Any]:
    """Returns members of a feed as the register has them. Raises Forbidden, and Invalid for one that cannot be."""
    if said and side != "centre":
        raise Forbidden("exchange.feeds.not-yours")
    found = {}
    for name, value in said.items():
        if name not in CHANGEABLE:
            raise Invalid("exchange.feeds.wrong-member", at=name, member=name)
        try:
            found[name] = msgspec.convert(value, _TYPES[name])
        except msgspec.ValidationError:
            raise Invalid("exchange.feeds.wrong-member", at=name, member=name) from None
    return found


def shown(feed: Source, language: Language = "zh") -> dict[str, Any]:
    """Returns a feed as staff see it. waits_for: in words."""
    told = {name: value for name, value in asdict(feed).items() if name != "id"}
    if feed.waits_for.startswith(TEXTS):
        told["waits_for"] = say(feed.waits_for, language)
    return told


def _counted(request: HttpRequest, feed: Source, lines: Sequence[Line]) -> Answer:
    if XLSX in request.header("accept"):
        return file_answer(report(feed, lines), "feed-counts.xlsx")
    told = [asdict(one) | {"received": one.received, "differs": one.differs} for one in lines]
    return json_answer(told)


def _during(request: HttpRequest) -> tuple[date, date]:
    """Returns the first and the last day that are asked about. Raises Invalid."""
    day, month = request.option("day"), request.option("month")
    try:
        if day is not None:
            return date.fromisoformat(day), date.fromisoformat(day)
        return bounds(_month(month or ""))
    except ValueError:
        raise Invalid("exchange.feeds.wrong-day", at="day") from None


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise Invalid("exchange.feeds.wrong-day", at="month") from None


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed from None

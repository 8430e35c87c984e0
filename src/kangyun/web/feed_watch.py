"""What screens ask of one feed beside `web.feed_desk`: how it goes, what was refused and why, 试传, and a replay.

GET  /feeds/{feed}/rates                    rows a minute, of the last hour
GET  /feeds/{feed}/deliveries?before=N      the last first; /deliveries/{number} one
GET  /feeds/{feed}/refusals[?table=][&day=][&number=][&whole=true][&closed=true][&offset=]
GET  /feeds/{feed}/messages                 HL7 v2 messages of its institution that are kept aside, and why
POST /feeds/{feed}/try?name=TB_X.csv        a file as the body: what would come of it; its refused rows by Accept
POST /feeds/{feed}/replay                   {table, since, tried, dryRun}; by the centre
"""

import asyncio
from datetime import date
from typing import Any

import msgspec

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.staff.sheets import XLSX
from kangyun.base.errors import Forbidden, Invalid
from kangyun.base.texts import Language, say
from kangyun.exchange.entries import Refusal
from kangyun.exchange.feeds.aside import Aside
from kangyun.exchange.feeds.register import Source
from kangyun.exchange.feeds.replaying import Replay, Which
from kangyun.exchange.feeds.states import Side
from kangyun.exchange.feeds.trying import MOST_SHOWN, Tried, mappings_of, tried
from kangyun.exchange.feeds.watching import Wanted, Watch
from kangyun.exchange.protocol import File
from kangyun.web.exchange import Answer, HttpRequest
from kangyun.web.plain import file_answer, json_answer, numbered, read_json

_HIGHEST = 2**62
_LONGEST_NAME = 200


class _Replay(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    table: str
    since: int = 1
    tried: bool = False
    dry_run: bool = True


class FeedWatch:
    """Answers screens. One for a process."""

    def __init__(self, platform: Platform, kept: Kept) -> None:
        self._pool = platform.pool
        self.watch = Watch(platform.pool, Aside(platform.pool, kept))
        self._replay = Replay(platform, kept)

    async def answer(
        self, request: HttpRequest, record: Record, feed: Source, side: Side, rest: list[str]
    ) -> Answer | None:
        """Answers a request of somebody who may see the feed; None where it is none of these."""
        match request.method, rest:
            case ("GET" | "HEAD", ["rates"]):
                return json_answer(await self.watch.rates(feed))
            case ("GET" | "HEAD", ["deliveries"]) if (before := request.option("before")) is not None:
                return json_answer(await self.watch.deliveries(feed, numbered(before) or _HIGHEST, request.language))
            case ("GET" | "HEAD", ["deliveries", number]):
                return json_answer(await self.watch.delivery(feed, numbered(number), request.language))
            case ("GET" | "HEAD", ["refusals"]):
                return json_answer(await self.watch.refusals(feed, _wanted(request), request.language))
            case ("GET" | "HEAD", ["messages"]):
                return json_answer(await self.watch.messages(feed, request.language))
            case "POST", ["try"]:
                return await self._tried(request, record, feed)
            case "POST", ["replay"]:
                return await self._replayed(request, record, feed, side)
        return None

    async def _tried(self, request: HttpRequest, record: Record, feed: Source) -> Answer:
        name = " ".join((request.option("name") or "").split())[:_LONGEST_NAME]
        body = await request.body()
        if not name or "\x00" in name or not body:
            raise Invalid("exchange.feeds.file-wanted", at="name")
        own = await mappings_of(self._pool, feed)
        found = await asyncio.to_thread(tried, File(name, body), feed, own, request.language)
        await record.leave_row("feed-try", 200, [])
        if XLSX in request.header("accept") and found.returned is not None:
            return file_answer(found.returned.workbook(), "feed-tried.xlsx")
        return json_answer(_shown(found, request.language))

    async def _replayed(self, request: HttpRequest, record: Record, feed: Source, side: Side) -> Answer:
        if side != "centre":
            raise Forbidden("exchange.feeds.not-yours")
        asked = read_json(await request.body(), _Replay)
        which, by = Which(asked.table, asked.since, asked.tried), record.actor.reference
        if asked.dry_run:
            return json_answer(await self._replay.compare(feed, which, by))
        count = await self._replay.replay(feed, which, by)
        await record.leave_row("feed-replay", 200, [])
        return json_answer({"again": count})


def _shown(found: Tried, language: Language) -> dict[str, Any]:
    return {
        "table": found.table, "title": found.title, "dialect": found.dialect, "rows": found.rows,
        "aside": found.aside, "more": found.more, "makes": dict(found.makes.most_common()),
        "told": len(found.refusals), "refusals": [_refusal(one, language) for one in found.refusals[:MOST_SHOWN]],
    }  # fmt: skip


def _refusal(one: Refusal, language: Language) -> dict[str, Any]:
    return {
        "row": one.place.row, "part": one.place.part or "", "shown": one.shown or "", "whole": one.whole,
        "taken": one.taken, "why": say(one.text, language, one.parameters),
    }  # fmt: skip


def _wanted(request: HttpRequest) -> Wanted:
    """Returns which refusals are asked for. Raises Invalid."""
    day, number = request.option("day"), request.option("number")
    try:
        of_day = None if day is None else date.fromisoformat(day)
    except ValueError:
        raise Invalid("exchange.feeds.wrong-day", at="day") from None
    return Wanted(
        request.option("table") or "", of_day, None if number is None else numbered(number),
        request.option("whole") == "true", request.option("closed") == "true",
        numbered(request.option("offset") or "0"),
    )  # fmt: skip

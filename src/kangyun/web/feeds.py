"""Feeds over HTTP: what gateways deliver and ask (`exchange.protocol`, ADR 32), and the register for staff.

    GET  /feeds                             an application: the feeds that it delivers for; staff: those they may see
    POST /feeds                             staff: registers one {name, institution, title, …}
    GET  /feeds/{feed}                      PUT changes what was agreed
    PUT  /feeds/{feed}/deliveries/{number}  201 kept, 200 kept before, 409 and 423 with how the feed stands
    GET  /feeds/{feed}/answers?after=N      what became of the deliveries behind N
    PUT  /feeds/{feed}/declared             what the hospital itself counts
    GET  /feeds/{feed}/asked                PUT /feeds/{feed}/asked/{id}

All of it is JSON that is ours; errors are OperationOutcomes as everywhere. What staff ask beside is `web.feed_desk`'s.
"""

from typing import Any

import asyncpg
import msgspec

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, Invalid, Malformed, NotFound, TooLong
from kangyun.exchange.feeds.deliveries import Deliveries, Verdict, check_client
from kangyun.exchange.feeds.reconciling import Reconciliation
from kangyun.exchange.feeds.register import Register, Source, check_institution
from kangyun.exchange.feeds.states import Side, side_of
from kangyun.exchange.protocol import DIGEST, MOST_BYTES, Declared, Serials, digest_of, unpack
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.feed_desk import FeedDesk, members, shown
from kangyun.web.plain import json_answer, numbered, read_json

NAME = "$feeds"
PATH = "/feeds"
_STATUSES: dict[Verdict, int] = {"kept": 201, "kept before": 200, "out of step": 409, "not open": 423}
_GZIP = b"\x1f\x8b"


class _New(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    institution: str
    title: str
    said: dict[str, Any] = {}


class Feeds:
    """Answers what is asked of feeds. One for a process."""

    def __init__(self, platform: Platform) -> None:
        kept = Kept(platform.gate.store)
        self._register = Register(platform.pool)
        self._deliveries = Deliveries(platform.pool, self._register, kept)
        self._reconciliation = Reconciliation(platform.pool, kept)
        self._desk = FeedDesk(platform, kept)

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return request.segments[:1] == [NAME]

    @staticmethod
    def delivers(request: HttpRequest) -> bool:
        """Whether a request brings rows."""
        return Feeds.takes(request) and request.method == "PUT" and request.segments[2:3] == ["deliveries"]

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers a request. Raises NotFound for an address that is none of these after all."""
        rest = request.segments[1:]
        if not rest:
            return await self._feeds(request, record)
        feed, side = await self._feed(rest[0], record)
        if side is None:
            return await self._of_gateway(request, record, feed, rest[1:])
        return await self._desk.answer(request, record, feed, side, rest[1:])

    # --- gateways

    async def _of_gateway(self, request: HttpRequest, record: Record, feed: Source, rest: list[str]) -> Answer:
        match request.method, rest:
            case ("GET" | "HEAD", []):
                return json_answer(feed.told)
            case "PUT", ["deliveries", number]:
                return await self._deliver(request, record, feed, numbered(number))
            case ("GET" | "HEAD", ["answers"]):
                return json_answer(await self._deliveries.answers(feed, numbered(request.option("after") or "0")))
            case "PUT", ["declared"]:
                await self._reconciliation.declare(feed, read_json(await _plain(request), list[Declared]))
                return Answer(204)
            case ("GET" | "HEAD", ["asked"]):
                return json_answer(await self._reconciliation.asked(feed))
            case "PUT", ["asked", number]:
                body = await _plain(request)
                serials = read_json(body, Serials) if body else None
                await self._reconciliation.answer(feed, numbered(number), serials, record.institution)
                return Answer(204)
        raise NotFound("web.no-such-route")

    async def _deliver(self, request: HttpRequest, record: Record, feed: Source, number: int) -> Answer:
        body = await _unpacked(request)

        async def audit(connection: asyncpg.Connection, verdict: Verdict) -> None:
            await record.leave_row_within(connection, "feed-delivery", _STATUSES[verdict])

        verdict, told = await self._deliveries.keep(feed.name, number, body, record.institution, audit)
        return json_answer(told, _STATUSES[verdict])

    # --- staff

    async def _feeds(self, request: HttpRequest, record: Record) -> Answer:
        side = _side(record)
        if request.method == "POST" and side is not None:
            asked = read_json(await request.body(), _New)
            if side == "institution" and asked.institution != record.actor.institution:
                raise Forbidden("exchange.feeds.not-yours")
            await check_institution(record, asked.institution)
            by = record.actor.reference
            made = await self._register.add(asked.name, asked.institution, asked.title, by, **members(asked.said, side))
            await record.leave_row("feed-register", 201, [])
            return json_answer(shown(made), 201)
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET", *(("POST",) if side else ()))
        if side is None:
            found = await self._register.list(record.actor.institution, record.actor.client)
            return json_answer([one.told for one in found])
        found = await self._register.list(None if side == "centre" else record.actor.institution)
        figures = await self._desk.figures(found)
        return json_answer([shown(one, request.language) | figures[one.name] for one in found])

    async def _feed(self, name: str, record: Record) -> tuple[Source, Side | None]:
        """Returns a feed, and for which side staff act; None for an application. Raises NotFound, Forbidden."""
        side = _side(record)
        feed = await self._register.get(name)
        if side is None:
            check_client(feed, record.actor.client, record.actor.institution)
        elif side == "institution" and feed.institution != record.actor.institution:
            raise NotFound("exchange.feeds.none")
        return feed, side


def _side(record: Record) -> Side | None:
    """Returns for which side somebody acts, None for an application for itself. Raises Forbidden for anybody else."""
    actor = record.actor
    if actor.role == "application" and actor.client:
        return None
    record.in_person()
    side: Side | None = "centre" if actor.administrator else side_of(actor.role)
    if side is None:
        raise Forbidden("exchange.feeds.not-yours")
    return side


async def _unpacked(request: HttpRequest) -> bytes:
    """Returns what was delivered, unpacked. Raises TooLong, Malformed, Invalid where its digest is another."""
    body = await _plain(request)
    if len(body) > MOST_BYTES:
        raise TooLong("web.body-too-long", limit=MOST_BYTES)
    if request.header(DIGEST) != digest_of(body):
        raise Invalid("exchange.feeds.wrong-digest", at=DIGEST)
    return body


async def _plain(request: HttpRequest) -> bytes:
    """Returns a body, unpacked also where no header says that it is packed. Raises Malformed."""
    body = await request.body()
    if not body.startswith(_GZIP):
        return body
    try:
        return unpack(body)
    except ValueError:
        raise Malformed("web.not-gzip") from None

"""Feeds over HTTP: what gateways deliver and ask (`exchange.protocol`, ADR 32), and the register for staff.

    GET  /feeds                             an application: the feeds that it delivers for; staff: those they may see
    POST /feeds                             staff: registers one {name, institution, title, …}
    GET  /feeds/{feed}                      PUT changes what was agreed
    PUT  /feeds/{feed}/deliveries/{number}  201 kept, 200 kept before, 409 and 423 with how the feed stands
    GET  /feeds/{feed}/answers?after=N      what became of the deliveries behind N
    PUT  /feeds/{feed}/declared             what the hospital itself counts
    GET  /feeds/{feed}/asked                PUT /feeds/{feed}/asked/{id}
    POST /feeds/{feed}/move                 staff: {to, why}
    GET  /feeds/{feed}/history

All of it is JSON that is ours; errors are OperationOutcomes as everywhere. `web.feed_desk` answers the rest for staff.
"""

from dataclasses import asdict
from typing import Any, TypeVar, get_type_hints

import asyncpg
import msgspec

from kangyun.access.kept import Kept
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, Invalid, Malformed, NotFound, TooLong
from kangyun.exchange.feeds.deliveries import Deliveries, Verdict, check_client
from kangyun.exchange.feeds.register import CHANGEABLE, Register, Source
from kangyun.exchange.feeds.states import Side, side_of
from kangyun.exchange.protocol import DIGEST, MOST_BYTES, State, digest_of, unpack
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed

NAME = "$feeds"
PATH = "/feeds"
JSON = "application/json"
_STATUSES: dict[Verdict, int] = {"kept": 201, "kept before": 200, "out of step": 409, "not open": 423}
_GZIP = b"\x1f\x8b"
_DIGITS = 18
T = TypeVar("T")
_TYPES = get_type_hints(Source)


class _New(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    institution: str
    title: str
    said: dict[str, Any] = {}


class _Move(msgspec.Struct, forbid_unknown_fields=True):
    to: State
    why: str = ""


class Feeds:
    """Answers what is asked of feeds. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._register = Register(platform.pool)
        self._deliveries = Deliveries(platform.pool, self._register, Kept(platform.gate.store))

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
        return await self._of_staff(request, record, feed, side, rest[1:])

    # --- gateways

    async def _of_gateway(self, request: HttpRequest, record: Record, feed: Source, rest: list[str]) -> Answer:
        match request.method, rest:
            case ("GET" | "HEAD", []):
                return _json(feed.told)
            case "PUT", ["deliveries", number]:
                return await self._deliver(request, record, feed, _number(number))
            case ("GET" | "HEAD", ["answers"]):
                return _json(await self._deliveries.answers(feed, _number(request.option("after") or "0")))
        raise NotFound("web.no-such-route")

    async def _deliver(self, request: HttpRequest, record: Record, feed: Source, number: int) -> Answer:
        body = await _unpacked(request)

        async def audit(connection: asyncpg.Connection, verdict: Verdict) -> None:
            await record.leave_row_within(connection, "feed-delivery", _STATUSES[verdict])

        verdict, told = await self._deliveries.keep(feed.name, number, body, record.institution, audit)
        return _json(told, _STATUSES[verdict])

    # --- staff

    async def _feeds(self, request: HttpRequest, record: Record) -> Answer:
        side = _side(record)
        if request.method == "POST" and side is not None:
            asked = _read(await request.body(), _New)
            if side == "institution" and asked.institution != record.actor.institution:
                raise Forbidden("exchange.feeds.not-yours")
            by = record.actor.reference
            made = await self._register.add(asked.name, asked.institution, asked.title, by, **_said(asked.said, side))
            await record.leave_row("feed-register", 201, [])
            return _json(_shown(made), 201)
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET", *(("POST",) if side else ()))
        if side is None:
            found = await self._register.list(record.actor.institution, record.actor.client)
            return _json([one.told for one in found])
        found = await self._register.list(None if side == "centre" else record.actor.institution)
        return _json([_shown(one) for one in found])

    async def _of_staff(
        self, request: HttpRequest, record: Record, feed: Source, side: Side, rest: list[str]
    ) -> Answer:
        by = record.actor.reference
        match request.method, rest:
            case ("GET" | "HEAD", []):
                return _json(_shown(feed))
            case "PUT", []:
                said = _said(_read(await request.body(), dict[str, Any]), side)
                changed = await self._register.change(feed.name, by, **said)
                await record.leave_row("feed-change", 200, [])
                return _json(_shown(changed))
            case "POST", ["move"]:
                asked = _read(await request.body(), _Move)
                moved = await self._register.move(feed.name, asked.to, side, by, asked.why)
                await record.leave_row("feed-move", 200, [])
                return _json(_shown(moved))
            case ("GET" | "HEAD", ["history"]):
                return _json(await self._register.history(feed.name))
        raise NotFound("web.no-such-route")

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


def _said(said: dict[str, Any], side: Side) -> dict[str, Any]:
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


async def _unpacked(request: HttpRequest) -> bytes:
    """Returns what was delivered, unpacked. Raises TooLong, Malformed, Invalid where its digest is another."""
    body = await request.body()
    if body.startswith(_GZIP):  # Packed, and no header says so.
        try:
            body = unpack(body)
        except ValueError:
            raise Malformed("web.not-gzip") from None
    if len(body) > MOST_BYTES:
        raise TooLong("web.body-too-long", limit=MOST_BYTES)
    if request.header(DIGEST) != digest_of(body):
        raise Invalid("exchange.feeds.wrong-digest", at=DIGEST)
    return body


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Invalid("exchange.feeds.wrong-number")
    return int(text)


def _read(body: bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        raise Invalid("web.json-member", member=str(error).rpartition(" - at ")[2]) from None
    except msgspec.DecodeError:
        raise Malformed from None


def _shown(feed: Source) -> dict[str, Any]:
    return {name: value for name, value in asdict(feed).items() if name != "id"}


def _json(told: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(told), {"cache-control": "no-store"}, resource=False, media_type=JSON)

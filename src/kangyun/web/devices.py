"""The doors of devices over HTTP; nobody is signed in, each shows what it is by itself. docs/devices/formats.md.

    POST /devices/{device}/readings[?format=phd]   a device or the phone that forwards it: its own name and secret
    POST /devices/vendors/{vendor}                 a vendor's cloud: signed, answered with a receipt
    GET  /devices/vendors/{vendor}/receipts/{n}    how that push stands; signed, too, with an empty body

200 says that what was taken is on disk; 422 that nothing of it could be. What was refused is said one by one, with its
place and without its value.
"""

import time
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kangyun.access.actor import Circumstances
from kangyun.base.errors import NotFound, PlatformError, SignInNeeded, Unavailable
from kangyun.base.statuses import status_of
from kangyun.base.texts import Language, say
from kangyun.devices.doors.batches import Batches
from kangyun.devices.doors.opened import Doors, Taken
from kangyun.devices.doors.pushes import Pushes, receipts
from kangyun.devices.doors.signatures import nonce_of
from kangyun.web.exchange import HttpRequest
from kangyun.web.limits import Room
from kangyun.web.trace import trace_of

LARGEST = 4_000_000  # bytes, unpacked
MOST_AT_ONCE = 128_000_000  # bytes of all requests of a process
TOLD = 100  # refusals in an answer


class DeviceDoors:
    """Answers devices and vendors. One for a process. doors: None while the platform is not open."""

    def __init__(self, doors: Callable[[], Doors | None]) -> None:
        self._doors = doors
        self._room = Room(MOST_AT_ONCE)
        self._batches: tuple[Doors, Batches] | None = None

    def routes(self) -> list[Route]:
        """Returns the addresses."""
        return [
            Route("/devices/vendors/{vendor}", self._pushed, methods=["POST"]),
            Route("/devices/vendors/{vendor}/receipts/{number:int}", self._receipt, methods=["GET"]),
            Route("/devices/{device}/readings", self._readings, methods=["POST"]),
        ]

    async def _readings(self, request: Request) -> Response:
        doors, sent = self._open(), _Sent(request, self._room)
        batches = self._batches_of(doors)
        try:
            try:
                device = await batches.admitted(request.path_params["device"], sent.http.header("authorization"))
            except SignInNeeded:
                await doors.platform.door.turn_away(sent.about("POST /devices/[id]/readings"), 401)
                raise
            taken = await batches.take(device, sent.http.option("format") or "", await sent.http.body())
        finally:
            sent.share.close()
        return _json(_answered(taken, sent.http.language), 422 if taken.is_empty else 200)

    async def _pushed(self, request: Request) -> Response:
        doors, sent = self._open(), _Sent(request, self._room)
        try:
            vendor = doors.vendors.get(request.path_params["vendor"])
            body = await sent.http.body()
            nonce = nonce_of(vendor.signed, dict(request.headers), request.url.path, body, time.time())
            receipt = await Pushes.of(doors).take(vendor, nonce, body)
        except PlatformError as error:
            if status_of(error) in (401, 404, 409):
                await doors.platform.door.turn_away(sent.about("POST /devices/vendors/[id]"), status_of(error))
            raise
        finally:
            sent.share.close()
        told = [one | {"said": say(one["text"], sent.http.language)} for one in receipt.refusals]
        return _json(msgspec.to_builtins(msgspec.structs.replace(receipt, refusals=told)), 200)

    async def _receipt(self, request: Request) -> Response:
        doors = self._open()
        vendor = doors.vendors.get(request.path_params["vendor"])
        nonce_of(vendor.signed, dict(request.headers), request.url.path, b"", time.time())
        async with doors.platform.pool.connection() as connection:
            row = await receipts(connection, vendor.name, request.path_params["number"])
        if row is None:
            raise NotFound
        told = {name: row[name] for name in ("id", "messages", "taken", "refused")}
        return _json({**told, "received": row["received"].isoformat(), "done": row["done"] is not None}, 200)

    def _open(self) -> Doors:
        doors = self._doors()
        if doors is None:
            raise Unavailable
        return doors

    def _batches_of(self, doors: Doors) -> Batches:
        if self._batches is None or self._batches[0] is not doors:
            self._batches = (doors, Batches(doors))
        return self._batches[1]


class _Sent:
    """A request as its body is read: unpacked, and within what it may take."""

    def __init__(self, request: Request, room: Room) -> None:
        self.share = room.open()
        self.http = HttpRequest(request.scope, request.receive, LARGEST, self.share)

    def about(self, shape: str) -> Circumstances:
        """Returns what the audit says of it: no name, which may be anybody's guess."""
        return Circumstances(shape, self.http.source, trace_of(self.http).request)


def _answered(taken: Taken, language: Language) -> dict[str, object]:
    refused = [{"text": one.text, "at": one.at, "said": say(one.text, language)} for one in taken.refusals[:TOLD]]
    return {"taken": taken.count, "sequence": taken.message.sequence, "refused": refused}


def _json(body: object, status: int) -> Response:
    return Response(msgspec.json.encode(body), status, {"cache-control": "no-store"}, "application/json")

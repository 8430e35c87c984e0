"""The web application of one process: the FHIR endpoint, sign-in, health, metrics.

The FHIR endpoint is a plain ASGI application, because FHIR needs its own routing; the rest is Starlette's.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from kangyun.access.actor import Circumstances
from kangyun.access.platform import Platform, open_platform
from kangyun.access.record import Record
from kangyun.base.errors import Invalid, NotSupported, PlatformError, SignInNeeded
from kangyun.base.settings import Settings
from kangyun.base.texts import say
from kangyun.fhir.json import encode
from kangyun.web.bundles import Bundles
from kangyun.web.capability import capability_statement
from kangyun.web.exchange import Answer, HttpRequest, Receive, Scope, Send, send_answer
from kangyun.web.limits import Kind, Limits
from kangyun.web.outcome import RETRY_AFTER, outcome, status_of, unexpected
from kangyun.web.rest import NotAllowed, Rest

logger = logging.getLogger("kangyun.request")
BASE_PATH = "/fhir"


class FhirEndpoint:
    """Everything below the FHIR base."""

    def __init__(self, platform: Platform) -> None:
        settings = platform.settings
        self._platform = platform
        self._limits = Limits(
            interactive=settings.interactive_limit, feed=settings.feed_limit, bulk=settings.bulk_limit
        )
        self._rest = Rest(platform.base, platform.gate.store.zone, platform.gate.store.searcher.cursors)
        self._metadata = encode(capability_statement(platform.base))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive, self._platform.settings.body_limit)
        began = time.perf_counter()
        request_id = _request_id(request)
        try:
            async with self._limits.place(_kind(request)):
                answer = await self._answer(request, request_id)
        except PlatformError as error:
            answer = refusal(error, request, request_id)
        except Exception as error:
            issue = unexpected(error)
            answer = Answer(500, encode(outcome([issue], request.language, request_id)))
        await send_answer(answer, request, send, request_id)
        logger.info(
            "%s %s %s %d %.1fms", request_id, request.method, shape(request), answer.status,
            (time.perf_counter() - began) * 1000,
        )  # fmt: skip

    async def _answer(self, request: HttpRequest, request_id: str) -> Answer:
        if request.segments == ["metadata"] and request.method in ("GET", "HEAD"):
            return Answer(200, self._metadata)
        record = await self._record(request, request_id)
        try:
            request.format  # noqa: B018 - an unknown format is refused before anything is done
            if not request.segments and request.method == "POST":
                return await Bundles(self._platform.base, self._getter(request, record)).answer(request, record)
            return await self._rest.answer(request, record)
        except PlatformError as error:
            if not record.left_a_row:
                await record.refuse(request.method.lower(), status_of(error))
            raise

    async def _record(self, request: HttpRequest, request_id: str) -> Record:
        about = Circumstances(shape(request), request.source, request_id)
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise SignInNeeded
        return await self._platform.gate.open(self._platform.sign_in.actor(token.strip()), about)

    def _getter(self, request: HttpRequest, record: Record) -> Callable[[str, dict[str, str]], Awaitable[Answer]]:
        async def get(url: str, headers: dict[str, str]) -> Answer:
            path, _, query = url.partition("?")
            scope = {
                "method": "GET",
                "path": f"{BASE_PATH}/{path}",
                "raw_path": f"{BASE_PATH}/{path}".encode(),
                "query_string": query.encode("ascii", "ignore"),
                "headers": [
                    *((name.encode(), value.encode("latin-1", "ignore")) for name, value in headers.items()),
                    (b"accept-language", request.header("accept-language").encode("latin-1")),
                ],
            }

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b""}

            return await self._rest.answer(HttpRequest(scope, receive, 0), record)

        return get


def refusal(error: PlatformError, request: HttpRequest, request_id: str) -> Answer:
    """Returns the answer that says an error."""
    status = status_of(error)
    headers = {}
    if isinstance(error, NotAllowed):
        status = 405
    elif isinstance(error, SignInNeeded):
        headers["www-authenticate"] = "Bearer"
    elif isinstance(error, NotSupported) and error.issues[0].text == "web.format":
        status = 406
    elif isinstance(error, NotSupported) and error.issues[0].text == "web.media-type":
        status = 415
    elif status in (429, 503):
        headers["retry-after"] = str(RETRY_AFTER)
    return Answer(status, encode(outcome(error.issues, request.language, request_id)), headers)


def shape(request: HttpRequest) -> str:
    """Returns the request without any value: method, types and operations, names of parameters."""
    known = ("_history", "_search", "metadata")
    parts = [
        part if (part[:1].isupper() and part.isalpha()) or part in known or part.startswith("$") else "[id]"
        for part in request.segments[:6]
    ]
    try:
        names = sorted({name[:64] for name, _ in request.pairs})[:32]
    except PlatformError:
        names = []
    return f"{request.method} /{'/'.join(parts)}" + (f"?{'&'.join(names)}" if names else "")


def _kind(request: HttpRequest) -> Kind:
    if not request.segments and request.method == "POST":
        return "feed"
    return "bulk" if request.segments and request.segments[-1] in ("$export", "$import") else "interactive"


def _request_id(request: HttpRequest) -> str:
    given = request.header("x-request-id")
    return given if given and len(given) <= 64 and given.replace("-", "").isalnum() and given.isascii() else uuid4().hex


class Application:
    """The ASGI application of a process: opens the platform when it starts, closes it when it ends."""

    def __init__(self, settings: Settings, database: str) -> None:
        self._settings = settings
        self._database = database
        self._fhir: FhirEndpoint | None = None
        self._platform: Platform | None = None
        self._others = Starlette(
            routes=[
                Route("/health/live", _live),
                Route("/health/ready", self._ready),
                Route("/sign-in", self._sign_in, methods=["POST"]),
            ],
            exception_handlers={PlatformError: _on_platform_error},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http" and (scope["path"] + "/").startswith(f"{BASE_PATH}/") and self._fhir:
            await self._fhir(scope, receive, send)
        else:
            await self._others(scope, receive, send)

    async def open(self) -> None:
        """Opens the platform. Raises Unavailable when it cannot."""
        self._platform = await open_platform(self._settings, self._database)
        self._fhir = FhirEndpoint(self._platform)

    async def close(self) -> None:
        """Closes the platform."""
        if self._platform:
            await self._platform.close()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.open()
                except Exception as error:
                    # Unless told so, granian serves without what could not be opened.
                    issues = error.issues if isinstance(error, PlatformError) else (unexpected(error),)
                    logger.error("%s", "; ".join(say(issue.text, "zh", issue.parameters) for issue in issues))
                    await send({"type": "lifespan.startup.failed"})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _ready(self, request: Request) -> Response:
        try:
            assert self._platform is not None
            async with asyncio.timeout(2), self._platform.pool.connection() as connection:
                await connection.fetchval("SELECT 1")
        except (PlatformError, TimeoutError):
            return JSONResponse({"ready": False}, 503, {"retry-after": str(RETRY_AFTER)})
        return JSONResponse({"ready": True})

    async def _sign_in(self, request: Request) -> Response:
        assert self._platform is not None
        try:
            asked = msgspec.json.decode(await request.body(), type=_SignIn)
        except msgspec.DecodeError:
            raise Invalid("web.wrong-sign-in-body") from None
        token = self._platform.sign_in.sign_in(asked.user, asked.password)
        return JSONResponse({"access_token": token, "token_type": "Bearer"}, headers={"cache-control": "no-store"})


class _SignIn(msgspec.Struct):
    user: str
    password: str


async def _live(request: Request) -> Response:
    return PlainTextResponse("ok")


async def _on_platform_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlatformError)
    body = encode(outcome(error.issues))
    return Response(body, status_of(error), media_type="application/fhir+json")

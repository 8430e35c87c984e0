"""The web application of one process: the FHIR endpoint, sign-in, health, metrics.

The FHIR endpoint is a plain ASGI application, because FHIR needs its own routing; the rest is Starlette's.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from functools import partial
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from kangyun.access.actor import Circumstances
from kangyun.access.identities.model import is_staff
from kangyun.access.platform import Platform, open_platform
from kangyun.access.record import Record
from kangyun.access.signing.demonstration import ready_certificates
from kangyun.base.errors import Forbidden, Issue, PlatformError, SignInNeeded, TooCostly, Unavailable
from kangyun.base.logging import Lines, current
from kangyun.base.settings import Settings
from kangyun.base.statuses import status_of
from kangyun.base.texts import language_of, say
from kangyun.catalog import catalog
from kangyun.devices.doors.opened import Doors, open_doors
from kangyun.fhir.json import encode
from kangyun.web import apps, documents, exam, resident_view, soap
from kangyun.web.administration import AdministrationDesk
from kangyun.web.alarms import PATH as ALARMS
from kangyun.web.alarms import AlarmSockets
from kangyun.web.approvals import ApprovalDesk
from kangyun.web.binaries import names_content
from kangyun.web.bulk import Bulk
from kangyun.web.bundles import Bundles
from kangyun.web.codes import CodeDesk
from kangyun.web.console import console_routes, readers_of
from kangyun.web.crossing import crossing
from kangyun.web.devices import DeviceDoors
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed, Receive, Scope, Send, path_of, send_answer
from kangyun.web.factors import FactorDesk
from kangyun.web.family import family_routes
from kangyun.web.feeds import NAME as FEEDS
from kangyun.web.feeds import PATH as FEEDS_PATH
from kangyun.web.feeds import Feeds
from kangyun.web.headers import guarded
from kangyun.web.health import figures, is_watch, live, ready
from kangyun.web.limits import LONGEST, Kind, Limits, in_time
from kangyun.web.look import frames_of, look_routes
from kangyun.web.marks import Marks
from kangyun.web.metadata import Metadata
from kangyun.web.metrics import (
    AUDIT_GROUP,
    BODY_BYTES,
    PLACES,
    PLACES_WAITING,
    POOL_IN_USE,
    POOL_WAIT,
    POOL_WAITING,
    REFUSED,
    TOO_COSTLY,
    UNEXPECTED,
    Metrics,
)
from kangyun.web.openid import Openid
from kangyun.web.outbox import outbox_routes
from kangyun.web.outcome import outcome, retry_after, unexpected
from kangyun.web.overview import OverviewDesk
from kangyun.web.pages import marked_styles, page_routes
from kangyun.web.proxies import Proxies
from kangyun.web.residents import ResidentDesk, resident_routes
from kangyun.web.rest import Rest
from kangyun.web.shape import interaction, shape
from kangyun.web.sheet import SheetDesk
from kangyun.web.staff import StaffDesk
from kangyun.web.subscriptions import PATH as WEBSOCKET
from kangyun.web.subscriptions import Sockets
from kangyun.web.trace import trace_of

logger = logging.getLogger("kangyun.request")
BASE_PATH = "/fhir"
OPEN_EVERY = 1.0  # seconds
GAUGE_EVERY = 1.0  # seconds
LAST_WORDS = 5.0  # seconds that the audit row may take of a request that was ended because it took too long


class FhirEndpoint:
    """Everything below the FHIR base."""

    def __init__(self, platform: Platform, metrics: Metrics, offered: soap.Services) -> None:
        settings = platform.settings
        self._platform = platform
        self._metrics = metrics
        self.lines = Lines("kangyun.request", asyncio.get_running_loop().call_later)
        self._limits = Limits(
            body_bytes=settings.body_memory,
            interactive=settings.interactive_limit,
            feed=settings.feed_limit,
            bulk=settings.bulk_limit,
        )
        platform.pool.tell_waits(partial(metrics.observe, POOL_WAIT))
        platform.gate.auditor.on_group = partial(metrics.observe, AUDIT_GROUP)
        self.metadata = Metadata(platform)
        self._rest = Rest(platform.base, platform.gate.store.zone, platform.gate.store.searcher.cursors, self.metadata)
        self._bundles = Bundles(self._rest, BASE_PATH)
        self._soap = soap.Soap(offered, self._rest, self._bundles, BASE_PATH)
        self._bulk = Bulk(platform)
        self._approvals = ApprovalDesk(platform)
        self._residents = ResidentDesk(platform)
        self._staff = StaffDesk(platform)
        self._factors = FactorDesk(platform)
        self._feeds = Feeds(platform)
        self._codes = CodeDesk()
        self._marks = Marks(platform)
        self._sheets = SheetDesk(platform, self._marks)
        self._administration = AdministrationDesk(platform)
        self._overview = OverviewDesk(platform)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        share = self._limits.room.open()
        request = HttpRequest(scope, in_time(receive), self._platform.settings.body_limit, share)
        trace = trace_of(request)
        context = current.set(trace)
        try:
            answer = await self._worked_on(request, trace.request)
            share.close()  # Who is slow to read keeps nobody from sending.
            try:
                await send_answer(answer, request, send, trace.request)
            except PlatformError as error:  # What XML cannot say is refused in JSON; nothing was sent yet.
                request.format = "json"
                answer = refusal(error, request, trace.request)
                await send_answer(answer, request, send, trace.request)
            seconds = time.perf_counter() - began
            self._metrics.request(interaction(request), answer.status, seconds)
            self.lines.info(shape(request), status=answer.status, ms=round(seconds * 1000, 1))
        finally:
            share.close()
            current.reset(context)

    def gauge(self) -> None:
        """Writes down how full this process is."""
        metrics, limits = self._metrics, self._limits
        for kind in limits.most:
            metrics.set(PLACES, limits.in_use(kind), (kind,))
            metrics.set(PLACES_WAITING, limits.waiting(kind), (kind,))
            metrics.set(REFUSED, limits.refused[kind], (kind,))
        metrics.set(BODY_BYTES, limits.room.used)
        metrics.set(POOL_IN_USE, self._platform.pool.in_use)
        metrics.set(POOL_WAITING, self._platform.pool.waiting)

    async def _worked_on(self, request: HttpRequest, request_id: str) -> Answer:
        """Answers a request whatever becomes of it."""
        kind, has_place = _kind(request), False
        try:
            async with self._limits.place(kind):
                has_place = True
                return await self._answer(request, kind, request_id)
        except PlatformError as error:
            if not has_place:
                about = Circumstances(shape(request), request.source, request_id)
                await self._platform.door.turn_away(about, status_of(error), interaction(request))
            if isinstance(error, TooCostly):
                self._metrics.add(TOO_COSTLY)
            return refusal(error, request, request_id)
        except TimeoutError:
            return refusal(Unavailable("web.too-slow"), request, request_id)
        except asyncio.CancelledError:
            return refusal(_told_to_stop(), request, request_id)
        except Exception as error:
            self._metrics.add(UNEXPECTED)
            issue = unexpected(error)
            if soap.takes(request):
                return soap.refusal(PlatformError(issues=(issue,)), request, request_id)
            return Answer(500, encode(outcome([issue], request.language, request_id)))

    async def _answer(self, request: HttpRequest, kind: Kind, request_id: str) -> Answer:
        if request.segments == ["metadata"]:
            return await self.metadata.answer(request)
        if request.segments == [".well-known", "smart-configuration"] and request.method in ("GET", "HEAD"):
            told = encode(self._platform.sign_in.provider.smart_configuration())
            return Answer(200, told, resource=False, media_type="application/json")
        if soap.takes(request) and (description := self._soap.describe(request)) is not None:
            return description
        record = await self._record(request, request_id)
        try:
            try:
                async with asyncio.timeout(LONGEST[kind]):
                    answer = await self._within(request, record, request_id)
            except asyncio.CancelledError:
                raise _told_to_stop() from None
        except Exception as error:
            async with asyncio.timeout(LAST_WORDS):
                await record.refuse(interaction(request), status_of(error))
            raise
        if not record.outcome:  # Whatever was asked, the row that says so is there before the answer leaves.
            async with asyncio.timeout(LAST_WORDS):
                await record.leave_row(interaction(request), answer.status, [])
        if record.has_shown_persons and is_staff(record.actor.role):
            # In ASCII, as a header must be; the console writes it across its pages.
            answer.headers["x-watermark"] = quote(await self._marks.of(record.actor), safe=" ")
        return answer

    async def _within(self, request: HttpRequest, record: Record, request_id: str) -> Answer:
        """Carries out a request on the record."""
        if self._staff.takes(request):  # It may be asked for a workbook, which is no format of FHIR.
            return await self._staff.answer(request, record)
        if self._codes.takes(request):
            return await self._codes.answer(request, record)
        if self._sheets.takes(request):
            return await self._sheets.answer(request, record)
        if self._administration.takes(request):
            return await self._administration.answer(request, record)
        if request.segments == ["openapi.json"] and request.method in ("GET", "HEAD"):
            return Answer(200, await self.metadata.description(), resource=False, media_type="application/json")
        if apps.takes(request):
            return apps.answer(request)
        if self._feeds.takes(request):
            return await self._feeds.answer(request, record)
        if exam.takes(request):
            return await exam.answer(request, record, self._platform.settings.data)
        if resident_view.takes(request):
            return await resident_view.answer(request, record)
        if self._overview.takes(request):
            return await self._overview.answer(request, record)
        if soap.takes(request):
            return await self._soap.answer(request, record, request_id)
        if not names_content(request) and request.segments[-1:] != ["_search"]:  # Where the form may still name it.
            request.format  # noqa: B018 - an unknown format is refused before anything is done
        if not request.segments and request.method == "POST":
            return await self._bundles.answer(request, record)
        if self._bulk.takes(request):
            return await self._bulk.answer(request, record, request_id)
        if documents.takes(request):
            return await documents.answer(request, record)
        if self._approvals.takes(request):
            return await self._approvals.answer(request, record)
        if self._residents.takes(request):
            return await self._residents.answer(request, record, request_id)
        if self._factors.takes(request):
            return await self._factors.answer(request, record, request_id)
        return await self._rest.answer(request, record)

    async def _record(self, request: HttpRequest, request_id: str) -> Record:
        about = Circumstances(shape(request), request.source, request_id)
        scheme, _, token = request.header("authorization").partition(" ")
        try:
            if scheme.lower() != "bearer" or not token:
                raise SignInNeeded
            actor = await self._platform.sign_in.actor(token.strip())
        except Unavailable:
            raise
        except PlatformError as error:
            await self._platform.door.turn_away(about, status_of(error))
            raise
        return await self._platform.gate.open(actor, about)

    async def admit(self, request: HttpRequest, action: str) -> None:
        """Lets an administrator pass, which leaves an audit row. Raises SignInNeeded, Forbidden."""
        record = await self._record(request, trace_of(request).request)
        try:
            record.administrators_only()
        except Forbidden as error:
            await record.refuse(action, status_of(error))
            raise
        await record.leave_row(action, 200, [])


def _told_to_stop() -> Unavailable:
    """Returns what is said to a request that a stop of this process has cut off: it may be repeated."""
    task = asyncio.current_task()
    assert task is not None
    task.uncancel()
    return Unavailable()


def refusal(error: PlatformError, request: HttpRequest, request_id: str) -> Answer:
    """Returns the answer that says an error."""
    if soap.takes(request):
        return soap.refusal(error, request, request_id)
    status = status_of(error)
    headers = {}
    if isinstance(error, NotAllowed):
        headers["allow"] = ", ".join(error.allow)
    elif isinstance(error, SignInNeeded):
        headers["www-authenticate"] = "Bearer"
    elif status in (429, 503):
        headers["retry-after"] = str(retry_after(error))
    return Answer(status, encode(outcome(error.issues, request.language, request_id)), headers)


def _kind(request: HttpRequest) -> Kind:
    if not request.segments and request.method == "POST":
        return "feed"
    if StaffDesk.takes(request) or CodeDesk.takes(request) or Feeds.delivers(request):
        return "feed"
    return "bulk" if request.segments and request.segments[-1] in ("$export", "$import") else "interactive"


class Application:
    """The ASGI application of a process: opens the platform when it starts, closes it when it ends.

    Where the platform cannot be opened, because the database does not answer, it answers 503 and goes on trying.
    """

    def __init__(self, settings: Settings, database: str) -> None:
        self._settings = settings
        self._database = database
        self._fhir: FhirEndpoint | None = None
        self._platform: Platform | None = None
        self._metrics: Metrics | None = None
        self._sockets: dict[str, Sockets | AlarmSockets] = {}
        self._doors: Doors | None = None
        self._opening: asyncio.Task[None] | None = None
        self._gauging: asyncio.Task[None] | None = None
        self._proxies = Proxies(settings.trusted_proxies)
        self._openid = Openid(lambda: self._platform)
        self._entrance = guarded(
            crossing(self._route, settings.cors_origins), encrypted=settings.public_url.startswith("https:")
        )
        self._others = Starlette(
            routes=[
                Route("/health/live", live),
                Route("/health/ready", self._ready),
                Route("/metrics", self._figures),
                *(marked_styles() if settings.demo else []),
                *self._openid.routes(),
                *resident_routes(lambda: self._platform),
                *DeviceDoors(lambda: self._doors).routes(),
                *outbox_routes(lambda: self._platform),
                *family_routes(lambda: self._platform),
                *look_routes(lambda: self._platform, frames_of(settings.look_frames)),
                *console_routes(readers_of(settings.card_readers)),
                *page_routes(demonstration=settings.demo, zone=settings.time_zone, help_phone=settings.help_phone),
            ],
            exception_handlers={PlatformError: _on_platform_error, Exception: _on_defect},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._entrance(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        self._proxies.settle(scope)
        if scope["type"] == "http" and scope["path"] in ("/openapi.json", "/apps"):  # The same as below the FHIR base.
            path = f"{BASE_PATH}{scope['path']}"
            scope = {**scope, "path": path, "raw_path": path.encode()}
        elif scope["type"] == "http" and f"{scope['path']}/".startswith(f"{FEEDS_PATH}/"):
            below = path_of(scope).removeprefix(FEEDS_PATH).rstrip("/")
            scope = {**scope, "path": f"{BASE_PATH}/{FEEDS}", "raw_path": f"{BASE_PATH}/{FEEDS}{below}".encode()}
        if scope["type"] == "http" and scope["path"].startswith(soap.OUTSIDE):
            path = f"{BASE_PATH}/{soap.NAME}/{path_of(scope).removeprefix(soap.OUTSIDE)}"
            scope = {**scope, "path": path, "raw_path": path.encode("latin-1")}
        if scope["type"] == "http" and path_of(scope).startswith(f"{BASE_PATH}/"):
            try:
                await (self._fhir or _not_open)(scope, receive, send)
            except Exception as error:  # Nothing may reach the server: it would print what the exception quotes.
                unexpected(error)
        elif scope["type"] == "websocket" and scope["path"] in self._sockets:
            try:
                await self._sockets[scope["path"]](scope, receive, send)
            except OSError:
                pass  # The client has gone.
            except Exception as error:
                unexpected(error)
        else:
            receive = in_time(receive) if scope["type"] == "http" else receive
            with contextlib.suppress(Exception):  # Starlette raises what _on_defect has answered and logged.
                await self._others(scope, receive, send)

    async def open(self) -> None:
        """Opens the platform. Raises Unavailable when it cannot, Invalid where an app is not rightly declared."""
        catalog()
        offered = soap.services(self._settings.data)
        if self._metrics is None:
            self._metrics = Metrics(self._settings.data)
        self._platform = await open_platform(self._settings, self._database)
        await ready_certificates(self._platform.gate.store, self._settings)
        self._fhir = FhirEndpoint(self._platform, self._metrics, offered)
        self._gauging = asyncio.ensure_future(_gauge(self._fhir))
        self._sockets = {WEBSOCKET: Sockets(self._platform), ALARMS: AlarmSockets(self._platform)}
        self._doors = open_doors(self._platform)

    async def close(self) -> None:
        """Closes the platform."""
        if self._fhir:
            self._fhir.lines.flush()
        for task in (self._opening, self._gauging):
            if task:
                task.cancel()
        for sockets in self._sockets.values():
            sockets.close()
        if self._doors:
            await self._doors.close()
        if self._platform:
            await self._platform.close()
        if self._metrics:
            self._metrics.close()

    async def _start(self) -> None:
        """Opens the platform, or goes on trying where it is only that the database does not answer."""
        try:
            await self.open()
        except Unavailable as error:
            if error.issues[0].text != Unavailable.default_text:
                raise
            logger.error("the database does not answer; trying again")
            self._opening = asyncio.ensure_future(self._open_some_time())

    async def _open_some_time(self) -> None:
        while self._fhir is None:
            await asyncio.sleep(OPEN_EVERY)
            try:
                await self.open()
            except PlatformError as error:
                logger.error("%s", _said(error.issues))
            except Exception as error:
                unexpected(error)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._start()
                except Exception as error:
                    # Unless told so, uvicorn serves without what could not be opened.
                    issues = error.issues if isinstance(error, PlatformError) else (unexpected(error),)
                    logger.error("%s", _said(issues))
                    await send({"type": "lifespan.startup.failed"})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _ready(self, request: Request) -> Response:
        return await ready(self._platform)

    async def _figures(self, request: Request) -> Response:
        if self._metrics is None:
            raise Unavailable
        if not is_watch(request, self._settings.metrics_token):
            if self._fhir is None:
                raise Unavailable
            asked = HttpRequest(request.scope, request.receive, 0)
            asked.shape = "GET /metrics"
            await self._fhir.admit(asked, "metrics")
        if self._fhir:
            self._fhir.gauge()
        return await figures(self._metrics, self._platform)


async def _gauge(endpoint: FhirEndpoint) -> None:
    """Keeps the gauges of a process fresh for whoever of the others is asked."""
    while True:
        endpoint.gauge()
        await asyncio.sleep(GAUGE_EVERY)


def _said(issues: Sequence[Issue]) -> str:
    return "; ".join(say(issue.text, "zh", issue.parameters) for issue in issues)


async def _not_open(scope: Scope, receive: Receive, send: Send) -> None:
    request = HttpRequest(scope, receive, 0)
    trace = trace_of(request)
    await send_answer(refusal(Unavailable(), request, trace.request), request, send, trace.request)


async def _on_platform_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, PlatformError)
    status = status_of(error)
    headers = {"retry-after": str(retry_after(error))} if status in (429, 503) else {}
    if isinstance(error, SignInNeeded):
        headers["www-authenticate"] = "Bearer"
    body = encode(outcome(error.issues, language_of(request.headers.get("accept-language"))))
    return Response(body, status, headers, media_type="application/fhir+json")


async def _on_defect(request: Request, error: Exception) -> Response:
    body = encode(outcome([unexpected(error)], language_of(request.headers.get("accept-language"))))
    return Response(body, 500, media_type="application/fhir+json")

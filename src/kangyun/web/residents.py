"""Residents' way in over HTTP, for the portal and the mini program. JSON in, JSON out; nobody is signed in yet.

    POST /residents/code      {"phone", "channel": "sms" | "voice"}                       -> {"challenge", "minutes"}
    POST /residents/sign-in   {"challenge", "code"}                                       -> signed in, or {"ticket"}
    POST /residents/wechat    {"code"}                                                    -> signed in, or {"ticket"}
    POST /residents/bind      {"ticket", "name", "number"}, by WeChat {"challenge", "code"} too    -> signed in
    POST /residents/desk      {"desk", "desk_code", "challenge", "code"}                         -> signed in
    POST /residents/leave     {}                                                          -> signed out

Signed in is {"access_token", …}; with `"browser": true` nothing but {"signed_in": true}, and the browser has the cookie
of a session, of which the portal asks for a token (`/account/token`). A demonstration's /residents/code shows the code.

With a sign-in, below the FHIR base:

    POST /fhir/$resident-desk     a registrar's {"name", "number", "phone"}               -> {"desk", "desk_code", …}
    POST /fhir/$resident-unbind   {"patient"}                                             -> {"ended"}

Who is refused, for whatever reason, leaves a row at the door; who comes in leaves one in their own name.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kangyun.access.actor import Circumstances
from kangyun.access.identities.sessions import Session
from kangyun.access.messages import checked_phone
from kangyun.access.messages.outbox.channels.recorder import FILE as RECORD
from kangyun.access.messages.outbox.channels.recorder import Recorder
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.residents import Arrived, Unbound
from kangyun.access.residents.entrance import DESK_MINUTES, SERVICE
from kangyun.base.errors import Invalid, Malformed, NotSupported, PlatformError, TooLong, Unavailable
from kangyun.base.statuses import status_of
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.openid.journey import SESSION_COOKIE
from kangyun.web.openid.visit import FHIR_ID, SESSION, Visit
from kangyun.web.shape import shape
from kangyun.web.trace import trace_of

LARGEST = 10_000  # bytes
NO_STORE = {"cache-control": "no-store"}
DESK, UNBIND = "$resident-desk", "$resident-unbind"
NAMES = (DESK, UNBIND)
Step = Callable[[Platform, Mapping[str, Any], Circumstances], Awaitable[Arrived | Unbound | dict[str, Any]]]


def resident_routes(platform: Callable[[], Platform | None]) -> list[Route]:
    """Returns the addresses that need no sign-in. platform: None while it is not open."""

    def route(path: str, step: Step) -> Route:
        async def answer(request: Request) -> Response:
            opened = platform()
            if opened is None:
                raise Unavailable
            return await _answered(opened, request, path, step)

        return Route(path, answer, methods=["POST"])

    async def leave(request: Request) -> Response:
        return await _leave(Visit.of(request, platform(), "POST /residents/leave"))

    steps = [route(f"/residents/{name}", step) for name, step in _STEPS.items()]
    return [*steps, Route("/residents/leave", leave, methods=["POST"])]


async def _answered(platform: Platform, request: Request, path: str, step: Step) -> Response:
    sent = HttpRequest(request.scope, request.receive, 0)
    about = Circumstances(f"POST {path}", sent.source, trace_of(sent).request)
    try:
        given = _read(await _body(request))
        browser = given.get("browser") is True
        if browser:
            _of_our_own_page(request)
        done = await step(platform, given, about)
        if isinstance(done, Arrived):
            session, cookie = await _let_in(platform, done, about)
            if browser:
                response = JSONResponse({"signed_in": True}, headers=NO_STORE)
                visit = Visit(request, platform, about.shape, about.request)
                longest = platform.sign_in.sessions.longest(session.role)
                visit.set_cookie(response, SESSION, cookie, max(SESSION_COOKIE, int(longest)))
                return response
            token, seconds = await platform.sign_in.provider.issuing.of_session(session)
            done = {"access_token": token, "token_type": "Bearer", "expires_in": seconds}
    except PlatformError as error:
        await platform.door.turn_away(about, status_of(error))
        raise
    if isinstance(done, Unbound):
        if done.former and platform.people.entry is not None:
            await platform.people.entry.end(done.former, SERVICE.reference)
        done = {"ticket": done.ticket}
    return JSONResponse(done, headers=NO_STORE)


async def _leave(visit: Visit) -> Response:
    """Ends the session that the browser is in."""
    _of_our_own_page(visit.http)
    sign_in = visit.platform.sign_in
    session = await sign_in.sessions.by_cookie(visit.cookie(SESSION))
    identity = await sign_in.identities.get(session.identity) if session is not None else None
    if session is not None and identity is not None:
        await sign_in.sessions.end(identity, [session.id], visit.source, visit.id)
    response = JSONResponse({"signed_in": False}, headers=NO_STORE)
    visit.set_cookie(response, SESSION, "", 0)
    return response


def _of_our_own_page(request: Request) -> None:
    """Raises NotSupported for what a form of another site could send: it cannot say that it is JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise NotSupported("web.media-type")


async def _let_in(platform: Platform, arrived: Arrived, about: Circumstances) -> tuple[Session, str]:
    entry = platform.people.entry
    if entry is None:
        raise NotSupported("access.residents.no-entry")
    if arrived.former:
        await entry.end(arrived.former, arrived.vouched_by)
    return await entry.begin(
        arrived.patients, arrived.name, arrived.vouched_by, arrived.factors, about.source, about.request
    )


async def _send(platform: Platform, given: Mapping[str, Any], about: Circumstances) -> dict[str, Any]:
    people = platform.people
    challenge = await people.residents.send(given.get("phone"), given.get("channel", "sms"), about.source)
    told: dict[str, Any] = {"challenge": challenge, "minutes": people.codes.limits.minutes}
    if platform.settings.demo:  # Nobody's telephone rings: whoever tries it out reads the code on the page.
        recorder = Recorder(platform.settings.data / RECORD)
        told["demonstration"] = await asyncio.to_thread(recorder.newest_code, checked_phone(given.get("phone")))
    return told


async def _by_code(platform: Platform, given: Mapping[str, Any], about: Circumstances) -> Arrived | Unbound:
    return await platform.people.residents.by_code(given.get("challenge"), given.get("code"))


async def _by_wechat(platform: Platform, given: Mapping[str, Any], about: Circumstances) -> Arrived | Unbound:
    return await platform.people.residents.by_wechat(given.get("code"))


async def _bind(platform: Platform, given: Mapping[str, Any], about: Circumstances) -> Arrived:
    return await platform.people.residents.bind(given.get("ticket"), given, about)


async def _by_desk(platform: Platform, given: Mapping[str, Any], about: Circumstances) -> Arrived:
    return await platform.people.residents.by_desk(given)


_STEPS: dict[str, Step] = {"code": _send, "sign-in": _by_code, "wechat": _by_wechat, "bind": _bind, "desk": _by_desk}


class ResidentDesk:
    """What is done for residents by who is signed in. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._residents = platform.people.residents
        self._entry = platform.people.entry

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return len(request.segments) == 1 and request.segments[0] in NAMES

    async def answer(self, request: HttpRequest, record: Record, request_id: str) -> Answer:
        """Answers a request."""
        record.in_person()
        if request.method != "POST":
            raise NotAllowed(request.method, "POST")
        given = _read(await request.body())
        about = Circumstances(shape(request), request.source, request_id)
        if request.segments[0] == DESK:
            name, code, patients = await self._residents.at_desk(record, given, about)
            await record.leave_row("resident-desk", 200, patients)
            told: dict[str, Any] = {"desk": name, "desk_code": code, "minutes": DESK_MINUTES}
        else:
            patient = given.get("patient")
            if not isinstance(patient, str) or not FHIR_ID.fullmatch(patient):
                raise Invalid("access.factors.needed", at="patient", name="patient")
            count, ids = await self._residents.unbind(record, patient)
            if self._entry is not None:
                await self._entry.end(ids, record.actor.reference)
            async with record.store.pool.connection() as connection:
                located = await record.store.reader.locate(connection, [("Patient", id_) for id_ in ids])
            told = {"ended": count}
            await record.leave_row("resident-unbind", 200, sorted(one.res for one in located.values()))
        return Answer(200, msgspec.json.encode(told), NO_STORE, resource=False, media_type="application/json")


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                raise TooLong("web.body-too-long", limit=LARGEST)
    except ClientDisconnect:
        raise Malformed("web.body-needed") from None
    return body


def _read(body: bytes) -> dict[str, Any]:
    """Returns a JSON object. Raises Invalid."""
    try:
        if len(body) <= LARGEST:
            return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        pass
    raise Invalid("web.json-object")

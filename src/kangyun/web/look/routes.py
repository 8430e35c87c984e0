"""The addresses of the doctor's look.

    POST /look/tickets      a hospital's server, signed: {"institution", "staff", "patient", "encounter"?, "role"?}
                            -> 201 {"ticket", "url", "expires_in"}
    GET  /look?ticket=…     uses the ticket up, begins a session, and sends the browser to its page
    GET  /look/[session]    the page, by the session's cookie, which is sent to this address only
    POST /look/[session]    states a reason: the resident's code, a word by SMS, an emergency
    GET  /look/[session]/[type]/[id]            a report or document, as text
    GET  /look/[session]/[type]/[id]/[number]   a file of it

Each page has its own session, so that two residents in two tabs are never taken for one another. Whoever is turned away
leaves a row at the door; who looks leaves one in their own name for each thing that is read.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from kangyun.access.actor import Actor
from kangyun.access.look.front import Standing, front, standing_grounds
from kangyun.access.look.opening import SHOWN, opened
from kangyun.access.look.opening import Opened as Document
from kangyun.access.look.sessions import IDLE_MINUTES, SCOPES, Session, Sessions
from kangyun.access.look.tickets import LASTS, NONCE, PATH, SIGNATURE, Tickets, read_asked
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.relations import emergency, stated
from kangyun.access.relations.whom import Resident, by_identifier
from kangyun.access.view import first
from kangyun.access.watermark import watermark
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound, PlatformError, RuleBroken, SignInNeeded
from kangyun.base.numbers import resident_id
from kangyun.base.statuses import status_of
from kangyun.base.texts import say
from kangyun.web.exchange import NotAllowed
from kangyun.web.look.page import CSS, Head, LookPage
from kangyun.web.openid.visit import Visit
from kangyun.web.outcome import unexpected
from kangyun.web.proxies import client_certificate

ACTION, DRAW = "look", "look-ticket"
COOKIE = "kangyun-look"
ID_NUMBERS = frozenset({"urn:oid:2.16.156.10011.1.3", "urn:kangyun:identifier:id-number"})
"""Systems of the numbers of identity cards."""
NO_STORE = {"cache-control": "no-store"}
_ORIGIN = re.compile(r"https?://(?:[A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
Opened = Callable[[], Platform | None]


def frames_of(setting: str) -> tuple[str, ...]:
    """Returns the origins whose pages may frame the look. Raises Invalid for what is no origin."""
    origins = tuple(filter(None, (part.strip().rstrip("/") for part in setting.split(","))))
    if not all(_ORIGIN.fullmatch(one) for one in origins):
        raise Invalid("base.wrong-setting", name="look_frames")
    return origins


def look_routes(platform: Opened, frames: tuple[str, ...]) -> list[Route]:
    """Returns the routes. platform: None while it is not open."""

    def route(path: str, handle: Callable[["_Looking"], Awaitable[Response]], method: str, *, shown: bool) -> Route:
        async def answer(request: Request) -> Response:
            visit = Visit.of(request, platform(), f"{method} {path}")
            chosen = request.query_params.get("lang") in ("zh", "en")
            page = LookPage(visit.language, frames, f"?lang={visit.language}" if chosen else "")
            looking = _Looking(visit, page, frames)
            if request.method != method:  # HEAD: nothing is used up for who wants no page.
                raise NotAllowed(request.method, method)
            return await (looking.shown(handle) if shown else looking.told(handle))

        return Route(path, answer, methods=[method])

    return [
        Route("/look/page.css", _css),
        route(PATH, _draw, "POST", shown=False),
        route("/look", _enter, "GET", shown=True),
        route("/look/{session}", _look, "GET", shown=True),
        route("/look/{session}", _state, "POST", shown=True),
        route("/look/{session}/{type}/{id}", _open, "GET", shown=True),
        route("/look/{session}/{type}/{id}/{number:int}", _file, "GET", shown=True),
    ]


async def _css(request: Request) -> Response:
    return Response(CSS, media_type="text/css", headers={"cache-control": "no-cache"})


@dataclass(slots=True)
class _Looking:
    """One request."""

    visit: Visit
    page: LookPage
    frames: tuple[str, ...]

    @property
    def platform(self) -> Platform:
        return self.visit.platform

    @property
    def tickets(self) -> Tickets:
        gate = self.platform.gate
        return Tickets(gate.store, self.platform.sign_in, gate.sights.policy)

    @property
    def sessions(self) -> Sessions:
        return Sessions(self.platform.pool, self.platform.sign_in)

    async def told(self, handle: Callable[["_Looking"], Awaitable[Response]]) -> Response:
        """Answers a server; what goes wrong leaves a row."""
        try:
            return await handle(self)
        except PlatformError as error:
            await self.visit.refused(status_of(error))
            raise

    async def shown(self, handle: Callable[["_Looking"], Awaitable[Response]]) -> Response:
        """Answers a browser: what goes wrong is a page, too."""
        try:
            return await handle(self)
        except SignInNeeded as error:
            await self.visit.refused(401)
            return self.page.refused(error.issues[0], 401)
        except PlatformError as error:
            await self.visit.refused(status_of(error))
            return self.page.refused(error.issues[0], status_of(error))
        except Exception as error:
            return self.page.refused(unexpected(error), 500)

    # --- the session

    def _cookie_name(self, session: str) -> str:
        # Taken over TLS only. Its path is the page's own, so it cannot have the stricter prefix __Host-.
        return f"__Secure-{COOKIE}-{session}" if self._is_secure else f"{COOKIE}-{session}"

    @property
    def _is_secure(self) -> bool:
        return self.platform.base.startswith("https:")

    def keep(self, response: Response, session: str, cookie: str) -> None:
        """Sets the session's cookie anew. In another site's frame a browser sends it only if it says none, over TLS."""
        framed = bool(self.frames) and self._is_secure
        response.set_cookie(
            self._cookie_name(session), cookie, max_age=IDLE_MINUTES * 60, path=f"/look/{session}",
            secure=self._is_secure, httponly=True, samesite="none" if framed else "lax",
        )  # fmt: skip

    async def session(self) -> tuple[Session, str]:
        """Returns the session of this page. Raises SessionOver."""
        id_ = self.visit.http.path_params["session"]
        cookie = self.visit.http.cookies.get(self._cookie_name(id_), "")
        return await self.sessions.find(id_, cookie), cookie

    async def record(self, actor: Actor, way: str = "") -> Record:
        return await self.platform.gate.open(actor, replace(self.visit.about, way=way))


async def _draw(looking: _Looking) -> Response:
    """Draws a ticket."""
    visit = looking.visit
    body = await visit.body()
    headers = visit.http.headers
    if any(len(headers.getlist(name)) > 1 for name in (SIGNATURE, NONCE)):
        raise Invalid("web.header", header=SIGNATURE)
    application = await looking.tickets.caller(headers, body, client_certificate(visit.http.scope))
    ticket = await looking.tickets.draw(application, read_asked(body))
    actor = Actor(
        application.reference, application.name, application.owner, application.purpose, role="application",
        client=application.client,
    )  # fmt: skip
    await (await looking.record(actor)).leave_row(DRAW, 201, [])
    url = f"{looking.platform.base.removesuffix('/fhir')}/look?ticket={ticket}"
    return JSONResponse({"ticket": ticket, "url": url, "expires_in": LASTS}, 201, NO_STORE)


async def _enter(looking: _Looking) -> Response:
    """Uses a ticket up."""
    ticket = await looking.tickets.take(looking.visit.http.query_params.get("ticket", ""))
    session, cookie = await looking.sessions.begin(ticket, looking.visit.source)
    if ticket.encounter:
        record = await looking.record(session.actor)
        resident = await _resident(record, session)
        if resident is not None:
            await stated.open_by_ticket(record, resident, session.id)
    response = RedirectResponse(f"/look/{session.id}{looking.page.query}", 303, NO_STORE)
    looking.keep(response, session.id, cookie)
    return response


async def _look(looking: _Looking) -> Response:
    """Shows the page."""
    session, cookie = await looking.session()
    return await _page(looking, session, cookie)


async def _page(looking: _Looking, session: Session, cookie: str, *, error: str = "", challenge: str = "") -> Response:
    await _begin(looking, session, cookie)
    record = await looking.record(session.actor)
    resident = await _resident(record, session)
    standing = await _standing(looking, session, resident)
    if resident is None or standing is None:
        # Who has no reason is not told whether there is such a resident, but where his own house has registered him;
        # the row knows.
        await record.leave_row(ACTION, 403, resident.numbers if resident is not None else [])
        answer = await _answer(record, session)
        response = looking.page.closed(answer, _offered(record), error=error, challenge=challenge)
    else:
        confined = await looking.record(_confined(session.actor, resident), standing.way)
        await confined.leave_row(ACTION, 200, resident.numbers)
        shown = await front(confined, resident)
        ids = {one["id"] for one, _ in shown.persons}
        persons = [one for one in resident.registrations if one.id in ids]
        marks = await first.health_marks(confined, persons, shown.conditions)
        hidden = await first.hidden(confined, resident.numbers, standing)
        offered = _offered(record) if standing.closed or hidden.count else ()
        head = Head(standing.way, marks, hidden)
        response = looking.page.front(shown, head, offered, error=error, challenge=challenge)
    looking.keep(response, session.id, cookie)
    return response


async def _open(looking: _Looking) -> Response:
    """Shows a report or document."""
    session, cookie, found = await _read(looking)
    response = looking.page.opened(found)
    looking.keep(response, session.id, cookie)
    return response


async def _file(looking: _Looking) -> Response:
    """Gives a file of a report or document: to be shown in a page that can do nothing, or to be kept."""
    session, cookie, found = await _read(looking)
    number = looking.visit.http.path_params["number"]
    file = next((one for one in found.files if one.number == number), None)
    if file is None:
        raise NotFound
    headers = {**NO_STORE, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    if file.media_type in SHOWN:
        headers["content-security-policy"] = looking.page.policy("default-src 'none'; ")
        response = Response(file.content, media_type=file.media_type, headers=headers)
    else:
        headers["content-disposition"] = "attachment"
        response = Response(file.content, media_type="application/octet-stream", headers=headers)
    looking.keep(response, session.id, cookie)
    return response


async def _read(looking: _Looking) -> tuple[Session, str, Document]:
    """Reads what a page of its own shows. Raises NotFound, and alike where the reason is over."""
    session, cookie = await looking.session()
    await _begin(looking, session, cookie)
    path = looking.visit.http.path_params
    resident = await _resident(await looking.record(session.actor), session)
    standing = await _standing(looking, session, resident)
    if resident is None or standing is None:
        raise NotFound
    confined = await looking.record(_confined(session.actor, resident), standing.way)
    return session, cookie, await opened(confined, path["type"], path["id"])


async def _begin(looking: _Looking, session: Session, cookie: str) -> None:
    page = looking.page
    page.mark, page.here = looking.sessions.mark(session, cookie), f"/look/{session.id}"
    page.watermark = await _watermark(looking, session)


async def _standing(looking: _Looking, session: Session, resident: Resident | None) -> Standing | None:
    if resident is None:
        return None
    return await standing_grounds(await looking.record(_confined(session.actor, resident)), resident)


async def _answer(record: Record, session: Session) -> str:
    """Returns which of the answers is given to who has no reason: it tells only what his own institution knows."""
    try:
        await by_identifier(record.store, session.patient, record.institution, own=True)
    except Invalid:
        return "found-nobody"
    except NotFound:
        return "found-nobody" if _is_misspelt(session.patient) else "found-nobody-or-closed"
    return "closed"


def _is_misspelt(identifier: str) -> bool:
    """Whether it is an identity card's number that cannot be one: that nobody has it is known without looking."""
    system, _, number = identifier.partition("|")
    return system in ID_NUMBERS and not resident_id.is_valid(number)


async def _state(looking: _Looking) -> Response:
    """Takes a reason that the doctor states on the page."""
    session, cookie = await looking.session()
    form = await looking.visit.form()
    if form.get("mark") != looking.sessions.mark(session, cookie):
        raise Forbidden("web.look.wrong-mark")
    record = await looking.record(session.actor)
    resident = await _resident(record, session)
    challenge = form.get("challenge", "")
    try:
        if resident is None:
            raise await _of_nobody(record, form)
        match form.get("do"):
            case "card":
                await stated.open_by_code(record, form.get("code", ""), resident)
            case "ask-word":
                challenge = await stated.ask(record, resident)
                return await _page(looking, session, cookie, challenge=challenge)
            case "word":
                await stated.open_by_word(record, challenge, form.get("word", ""), resident)
            case "emergency":
                patient = next(one.id for one in resident.registrations if one.res == resident.patient)
                (found,) = await emergency.found(record, patient, None)
                # On a page of ours it is the person who answers, not the system that the page stands in.
                own = await record.gate.open(replace(record.actor, client=""), record.circumstances)
                await emergency.break_glass(own, found, form.get("reason", ""))
            case _:
                raise Invalid("web.look.wrong-form")
    except PlatformError as error:
        await record.refuse(ACTION, status_of(error), resident.numbers if resident is not None else [])
        issue = error.issues[0]
        told = say(issue.text, looking.page.language, issue.parameters)
        return await _page(looking, session, cookie, error=told, challenge=challenge)
    response = RedirectResponse(f"/look/{session.id}{looking.page.query}", 303, NO_STORE)
    looking.keep(response, session.id, cookie)
    return response


async def _of_nobody(record: Record, form: Mapping[str, str]) -> PlatformError:
    """Returns what a reason to look at nobody is refused by: a wrong code, no telephone. Raises as reasons do."""
    match form.get("do"):
        case "card" | "word" as ground:
            stated.ground_of(record, ground)
            return Forbidden("access.relations.wrong-code")
        case "ask-word":
            stated.ground_of(record, stated.WORD)
            return RuleBroken("access.relations.no-telephone")
        case "emergency":
            emergency.may_break(await record.gate.open(replace(record.actor, client=""), record.circumstances))
            emergency.checked_reason(form.get("reason", ""))
            return NotFound("web.look.not-found")
        case _:
            return Invalid("web.look.wrong-form")


def _confined(actor: Actor, resident: Resident) -> Actor:
    """Returns the actor as it reads: one resident's record, and nothing is written."""
    patient = next(one.id for one in resident.registrations if one.res == resident.patient)
    return replace(actor, scopes=SCOPES, patient=patient)


async def _resident(record: Record, session: Session) -> Resident | None:
    """Returns the resident of a session, looked for anew each time; None where it is nobody, or not surely one."""
    try:
        return await by_identifier(record.store, session.patient, record.institution)
    except (NotFound, Invalid):
        return None


def _offered(record: Record) -> tuple[str, ...]:
    """Returns the reasons that the actor's role may state."""
    grounds = record.gate.sights.policy.grounds
    named = (stated.CARD, stated.WORD, emergency.GROUND)
    return tuple(name for name in named if name in grounds and record.actor.role in grounds[name].roles)


async def _watermark(looking: _Looking, session: Session) -> str:
    institution = await looking.platform.name_of(session.actor.institution)
    return watermark(session.actor, institution, clock.now(), looking.platform.gate.store.zone)

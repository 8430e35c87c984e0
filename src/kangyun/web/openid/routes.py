"""The provider's addresses, and the one place that answers what goes wrong at them.

An application is told by the names of RFC 6749, a person by a page. Who is turned away leaves a row in the trail.
"""

from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kangyun.access.oidc.errors import Refused
from kangyun.access.platform import Platform
from kangyun.base.errors import Gone, Invalid, NotFound, NotSupported, PlatformError, SignInNeeded
from kangyun.base.statuses import status_of
from kangyun.base.texts import say
from kangyun.web.openid.journey import Journey
from kangyun.web.openid.pages import CSS, SCRIPT, Page
from kangyun.web.openid.visit import FHIR_ID, SESSION, Visit, read_pairs
from kangyun.web.outcome import retry_after, unexpected

NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}
Handler = Callable[[Visit], Awaitable[Response]]
# What an error is called where RFC 6749 has no better word.
_NAMES = {401: "invalid_token", 403: "access_denied", 429: "temporarily_unavailable", 503: "temporarily_unavailable"}


class _SignIn(msgspec.Struct):
    user: str
    password: str
    role: str = ""


class _Own(msgspec.Struct):
    ward: str = msgspec.field(name="for", default="")


class _Launch(msgspec.Struct):
    client: str
    patient: str
    encounter: str = ""


class Openid:
    """Answers at the provider's addresses. `platform` gives the platform, None while it is not open."""

    def __init__(self, platform: Callable[[], Platform | None]) -> None:
        self._platform = platform

    def routes(self) -> list[Route]:
        """Returns the addresses."""
        return [
            self._told("/.well-known/openid-configuration", _configuration),
            self._told("/.well-known/smart-configuration", _smart_configuration),
            self._told("/oauth/jwks", _jwks),
            Route("/oauth/pages.css", _css),
            Route("/oauth/factor.js", _script),
            self._told("/oauth/token", _token, "POST"),
            self._told("/oauth/revoke", _revoke, "POST"),
            self._told("/oauth/introspect", _introspect, "POST"),
            self._told("/oauth/userinfo", _userinfo, "GET", "POST"),
            self._told("/oauth/self", _self),
            self._told("/oauth/launch", _launch, "POST"),
            self._told("/oauth/sessions", _sessions, "GET", "DELETE"),
            self._told("/oauth/sessions/{session}", _sessions, "DELETE"),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            self._told("/account/token", _own_token, "POST"),
            self._shown("/oauth/authorize", _authorize, "GET", "POST"),
            self._shown("/oauth/sign-in", _form(Journey.password), "POST"),
            self._shown("/oauth/password", _form(Journey.new_password), "POST"),
            self._shown("/oauth/role", _form(Journey.role), "POST"),
            self._shown("/oauth/factor", _form(Journey.factor), "POST"),
            self._shown("/oauth/enrol", _form(Journey.enrol), "POST"),
            self._shown("/oauth/confirm", _form(Journey.confirm), "POST"),
            self._shown("/oauth/consent", _form(Journey.consented), "POST"),
            self._shown("/oauth/end-session", _end_session, "GET", "POST"),
            self._shown("/account", _account),
            self._shown("/account/end", _form(Journey.end), "POST"),
            self._shown("/account/password", _form(Journey.change), "POST"),
        ]

    def _told(self, path: str, handle: Handler, *methods: str) -> Route:
        async def answer(request: Request) -> Response:
            visit = Visit.of(request, self._platform(), f"{request.method} {path}")
            try:
                return await handle(visit)
            except PlatformError as error:
                return await _as_json(visit, error)

        return Route(path, answer, methods=list(methods) or ["GET"])

    def _shown(self, path: str, handle: Handler, *methods: str) -> Route:
        async def answer(request: Request) -> Response:
            visit = Visit.of(request, self._platform(), f"{request.method} {path}")
            try:
                response = await handle(visit)
                visit.keep_language(response)
                return response
            except PlatformError as error:
                status = status_of(error)
                await visit.refused(status)
                issue = error.issues[0]
                told = say(issue.text, visit.language, issue.parameters)
                response = Page(visit.language).told("not-possible", told, status)
                if status in (429, 503):
                    response.headers["retry-after"] = str(retry_after(error))
                return response
            except Exception as error:
                issue = unexpected(error)
                told = say(issue.text, visit.language, issue.parameters)
                return Page(visit.language).told("not-possible", told, 500)

        return Route(path, answer, methods=list(methods) or ["GET"])

    async def sign_in(self, request: Request) -> Response:
        """Gives a token for user and password, to the small page and to scripts. Errors as of the FHIR API."""
        visit = Visit.of(request, self._platform(), "POST /sign-in")
        try:
            asked = _asked(await visit.body())
            token = await visit.platform.sign_in.sign_in(
                asked.user, asked.password, asked.role, source=visit.source, request=visit.id
            )
        except PlatformError as error:
            await visit.refused(status_of(error))
            raise
        return JSONResponse({"access_token": token, "token_type": "Bearer"}, headers=NO_STORE)


def _asked(body: bytes) -> _SignIn:
    """Returns who wants to sign in, and by what. Raises Invalid."""
    try:
        return msgspec.json.decode(body, type=_SignIn)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("web.wrong-sign-in-body") from None


def _ward(body: bytes) -> str:
    """Returns the id of the Patient that somebody wants to act for, empty for himself. Raises Invalid."""
    try:
        named = msgspec.json.decode(body or b"{}", type=_Own).ward.removeprefix("Patient/")
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("web.json-object") from None
    if named and not FHIR_ID.fullmatch(named):
        raise Invalid("web.not-an-id", at="for")
    return named


async def _own_token(visit: Visit) -> Response:
    """Gives our own pages a token of the session that the browser is in: whatever it asked for was proven there.

    `for` names a family member's Patient, to act for him. The cookie comes along from no other site's POST, and no form
    can say that it is JSON.
    """
    if visit.http.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise NotSupported("web.media-type")
    sign_in = visit.platform.sign_in
    session = await sign_in.sessions.by_cookie(visit.cookie(SESSION))
    if session is None:
        raise SignInNeeded
    ward = _ward(await visit.body())
    token, seconds = await sign_in.provider.issuing.of_session(session, ward)
    if ward:  # Who was given nothing gets no token.
        await sign_in.actor(token)
    return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": seconds}, headers=NO_STORE)


async def _as_json(visit: Visit, error: PlatformError) -> Response:
    status = status_of(error)
    name = error.error if isinstance(error, Refused) else _NAMES.get(status, "invalid_request")
    await visit.refused(status)
    issue = error.issues[0]
    # RFC 6749 section 5.2 has it in ASCII.
    body = {"error": name, "error_description": say(issue.text, "en", issue.parameters)}
    headers = dict(NO_STORE)
    if status in (429, 503):
        headers["retry-after"] = str(retry_after(error))
    if status == 401 and name != "invalid_client":
        headers["www-authenticate"] = f'Bearer error="{name}"'
    return JSONResponse(body, status, headers)


def _form(step: Callable[[Journey, list[tuple[str, str]]], Awaitable[Response]]) -> Handler:
    async def handle(visit: Visit) -> Response:
        return await step(Journey(visit), await visit.pairs())

    return handle


async def _configuration(visit: Visit) -> Response:
    return JSONResponse(visit.platform.sign_in.provider.metadata())


async def _smart_configuration(visit: Visit) -> Response:
    return JSONResponse(visit.platform.sign_in.provider.smart_configuration())


async def _jwks(visit: Visit) -> Response:
    keys = await visit.platform.sign_in.provider.issuing.keys.public()
    return JSONResponse({"keys": keys}, headers={"cache-control": "max-age=300"})


async def _css(request: Request) -> Response:
    return Response(CSS, media_type="text/css; charset=utf-8", headers={"cache-control": "max-age=3600"})


async def _script(request: Request) -> Response:
    return Response(SCRIPT, media_type="text/javascript; charset=utf-8", headers={"cache-control": "max-age=3600"})


async def _token(visit: Visit) -> Response:
    form = await visit.form()
    answer, who = await visit.platform.sign_in.provider.token(form)
    await visit.done("token", who)
    return JSONResponse(answer, headers=NO_STORE)


async def _revoke(visit: Visit) -> Response:
    who = await visit.platform.sign_in.provider.revoke(await visit.form())
    await visit.done("token-revoke", f"Device/{who}")
    return Response(status_code=200, headers=NO_STORE)


async def _introspect(visit: Visit) -> Response:
    form, sign_in = await visit.form(), visit.platform.sign_in
    who, answer = await sign_in.provider.introspect(form)
    if answer.get("token_type") and not await sign_in.is_good(form["token"]):
        answer = {"active": False}
    await visit.done("token-introspect", f"Device/{who}")
    return JSONResponse(answer, headers=NO_STORE)


async def _userinfo(visit: Visit) -> Response:
    token = visit.bearer()
    if not token:
        raise SignInNeeded
    sign_in = visit.platform.sign_in
    await sign_in.actor(token)
    return JSONResponse(await sign_in.provider.userinfo(await sign_in.provider.issuing.read(token)), headers=NO_STORE)


async def _self(visit: Visit) -> Response:
    """Tells our own pages who is signed in, and as what: and whether codes and cards are read for them."""
    identity, actor = await visit.platform.sign_in.person(visit.bearer())
    card = visit.platform.gate.sights.policy.grounds.get("card")
    reads_codes = card is not None and actor.role in card.roles
    told = {
        "name": identity.name,
        "reference": identity.reference,
        "role": actor.role,
        "institution": actor.institution,
        "reads_codes": reads_codes,
        "reader_opens": reads_codes and card is not None and actor.institution in card.readers,
    }
    return JSONResponse(told, headers=NO_STORE)


async def _launch(visit: Visit) -> Response:
    """Draws the handle by which a page of ours launches an application for a patient."""
    sign_in = visit.platform.sign_in
    identity, actor = await sign_in.person(visit.bearer())
    try:
        asked = msgspec.json.decode(await visit.body(), type=_Launch)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid from None
    application = await sign_in.applications.get(asked.client)
    if application is None or not application.is_usable:
        raise NotFound("access.applications.none")
    if not all(FHIR_ID.fullmatch(one) for one in (asked.patient, asked.encounter or "-")):
        raise NotFound
    record = await visit.platform.gate.open(actor, visit.about)
    patient = await record.read("Patient", asked.patient)
    if asked.encounter:
        try:
            encounter = await record.read("Encounter", asked.encounter)
        except (NotFound, Gone):
            raise Invalid("web.openid.other-encounter", at="encounter") from None
        if encounter.patient != patient.res:
            raise Invalid("web.openid.other-encounter", at="encounter")
    handle = await sign_in.provider.grants.open_launch(asked.client, identity.id, asked.patient, asked.encounter)
    answer = {"launch": handle, "iss": visit.platform.base, "url": application.launch_url}
    return JSONResponse(answer, 201, NO_STORE)


async def _sessions(visit: Visit) -> Response:
    """Lists one's own sessions, or ends them."""
    sign_in = visit.platform.sign_in
    identity, actor = await sign_in.person(visit.bearer())
    if visit.http.method == "DELETE":
        which = visit.http.path_params.get("session")
        ended = await sign_in.sessions.end(identity, [which] if which else None, visit.source, visit.id)
        if which and not ended:
            raise NotFound
        return Response(status_code=204)
    found = await sign_in.sessions.of(identity.id)
    await visit.done("session-list", identity.reference)
    told = [
        {
            "id": one.id, "current": one.id == actor.session, "role": one.role, "institution": one.institution,
            "began": one.began, "seen": one.seen, "expires": one.expires, "source": one.source, "factors": one.factors,
        }
        for one in found
    ]  # fmt: skip
    return Response(msgspec.json.encode(told), media_type="application/json", headers=NO_STORE)


async def _authorize(visit: Visit) -> Response:
    if visit.http.method == "POST":
        return await Journey(visit).authorize(await visit.pairs())
    return await Journey(visit).authorize(read_pairs(visit.http.scope["query_string"]))


async def _end_session(visit: Visit) -> Response:
    if visit.http.method == "POST":
        pairs = await visit.pairs()
        return await Journey(visit).leave(pairs, asked="mark" in dict(pairs))
    return await Journey(visit).leave(read_pairs(visit.http.scope["query_string"]), asked=False)


async def _account(visit: Visit) -> Response:
    return await Journey(visit).account(page=visit.http.query_params.get("page", ""))

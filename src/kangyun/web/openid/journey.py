"""The way of a person through the pages: sign-in, consent, account, sign-out.

Where somebody is stands in a sealed cookie that no other site's request brings along, and each form repeats a mark
that stands in it. What a form says is held against what was asked; nothing of an earlier page is believed unsealed.
"""

from urllib.parse import parse_qsl, urlencode

import msgspec
from starlette.responses import RedirectResponse, Response

from kangyun.access.actor import Actor
from kangyun.access.factors import KINDS
from kangyun.access.identities.entrance import STEP_LASTS, Entrance, Step
from kangyun.access.identities.model import Identity
from kangyun.access.identities.sessions import Session
from kangyun.access.oidc.asking import Asking, back
from kangyun.access.oidc.errors import Refused, SentBack
from kangyun.access.oidc.provider import Provider
from kangyun.base import clock
from kangyun.base.errors import PlatformError, RuleBroken, SignInNeeded
from kangyun.base.statuses import status_of
from kangyun.base.texts import say
from kangyun.web.openid.pages import HEADERS, LANGUAGE, Page
from kangyun.web.openid.visit import FHIR_ID, SESSION, STEP, Visit
from kangyun.web.outcome import retry_after

SEE_OTHER = 303
SESSION_COOKIE = 48 * 3600  # seconds; the session itself ends before
Pairs = list[tuple[str, str]]
PAGES = {"console": "/console/", "my": "/my/"}
"""Our own pages that send somebody here to sign in, and where they are."""


class Journey:
    """One visit to the pages."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._sign_in = visit.platform.sign_in
        self._entrance: Entrance = self._sign_in.entrance
        self._provider: Provider = self._sign_in.provider

    # --- an application asks

    async def authorize(self, pairs: Pairs) -> Response:
        """Answers an authorization request: by a page, or by sending the browser back."""
        pairs = [(name, value) for name, value in pairs if name != LANGUAGE]
        try:
            asking = await self._provider.asking(pairs)
            return await self._asked(asking, pairs)
        except SentBack as refused:
            await self._visit.refused(400)
            return self._sent_back(refused)
        except Refused as refused:
            await self._visit.refused(400)
            return self._page(None).told("not-possible", self._said(refused), 400)

    async def _asked(self, asking: Asking, pairs: Pairs) -> Response:
        session = await self._session()
        age = (clock.now() - session.began).total_seconds() if session else 0.0
        anew = session is None or "login" in asking.prompt or (asking.max_age is not None and age > asking.max_age)
        if session is None or anew:
            if "none" in asking.prompt:
                raise SentBack("login_required", asking.redirect_uri, asking.state)
            return self._begun(self._entrance.first(_without_again(pairs)), asking)
        await self._provider.launch_of(asking, session)
        if await self._provider.is_settled(asking, session):
            return await self._given(asking, session, list(asking.scopes), "")
        if "none" in asking.prompt:
            raise SentBack("consent_required", asking.redirect_uri, asking.state)
        return await self._consent(asking, session, urlencode(pairs))

    async def _consent(self, asking: Asking, session: Session, request: str, error: str = "") -> Response:
        identity = await self._identity(session)
        step = self._entrance.first(request)
        step = Step(step.mark, step.until, request, identity.id)
        patients = list((await self._actor(session)).patients) if asking.wants_patient else None
        page = self._page(step, asking).consent(asking.application, identity.name, asking.scopes, patients, error)
        return self._carrying(page, step)

    async def consented(self, pairs: Pairs) -> Response:
        """Takes the answer of the consent page."""
        step = self._carried(pairs)
        asking = await self._provider.asking(parse_qsl(step.request, keep_blank_values=True))
        session = await self._session()
        if session is None or session.identity != step.identity:
            raise SignInNeeded("access.identities.step-over")
        if dict(pairs).get("do") != "allow":
            await self._visit.refused(403)
            return self._left(asking.back(self._provider.issuer, error="access_denied"))
        patient = dict(pairs).get("patient", "").strip().removeprefix("Patient/")
        if asking.wants_patient and not await self._may_choose(patient, session):
            told = say("web.openid.no-patient", self._visit.language)
            return await self._consent(asking, session, step.request, told)
        chosen = [value for name, value in pairs if name == "scope"]
        return await self._given(asking, session, chosen, patient if asking.wants_patient else "")

    async def _given(self, asking: Asking, session: Session, chosen: list[str], patient: str) -> Response:
        identity = await self._identity(session)
        address = await self._provider.give(asking, session, chosen, patient)
        await self._visit.done("consent", identity.reference)
        return self._left(address)

    async def _may_choose(self, patient: str, session: Session) -> bool:
        """Whether somebody may launch an application for a Patient: those of his own, or one that he may read."""
        actor = await self._actor(session)
        if actor.role in ("resident", "guardian"):
            return patient in actor.patients
        if not FHIR_ID.fullmatch(patient):
            return False
        record = await self._visit.platform.gate.open(actor, self._visit.about)
        try:
            await record.read("Patient", patient)
        except PlatformError:
            return False
        return True

    # --- a person signs in

    async def password(self, pairs: Pairs) -> Response:
        """Takes the sign-in form."""
        step, form = self._carried(pairs), dict(pairs)
        try:
            step = await self._entrance.prove(step, form.get("user", ""), form.get("password", ""), self._visit.source)
        except PlatformError as error:
            return await self._again(step, error)
        return await self._next(step)

    async def new_password(self, pairs: Pairs) -> Response:
        """Takes the form of a password that had to be changed."""
        step, form = self._carried(pairs), dict(pairs)
        try:
            if form.get("new") != form.get("again"):
                raise RuleBroken("access.identities.password-same")
            step = await self._entrance.change(step, form.get("new", ""))
        except RuleBroken as error:
            page = self._page(step, await self._asking(step)).new_password(self._said(error), 422)
            return self._carrying(page, step)
        await self._sign_in.end_all(step.identity, self._visit.source, self._visit.id)
        return await self._next(step)

    async def role(self, pairs: Pairs) -> Response:
        """Takes the form of the role."""
        step = self._carried(pairs)
        role, _, institution = dict(pairs).get("post", "").partition(" ")
        return await self._next(self._entrance.choose(step, await self._entrance.of(step), role, institution))

    async def factor(self, pairs: Pairs) -> Response:
        """Takes the form of the second factor, or of another kind of it."""
        step, form = self._carried(pairs), dict(pairs)
        if "other" in form:
            return await self._second(step, form["other"])
        kind = form.get("kind", "")
        try:
            step = await self._entrance.verify(step, kind, form.get("proof", ""), self._visit.source)
        except PlatformError as error:
            await self._visit.refused(status_of(error))
            return await self._second(step, kind, self._said(error), status_of(error))
        return await self._next(step)

    async def _next(self, step: Step) -> Response:
        """Shows the page of what is still missing; where nothing is, the session begins."""
        found = await self._entrance.of(step)
        if not step.role and len(found.posts) > 1:
            return self._carrying(self._page(step, await self._asking(step)).role(found.posts), step)
        if not step.role:
            if not found.posts:
                raise SignInNeeded("access.identities.no-roles")
            step = self._entrance.choose(step, found, found.posts[0].role, found.posts[0].institution)
        if not step.factor and await self._entrance.factors.needed(step.role):
            return await self._second(step, "")
        if step.change:
            return self._carrying(self._page(step, await self._asking(step)).new_password(), step)
        session, cookie = await self._entrance.enter(step, self._visit.source, self._visit.id)
        # By a new request: what was asked is looked at anew, by whoever is now signed in.
        own = PAGES.get(step.page, "/account")
        response = self._left(f"/oauth/authorize?{step.request}" if step.request else own)
        longest = self._entrance.sessions.longest(session.role)
        self._visit.set_cookie(response, SESSION, cookie, max(SESSION_COOKIE, int(longest)))
        return response

    async def _second(self, step: Step, kind: str, error: str = "", status: int = 200) -> Response:
        found = await self._entrance.of(step)
        factors = self._entrance.factors
        needed, all_held = await factors.needed(step.role), await factors.held(found.id)
        held = [one for one in needed if one in all_held]
        page = self._page(step, await self._asking(step))
        if not held:
            return self._carrying(page.enrol(needed, error, status), step)
        kind = kind if kind in held else held[0]
        # A wrong answer ends the question that it was given to; a message that was sent is good for some tries.
        shown = {} if error and kind == "sms" else await factors.begin(found.id, kind)
        return self._carrying(page.factor(held, kind, shown, error, status), step)

    async def enrol(self, pairs: Pairs) -> Response:
        """Takes the form of who has no second factor yet."""
        step, form = self._carried(pairs), dict(pairs)
        kind = form.get("kind", "")
        try:
            shown = await self._entrance.enrol(step, kind, form)
        except PlatformError as error:
            await self._visit.refused(status_of(error))
            return await self._second(step, "", self._said(error), status_of(error))
        page = self._page(step, await self._asking(step)).confirm(kind, shown)
        return self._carrying(page, step)

    async def confirm(self, pairs: Pairs) -> Response:
        """Takes the proof of a factor that is being enrolled."""
        step, form = self._carried(pairs), dict(pairs)
        kind, asked = form.get("kind", ""), form.get("challenge", "")
        proof = form.get("proof", "")
        if not proof.lstrip().startswith("{"):
            proof = msgspec.json.encode({"challenge": asked, "code": proof}).decode()
        try:
            step = await self._entrance.confirm(step, kind, proof)
        except PlatformError as error:
            if kind not in KINDS:
                raise
            await self._visit.refused(status_of(error))
            shown = {"ask": {"challenge": asked}}
            page = self._page(step, await self._asking(step))
            return self._carrying(page.confirm(kind, shown, self._said(error), status_of(error)), step)
        return await self._next(step)

    async def _again(self, step: Step, error: PlatformError) -> Response:
        status = status_of(error)
        await self._visit.refused(status)
        page = self._page(step, await self._asking(step)).sign_in(self._said(error), status)
        if status == 429:
            page.headers["retry-after"] = str(retry_after(error))
        return self._carrying(page, step)

    # --- one's own account

    async def account(self, error: str = "", page: str = "") -> Response:
        """Shows where one is signed in; to nobody the sign-in. page: one of ours that asked, to go back to."""
        session = await self._session()
        if session is None:
            await self._visit.refused(401)
            return self._begun(self._entrance.first(page=page), None)
        if page in PAGES:
            return self._left(PAGES[page])
        identity = await self._identity(session)
        await self._visit.done("session-list", identity.reference)
        first = self._entrance.first()
        step = Step(first.mark, first.until, "", identity.id)
        all_ = await self._sign_in.sessions.of(identity.id)
        return self._carrying(self._page(step).account(identity.name, session, all_, error), step)

    async def end(self, pairs: Pairs) -> Response:
        """Ends one of one's sessions, or all."""
        identity, _ = await self._own(pairs)
        which = dict(pairs).get("session", "")
        await self._sign_in.sessions.end(
            identity, None if which == "*" else [which], self._visit.source, self._visit.id
        )
        return self._left("/account")

    async def change(self, pairs: Pairs) -> Response:
        """Changes one's password, for which the present one is asked."""
        identity, session = await self._own(pairs)
        form = dict(pairs)
        try:
            first = self._entrance.first()
            await self._entrance.prove(first, identity.handle, form.get("password", ""), self._visit.source)
            if form.get("new") != form.get("again"):
                raise RuleBroken("access.identities.password-same")
            await self._sign_in.identities.set_password(identity.id, form.get("new", ""))
        except PlatformError as error:
            if not isinstance(error, RuleBroken):
                await self._visit.refused(status_of(error))
            return await self.account(self._said(error))
        # Whoever may have known the old one is out, and so is what he gave to applications.
        await self._sign_in.sessions.end(identity, None, self._visit.source, self._visit.id, but=session.id)
        return self._left("/account")

    async def leave(self, pairs: Pairs, *, asked: bool) -> Response:
        """Ends this session where a form of ours says so, else asks first: a link elsewhere signs nobody out.

        Source: OpenID Connect RP-Initiated Logout 1.0
        """
        session, form = await self._session(), dict(pairs)
        if session is not None and not asked:
            step = self._entrance.first()
            return self._carrying(self._page(step).leave(urlencode(pairs)), step)
        given = dict(parse_qsl(form.get("request", ""), keep_blank_values=True)) if asked else form
        if session is not None:
            self._carried(pairs)
            identity = await self._identity(session)
            await self._sign_in.sessions.end(identity, [session.id], self._visit.source, self._visit.id)
        response = await self._after(given)
        self._visit.set_cookie(response, SESSION, "", 0)
        return response

    async def _after(self, given: dict[str, str]) -> Response:
        """Goes to the application that the person came from, where it registered that address; else says so."""
        application = await self._sign_in.applications.get(given.get("client_id", ""))
        address = given.get("post_logout_redirect_uri", "")
        if application is not None and address in application.redirect_uris:
            state = given.get("state", "")
            separator = "&" if "?" in address else "?"
            return self._left(address + (separator + urlencode({"state": state}) if state else ""))
        told = say("web.openid.signed-out", self._visit.language)
        return self._page(None).told("sign-out", told, 200)

    # --- what they share

    async def _session(self) -> Session | None:
        return await self._sign_in.sessions.by_cookie(self._visit.cookie(SESSION))

    async def _identity(self, session: Session) -> Identity:
        found = await self._sign_in.identities.get(session.identity)
        if found is None or not self._sign_in.identities.admits(found):
            raise SignInNeeded("access.identities.step-over")
        return found

    async def _own(self, pairs: Pairs) -> tuple[Identity, Session]:
        """Returns who sends a form of the account page. Raises SignInNeeded where it is not that person's own."""
        step, session = self._carried(pairs), await self._session()
        if session is None or session.identity != step.identity:
            raise SignInNeeded("access.identities.step-over")
        return await self._identity(session), session

    async def _actor(self, session: Session) -> Actor:
        return await self._sign_in.actor((await self._provider.issuing.of_session(session))[0])

    async def _asking(self, step: Step) -> Asking | None:
        if not step.request:
            return None
        return await self._provider.asking(parse_qsl(step.request, keep_blank_values=True))

    def _carried(self, pairs: Pairs) -> Step:
        return self._entrance.carried(self._visit.cookie(STEP), dict(pairs).get("mark", ""))

    def _begun(self, step: Step, asking: Asking | None) -> Response:
        return self._carrying(self._page(step, asking).sign_in(), step)

    def _page(self, step: Step | None, asking: Asking | None = None) -> Page:
        own = f"/account?page={step.page}" if step and step.page in PAGES else "/account"
        here = f"/oauth/authorize?{step.request}" if step and step.request else own
        return Page(self._visit.language, step.mark if step else "", asking.redirect_uri if asking else "", here)

    def _carrying(self, response: Response, step: Step) -> Response:
        self._visit.set_cookie(response, STEP, self._entrance.sealed(step), STEP_LASTS)
        return response

    def _left(self, address: str) -> Response:
        response = RedirectResponse(address, SEE_OTHER, HEADERS)
        self._visit.set_cookie(response, STEP, "", 0)
        return response

    def _sent_back(self, refused: SentBack) -> Response:
        return self._left(back(refused.redirect_uri, self._provider.issuer, refused.state, error=refused.error))

    def _said(self, error: PlatformError) -> str:
        issue = error.issues[0]
        return say(issue.text, self._visit.language, issue.parameters)


def _without_again(pairs: Pairs) -> str:
    """Returns the request to go on with once somebody has signed in: that was what it asked for."""
    kept = [(name, value) for name, value in pairs if name != "max_age"]
    return urlencode(
        [
            (name, " ".join(one for one in value.split() if one != "login") if name == "prompt" else value)
            for name, value in kept
        ]
    )

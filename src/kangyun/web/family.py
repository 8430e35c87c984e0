"""The page behind the link that a resident is sent when somebody of his family asks him. No sign-in, no script.

    GET  /family/{ask}     who asks, as what, and a box for each right
    POST /family/{ask}     the code that was sent, and the boxes that are ticked; or a refusal

Who has the link sees who asks and for what; who answers must have the code as well. It works on each old telephone.
"""

from collections.abc import Callable
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.family import asking
from kangyun.access.family.asking import Ask
from kangyun.access.family.rights import RIGHTS
from kangyun.access.identities.model import PLATFORM
from kangyun.access.messages import WrongCode
from kangyun.access.platform import Platform
from kangyun.base.errors import Malformed, NotFound, PlatformError, Unavailable
from kangyun.base.statuses import status_of
from kangyun.base.texts import Language, language_of, say
from kangyun.web.exchange import HttpRequest
from kangyun.web.openid.visit import read_pairs
from kangyun.web.trace import trace_of

PATH = "/family/{ask}"
LARGEST, LONGEST = 2_000, 64  # bytes of a form; characters of the link's own part
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_STYLE = (
    "body{font:20px/1.6 sans-serif;max-width:32em;margin:2em auto;padding:0 1em;color:#1f2937;background:#fff}"
    "label{display:block;margin:.6em 0;padding:.6em;border:1px solid #6b7280;border-radius:8px}"
    "input[type=checkbox]{width:28px;height:28px;vertical-align:middle;margin-right:.6em}"
    "input[type=text]{font-size:28px;width:8em;min-height:56px;letter-spacing:.2em}"
    "button{font-size:24px;min-height:60px;width:100%;margin:.5em 0;border-radius:8px;border:1px solid #0b5cad}"
    ".yes{background:#0b5cad;color:#fff}.no{background:#fff;color:#0b5cad}[role=alert]{color:#b91c1c}"
)


def family_routes(platform: Callable[[], Platform | None]) -> list[Route]:
    """Returns the address. platform: None while it is not open."""

    async def answered(request: Request) -> Response:
        opened = platform()
        if opened is None:
            raise Unavailable
        sent = HttpRequest(request.scope, request.receive, 0)
        about = Circumstances(f"{request.method} {PATH}", sent.source, trace_of(sent).request)
        language = language_of(request.headers.get("accept-language"))
        try:
            return await _answered(opened, request, about, language)
        except PlatformError as error:
            await opened.door.turn_away(about, status_of(error))
            if isinstance(error, NotFound):
                return _page(language, f"<p>{_said('over', language)}</p>", 404)
            raise

    return [Route(PATH, answered, methods=["GET", "POST"])]


async def _answered(platform: Platform, request: Request, about: Circumstances, language: Language) -> Response:
    id_ = request.path_params["ask"]
    if len(id_) > LONGEST:
        raise NotFound("access.family.no-ask")
    ask = await asking.find(platform.gate, id_)
    if request.method == "GET":
        return _page(language, _form(ask, language))
    form = await _pairs(request)
    refused = ("answer", "no") in form
    chosen = [] if refused else [value for name, value in form if name == "right"]
    try:
        # A refusal, too: who asks knows the address, and would learn by it whether there is such a resident.
        ask = await asking.by_code(platform.gate, id_, dict(form).get("code", ""))
    except WrongCode:
        await platform.door.turn_away(about, 401)
        return _page(language, _form(ask, language, chosen, "wrong"), 401)
    actor = Actor(f"Patient/{ask.patients[0]}", "", PLATFORM, "PATRQT", role="resident", patients=ask.patients)
    record = await platform.gate.open(actor, about)
    people = await asking.people_of(platform.gate, ask)
    await asking.answer(record, ask, [one for one in chosen if one in RIGHTS], people=people, how="sms")
    return _page(language, f"<p>{_said('given' if chosen else 'refused', language)}</p>")


async def _pairs(request: Request) -> list[tuple[str, str]]:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise Malformed
    return read_pairs(body)


def _form(ask: Ask, language: Language, chosen: list[str] | None = None, wrong: str = "") -> str:
    ticked = list(ask.rights) if chosen is None else chosen
    relation = say(f"access.family.relation-{ask.relation.lower()}", language)
    who = escape(say("access.family.page-asks", language, {"name": ask.member, "relation": relation}))
    boxes = "".join(
        f'<label><input type="checkbox" name="right" value="{one}"{" checked" if one in ticked else ""}>'
        f"{_said(f'right-{one}', language)}</label>"
        for one in ask.rights
    )
    alert = f'<p role="alert">{_said("wrong-code", language)}</p>' if wrong else ""
    return (
        f'<p>{who}</p>{alert}<form method="post">{boxes}<p><label for="code">{_said("code", language)}</label>'
        f'<input type="text" id="code" name="code" inputmode="numeric" autocomplete="one-time-code" maxlength="12"></p>'
        f'<button class="yes" name="answer" value="yes">{_said("agree", language)}</button>'
        f'<button class="no" name="answer" value="no">{_said("refuse", language)}</button></form>'
        f"<p>{_said('note', language)}</p>"
    )


def _said(text: str, language: Language) -> str:
    return escape(say(f"access.family.page-{text}", language))


def _page(language: Language, body: str, status: int = 200) -> Response:
    title = _said("title", language)
    html = (
        f'<!doctype html><html lang="{"zh-CN" if language == "zh" else "en"}"><meta charset="utf-8"><meta '
        f'name="viewport" content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f"<main><h1>{title}</h1>{body}</main></html>"
    )
    return HTMLResponse(html, status, headers={"content-security-policy": _POLICY, "cache-control": "no-store"})

"""What comes back of messages over HTTP, without a sign-in: receipts of providers, and the link in a message.

    POST /outbox/receipts/{channel}     signed as `access.messages.outbox.receipts` says   -> {"heard": 2}
    GET  /outbox/receipts/wechat        WeChat asks whether the address is ours            -> its echostr
    GET  /m/{token}                     the page behind a link: that there is a message, no word of it, and a button
    POST /m/{token}                     「我已收到」: answers, once

A preview that a chat makes of a link answers nothing: only the button does.
"""

import time
from collections.abc import Awaitable, Callable
from html import escape

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from kangyun.access.actor import Circumstances
from kangyun.access.messages.outbox.channels import installed
from kangyun.access.messages.outbox.deciding import LINKS
from kangyun.access.messages.outbox.hearing import (
    answer_by_link,
    channel_of,
    find,
    find_by_phone,
    hear,
    is_good,
    is_news,
)
from kangyun.access.messages.outbox.receipts import LARGEST, check_wechat, read_signed, read_wechat
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Malformed, NotFound, PlatformError, TooLong, Unavailable
from kangyun.base.statuses import status_of
from kangyun.base.texts import Language, language_of, say
from kangyun.web.exchange import HttpRequest
from kangyun.web.trace import trace_of

Answerer = Callable[[Platform, Request], Awaitable[Response]]
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
_STYLE = (
    "body{font:20px/1.6 sans-serif;max-width:32em;margin:3em auto;padding:0 1em}"
    "button{font-size:24px;min-width:9em;min-height:2.6em}"
)
LONGEST_TOKEN = 64


def outbox_routes(platform: Callable[[], Platform | None]) -> list[Route]:
    """Returns the addresses. platform: None while it is not open."""
    keys: dict[str, bytes] = {}

    async def receipts(opened: Platform, request: Request) -> Response:
        return await _receipts(opened, request, _key(opened, keys, request.path_params["channel"]))

    async def echo(opened: Platform, request: Request) -> Response:
        _check_wechat(_key(opened, keys, "wechat"), request)
        return PlainTextResponse(request.query_params.get("echostr", "")[:200])

    def route(path: str, answer: Answerer, *methods: str) -> Route:
        async def answered(request: Request) -> Response:
            opened = platform()
            if opened is None:
                raise Unavailable
            try:
                return await answer(opened, request)
            except PlatformError as error:
                sent = HttpRequest(request.scope, request.receive, 0)
                about = Circumstances(f"{request.method} {path}", sent.source, trace_of(sent).request)
                await opened.door.turn_away(about, status_of(error), "receipt")
                raise

        return Route(path, answered, methods=list(methods))

    return [
        route("/outbox/receipts/{channel}", receipts, "POST"),
        route("/outbox/receipts/wechat", echo, "GET"),
        route(f"/{LINKS}/{{token}}", _link, "GET", "POST"),
    ]


def _key(platform: Platform, keys: dict[str, bytes], channel: str) -> bytes:
    """Returns what a channel's provider signs by; read once. Raises NotFound where there is none."""
    if not keys:
        keys.update(installed(platform.settings).receipt_keys.items())
    if not keys.get(channel):
        raise NotFound
    return keys[channel]


async def _receipts(platform: Platform, request: Request, key: bytes) -> Response:
    channel = channel_of(request.path_params["channel"])
    if channel is None:
        raise NotFound
    body, now = await _body(request), clock.now()
    if channel == "wechat":
        _check_wechat(key, request)
        told = read_wechat(body)
    else:
        stamp = request.headers.get("x-kangyun-timestamp", "")
        signature = request.headers.get("x-kangyun-signature", "").rpartition("=")[2]
        told = read_signed(key, stamp, signature, body, time.time())
    heard = 0
    letters = platform.gate.outbox.letters
    for place, one in enumerate(told):
        async with platform.pool.connection() as connection, connection.transaction():
            if one.name:
                attempts = await find(connection, channel, one.name)
            elif await is_news(connection, letters, body, place, now):
                attempts = await find_by_phone(connection, letters, channel, one.phone, one.what, now)
            else:
                attempts = []
            heard += await hear(connection, attempts, one.what, now, one.code)
    if channel == "wechat":
        return PlainTextResponse("success")
    return JSONResponse({"heard": heard})


def _check_wechat(key: bytes, request: Request) -> None:
    query = request.query_params
    stamp, nonce, signature = (query.get(name, "") for name in ("timestamp", "nonce", "signature"))
    check_wechat(key, stamp, nonce, signature, time.time())


async def _link(platform: Platform, request: Request) -> Response:
    token = request.path_params["token"]
    language = language_of(request.headers.get("accept-language"))
    letters = platform.gate.outbox.letters
    async with platform.pool.connection() as connection, connection.transaction():
        if len(token) > LONGEST_TOKEN or not await is_good(connection, letters, token):
            return _page("web.message-over", language, status=404)
        if request.method == "GET":
            return _page("web.message-there-is", language, button="web.message-got-it")
        await answer_by_link(connection, letters, token, clock.now())
    return _page("web.message-thanks", language)


def _page(text: str, language: Language, *, button: str = "", status: int = 200) -> Response:
    form = f'<form method="post"><button>{escape(say(button, language))}</button></form>' if button else ""
    title = escape(say("web.message-title", language))
    html = (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width"><title>{title}</title><style>{_STYLE}</style>'
        f"<h1>{title}</h1><p>{escape(say(text, language))}</p>{form}</html>"
    )
    return HTMLResponse(html, status, headers={"content-security-policy": _POLICY, "cache-control": "no-store"})


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > LARGEST:
                raise TooLong("web.body-too-long", limit=LARGEST)
    except ClientDisconnect:
        raise Malformed("web.body-needed") from None
    return body

"""What every answer says to a browser: do not keep it, do not guess its type, do not frame it, do not run it.

An answer that has said one of these itself (the pages do) keeps its own word. Nothing here decides who may see what.

Sources: RFC 9111 section 5.2.2.5 (no-store), RFC 6797 (strict transport), https://www.w3.org/TR/CSP3/ ,
https://fetch.spec.whatwg.org/#x-content-type-options-header , https://www.w3.org/TR/referrer-policy/
"""

from collections.abc import MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

# A stored document that is HTML or SVG is shown as a stranger's: without scripts, forms and frames.
HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


def guarded(application: ASGIApp, *, encrypted: bool) -> ASGIApp:
    """Returns the application, its answers with these headers. `encrypted`: the world reaches it by https only."""
    ours = (*HEADERS, STRICT_TRANSPORT) if encrypted else HEADERS

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await application(scope, receive, send)
            return

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                said = list(message.get("headers", ()))
                names = {name.lower() for name, _ in said}
                message = {**message, "headers": said + [one for one in ours if one[0] not in names]}
            await send(message)

        await application(scope, receive, send_guarded)

    return answer

"""The console's files, as they were built from `console/`: one page for all its addresses, and what it loads.

Nothing is compressed or read from disk for a request: the build has packed what it made, and a process reads both when
it starts. Where it was not built the page says how. It knows nothing of what the console shows.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from kangyun.base.errors import Invalid
from kangyun.base.texts import say
from kangyun.web.openid.visit import SESSION

PAGES = {"/console": "console.html", "/my": "my.html"}
"""Below which address which page is; a page has addresses of its own below it."""
FILES = {
    "/my-worker.js": "text/javascript",
    "/my.webmanifest": "application/manifest+json",
    "/my-icon.svg": "image/svg+xml",
    "/my-icon-192.png": "image/png",
    "/my-icon-512.png": "image/png",
}
"""What a browser that keeps the portal beside its pages asks for, by names that stay."""
NONCE, SIGNED_IN, READERS = "__NONCE__", "__SIGNED_IN__", "__CARD_READERS__"
# Without signs that a policy would read as its own.
_LOCAL = re.compile(r"https?://(?:127\.0\.0\.1|localhost):[0-9]{1,5}(?:/[A-Za-z0-9._~/\-]*)?")
_MEDIA_TYPES = {
    "js": "text/javascript",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
_FOR_EVER = "public, max-age=31536000, immutable"
_PACKED = ".gz"


@dataclass(frozen=True, slots=True)
class _Asset:
    plain: bytes
    packed: bytes
    media_type: str

    def answer(self, accepted: str) -> Response:
        """Returns the answer; its name changes with its content, so a browser keeps it for ever."""
        headers = {"cache-control": _FOR_EVER, "vary": "accept-encoding"}
        if self.packed and "gzip" in accepted:
            return Response(self.packed, media_type=self.media_type, headers=headers | {"content-encoding": "gzip"})
        return Response(self.plain, media_type=self.media_type, headers=headers)


def readers_of(setting: str) -> tuple[str, ...]:
    """Returns the addresses of card readers. Raises Invalid for one that is not on the user's own computer."""
    addresses = tuple(filter(None, (part.strip() for part in setting.split(","))))
    if not all(_LOCAL.fullmatch(one) for one in addresses):
        raise Invalid("base.wrong-setting", name="card_readers")
    return addresses


def console_routes(readers: tuple[str, ...] = ()) -> list[Route]:
    """Returns the routes of the pages and of what they load. readers: whom else the console may ask."""
    built = files(__name__).joinpath("built")
    assets = _assets()

    async def asset(request: Request) -> Response:
        found = assets.get(request.path_params["name"])
        return found.answer(request.headers.get("accept-encoding", "")) if found else Response(status_code=404)

    routes = [Route("/assets/{name}", asset)]
    routes += [_kept(path, built.joinpath(path[1:]), media_type) for path, media_type in FILES.items()]
    for path, name in PAGES.items():
        answer = _page(built.joinpath(name), readers if name == PAGES["/console"] else ())
        routes += [Route(path, answer), Route(f"{path}/{{rest:path}}", answer)]
    return routes


def _kept(path: str, file: Traversable, media_type: str) -> Route:
    body = file.read_bytes() if file.is_file() else b""

    async def answer(request: Request) -> Response:
        headers = {
            "cache-control": "no-cache",
            "x-content-type-options": "nosniff",
            # What keeps the portal's frame asks this host for it, and nobody else for anything.
            "content-security-policy": "default-src 'none'; connect-src 'self'",
        }
        return Response(body, media_type=media_type, headers=headers) if body else Response(status_code=404)

    return Route(path, answer)


def _page(file: Traversable, readers: tuple[str, ...]) -> Callable[[Request], Awaitable[Response]]:
    text = file.read_text("utf-8") if file.is_file() else ""
    text = text.replace(READERS, " ".join(readers))
    connect = " ".join(["'self'", *readers])

    async def answer(request: Request) -> Response:
        if not text:
            return PlainTextResponse(
                f"{say('web.console.not-built', 'zh')}\n{say('web.console.not-built', 'en')}\n", 404
            )
        nonce = secrets.token_urlsafe(16)
        headers = {
            # Styles are made while the page runs, each under the nonce; a chart sets those of its own elements.
            "content-security-policy": (
                f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; "
                f"style-src-attr 'unsafe-inline'; connect-src {connect}; img-src 'self' data: blob:; font-src 'self'; "
                "manifest-src 'self'; worker-src 'self'; "
                "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        }
        signed_in = "maybe" if any(SESSION in name for name in request.cookies) else "no"
        page = text.replace(NONCE, nonce).replace(SIGNED_IN, signed_in)
        return Response(page, media_type="text/html; charset=utf-8", headers=headers)

    return answer


@cache
def _assets() -> Mapping[str, _Asset]:
    folder = files(__name__).joinpath("built", "assets")
    bodies = {one.name: one.read_bytes() for one in folder.iterdir()} if folder.is_dir() else {}
    return {name: _asset(name, bodies) for name in bodies if not name.endswith(_PACKED)}


def _asset(name: str, bodies: Mapping[str, bytes]) -> _Asset:
    media_type = _MEDIA_TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return _Asset(bodies[name], bodies.get(name + _PACKED, b""), media_type)

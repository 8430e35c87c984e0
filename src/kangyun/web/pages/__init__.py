"""The small page at `/`: a sign-in, and behind it a search to look around with.

Where it is no demonstration, nobody who is not signed in is shown more than the product's name and the sign-in.

Three static files and nothing from elsewhere, so that it works without the internet and on the browsers that Windows 7
desks still have (Chrome 78: no `?.`, no `??`). It is not the console, which is another issue, and it knows no more than
any other client of the FHIR API.
"""

from importlib.metadata import version
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from kangyun.web.look.page import CSS as LOOK_CSS
from kangyun.web.openid.pages import CSS as SIGN_IN_CSS

FILES = {"/": "index.html", "/pages/page.css": "page.css", "/pages/page.js": "page.js"}
_MEDIA_TYPES = {"html": "text/html; charset=utf-8", "css": "text/css; charset=utf-8", "js": "text/javascript"}
_STYLES = {"/oauth/pages.css": SIGN_IN_CSS, "/look/page.css": LOOK_CSS}
_MARK = """
body::before { content: "演示数据：人员和记录均为虚构 · Demonstration: everybody in here is invented"; display: block;
  padding: 8px 24px; background: #b42318; color: #fff; text-align: center; font-weight: bold; }
"""
HEADERS = {
    # Nothing but what this server sends, in nobody's frame; no address of a record goes to another site.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
}


def page_routes(*, demonstration: bool, zone: str, help_phone: str) -> list[Route]:
    """Returns the routes of the page.

    demonstration: it says 演示数据 on top and what this is. zone: the region's. help_phone: whom residents can call.
    """
    about: dict[str, str | bool] = {
        "name": "Kangyun 康云", "demonstration": demonstration, "zone": zone, "help": help_phone,
    }  # fmt: skip
    if demonstration:
        about |= {"version": version("kangyun"), "fhir": "/fhir"}

    async def tell(request: Request) -> Response:
        return JSONResponse(about, headers={"cache-control": "no-cache"})

    return [Route("/about", tell), *(_file(path, name) for path, name in FILES.items())]


def marked_styles() -> list[Route]:
    """Returns routes of the other pages' style sheets that put 演示数据 on top of all that they style.

    A demonstration has them before the sheets themselves: so no page can forget to say it.
    """
    return [_style(path, style + _MARK.encode()) for path, style in _STYLES.items()]


def _style(path: str, style: bytes) -> Route:
    async def send(request: Request) -> Response:
        return Response(style, media_type=_MEDIA_TYPES["css"], headers=HEADERS)

    return Route(path, send)


def _file(path: str, name: str) -> Route:
    body = files(__name__).joinpath(name).read_bytes()
    media_type = _MEDIA_TYPES[name.rpartition(".")[2]]

    async def send(request: Request) -> Response:
        return Response(body, media_type=media_type, headers=HEADERS)

    return Route(path, send)

"""Calls from pages of other origins (CORS), where a setting names their origins; none by default.

Source: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
EXPOSED = (
    "ETag", "Last-Modified", "Location", "Content-Location", "X-Request-Id", "Retry-After", "X-Progress", "X-Watermark",
)  # fmt: skip
MAX_AGE = 600  # seconds


def crossing(application: ASGIApp, origins: str) -> ASGIApp:
    """Returns the application behind an answerer of preflights, or as it is where no origin is named.

    origins: separated by commas. No cookies: who asks sends a bearer token.
    """
    allowed = [origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip()]
    if not allowed:
        return application
    return CORSMiddleware(
        application, allow_origins=allowed, allow_methods=METHODS, allow_headers=["*"], expose_headers=EXPOSED,
        max_age=MAX_AGE,
    )  # fmt: skip

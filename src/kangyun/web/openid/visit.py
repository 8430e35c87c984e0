"""One request to the provider: its form, cookies and language, and what it leaves in the audit trail."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from kangyun.access.actor import Circumstances
from kangyun.access.audit import Row
from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Malformed, NotSupported, TooLong, Unavailable
from kangyun.base.logging import new_trace
from kangyun.base.texts import Language, language_of

LARGEST = 64_000  # bytes
MOST_FIELDS = 300
FORM = "application/x-www-form-urlencoded"
SESSION, STEP, LANGUAGE = "kangyun-session", "kangyun-step", "kangyun-language"
LANGUAGE_LASTS = 365 * 86_400  # seconds
PURPOSE, NO_INSTITUTION = "SYSADMIN", 0
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9\-]{1,64}")


@dataclass(slots=True)
class Visit:
    """One request. `shape` is what the trail says of it: method and path, which are ours."""

    http: Request
    platform: Platform
    shape: str
    id: str

    @classmethod
    def of(cls, request: Request, platform: Platform | None, shape: str) -> "Visit":
        """Begins a visit. Raises Unavailable while the platform is not open."""
        if platform is None:
            raise Unavailable
        given = request.headers.get("x-request-id", "")
        trace = new_trace(
            given if _REQUEST_ID.fullmatch(given) else None, request.headers.get("traceparent", "").strip()
        )
        return cls(request, platform, shape, trace.request)

    @property
    def source(self) -> str:
        return self.http.client.host if self.http.client else ""

    @property
    def language(self) -> Language:
        chosen = self.http.query_params.get("lang") or self.http.cookies.get(self._name(LANGUAGE), "")
        if chosen in ("zh", "en"):
            return "en" if chosen == "en" else "zh"
        return language_of(self.http.headers.get("accept-language"))

    @property
    def about(self) -> Circumstances:
        return Circumstances(self.shape, self.source, self.id)

    async def body(self) -> bytes:
        """Returns the body. Raises TooLong, Malformed."""
        body = b""
        try:
            async for part in self.http.stream():
                body += part
                if len(body) > LARGEST:
                    raise TooLong("web.body-too-long", limit=LARGEST)
        except ClientDisconnect:
            raise Malformed("web.body-needed") from None
        return body

    async def pairs(self) -> list[tuple[str, str]]:
        """Returns the fields of a form, in order. Raises NotSupported, Malformed, TooLong."""
        if self.http.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
            raise NotSupported("web.media-type")
        return read_pairs(await self.body())

    async def form(self) -> dict[str, str]:
        """Returns a form whose fields stand there once each. Raises Malformed."""
        pairs = await self.pairs()
        if len(dict(pairs)) < len(pairs):
            raise Malformed("web.openid.twice")
        return dict(pairs)

    def bearer(self) -> str:
        """Returns the bearer token, empty without one."""
        scheme, _, token = self.http.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""

    # --- cookies

    @property
    def _is_secure(self) -> bool:
        return self.platform.base.startswith("https:")

    def _name(self, name: str) -> str:
        # A browser takes such a name only over TLS, for this host and for all paths: no neighbour can plant one.
        return f"__Host-{name}" if self._is_secure else name

    def cookie(self, name: str) -> str:
        """Returns what a cookie holds, empty without it."""
        return self.http.cookies.get(self._name(name), "")

    def set_cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        """Sets a cookie; empty: takes it away. A session's comes along from a link elsewhere, a step's does not."""
        response.set_cookie(
            self._name(name), value, max_age=seconds if value else 0, path="/", secure=self._is_secure, httponly=True,
            samesite="strict" if name == STEP else "lax",
        )  # fmt: skip

    def keep_language(self, response: Response) -> None:
        """Has the browser remember the language, where this request chose it."""
        if self.http.query_params.get("lang") in ("zh", "en"):
            self.set_cookie(response, LANGUAGE, self.language, LANGUAGE_LASTS)

    # --- the trail

    async def refused(self, status: int) -> None:
        """Leaves the row of who was turned away."""
        await self.platform.door.turn_away(self.about, status)

    async def done(self, action: str, actor: str, patients: Sequence[int] = ()) -> None:
        """Leaves the row of what was done; it is durable when this returns. Raises Unavailable."""
        row = (clock.now(), NO_INSTITUTION, 200, action, actor, PURPOSE, self.shape, self.source, self.id)
        await self.platform.gate.auditor.write(Row(*row, list(patients)))


def read_pairs(text: bytes) -> list[tuple[str, str]]:
    """Reads a form or a query. Raises Malformed."""
    try:
        return parse_qsl(text.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise Malformed from None

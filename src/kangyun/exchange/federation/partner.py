"""A node above, called: by a token that a signed assertion is given, over the one address that was registered.

Source: RFC 7523; SMART App Launch 2, backend services
(http://hl7.org/fhir/smart-app-launch/STU2/backend-services.html).
"""

import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import msgspec
from joserfc import jwt

from kangyun.access.oidc.clients import ASSERTION
from kangyun.access.outbound import Outbound
from kangyun.base.errors import PlatformError, Unavailable
from kangyun.exchange.federation.forms import Mark, mark_id, mark_in, transaction
from kangyun.exchange.federation.nodes import ALGORITHM, SCOPES, Node, Nodes, guard_of
from kangyun.fhir import Resource
from kangyun.fhir.json import decode, encode

ANSWER_WITHIN = 30.0  # seconds
LARGEST = 20_000_000  # bytes of an answer
EARLY = 30.0  # seconds before its end that a token is renewed
LASTS = 120  # seconds that an assertion is good for
FORM, JSON = "application/x-www-form-urlencoded", "application/fhir+json"


class OutOfStep(Exception):
    """The mark is not where it is known to be: one of the two sides was restored, or a call went well unheard."""


@dataclass(slots=True)
class Partner:
    """Calls one node above. One for a process and a node."""

    node: Node
    nodes: Nodes
    outbound: Outbound = field(init=False)
    _token: str = ""
    _until: float = 0.0
    _endpoint: str = ""

    def __post_init__(self) -> None:
        self.outbound = Outbound(guard_of(self.node.base))

    def close(self) -> None:
        """Makes no more calls."""
        self.outbound.close()

    async def call(self, path: str, resource: Resource, seconds: float = ANSWER_WITHIN) -> tuple[int, Any]:
        """Posts a resource below the base, and returns status and answer. Raises Unavailable where there is none."""
        status, body = await self._post(path, resource, seconds)
        if status == 401:  # It was taken back, or the other side has forgotten it.
            self._token = ""
            status, body = await self._post(path, resource, seconds)
        if len(body) > LARGEST:
            raise Unavailable("exchange.federation.too-much")
        try:
            return status, decode(body) if body else {}
        except PlatformError:
            raise Unavailable("exchange.federation.no-answer", status=status) from None

    async def mark(self) -> Mark:
        """Returns how far it says that it was told. Raises Unavailable."""
        asked = {"request": {"method": "GET", "url": f"Basic/{mark_id(self.node.own)}"}}
        status, answer = await self.call("", {"resourceType": "Bundle", "type": "batch", "entry": [asked]})
        if status != 200:
            raise Unavailable("exchange.federation.status", status=status)
        entry = answer["entry"][0]
        said = entry["response"]["status"][:3]
        if said == "200":
            return mark_in(entry["resource"])
        if said in ("404", "410"):
            return Mark()
        raise Unavailable("exchange.federation.status", status=int(said))

    async def tell(self, entries: list[Resource], mark: Resource | None) -> tuple[int, Any]:
        """Sends a transaction. Raises OutOfStep where the mark has moved, Unavailable where it may be sent again."""
        status, answer = await self.call("", transaction(entries, mark))
        if status == 412:
            raise OutOfStep
        if status in (401, 408, 409, 425, 429) or status >= 500:
            raise Unavailable("exchange.federation.status", status=status)
        return status, answer

    async def _post(self, path: str, resource: Resource, seconds: float) -> tuple[int, bytes]:
        headers = {"authorization": f"Bearer {await self._shown()}", "content-type": JSON, "accept": JSON}
        url = f"{self.node.base}/{path}" if path else self.node.base
        return await self.outbound.ask(url, headers | {"prefer": "return=minimal"}, encode(resource), seconds, LARGEST)

    async def _shown(self) -> str:
        """Returns a token that is good. Raises Unavailable."""
        if self._token and time.monotonic() < self._until:
            return self._token
        if not self._endpoint:
            self._endpoint = await self._configured()
        kid, key = await self.nodes.key()
        own = self.node.own
        claims = {"iss": own, "sub": own, "aud": self._endpoint, "exp": int(time.time()) + LASTS, "jti": uuid4().hex}
        form = {
            "grant_type": "client_credentials", "scope": " ".join(SCOPES), "client_assertion_type": ASSERTION,
            "client_assertion": jwt.encode({"alg": ALGORITHM, "kid": kid, "typ": "JWT"}, claims, key, [ALGORITHM]),
        }  # fmt: skip
        status, body = await self.outbound.ask(
            self._endpoint, {"content-type": FORM}, urlencode(form).encode(), ANSWER_WITHIN, LARGEST
        )
        if status != 200:
            raise Unavailable("exchange.federation.not-let-in", status=status)
        answer = msgspec.json.decode(body)
        self._token, self._until = answer["access_token"], time.monotonic() + answer["expires_in"] - EARLY
        return self._token

    async def _configured(self) -> str:
        whole = b""
        async for piece in self.outbound.read(f"{self.node.base}/.well-known/smart-configuration"):
            whole += piece
            if len(whole) > LARGEST:
                raise Unavailable("exchange.federation.too-much")
        try:
            return str(msgspec.json.decode(whole)["token_endpoint"])
        except (msgspec.DecodeError, KeyError, TypeError):
            raise Unavailable("exchange.federation.no-answer", status=200) from None

"""`[base]/metadata`, told to everybody, and `openapi.json`, to whoever is signed in: made anew
when what it tells has changed.

Source: https://hl7.org/fhir/R4/http.html#capabilities
"""

import contextlib

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.base.errors import Invalid, PlatformError
from kangyun.fhir.json import encode
from kangyun.web.capability import capability_statement, terminology_capabilities
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.openapi import openapi


class Metadata:
    """Answers for the metadata of one process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._started = clock.now()
        self._edition = -1
        self._statement = b""
        self._described = -1
        self._document = b""

    async def answer(self, request: HttpRequest) -> Answer:
        """Answers GET. Raises Invalid for a mode that R4 does not know."""
        if request.method not in ("GET", "HEAD"):
            raise NotAllowed(request.method, "GET", "HEAD")
        mode = request.option("mode") or "full"
        if mode in ("full", "normative"):
            return Answer(200, await self._capabilities())
        if mode == "terminology":
            return Answer(200, await self._terminology())
        raise Invalid("web.mode")

    async def description(self) -> bytes:
        """Returns the API's description as an OpenAPI document."""
        await self._capabilities()
        if self._described != self._edition:
            document = openapi(self._platform.base, self._platform.gate.store.registry.known)
            self._document, self._described = encode(document), self._edition
        return self._document

    async def _capabilities(self) -> bytes:
        store = self._platform.gate.store
        with contextlib.suppress(PlatformError):  # Without a database it still tells what it could do with one.
            await store.refresh()
        if store.registry.edition != self._edition or not self._statement:
            cors = bool(self._platform.settings.cors_origins)
            statement = capability_statement(self._platform.base, store.registry.known, self._started, cors)
            self._edition, self._statement = store.registry.edition, encode(statement)
        return self._statement

    async def _terminology(self) -> bytes:
        store = self._platform.gate.store
        async with store.pool.connection() as connection:
            terminology = await store.terminology.current(connection)
        return encode(terminology_capabilities(self._platform.base, terminology.systems(), self._started))

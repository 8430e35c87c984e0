"""What the fault tests share: an application that is called without an HTTP library in between, so that a test may send
what no library would."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import httpx
import msgspec
import pytest
import pytest_asyncio

from kangyun.base.settings import Settings
from kangyun.testing.folders import database_folder
from kangyun.testing.installation import Installation
from kangyun.testing.plugin import ADMIN_TOKEN
from kangyun.web.app import Application

Header = tuple[bytes, bytes]
AUTHORIZATION = (b"authorization", b"Bearer " + ADMIN_TOKEN.encode())
FHIR_JSON = (b"content-type", b"application/fhir+json")


@dataclass
class Answered:
    """What the application sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def is_sound(self) -> bool:
        """Whether this is an answer that a client can act on: no fault of ours, and each refusal says what is wrong."""
        return self.status < 400 or (self.status < 500 and (b"OperationOutcome" in self.body or not self.body))


class Caller:
    """Calls an application as a web server does, and takes what it sends."""

    def __init__(self, application: Application) -> None:
        self.application = application

    async def __call__(
        self,
        method: str,
        path: bytes | str,
        query: bytes | str = b"",
        *headers: Header,
        body: bytes | list[bytes] = b"",
        cut: bool = False,
    ) -> Answered:
        """Sends a request below the FHIR base. `body` in parts comes in parts; `cut`: its end never comes."""
        raw = b"/fhir/" + (path.encode() if isinstance(path, str) else path)
        parts = body if isinstance(body, list) else [body]
        messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
        messages[-1]["more_body"] = cut
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": method,
            "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
            "raw_path": raw,
            "query_string": query.encode() if isinstance(query, str) else query,
            "headers": [AUTHORIZATION, *headers],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8080),
        }
        return await self._sent(scope, messages)

    async def _sent(self, scope: dict[str, Any], messages: list[dict[str, Any]]) -> Answered:
        answered = Answered()

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0)
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answered.status = message["status"]
                answered.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
            else:
                answered.body += message.get("body", b"")

        await self.application(scope, receive, send)
        return answered


@pytest_asyncio.fixture
async def call(fresh_database: str, make_settings: Callable[..., Settings]) -> AsyncIterator[Caller]:
    """Calls an application on a fresh database."""
    application = Application(make_settings(), fresh_database)
    await application.open()
    yield Caller(application)
    await application.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_call(shared_database: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Caller]:
    """Calls an application that a module's tests share.

    Such a module says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
    """
    settings = Settings(data=tmp_path_factory.mktemp("data"), admin_token=ADMIN_TOKEN, connections=4)
    application = Application(settings, shared_database)
    await application.open()
    yield Caller(application)
    await application.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stranger(shared_call: Caller) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the same application who is not signed in; paths are below its root."""
    transport = httpx.ASGITransport(shared_call.application)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080/") as client:
        yield client


@pytest.fixture
def new_installation() -> Iterator[Callable[..., Installation]]:
    """Makes installations of `kangyun up`, with settings; each ends with the test."""
    made: list[Installation] = []

    def make(data: Path | None = None, **settings: object) -> Installation:
        data = data or folder / str(len(made)) / "data"
        data.parent.mkdir(exist_ok=True)
        made.append(Installation(data, **settings))
        return made[-1]

    with database_folder("faults") as folder:
        yield make
        for installation in made:
            installation.stop()

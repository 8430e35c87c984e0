"""Pytest plugin: a real PostgreSQL for every test, and the platform on it.

The schema is built once a worker, in a template; a test that asks for a database gets a clone of its own. There is no
in-memory double of the store. KANGYUN_TEST_DATABASE names a server to use instead of the embedded one (its role must
be able to make databases): CI runs once so on PostgreSQL 15.
"""

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio

from kangyun.access.identities import passwords
from kangyun.access.platform import Platform, open_platform
from kangyun.access.work import work
from kangyun.base.settings import Settings
from kangyun.catalog import catalog
from kangyun.database import jobs
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.migrations import migrate
from kangyun.testing.folders import database_folder
from kangyun.testing.issuing import IssuerStub
from kangyun.web.app import Application

ADMIN_TOKEN = "test-administrator-0123456789abcdef"
# A test's data need not survive the machine; so a copy of the files, and not by the log, is the quicker one.
UNSAFE_AND_FAST = {
    "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "64MB",
    "max_wal_size": "128MB",
}  # fmt: skip


def pytest_collection_finish() -> None:
    """Leaves thousands of tests, which live as long as the run, out of every collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Lets the hash of a password take 1 MiB, and not 46 MiB and some 60 ms, which nothing here is about."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "MEMORY", 1024)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real input; the test is skipped where it is absent."""
    folder = Path(__file__).resolve().parents[4] / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared, which is absent here")
    return folder


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """URL of a server, without a database's name at its end; `{database}` stands for it."""
    given = os.environ.get("KANGYUN_TEST_DATABASE")
    if given:
        yield given
        return
    with database_folder("test") as folder:
        server = EmbeddedServer(folder, UNSAFE_AND_FAST)
        server.start()
        yield server.url.replace("@/kangyun?", "@/{database}?")
        server.stop()


@pytest.fixture(scope="session")
def template(database_server: str) -> Iterator[str]:
    """Name of a database that holds the schema and no rows."""
    name = f"kangyun_template_{uuid4().hex[:8]}"
    asyncio.run(_run(database_server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'"))
    asyncio.run(_build(database_server.replace("{database}", name)))
    yield name
    asyncio.run(_run(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def fresh_database(database_server: str, template: str) -> Iterator[str]:
    """URL of a database of this test's own, with the schema and no rows."""
    name = f"kangyun_test_{uuid4().hex[:12]}"
    asyncio.run(_run(database_server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    yield database_server.replace("{database}", name)
    asyncio.run(_run(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def make_settings(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a test installation: `make_settings(search_seconds=0.1)`."""

    def make(**given: object) -> Settings:
        return Settings(**{"data": tmp_path, "admin_token": ADMIN_TOKEN, "connections": 4} | given)  # type: ignore[arg-type]

    return make


@pytest_asyncio.fixture
async def platform(fresh_database: str, make_settings: Callable[..., Settings]) -> AsyncIterator[Platform]:
    """The platform of one process on a fresh database."""
    opened = await open_platform(make_settings(), fresh_database)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def open_client(
    fresh_database: str, make_settings: Callable[..., Settings]
) -> AsyncIterator[Callable[..., "asyncio.Future[httpx.AsyncClient]"]]:
    """Opens HTTP clients: `await open_client(search_seconds=0.1)`; each has a process's application behind it."""
    opened: list[tuple[Application, httpx.AsyncClient]] = []

    async def open_one(token: str | None = ADMIN_TOKEN, **given: object) -> httpx.AsyncClient:
        application = Application(make_settings(**given), fresh_database)
        await application.open()
        client = _client(application, token)
        opened.append((application, client))
        return client

    yield open_one  # type: ignore[misc]
    for application, client in opened:
        await client.aclose()
        await application.close()


@pytest_asyncio.fixture
async def client(open_client: Callable[..., "asyncio.Future[httpx.AsyncClient]"]) -> httpx.AsyncClient:
    """An administrator's HTTP client on a fresh installation; paths are below the FHIR base."""
    return await open_client()


@pytest_asyncio.fixture
async def start_background(
    fresh_database: str, make_settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., None]]:
    """Starts what `kangyun work` runs, in this process, until the test ends: `start_background(import_folder=…)`."""
    monkeypatch.setattr(jobs, "LOOK", 0.02)
    stop = asyncio.Event()
    started = []

    def start(**given: object) -> None:
        settings = make_settings(**{"database": fresh_database, "bulk_workers": 1} | given)
        started.append(asyncio.ensure_future(work(settings, stop, jobs_apart=False)))

    yield start
    stop.set()
    await asyncio.gather(*started)


@pytest.fixture
def issuer() -> Iterator[IssuerStub]:
    """An issuer of codes at an address of its own: `issuer.codes["…"] = {"status": "good", …}`."""
    with IssuerStub().running() as stub:
        yield stub


@pytest.fixture(scope="module")
def shared_database(database_server: str, template: str) -> Iterator[str]:
    """URL of a database that a module's tests share, with the schema and no rows at first."""
    name = f"kangyun_test_{uuid4().hex[:12]}"
    asyncio.run(_run(database_server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy"))
    yield database_server.replace("{database}", name)
    asyncio.run(_run(database_server, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_client(
    shared_database: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """An administrator's client that a module's tests share, once filled, for reading only.

    Such a module says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
    """
    # What a search says is tested here, not how long it takes on a busy machine.
    settings = Settings(
        data=tmp_path_factory.mktemp("shared"), admin_token=ADMIN_TOKEN, connections=4, search_seconds=60
    )
    application = Application(settings, shared_database)
    await application.open()
    async with _client(application, ADMIN_TOKEN) as client:
        yield client
    await application.close()


def _client(application: Application, token: str | None) -> httpx.AsyncClient:
    headers = {"accept-language": "en"} | ({"authorization": f"Bearer {token}"} if token else {})
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application), base_url="http://127.0.0.1:8080/fhir/", headers=headers, timeout=60
    )


async def _run(server: str, sql: str) -> None:
    connection = await asyncpg.connect(server.replace("{database}", "postgres"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def _build(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await migrate(connection, list(catalog().schemas))
    finally:
        await connection.close()

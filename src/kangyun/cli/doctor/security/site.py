"""The installation as the checks look at it: settings, data folder, database, and what answers over HTTP.

It reads and changes nothing. What is not there (a database that does not answer, a table of a part that is not
installed) is told as such: a check that needs it ends with `Unseen`, and the table says why.
"""

import json
import ssl
import stat
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from kangyun.base import clock
from kangyun.base.errors import PlatformError
from kangyun.base.settings import PREFIX, Settings
from kangyun.cli.doctor.security.verdicts import Unseen, unknown
from kangyun.cli.folder import holder
from kangyun.database.embedded import EmbeddedServer

WITHIN = 10.0  # seconds
LARGEST_ANSWER = 100_000  # bytes that are read of one
_TABLES = """
SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (current_schemas(false))
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered to a request. Names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *given: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Site:
    """What the checks look at. web: where it answers, without a slash at its end; empty where nothing runs."""

    settings: Settings
    web: str
    connection: asyncpg.Connection | None = None
    tables: frozenset[str] = frozenset()
    reason: str = ""  # why there is no connection
    now: datetime = field(default_factory=clock.now)

    @property
    def folder(self) -> Path:
        return self.settings.data

    def setting(self, name: str) -> Any:
        """Returns a setting, None where this version has none of that name."""
        return getattr(self.settings, name, None)

    def shown(self, *names: str) -> str:
        """Returns settings as evidence; only such as are no secret."""
        return "；".join(f"{PREFIX}{name.upper()}={self.setting(name)}" for name in names)

    @property
    def database(self) -> asyncpg.Connection:
        """The connection. Raises Unseen without one."""
        if self.connection is None:
            raise Unseen(unknown("no-database", self.reason, reason=self.reason))
        return self.connection

    def has(self, table: str) -> bool:
        """Whether there is a table. Raises Unseen without a database."""
        return self.database is not None and table in self.tables

    async def value(self, sql: str, *given: object) -> Any:
        """Returns one value of the database. Raises Unseen without one."""
        return await self.database.fetchval(sql, *given)

    def ask(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Asks what runs, without a sign-in. Raises Unseen where nothing answers."""
        if not self.web:
            raise Unseen(unknown("not-running"))
        opener = urllib.request.build_opener(_NoRedirect, urllib.request.HTTPSHandler(context=_unverified()))
        request = urllib.request.Request(self.web + path, headers=dict(headers or {}))
        try:
            with opener.open(request, timeout=WITHIN) as answer:
                return _reply(answer)
        except urllib.error.HTTPError as refused:
            return _reply(refused)
        except (OSError, ValueError) as error:
            raise Unseen(unknown("no-answer", f"{self.web}：{type(error).__name__}", url=self.web)) from None

    def told(self, name: str) -> dict[str, Any] | None:
        """Returns a JSON file of the data folder, None where there is none that can be read."""
        try:
            found = json.loads((self.folder / name).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def since(self, moment: object) -> timedelta | None:
        """Returns how long ago an instant of a file was; None where it is none."""
        try:
            instant = datetime.fromisoformat(str(moment))
        except ValueError:
            return None
        return self.now - (instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def _reply(answer: Any) -> Reply:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Reply(answer.status, headers, answer.read(LARGEST_ANSWER).decode("utf-8", "replace"))


def _unverified() -> ssl.SSLContext:
    """A context that takes any certificate: whether it is a good one is looked at by a check of its own."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def mode_of(path: Path) -> int:
    """Returns the permission bits of a file. Raises OSError."""
    return stat.S_IMODE(path.stat().st_mode)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Site]:
    """Opens what there is to look at."""
    held = holder(settings.data)
    web = held.url if held else _public(settings)
    connection, reason = await _connected(settings)
    try:
        tables: frozenset[str] = frozenset()
        if connection is not None:
            tables = frozenset(row["relname"] for row in await connection.fetch(_TABLES))
        yield Site(settings, web.rstrip("/"), connection, tables, reason)
    finally:
        if connection is not None:
            await connection.close(timeout=WITHIN)


def _public(settings: Settings) -> str:
    """Where an installation whose parts run by themselves answers, if it says so."""
    return settings.public_url.rstrip("/").removesuffix("/fhir") if settings.database else ""


async def _connected(settings: Settings) -> tuple[asyncpg.Connection | None, str]:
    try:
        url = settings.database or EmbeddedServer(settings.data).url
        return await asyncpg.connect(url, timeout=WITHIN, command_timeout=60), ""
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError, PlatformError) as error:
        return None, type(error).__name__

"""A site to look at: a database whose tables a test makes, settings, a data folder, and something that answers HTTP."""

import threading
from contextlib import AsyncExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import asyncpg
import pytest
import pytest_asyncio

from kangyun.base.settings import Settings
from kangyun.cli.doctor.security.checks import CHECKS
from kangyun.cli.doctor.security.site import opened
from kangyun.cli.doctor.security.verdicts import Unseen

FRESH = "DROP SCHEMA IF EXISTS probe CASCADE; CREATE SCHEMA probe; SET search_path = probe"


class Later(Settings, frozen=True, kw_only=True):
    """The settings with those of other parts, whether or not they are there yet."""

    idle_minutes: float = 30.0
    session_hours: float = 12.0
    sessions_each: int = 0
    password_length: int = 10
    password_days: int = 90
    audit_months: int = 12
    backup_folder: str = ""
    backup_hours: int = 24
    key_days: int = 30
    crypto: str = "software"
    crypto_library: str = ""
    trusted_proxies: str = ""
    sign_in_hosts: str = ""
    message_hosts: str = ""


@pytest.fixture
def later():
    """Makes settings with those of other parts."""
    return Later


@pytest_asyncio.fixture
async def open_site(fresh_database, tmp_path):
    """`await open_site(sql, alone=True, **settings)`: tables of `sql` stand before the platform's, or alone."""
    async with AsyncExitStack() as stack:

        async def open_(sql="SELECT 1", *, alone=False, web="", folder=None, **given):
            connection = await asyncpg.connect(fresh_database)
            await connection.execute(
                "DROP SCHEMA IF EXISTS probe CASCADE; CREATE SCHEMA probe; SET search_path = probe"
            )
            await connection.execute(sql)
            await connection.close()
            path = "probe" if alone else "probe,public"
            chosen = {"data": folder or tmp_path, "database": f"{fresh_database}&search_path={path}"} | given
            site = await stack.enter_async_context(opened(Later(**chosen)))
            object.__setattr__(site, "web", web)
            return site

        yield open_


@pytest.fixture
def look(open_site):
    """`await look("lockout", sql)`: the verdict of one check on a site."""

    async def look_(check, sql="SELECT 1", **given):
        site = await open_site(sql, **given)
        try:
            return (await CHECKS[check](site)).verdict
        except Unseen as unseen:
            return unseen.finding.verdict

    return look_


@pytest.fixture
def answering():
    """Starts something that answers HTTP: `answering(status=200, headers={}, body="")`; returns where."""
    servers = []

    def start(status=200, headers=None, body="", paths=None):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response((paths or {}).get(self.path.partition("?")[0], status))
                for name, value in (headers or {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()

"""The list of what a server must do, tried on real servers: ours, the least one, and ones that lack something."""

import tempfile
from pathlib import Path

import asyncpg
import pytest

from kangyun.base.errors import Unavailable
from kangyun.database import requirements
from kangyun.database.embedded import EmbeddedServer
from kangyun.database.requirements import Feature, Step, features, try_server

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")


async def outcomes(url):
    return {verdict.feature.id: (verdict.outcome, verdict.reason) async for verdict in try_server(url)}


@pytest.fixture(params=[None, DEBIAN_15], ids=["embedded", "debian-15"])
def server(request):
    """A server that keeps its promises, unlike the hurried one of the other tests."""
    if request.param is not None and not request.param.exists():
        pytest.skip("needs PostgreSQL 15 of Debian (apt install postgresql-15)")
    with tempfile.TemporaryDirectory(prefix="kangyun-test-") as folder:
        started = EmbeddedServer(Path(folder), binaries=request.param)
        started.start()
        yield started.url
        started.stop()


async def test_everything_is_supported_and_nothing_left_behind(server):
    found = await outcomes(server)
    assert found == {feature.id: ("supported", "") for feature in features()}
    connection = await asyncpg.connect(server)
    left = await connection.fetchval("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'kangyun_doctor%'")
    await connection.close()
    assert left == 0


async def test_a_server_that_does_not_wait_for_the_disk_is_degraded(fresh_database, monkeypatch):
    only = tuple(feature for feature in features() if feature.id in ("durability", "encoding"))
    monkeypatch.setattr(requirements, "features", lambda: only)
    connection = await asyncpg.connect(fresh_database)
    await connection.execute("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    found = await outcomes(fresh_database)
    await connection.execute("ALTER ROLE CURRENT_USER RESET synchronous_commit")
    await connection.close()
    assert found == {"encoding": ("supported", ""), "durability": ("degraded", "")}


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([Step("SELECT no_such_function()")], "42883"),
        ([Step("SELECT false")], ""),
        ([Step("SELECT 1", error="KY001"), Step("SELECT true")], ""),
        ([Step("SELECT 1 / 0", error="KY001"), Step("SELECT true")], "22012"),
        ([Step("SELECT true", on="b", waits=True), Step("SELECT true")], ""),
    ],
    ids=["missing", "different", "no-error", "other-error", "no-wait"],
)
async def test_what_a_server_lacks_is_unsupported(fresh_database, monkeypatch, steps, reason):
    lacking = Feature("x", "x", "x", "x", "x", "unsupported", (), tuple(steps))
    monkeypatch.setattr(requirements, "features", lambda: (lacking,))
    assert await outcomes(fresh_database) == {"x": ("unsupported", reason)}


async def test_a_connection_that_ends_is_no_support(fresh_database, monkeypatch):
    deadly = Feature("x", "x", "x", "x", "x", "degraded", (), (Step("SELECT pg_terminate_backend(pg_backend_pid())"),))
    monkeypatch.setattr(requirements, "features", lambda: (deadly,))
    assert (await outcomes(fresh_database))["x"][0] == "degraded"


async def test_a_role_that_may_make_nothing_is_told_so(fresh_database, database_server):
    connection = await asyncpg.connect(fresh_database)
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute("CREATE ROLE kangyun_test_poor")
    try:
        await connection.execute("ALTER ROLE CURRENT_USER SET role = kangyun_test_poor")
        with pytest.raises(Unavailable) as told:
            await outcomes(fresh_database)
    finally:
        await connection.execute(f"ALTER ROLE CURRENT_USER RESET role; DROP ROLE kangyun_test_poor; /* {name} */")
        await connection.close()
    assert told.value.issues[0].text == "database.no-scratch"


async def test_a_server_that_is_not_there_is_told_so():
    with pytest.raises(Unavailable) as told:
        await outcomes("postgresql://nobody@127.0.0.1:1/nothing")
    assert told.value.issues[0].text == "database.unreachable"

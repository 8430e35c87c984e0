"""An installation without anything that runs, for commands that work on it directly."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from kangyun.access.actor import Circumstances
from kangyun.access.platform import open_platform
from kangyun.access.signin import ADMINISTRATOR


@pytest.fixture
def installation(fresh_database, tmp_path, monkeypatch):
    """An installation without anything that runs: its database is set. Commands run in its folder."""
    monkeypatch.setenv("KANGYUN_DATABASE", fresh_database)
    monkeypatch.setenv("KANGYUN_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KANGYUN_BULK_WORKERS", "1")
    monkeypatch.setenv("KANGYUN_LANG", "en")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    return fresh_database


@pytest.fixture
def rows(installation):
    """Runs a query on the installation's database."""

    def rows_(sql):
        async def fetch():
            connection = await asyncpg.connect(installation)
            try:
                return [tuple(row) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return asyncio.run(fetch())

    return rows_


@pytest.fixture
def resources(installation, make_settings):
    """Returns all current resources, by `Type/id`, as they are read."""

    def resources_():
        async def read():
            platform = await open_platform(make_settings(data=Path("data").resolve()), installation)
            try:
                record = await platform.gate.open(ADMINISTRATOR, Circumstances("test", "", ""))
                store = record.store
                async with platform.pool.connection() as connection:
                    found = await connection.fetch(
                        "SELECT v.* FROM resource AS r JOIN version AS v USING (res, version) WHERE NOT r.deleted"
                    )
                    await store.reader.bring_keys(connection, [row["key"] for row in found])
                return [store.reader.stored(row, row["res"]) for row in found]
            finally:
                await platform.close()

        return {f"{one.type}/{one.id}": one.resource for one in asyncio.run(read())}

    return resources_

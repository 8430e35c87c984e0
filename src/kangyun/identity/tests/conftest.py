"""An installation whose registrations become residents' as they arrive."""

import pytest_asyncio

from kangyun.access.platform import open_platform


@pytest_asyncio.fixture
async def client(open_client):
    """An administrator's client."""
    return await open_client(resident_index=True)


@pytest_asyncio.fixture
async def platform(fresh_database, make_settings):
    """The platform of another process on the same database."""
    opened = await open_platform(make_settings(resident_index=True), fresh_database)
    yield opened
    await opened.close()

"""Catching up goes on where the pool was full for a time: it is done once, but it is done."""

import asyncio

from kangyun.base.errors import Unavailable
from kangyun.identity import catching_up


async def test_a_pool_that_is_full_for_a_time_stops_nothing(platform, monkeypatch):
    tries = []

    async def busy_at_first(*_):
        tries.append(len(tries))
        if len(tries) < 3:
            raise Unavailable("database.pool-busy")
        return 0

    monkeypatch.setattr(catching_up, "catch_up", busy_at_first)
    monkeypatch.setattr(catching_up, "RETRY", 0.01)
    gate = platform.gate
    async with asyncio.timeout(10):
        await catching_up.keep_caught_up(platform.pool, gate.residents, gate.store.reader, asyncio.Event())
    assert tries == [0, 1, 2]

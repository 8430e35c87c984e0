"""Processes killed in the middle of writes: what was acknowledged is there, and nothing is half-written.

`kangyun up` runs for real, several clients write all the time, and one process after the other gets SIGKILL. Then the
whole record is looked at (`kangyun.testing.inspection`), and every answer that a client got is held against it.

What it does not show: that what was acknowledged is on the disk and not in the page cache; `test_power.py` does.
"""

import asyncio

from kangyun.testing.witnesses import Told, Witness, all_is_held

PARTS = ("web worker", "web server", "background work", "postgres backend", "postmaster", "up")


async def _write_and_kill(installation, told):
    stop = asyncio.Event()
    async with installation.client() as client:
        writers = [asyncio.ensure_future(Witness(f"w{number}", client, told).run(stop)) for number in range(4)]
        for part in PARTS:
            await asyncio.sleep(0.5)
            before = told.answered
            await asyncio.to_thread(installation.kill, part)
            if part == "up":
                await asyncio.sleep(1.0)
                await asyncio.to_thread(installation.start)
            await asyncio.to_thread(installation.until, lambda: installation.is_ready)
            # Ready is not only said: writes go through again.
            await asyncio.to_thread(installation.until, lambda least=before + 100: told.answered - told.refused > least)
        stop.set()
        await asyncio.gather(*writers)


async def test_nothing_acknowledged_is_lost_whatever_is_killed(new_installation):
    installation, told = new_installation(workers=2), Told()
    await asyncio.to_thread(installation.start)
    await _write_and_kill(installation, told)
    await all_is_held(installation, told)
    assert len(told.written) > 50 and len(told.transactions) > 50 and told.deleted and told.read

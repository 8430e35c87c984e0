"""The listener is killed under load, again and again: what it had acknowledged is in the log."""

import asyncio
import time
from pathlib import Path

import pytest
import uvloop

from kangyun.testing.folders import database_folder
from kangyun.testing.telemetry import Listening, Publisher

DEVICES, WINDOW = 40, 20
# One kill costs what a start of the listener does.
KILLS = [pytest.param(2, id="twice"), pytest.param(20, id="twenty times", marks=pytest.mark.soak)]


async def sent_until_killed(site: Listening, run: int, acknowledged: set[bytes]) -> int:
    """Sends from all devices for a while and kills the listener in the middle of it. Returns how many were sent."""
    now = int(time.time() * 1000)
    devices = []
    for number, name in enumerate(site.names):

        def made(place: int, number: int = number) -> bytes:
            return b'{"m":"hr","v":72,"t":%d,"s":%d}' % (now, (run * DEVICES + number) * 1_000_000 + place)

        heard = lambda place, made=made: acknowledged.add(made(place))  # noqa: E731 - one for each device
        devices.append(Publisher(name, site.secrets[name], WINDOW, made, heard, 5 if number % 2 else 4))
    loop = asyncio.get_running_loop()
    for device in devices:
        await loop.create_connection(lambda device=device: device, "127.0.0.1", site.port)
    assert all(await asyncio.gather(*(device.entered for device in devices)))
    for device in devices:
        device.begin()
    await asyncio.sleep(0.3 + 0.07 * run)
    await asyncio.to_thread(site.kill)
    await asyncio.gather(*(device.lost for device in devices))
    return sum(device.sent for device in devices)


@pytest.mark.parametrize("kills", KILLS)
def test_nothing_acknowledged_is_lost(kills: int) -> None:
    acknowledged: set[bytes] = set()
    sent = 0
    with database_folder("killed") as folder:
        site = Listening(Path(folder), DEVICES)
        try:
            site.make()
            for run in range(kills):
                site.start()
                sent += uvloop.run(sent_until_killed(site, run, acknowledged))
            kept = [payload for _, payload in site.kept()]
        finally:
            site.close()
    assert len(acknowledged) > 100 * kills
    assert acknowledged - set(kept) == set()
    assert sent > len(acknowledged)

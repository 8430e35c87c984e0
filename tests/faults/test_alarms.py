"""Alarms over `kill -9`: a process that tells people is killed between telling and writing that it did."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kangyun.access.platform import Platform
from kangyun.base import clock
from kangyun.devices.alarms import Alarms
from kangyun.devices.alarms.acting import Act, act
from kangyun.devices.signals import Level, Warning

PATIENCE = 60
PEOPLE = 4
# What `kangyun work` does of it. `deaths`: after so many notices it is killed, before its transaction ends.
TELLER = """
import asyncio, os, signal, sys
from pathlib import Path
from kangyun.access.messages.outbox import Outbox
from kangyun.access.platform import open_platform
from kangyun.base.settings import Settings
from kangyun.devices.alarms.watching import keep_climbing

put, told = Outbox.put, 0

async def put_and_die(self, connection, notices, now=None):
    global told
    found = await put(self, connection, notices, now)
    told += 1
    if told == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    return found

async def main():
    Outbox.put = put_and_die
    platform = await open_platform(Settings(data=Path(sys.argv[1]), connections=4), sys.argv[2])
    await keep_climbing(platform, asyncio.Event())

asyncio.run(main())
"""
TIMERS = (
    "SELECT count(*) FILTER (WHERE done IS NULL AND due <= now()),"
    " count(*) FILTER (WHERE NOT stopped AND kind <> 'repeat') FROM alarm_timer"
)


def sos(holder: int, at: int) -> Warning:
    return Warning(rule="sos", level=Level.RED, holder=holder, at=at, since=at)


@pytest.fixture
def teller(tmp_path: Path, fresh_database: str):
    """Starts a process that tells: `teller(3)` is killed by its third notice."""
    started = []

    def start(deaths: int) -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-c", TELLER, str(tmp_path), fresh_database, str(deaths)]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


async def until_told(platform: Platform) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        async with platform.pool.connection() as connection:
            if not (await connection.fetchrow(TIMERS))[0]:
                return
        await asyncio.sleep(0.1)
    pytest.fail("not told in time")


async def test_whoever_is_killed_each_is_told_once_and_an_answer_stands(platform, teller):
    alarms = Alarms.of(platform.gate)
    async with platform.pool.connection() as connection, connection.transaction():
        now = time.time_ns() // 1000
        raised = await alarms.raise_(connection, [sos(n << 12, now) for n in range(1, PEOPLE + 1)])
        # The ladder is due as after an outage of an hour, but of whom somebody has answered for.
        await connection.execute("UPDATE alarm_timer SET due = due - interval '1 hour'")
        answered = Act("acknowledge", "Practitioner/li")
        await act(connection, alarms, platform.gate.outbox, raised[0].alarm, answered, clock.now())
    for deaths in (2, 3):
        assert await asyncio.to_thread(teller(deaths).wait, PATIENCE) == -9
    teller(0)
    await until_told(platform)
    async with platform.pool.connection() as connection:
        told = await connection.fetch(
            "SELECT alarm, detail FROM alarm_event WHERE what IN ('told', 'nobody') ORDER BY id"
        )
        messages = await connection.fetch("SELECT key FROM outbox_message")
        done = (await connection.fetchrow(TIMERS))[1]
        state = await connection.fetchrow("SELECT state, owner FROM alarm WHERE id = $1", raised[0].alarm)
    assert len(told) == done == len({(row["alarm"], row["detail"].split()[0]) for row in told}) == 6 * (PEOPLE - 1)
    # Nobody is family or doctor here: the desk, whoever is above it, and the emergency centre.
    assert len(messages) == len({row["key"] for row in messages}) == 3 * (PEOPLE - 1)
    assert tuple(state) == ("acknowledged", "Practitioner/li")
    assert all("min" in row["detail"] for row in told)

"""The worker is killed in the middle of sending, again and again: nobody is told twice by a channel, and nobody is
forgotten."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files

import asyncpg
import pytest

from kangyun.access.messages.outbox import ENDS, Notice, Reader, Urgency
from kangyun.access.messages.outbox.contacts import keep
from kangyun.access.messages.outbox.rates import FOR_RED
from kangyun.base import clock

MESSAGES, KILLS = 240, 2
WORKER = """
import asyncio, os, sys
from kangyun.access.platform import open_platform
from kangyun.access.telling import keep_telling
from kangyun.base.settings import read_settings

async def run():
    platform = await open_platform(read_settings(data=sys.argv[1], message_hosts=sys.argv[3]), sys.argv[2])
    await keep_telling(platform, asyncio.Event())

asyncio.run(run())
"""


@pytest.fixture
def provider():
    """A provider that is slow, and notes the key of each request."""

    class Provider(BaseHTTPRequestHandler):
        def do_POST(self):
            said = json.loads(self.rfile.read(int(self.headers["content-length"])))
            Provider.got.append((said["key"], said["channel"]))
            time.sleep(0.02)
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(OSError):  # It was killed.
                super().handle()

    Provider.got = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    Provider.host = f"127.0.0.1:{server.server_address[1]}"
    yield Provider
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def region(tmp_path, provider):
    """Channels that lead to the provider, and a region that waits no longer than a test can."""
    (tmp_path / "policy").mkdir()
    (tmp_path / "key").write_text("k")
    gateway = f'kind = "gateway"\nurl = "http://{provider.host}/"\nsecret = "key"\n'
    (tmp_path / "policy/providers.toml").write_text(f"[sms]\n{gateway}[voice]\n{gateway}")
    shipped = files("kangyun.access.messages.outbox").joinpath("data/outbox.toml").read_text("utf-8")
    quick = shipped.replace("claim = 15 ", "claim = 1 ").replace("receipt = 30", "receipt = 1")
    quick = quick.replace("receipt = 60", "receipt = 1").replace("answer = 30", "answer = 1")
    (tmp_path / "policy/outbox.toml").write_text(
        quick.replace("answer = 60", "answer = 1").replace("answer = 90", "answer = 1")
    )
    return tmp_path


async def test_nobody_is_told_twice_by_a_channel_and_nobody_is_forgotten(region, platform, provider):
    connection = await asyncpg.connect(platform.pool.url)
    outbox = platform.gate.outbox
    await keep(
        connection,
        outbox.letters,
        "Practitioner/li",
        clock.now(),
        addresses={"sms": "13800000001", "voice": "13800000001"},
    )
    reader = (Reader("Practitioner/li", "doctor"),)
    for number in range(KILLS):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, str(region), platform.pool.url, provider.host])
        before = len(provider.got)
        share = range(number * MESSAGES // KILLS, (number + 1) * MESSAGES // KILLS)
        await outbox.put(
            connection,
            [
                Notice(
                    key=f"alarm/{one}", urgency=Urgency.RED, template="warning", readers=reader, asker=f"alarm/{one}"
                )
                for one in share
            ],
        )
        await until(lambda seen=before: len(provider.got) > seen + 40)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(region), platform.pool.url, provider.host])
    try:
        async with asyncio.timeout(60):
            while await connection.fetchval("SELECT count(*) FROM outbox_message WHERE state = 'climbing'"):
                await asyncio.sleep(0.2)
    finally:
        worker.kill()
        worker.wait()
    assert max(Counter(provider.got).values()) == 1
    heard_of = {key.split("-")[1] for key, _ in provider.got}
    # Unheard are at most those that were on their way at a kill, by one channel or by the other.
    assert len(heard_of) >= MESSAGES - FOR_RED * KILLS
    lost = await connection.fetchval("SELECT count(*) FROM outbox_attempt WHERE state = 'claimed'")
    assert lost > 0  # Else nothing was under way when it was killed, and nothing was tried.
    told = await outbox.take(connection, "alarm", 10_000)
    assert Counter(one.key for one in told if one.what in ENDS) == {f"alarm/{one}": 1 for one in range(MESSAGES)}
    await connection.close()


async def until(happened, seconds=30):
    async with asyncio.timeout(seconds):
        while not happened():
            await asyncio.sleep(0.01)

"""The listener of messages killed in the middle, and the database: what was answered is there, and nothing twice.

Senders do as hospitals' systems do: who has no answer connects again and sends the same message again.
"""

import asyncio
import socket
import subprocess
import sys

from kangyun.exchange.hl7v2.framing import framed

HOUSE = "Organization/house-1"
SENDERS, EACH = 6, 40


def message(number):
    return "\r".join(
        (
            f"MSH|^~\\&|HIS|H1|KY|KY|20260105080000||ADT^A28|{number}|P|2.5.1|||||CHN|UNICODE UTF-8",
            "EVN|A28|20260105080000",
            f"PID|1||P{number}^^^H1^MR||测试{number}||19700101|M|||||1990000{number:04}",
            "",
        )
    ).encode()


class Line:
    """`kangyun feed listen` as a process of its own, on a port of its own."""

    def __init__(self, installation):
        self._installation = installation
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process = None

    def start(self):
        place = ["--data", str(self._installation.data), "--port", str(self.port)]
        whose = ["--institution", HOUSE, "--by", "system-administrator"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "kangyun.cli", "feed", "listen", *place, *whose], stdout=subprocess.DEVNULL
        )

    def kill(self):
        self._process.kill()
        self._process.wait()

    def stop(self):
        self._process.terminate()
        return self._process.wait(30)


async def answered(port, body):
    """Sends a message and returns what was answered, None where nothing was."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(framed(body))
            answer = await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
            return next(line.split("|")[1] for line in answer.decode().split("\r") if line.startswith("MSA"))
        finally:
            writer.close()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        return None


async def send(port, numbers, told):
    for number in numbers:
        while (code := await answered(port, message(number))) != "AA":
            assert code in (None, "AR"), code  # AR: nothing can be stored just now.
            await asyncio.sleep(0.05)
        told.add(number)


async def test_no_message_that_was_answered_is_lost_and_none_is_stored_twice(new_installation):
    installation = new_installation(workers=1)
    await asyncio.to_thread(installation.start)
    line, told = Line(installation), set()
    line.start()
    numbers = range(SENDERS * EACH)
    senders = [asyncio.ensure_future(send(line.port, numbers[nth::SENDERS], told)) for nth in range(SENDERS)]
    for nth in (1, 2):
        await asyncio.to_thread(installation.until, lambda least=nth * 50: len(told) > least)
        line.kill()
        line.start()
    await asyncio.to_thread(installation.until, lambda: len(told) > 150)
    await asyncio.to_thread(installation.kill, "postmaster")
    await asyncio.gather(*senders)
    async with installation.client() as client:
        found = (await client.get("Patient?_count=1000")).json()["entry"]
    assert len(found) == len(told) == SENDERS * EACH
    assert {one["resource"]["meta"]["versionId"] for one in found} == {"1"}
    assert line.stop() == 0

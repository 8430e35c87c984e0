"""Clients of others, unchanged, at a whole listener: register, log and TLS are the real ones."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import gmqtt
import msgspec
import paho.mqtt.client as paho
import pytest
from cryptography import x509
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from kangyun.access.platform import Platform
from kangyun.base.errors import Invalid
from kangyun.base.settings import Settings
from kangyun.devices.log import open_reader
from kangyun.devices.model import Lane
from kangyun.devices.mqtt import running
from kangyun.devices.register import keys, rows
from kangyun.devices.register.credentials import digester, draw_secret
from kangyun.testing.certificates import self_signed

MOSQUITTO = shutil.which("mosquitto_pub")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="needs mosquitto_pub (Debian: mosquitto-clients)")
PULSE = '{"m":"hr","v":72}'


@dataclass(frozen=True)
class Site:
    """A listener that runs. port: with TLS and without."""

    platform: Platform
    port: int

    async def kept(self) -> list[tuple[int, bytes]]:
        """What the log holds: number of the device and payload."""
        reader = open_reader(self.platform)
        try:
            batches = [one for lane in Lane for one in await reader.read(lane, {}, most=10_000, most_bytes=1 << 26)]
            return [(record.device, record.payload) for batch in batches for record in batch.records]
        finally:
            await reader.close()

    async def refused(self) -> list[tuple[str, int]]:
        async with self.platform.pool.connection() as connection:
            return [(row["reason"], row["count"]) for row in await connection.fetch("SELECT * FROM device_refusal")]


Give = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def given_device(platform: Platform) -> Give:
    """Makes a device with a secret; answers its number and the secret."""

    async def give(name: str) -> tuple[int, str]:
        secret = draw_secret()
        digest = digester(platform.gate.store.keys.index_key).of("secret", name, secret)
        async with platform.pool.connection() as connection:
            await connection.execute(
                "INSERT INTO institution (reference) VALUES ('Organization/county') ON CONFLICT DO NOTHING"
            )
            device = await connection.fetchval(
                "INSERT INTO device (name, institution, format) SELECT $1, id, 'plain' FROM institution RETURNING id",
                name,
            )
            await connection.execute(
                "INSERT INTO device_credential (device, kind, digest, by) VALUES ($1, 'secret', $2, 'test')",
                device, digest,
            )  # fmt: skip
        return device, secret

    return give


@contextlib.asynccontextmanager
async def listening(platform: Platform, **more: str) -> AsyncIterator[Site]:
    platform = replace(platform, settings=msgspec.structs.replace(platform.settings, **more))
    stop = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(running.run(platform, stop, running.tls_of(platform.settings), ready=ready.set_result))
    try:
        await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        yield Site(platform, ready.result())
    finally:
        stop.set()
        await task


@pytest.fixture
async def site(platform: Platform) -> AsyncIterator[Site]:
    async with listening(platform) as found:
        yield found


@pytest.fixture
def server(tmp_path: Path) -> tuple[Path, Path]:
    """Certificate and key of the listener."""
    return self_signed(tmp_path, "server")


@pytest.fixture
async def secured(platform: Platform, server: tuple[Path, Path]) -> AsyncIterator[Site]:
    async with listening(platform, device_certificate=str(server[0]), device_key=str(server[1])) as found:
        yield found


async def mosquitto(site: Site, device: str, *arguments: str, host: str = "127.0.0.1") -> tuple[int, str]:
    """Publishes by mosquitto_pub; answers its status and what it says."""
    process = await asyncio.create_subprocess_exec(
        str(MOSQUITTO), "-h", host, "-p", str(site.port), "-i", device, "-u", device, "-q", "1", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(20):
        said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


@needs_mosquitto
@pytest.mark.parametrize("version", ["311", "5"])
async def test_mosquitto_pub(site: Site, given_device: Give, version: str) -> None:
    device, secret = await given_device("bp-0001")
    own = ("-P", secret, "-V", f"mqttv{version}", "-t", "hr1/cn/bp-0001/up", "-m", PULSE)
    assert await mosquitto(site, "bp-0001", *own, "--repeat", "3") == (0, "")
    status, said = await mosquitto(site, "bp-0001", "-P", "wrong", *own[2:])
    assert status and any(words in said.lower() for words in ("not authori", "bad user name"))
    assert await site.kept() == [(device, PULSE.encode())] * 3


@needs_mosquitto
async def test_mosquitto_pub_by_tls_and_by_certificate(
    secured: Site, given_device: Give, server: tuple[Path, Path], tmp_path: Path
) -> None:
    device, secret = await given_device("bp-0001")
    own, key = self_signed(tmp_path, "bp-0001")
    async with secured.platform.pool.connection() as connection, connection.transaction():
        row = await rows.by_number(connection, device, lock=True)
        await keys.add_certificate(connection, row, x509.load_pem_x509_certificate(own.read_bytes()), "test")
    said = ("-t", "hr1/cn/bp-0001/up", "-m", PULSE, "--cafile", str(server[0]))
    assert await mosquitto(secured, "bp-0001", "-P", secret, *said, host="localhost") == (0, "")
    by_certificate = ("--cert", str(own), "--key", str(key))
    async with asyncio.timeout(40):
        # What was registered a moment ago is trusted from the next look on.
        while (await mosquitto(secured, "bp-0001", *by_certificate, *said, host="localhost"))[0]:
            await asyncio.sleep(0.2)
    assert await secured.kept() == [(device, PULSE.encode())] * 2


@pytest.mark.parametrize("version", [paho.MQTTv311, paho.MQTTv5])
async def test_paho(site: Site, given_device: Give, version: paho.MQTTProtocolVersion) -> None:
    device, secret = await given_device("bp-0001")
    assert await asyncio.to_thread(_publish_by_paho, site.port, secret, version) == ([1, 2, 3], version == paho.MQTTv5)
    # What 3.1.1 has no refusal for is kept as it came; the intake says what is wrong with it.
    kept = [PULSE.encode()] * 3 + ([] if version == paho.MQTTv5 else [b"{"])
    assert await site.kept() == [(device, payload) for payload in kept]


def _publish_by_paho(port: int, secret: str, version: paho.MQTTProtocolVersion) -> tuple[list[int], bool]:
    """Publishes three readings and one that cannot be read. Answers what came through, and if the last was refused."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, "bp-0001", protocol=version)
    client.username_pw_set("bp-0001", secret)
    refused = []
    client.on_publish = lambda client, data, packet, reason, properties: refused.append(reason.is_failure)
    if version == paho.MQTTv5:
        asked = Properties(PacketTypes.CONNECT)
        asked.SessionExpiryInterval = 60
        client.connect("127.0.0.1", port, properties=asked)
    else:
        client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish("hr1/cn/bp-0001/up", PULSE, qos) for qos in (1, 2, 1)]
    sent.append(client.publish("hr1/cn/bp-0001/up", "{", 1))
    for one in sent:
        one.wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    return [number for number, one in enumerate(sent[:3], 1) if one.is_published()], any(refused)


async def test_gmqtt(site: Site, given_device: Give) -> None:
    device, secret = await given_device("bp-0001")
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    subscribed = asyncio.Event()
    client = gmqtt.Client("bp-0001")
    client.set_auth_credentials("bp-0001", secret)
    client.on_subscribe = lambda *_: subscribed.set()

    async def on_message(client: object, topic: str, payload: bytes, qos: int, properties: object) -> int:
        heard.put_nowait(payload)
        return 0

    client.on_message = on_message
    async with asyncio.timeout(20):
        await client.connect("127.0.0.1", site.port, version=5)
        client.subscribe("hr1/cn/bp-0001/cmd", qos=1)
        await subscribed.wait()
        client.publish("hr1/cn/bp-0001/up", PULSE, qos=1)
        client.publish("hr1/cn/bp-0001/up", '{"m":"no-such-metric","v":1}', qos=1)
        assert b"devices.formats.unknown-metric" in await heard.get()
        while not await site.kept():
            await asyncio.sleep(0.05)
        await client.disconnect()
    assert await site.kept() == [(device, PULSE.encode())]
    async with asyncio.timeout(10):
        while await site.refused() != [("devices.formats.unknown-metric", 1)]:
            await asyncio.sleep(0.1)


async def test_a_secret_that_is_revoked_ends_the_connection(site: Site, given_device: Give) -> None:
    device, secret = await given_device("bp-0001")
    gone = asyncio.Event()
    client = gmqtt.Client("bp-0001")
    client.set_auth_credentials("bp-0001", secret)
    client.set_config({"reconnect_retries": 0})
    client.on_disconnect = lambda *_: gone.set()
    async with asyncio.timeout(20):
        await client.connect("127.0.0.1", site.port, version=5)
        async with site.platform.pool.connection() as connection, connection.transaction():
            await keys.revoke(connection, await rows.by_number(connection, device, lock=True), "test", "lost")
        await gone.wait()


async def test_two_listeners_know_of_each_others_sessions(site: Site, given_device: Give) -> None:
    _, secret = await given_device("bp-0001")
    gone = asyncio.Event()
    async with listening(site.platform) as other:
        clients = []
        for port in (site.port, other.port):
            client = gmqtt.Client("bp-0001")
            client.set_auth_credentials("bp-0001", secret)
            client.set_config({"reconnect_retries": 0})
            clients.append(client)
            await client.connect("127.0.0.1", port, version=5)
            await asyncio.sleep(0.4)
            clients[0].on_disconnect = lambda *_: gone.set()
        async with asyncio.timeout(10):
            await gone.wait()
        assert clients[1].is_connected
        await clients[1].disconnect()


@pytest.mark.parametrize(
    "given",
    [{"device_host": "0.0.0.0"}, {"device_certificate": "there.pem"}, {"device_certificate": "a", "device_key": "b"}],
)
def test_settings_that_would_listen_in_clear_or_have_no_key_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        running.tls_of(Settings(**given))  # type: ignore[arg-type]

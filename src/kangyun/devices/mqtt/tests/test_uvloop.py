"""The loop that listens is uvloop: its transports, TLS and clock are not asyncio's."""

import asyncio
import ssl
from pathlib import Path

import uvloop

from kangyun.base.mqtt import Ack, Connack, Disconnect, Kind, Packet, Ping, Reason
from kangyun.devices.formats import read as read_format
from kangyun.devices.mqtt import Bounds, Listener
from kangyun.devices.mqtt.tests.conftest import Client, HeldLog, Known, publish, pulse
from kangyun.devices.mqtt.tls import server_context, trust
from kangyun.testing.certificates import self_signed
from kangyun.testing.telemetry import anybody


async def talk(log: HeldLog, known: Known, tls: ssl.SSLContext | None, shown: ssl.SSLContext | None) -> list[Packet]:
    """A device connects, sends, is taken over and told that all is shut down; what it heard."""
    listener = Listener(known, log, read_format, lambda *_: None, Bounds(sweep=0.05, slice=4))
    port = await listener.start("127.0.0.1", 0, tls)
    former, later = [Client(*await asyncio.open_connection("127.0.0.1", port, ssl=shown), 5) for _ in range(2)]
    heard = [await former.connect(keep_alive=1, user=None, password=None)]
    former.send(*(publish(pulse(), packet) for packet in range(1, 10)))
    heard += [await former.hear() for _ in range(9)]
    heard.append(await later.connect(user=None, password=None))
    heard += await former.hear_all()
    later.send(Ping(Kind.PINGREQ))
    heard.append(await later.hear())
    await listener.stop()
    heard += await later.hear_all()
    former.writer.close()
    later.writer.close()
    return [one for one in heard if one is not None]


def test_a_conversation_by_certificate(tmp_path: Path, log: HeldLog, known: Known) -> None:
    server, device = self_signed(tmp_path, "server"), self_signed(tmp_path, "d-1")
    tls, shown = server_context(*server), anybody()
    shown.load_cert_chain(*device)
    trust(tls, [ssl.PEM_cert_to_DER_cert(device[0].read_text("utf-8"))])
    heard = uvloop.run(talk(log, known, tls, shown))
    assert [type(one) for one in heard if isinstance(one, Connack)] == [Connack, Connack]
    assert [one for one in heard if not isinstance(one, Connack)] == [
        *(Ack(Kind.PUBACK, packet) for packet in range(1, 10)),
        Disconnect(Reason.SESSION_TAKEN_OVER),
        Ping(Kind.PINGRESP),
        Disconnect(Reason.SERVER_SHUTTING_DOWN),
    ]
    assert len(log.records) == 9

"""MQTT 3.1.1 and 5.0 as bytes: packets read and written, by a server and by a client. Pure.

It knows no connection: who may come, which packet may follow which and what an acknowledgement means belong to
`devices.mqtt`. Sources: MQTT Version 3.1.1, OASIS Standard, 29 October 2014; MQTT Version 5.0, OASIS Standard, 7 March
2019. Why no library reads and writes them: ADR 39.
"""

from kangyun.base.mqtt.packets import (
    Ack,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Kind,
    Packet,
    Ping,
    Publish,
    Suback,
    Subscribe,
    Subscription,
    Unsuback,
    Unsubscribe,
    Version,
    Will,
)
from kangyun.base.mqtt.reading import read, read_publish, topic_of
from kangyun.base.mqtt.reasons import PacketError, Reason, return_code
from kangyun.base.mqtt.splitting import Frame, Splitter
from kangyun.base.mqtt.writing import acks, write, write_publish

__all__ = [
    "Ack",
    "Auth",
    "Connack",
    "Connect",
    "Disconnect",
    "Frame",
    "Kind",
    "Packet",
    "PacketError",
    "Ping",
    "Publish",
    "Reason",
    "Splitter",
    "Suback",
    "Subscribe",
    "Subscription",
    "Unsuback",
    "Unsubscribe",
    "Version",
    "Will",
    "acks",
    "read",
    "read_publish",
    "return_code",
    "topic_of",
    "write",
    "write_publish",
]

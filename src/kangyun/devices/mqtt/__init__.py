"""The listener for devices that speak MQTT: who may come, to which topics, and what an acknowledgement means here.

An acknowledgement means that the log has the message on disk. The listener stores nothing itself and judges no value:
`base.mqtt` reads packets, `devices.register` knows devices, `devices.formats` reads payloads, `devices.log` keeps them.
docs/devices/mqtt.md.
"""

from kangyun.devices.mqtt.bounds import Bounds
from kangyun.devices.mqtt.listener import Listener

__all__ = ["Bounds", "Listener"]

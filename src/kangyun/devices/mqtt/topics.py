"""A device's own topics: `hr1/{region}/{device}/…`. Pure. docs/devices/mqtt.md."""

from typing import Final

ROOT: Final = "hr1"
TO_PUBLISH: Final = ("up", "evt", "wave", "state")
"""Readings, events, waves, and how the device is. One format reads them all: the names are for people and brokers."""
COMMAND: Final = "cmd"
RENEW: Final = "renew"
"""Whatever a device publishes here, it is given a new secret on `cmd`."""
PROVISION: Final = "provision"
"""In the place of the region, and of the user name, for a device that has only the key of its batch."""
REQUEST: Final = "request"


def topic(region: str, device: str, kind: str) -> str:
    """Returns a topic of a device."""
    return f"{ROOT}/{region}/{device}/{kind}"


def published(region: str, device: str) -> frozenset[bytes]:
    """Returns the topics that a device may publish to, as they stand in packets."""
    return frozenset(topic(region, device, kind).encode() for kind in TO_PUBLISH)

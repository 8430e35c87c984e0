"""What a device may do, and what the listener does at once. All of it is our choice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds, bytes and counts.

    connections:  open at once. Who comes beyond them is told so and closed.
    unknown:      of these, from one address, of whom nobody knows yet who they are.
    connect:      seconds in which a CONNECT must have come whole, the TLS handshake before it.
    keep_alive:   the longest that is agreed to with MQTT 5; a device that says none has this one.
    packet:       bytes of the largest packet. packet_seconds: in which one must have come whole.
    unread:       seconds that what is sent to a device may wait to be read.
    receive:      messages on their way that a device of MQTT 5 may have. aliases: of topics.
    slice:        messages that are taken as they come; more than these wait their turn (`Backlog`).
    device_bytes, all_bytes: that wait for the disk, of one device and of all; more is not read from the socket.
    live, burst:  live messages a second, and what is refused or said besides, that a device may send for long, and at
                  once. History has no such bound: it
                  is only slowed down.
    connects:     times that a device may come within a minute: two that go by one name throw each other out for ever.
    held:         seconds that a device which sent too much is not let in again.
    queue:        messages that wait to be sent to a device.
    sweep:        seconds between two looks at who was silent or slow for too long.
    """

    connections: int = 20_000
    unknown: int = 4_000
    connect: float = 15.0
    keep_alive: int = 3600
    packet: int = 256 * 1024
    packet_seconds: float = 60.0
    unread: float = 60.0
    receive: int = 1000
    aliases: int = 16
    slice: int = 64
    device_bytes: int = 1024 * 1024
    all_bytes: int = 64 * 1024 * 1024
    live: float = 50.0
    burst: int = 5_000
    connects: int = 30
    held: float = 60.0
    queue: int = 100
    sweep: float = 1.0

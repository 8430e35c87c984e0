"""From received bytes to packets: where each begins and ends. Nothing of a packet is looked at but its fixed header."""

from typing import Final, TypeAlias

from kangyun.base.mqtt.reasons import PacketError, Reason, malformed

Frame: TypeAlias = tuple[int, int, int]
"""The first byte of a packet, and where in the bytes its body begins and ends."""

_LONGEST_HEADER: Final = 5
LARGEST: Final = 268_435_455 + _LONGEST_HEADER
"""Bytes of a packet. Source: MQTT 5.0, table 2-4."""


class Splitter:
    """Splits what one connection receives. limit: bytes of the largest packet that is taken, its header counted."""

    __slots__ = ("_kept", "_needed", "limit")

    def __init__(self, limit: int = LARGEST) -> None:
        self.limit = limit
        self._kept: bytearray | None = None
        self._needed = 0

    @property
    def kept(self) -> int:
        """Bytes of a packet that is not whole yet."""
        return len(self._kept) if self._kept is not None else 0

    def feed(self, data: bytes) -> tuple[bytes, list[Frame]]:
        """Returns bytes, and the frames of the whole packets in them. Raises PacketError; then nothing more is read.

        What stands before the fault is lost with it: the connection ends there anyway.
        """
        if self._kept is not None:
            self._kept += data
            if len(self._kept) < self._needed:
                return b"", []
            data, self._kept = bytes(self._kept), None
        frames: list[Frame] = []
        at, end = 0, len(data)
        while at + 2 <= end:
            length = data[at + 1]
            start = at + 2
            if length > 127:
                length, start = _length(data, at + 1, end)
                if length < 0:
                    break
            stop = start + length
            if stop - at > self.limit:
                raise PacketError(Reason.PACKET_TOO_LARGE, "the packet is larger than what is taken")
            if stop > end:
                self._keep(data, at, stop)
                return data, frames
            frames.append((data[at], start, stop))
            at = stop
        if at < end:
            self._keep(data, at, end + 1)
        return data, frames

    def _keep(self, data: bytes, at: int, stop: int) -> None:
        self._kept = bytearray(memoryview(data)[at:])
        self._needed = stop - at


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Returns the remaining length and where it ends; (-1, at) where more bytes are needed. Raises PacketError."""
    length = 0
    for number in range(4):
        if at + number >= end:
            return -1, at
        byte = data[at + number]
        length |= (byte & 0x7F) << (7 * number)
        if byte < 0x80:
            if number and not byte:
                raise malformed("the remaining length is longer than it need be")
            return length, at + number + 1
    raise malformed("the remaining length has no end")

"""The fields of packets, read one after the other and written. Source: MQTT 5.0, section 1.5."""

from typing import Any, Final, Self

from kangyun.base.mqtt.reasons import forbidden, malformed

LONGEST: Final = 65_535
"""Bytes of a text or of binary data."""
_MOST: Final = 268_435_455


class Cursor:
    """A place in bytes. What is read beyond the end raises PacketError."""

    __slots__ = ("at", "data", "stop")

    def __init__(self, data: bytes, at: int, stop: int) -> None:
        self.data = data
        self.at = at
        self.stop = stop

    @property
    def left(self) -> int:
        return self.stop - self.at

    def raw(self, count: int) -> bytes:
        at = self.at
        if at + count > self.stop:
            raise malformed("the packet ends early")
        self.at = at + count
        return self.data[at : self.at]

    def byte(self) -> int:
        return self.raw(1)[0]

    def two(self) -> int:
        return int.from_bytes(self.raw(2), "big")

    def four(self) -> int:
        return int.from_bytes(self.raw(4), "big")

    def variable(self) -> int:
        number = 0
        for place in range(4):
            byte = self.byte()
            number |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                if place and not byte:
                    raise malformed("a number is longer than it need be")
                return number
        raise malformed("a number has no end")

    def binary(self) -> bytes:
        return self.raw(self.two())

    def text(self) -> str:
        return read_text(self.binary())

    def pair(self) -> tuple[str, str]:
        return self.text(), self.text()

    def part(self, count: int) -> Self:
        """Returns the next bytes as a cursor of their own."""
        if count > self.left:
            raise malformed("the packet ends early")
        inner = type(self)(self.data, self.at, self.at + count)
        self.at += count
        return inner

    def take(self, kind: str) -> Any:
        """Reads a field by the name of its kind."""
        return getattr(self, kind)()

    def end(self) -> None:
        """Raises PacketError where something is left."""
        if self.left:
            raise malformed("the packet goes on behind its end")


def read_text(raw: bytes) -> str:
    """Returns UTF-8 as text. Raises PacketError for what is none, and for U+0000."""
    try:
        found = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("a text is not UTF-8") from None
    if "\0" in found:
        raise malformed("a text has a null character")
    return found


def text(value: str) -> bytes:
    """Returns a text as it is written. Raises PacketError."""
    try:
        raw = value.encode("utf-8")
    except UnicodeEncodeError:
        raise malformed("a text is not UTF-8") from None
    if 0 in raw:
        raise malformed("a text has a null character")
    return binary(raw)


def binary(value: bytes) -> bytes:
    """Returns binary data as they are written. Raises PacketError."""
    if len(value) > LONGEST:
        raise forbidden("longer than 65,535 bytes")
    return len(value).to_bytes(2, "big") + value


def variable(number: int) -> bytes:
    """Returns a number in one to four bytes. Raises PacketError."""
    if not 0 <= number <= _MOST:
        raise forbidden("a number that cannot be written in four bytes")
    if number < 0x80:
        return number.to_bytes(1, "big")
    found = bytearray()
    while True:
        number, low = number >> 7, number & 0x7F
        if not number:
            found.append(low)
            return bytes(found)
        found.append(low | 0x80)

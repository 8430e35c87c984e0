"""DER, as much of it as certificates, revocation lists and time stamps need: read by pieces, written by nesting.

Source: ITU-T X.690.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
SEQUENCE, SET, UTC_TIME, GENERALIZED_TIME = 0x30, 0x31, 0x17, 0x18
DEEPEST = 4  # bytes of a length: no piece of ours has gigabytes


@dataclass(frozen=True, slots=True)
class Piece:
    """One value. whole: with its tag and length."""

    tag: int
    content: bytes
    whole: bytes

    @property
    def pieces(self) -> list["Piece"]:
        """What it is made of. Raises ValueError."""
        return list(_pieces(self.content))

    @property
    def number(self) -> int:
        """Its value as a number. Raises ValueError where it is none."""
        if self.tag != INTEGER or not self.content:
            raise ValueError("not a number")
        return int.from_bytes(self.content, "big", signed=True)

    @property
    def oid(self) -> str:
        """Its value as an object identifier. Raises ValueError where it is none."""
        if self.tag != OID or not self.content or self.content[-1] & 0x80:
            raise ValueError("not an object identifier")
        arcs, value = [], 0
        for byte in self.content:
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def read(data: bytes) -> Piece:
    """Returns the one value that these bytes are. Raises ValueError for what is not one."""
    found = list(_pieces(data))
    if len(found) != 1:
        raise ValueError("not one value")
    return found[0]


def _pieces(data: bytes) -> Iterator[Piece]:
    place = 0
    while place < len(data):
        head = data[place : place + 2]
        if len(head) < 2 or head[0] & 0x1F == 0x1F:
            raise ValueError("not DER")
        begin, length = place + 2, head[1]
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= DEEPEST:
                raise ValueError("not DER")
            length = int.from_bytes(data[begin : begin + count], "big")
            begin += count
        end = begin + length
        if end > len(data):
            raise ValueError("cut off")
        yield Piece(head[0], data[begin:end], data[place:end])
        place = end


def written(tag: int, *parts: bytes) -> bytes:
    """Returns a value of a tag, made of parts."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Returns a SEQUENCE."""
    return written(SEQUENCE, *parts)


def set_of(parts: Iterable[bytes]) -> bytes:
    """Returns a SET OF, in the order that DER demands."""
    return written(SET, *sorted(parts))


def integer(value: int) -> bytes:
    """Returns an INTEGER."""
    return written(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid(dotted: str) -> bytes:
    """Returns an OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(arc & 0x7F | 0x80)
        content += bytes(reversed(septets))
    return written(OID, content)


def octets(content: bytes) -> bytes:
    """Returns an OCTET STRING."""
    return written(OCTET_STRING, content)


def bits(content: bytes) -> bytes:
    """Returns a BIT STRING of whole bytes."""
    return written(BIT_STRING, b"\0", content)


def time(instant: datetime) -> bytes:
    """Returns an instant as certificates have it: UTCTime before 2050, GeneralizedTime from then on."""
    moment = instant.astimezone(UTC)
    if moment.year < 2050:
        return written(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return generalized(moment)


def generalized(instant: datetime) -> bytes:
    """Returns an instant as a GeneralizedTime of whole seconds."""
    return written(GENERALIZED_TIME, instant.astimezone(UTC).strftime("%Y%m%d%H%M%SZ").encode())

"""The form of the log's files: a segment is a header and frames, a frame is one group of records, sealed. Pure.

    segment  KYLS, version, lane, shard (2 bytes), segment (4), identity of the log (16), CRC-32
    frame    KYLF, epoch of the key (4), first record's place in the segment (4), records (4), bytes (4),
             CRC-32 of the body, CRC-32 of this header; then the body: nonce, records in MessagePack, tag

All numbers are little-endian. What a frame is bound to (identity, shard, lane, segment, its own header) is associated
data of the seal, so that a frame that was moved does not open. A position is segment << 32 | place in the segment.
"""

import struct
import zlib
from collections.abc import Sequence

import msgspec

from kangyun.base.crypto import CipherName, Sealer, derived_key
from kangyun.devices.log.model import Record

SEGMENT = struct.Struct("<4sBBHI16sI")
FRAME = struct.Struct("<4sIIIIII")
SEGMENT_MAGIC, FRAME_MAGIC = b"KYLS", b"KYLF"
VERSION = 1
LARGEST_BODY = 1 << 26
PLACES = 1 << 32
"""Positions in a segment."""
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Record])


class Sealers:
    """A sealer for each epoch, a day: so that one key never seals more than 2^32 frames. key: the log's own."""

    def __init__(self, key: bytes, cipher: CipherName) -> None:
        self._key = key
        self._cipher = cipher
        self._made: dict[int, Sealer] = {}

    def of(self, epoch: int) -> Sealer:
        """Returns the sealer of an epoch: days since 1970."""
        found = self._made.get(epoch)
        if found is None:
            found = self._made[epoch] = Sealer(derived_key(self._key, f"epoch {epoch}"), self._cipher)
        return found


class Header(msgspec.Struct, frozen=True):
    """What stands before a frame's body. first: place in the segment. length: bytes of the body."""

    epoch: int
    first: int
    count: int
    length: int
    crc: int


def segment_header(identity: bytes, shard: int, lane: int, segment: int) -> bytes:
    """Returns what a segment begins with."""
    plain = SEGMENT.pack(SEGMENT_MAGIC, VERSION, lane, shard, segment, identity, 0)[:-4]
    return plain + zlib.crc32(plain).to_bytes(4, "little")


def packed(records: Sequence[Record], first: int, epoch: int, sealer: Sealer, segment: bytes) -> bytes:
    """Returns a frame. segment: the header of the segment that it stands in."""
    plain = _ENCODER.encode(records)
    bound = _bound(segment, epoch, first, len(records))
    body = sealer.seal(plain, bound)
    head = FRAME.pack(FRAME_MAGIC, epoch, first, len(records), len(body), zlib.crc32(body), 0)[:-4]
    return b"".join((head, zlib.crc32(head).to_bytes(4, "little"), body))


def header_at(data: bytes | memoryview, offset: int) -> Header | None:
    """Returns the header of the frame at an offset, None where there is none that is whole."""
    if len(data) - offset < FRAME.size:
        return None
    magic, epoch, first, count, length, crc, check = FRAME.unpack_from(data, offset)
    if magic != FRAME_MAGIC or length > LARGEST_BODY or zlib.crc32(data[offset : offset + FRAME.size - 4]) != check:
        return None
    return Header(epoch, first, count, length, crc)


def opened(header: Header, body: bytes | memoryview, sealer: Sealer, segment: bytes) -> list[Record]:
    """Returns a frame's records. Raises Unreadable, and ValueError where the body is not what was written."""
    if zlib.crc32(body) != header.crc:
        raise ValueError("checksum")
    records = _DECODER.decode(sealer.open(bytes(body), _bound(segment, header.epoch, header.first, header.count)))
    if len(records) != header.count:
        raise ValueError("count")
    return records


def _bound(segment: bytes, epoch: int, first: int, count: int) -> bytes:
    return segment + struct.pack("<III", epoch, first, count)

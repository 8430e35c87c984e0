"""Messages between the process that reads files and those that write resources: a length, then MessagePack."""

import asyncio
import struct
from typing import Any, TypeVar

import msgspec

_LENGTH = struct.Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")


async def send(writer: asyncio.StreamWriter, message: Any) -> None:
    """Sends a message; waits while the other side has much to read already."""
    body = _encode(message)
    writer.write(_LENGTH.pack(len(body)))
    writer.write(body)
    await writer.drain()


async def receive(reader: asyncio.StreamReader, kind: type[T]) -> T | None:
    """Returns the next message, None when the other side has ended."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        return msgspec.msgpack.decode(await reader.readexactly(length), type=kind)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None

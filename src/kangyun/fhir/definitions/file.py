"""The container of the compiled definitions: named sections, each compressed on its own and read when first used.

The layout is MessagePack of {section name: zstd frame}. A *section of resources* is, once decompressed, MessagePack of
{url: MessagePack of the resource}, so that one resource can be decoded without the others. A decimal is kept with its
digits as extension type 1.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec
import zstandard

DECIMAL = 1


def _extension(code: int, data: memoryview) -> Decimal:
    if code != DECIMAL:
        raise ValueError(f"unknown extension type {code} in the compiled definitions")
    return Decimal(bytes(data).decode())


_resource = msgspec.msgpack.Decoder(dict[str, Any], ext_hook=_extension)
_blobs = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_sections = msgspec.msgpack.Decoder(dict[str, bytes])


def read_sections(data: bytes) -> Mapping[str, bytes]:
    """Splits the file into its compressed sections."""
    return _sections.decode(data)


def decompress(section: bytes) -> bytes:
    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompress(section)


class Section:
    """A section of resources; a resource is decoded when it is first asked for and then kept."""

    def __init__(self, compressed: bytes) -> None:
        self._compressed = compressed
        self._decoded: dict[str, dict[str, Any]] = {}

    @cached_property
    def _encoded(self) -> dict[str, msgspec.Raw]:
        return _blobs.decode(decompress(self._compressed))

    @cached_property
    def urls(self) -> tuple[str, ...]:
        return tuple(self._encoded)

    def get(self, url: str) -> dict[str, Any] | None:
        """Returns the resource with this url, None where there is none."""
        found = self._decoded.get(url)
        if found is None and url in self._encoded:
            found = self._decoded[url] = _resource.decode(self._encoded[url])
        return found

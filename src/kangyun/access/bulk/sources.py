"""Reading what is to be imported: pieces of a file or an answer, unpacked, as lines with their numbers.

Nothing is held whole: an input may be larger than the memory.
"""

import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from kangyun.access.bulk.model import Line
from kangyun.access.outbound import Outbound
from kangyun.base.errors import Forbidden, Invalid, Malformed

Pieces = AsyncGenerator[bytes, None]
Lines = AsyncGenerator[Line | int, None]
# Generators over generators: each closes the one below, so that a file is closed when the reading ends early.
PIECE = 1 << 20
_GZIP = b"\x1f\x8b"
_BLANK = b" \t\r"
_MARK = b"\xef\xbb\xbf"


def local_file(url: str, folder: str) -> Path:
    """Returns the file of a `file:` URL. Raises Forbidden where it is not in the folder, Invalid where it is none."""
    parts = urlsplit(url)
    if not folder or parts.netloc not in ("", "localhost"):
        raise Forbidden("access.bulk.no-folder")
    try:
        inside = Path(folder).resolve(strict=True)
        path = Path(unquote(parts.path, errors="strict")).resolve(strict=True)
        if not path.is_relative_to(inside):
            raise Forbidden("access.bulk.no-folder")
        if not path.is_file():
            raise Invalid("access.bulk.no-file")
    except (OSError, ValueError, RuntimeError):  # Also: NUL, loops of links, no such file.
        raise Invalid("access.bulk.no-file") from None
    return path


def pieces_of(url: str, folder: str, outbound: Outbound) -> Pieces:
    """Gives the bytes that a URL leads to, unpacked. Raises as `local_file` and `Outbound.read`."""
    if urlsplit(url).scheme == "file":
        return unpacked(file_pieces(local_file(url, folder)))
    return unpacked(outbound.read(url))


async def file_pieces(path: Path) -> Pieces:
    """Gives the bytes of a file."""
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece


async def unpacked(pieces: Pieces) -> Pieces:
    """Gives plain bytes, from plain ones or from gzip, of several members too. Raises Malformed for broken gzip."""
    machine: Any = None
    first = b""
    async with aclosing(pieces):
        async for piece in pieces:
            if machine is None:
                first += piece
                if len(first) < len(_GZIP):
                    continue
                piece, machine = first, zlib.decompressobj(31) if first.startswith(_GZIP) else False
            if machine is False:
                yield piece
                continue
            while piece:
                try:
                    if machine.eof:
                        piece = piece.lstrip(b"\0")
                        machine = zlib.decompressobj(31) if piece else machine
                    plain = machine.decompress(piece, PIECE) if piece else b""
                except zlib.error:
                    raise Malformed("access.bulk.not-gzip") from None
                if plain:
                    yield plain
                piece = machine.unused_data if machine.eof else machine.unconsumed_tail
    if machine is None and first:
        yield first
    elif machine and not machine.eof:
        raise Malformed("access.bulk.not-gzip")


async def lines_of(pieces: Pieces, limit: int) -> Lines:
    """Gives the lines that are not blank, and the bare number of one that is longer than `limit` bytes."""
    number, rest, too_long = 0, b"", False
    async with aclosing(pieces):
        async for piece in pieces:
            *whole, tail = piece.split(b"\n")
            for text in whole:
                number += 1
                text, rest = rest + text, b""
                if too_long or len(text) > limit:
                    too_long = False
                    yield number
                elif text := _bare(text, number):
                    yield Line(number, text)
            if not too_long:
                rest += tail
                if len(rest) > limit:
                    rest, too_long = b"", True
    if too_long:
        yield number + 1
    elif text := _bare(rest, number + 1):
        yield Line(number + 1, text)


def _bare(text: bytes, number: int) -> bytes:
    return text.removeprefix(_MARK).strip(_BLANK) if number == 1 else text.strip(_BLANK)


class _Name(msgspec.Struct):
    resourceType: str
    id: str


def name_of(text: bytes) -> tuple[str, str] | None:
    """Returns type and id of a resource's JSON at a hundredth of the cost of decoding it; None where it has none."""
    try:
        found = _read_name(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found.resourceType, found.id


_read_name = msgspec.json.Decoder(_Name).decode

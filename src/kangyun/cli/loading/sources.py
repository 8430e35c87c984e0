"""What there is to load: files, folders, archives and their members, as chunks to write, in an order that makes sense.

Known by their endings: .json .xml (a Bundle or one resource), .ndjson .jsonl (one resource a line), each also with
.gz; .tar .tar.gz .tgz .tar.xz .txz .tar.bz2 .zip with any of these inside.
"""

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast

from kangyun.access.bulk.flow import Chunk, Chunks, chunks_of
from kangyun.access.bulk.importing import rank
from kangyun.access.bulk.model import Line, Refusal
from kangyun.access.bulk.sources import PIECE, Pieces, lines_of, unpacked
from kangyun.base.errors import Invalid, Malformed, PlatformError
from kangyun.fhir.definitions import definitions

LINES, FILES = (".ndjson", ".jsonl"), (".json", ".xml")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2")
# What others of the same set refer to by a condition, as Synthea writes it: alone and first.
FIRST = ("hospitalinformation", "practitionerinformation")
DONE = -1
UNDER_WAY = 64
"""More chunks than are ever under way at once."""
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile)


@dataclass(slots=True)
class Places:
    """How far each source has come: its last line that is done with, DONE when that is all."""

    of: dict[str, int] = field(default_factory=dict)

    def after(self, source: str) -> int:
        return self.of.get(source, 0)


@dataclass(slots=True)
class Meter:
    """How many bytes there are on disk, and how many of them are read. `told` is called with those just read."""

    total: int = 0
    told: Callable[[int], object] = lambda size: None


def found(paths: list[Path]) -> list[Path]:
    """Returns the files that can be loaded, institutions and patients first. Raises Invalid for a path without any."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += (one for one in sorted(path.rglob("*")) if one.is_file() and _is_known(one.name))
        elif path.is_file() and _is_known(path.name):
            files.append(path)
        else:
            raise Invalid("cli.load-nothing", path=str(path))
    if not files:
        raise Invalid("cli.load-nothing", path=", ".join(map(str, paths)))
    return sorted(files, key=lambda path: (_rank(path.name), str(path)))


def _is_known(name: str) -> bool:
    return _plain(name).endswith((*LINES, *FILES)) or name.lower().endswith((*TARS, ".zip"))


def _plain(name: str) -> str:
    return name.lower().removesuffix(".gz")


def _rank(name: str) -> tuple[int, int]:
    if name.lower().startswith(FIRST):
        return 0, 0
    if not _plain(name).endswith(LINES):
        return 2, 0
    # Exports name a file after its type: Patient.1.ndjson, Observation-003.ndjson.
    type_ = next((part for part in [_word(name)] if part in definitions().resource_types), "")
    return 1, rank(type_)


def _word(name: str) -> str:
    end = next((place for place, sign in enumerate(name) if not sign.isalpha()), len(name))
    return name[:end]


async def chunks(
    files: list[Path], places: Places, meter: Meter, run: str, limit: int, *, keep_ids: bool, again: bool
) -> Chunks:
    """Gives what is to be written, but for what is done. `run` names this load in its commits.

    again: what was under way when this load was stopped may have been written.
    """
    meter.total = sum(path.stat().st_size for path in files)
    number = 0
    doubtful = UNDER_WAY if again else 0
    for path in files:
        async with aclosing(_members(path, meter)) as members:
            async for source, name, pieces in members:
                number += 1
                if places.after(source) == DONE:
                    continue
                if _plain(name).endswith(LINES):
                    some = _of_lines(source, pieces, places.after(source), limit)
                else:
                    some = _of_file(source, pieces, limit)
                async with aclosing(some) as found_:
                    async for chunk in found_:
                        chunk.source = source
                        chunk.alone = os.path.basename(name).lower().startswith(FIRST)
                        chunk.keep_ids = keep_ids
                        chunk.request = f"{run}/{number}"
                        chunk.again = doubtful > 0
                        doubtful -= 1
                        yield chunk


async def _of_lines(source: str, pieces: Pieces, after: int, limit: int) -> Chunks:
    last = after
    try:
        async with aclosing(chunks_of(lines_of(pieces, limit), "", after)) as some:
            async for chunk in some:
                last = chunk.last
                yield chunk
    except PlatformError as error:
        yield Chunk(refused=[Refusal(last + 1, error.issues)], last=last + 1)
    # An empty one: when it is told, all of the source is done.
    yield Chunk(last=DONE)


async def _of_file(source: str, pieces: Pieces, limit: int) -> Chunks:
    try:
        async with aclosing(pieces):
            text = bytearray()
            async for piece in pieces:
                text += piece
                if len(text) > limit:
                    raise Invalid("cli.load-too-large", limit=limit)
        yield Chunk(kind="bundle", lines=[Line(0, bytes(text))], last=DONE, size=len(text))
    except PlatformError as error:
        yield Chunk(refused=[Refusal(DONE, error.issues)], last=DONE)


Member = tuple[str, str, Pieces]


async def _members(path: Path, meter: Meter) -> AsyncGenerator[Member, None]:
    """Gives (source, name, pieces) of a file, or of each member of an archive. What cannot be read is an empty one."""
    name = path.name.lower()
    if name.endswith(TARS):
        with path.open("rb") as raw:
            for member in _tar(raw, meter):
                if isinstance(member, tuple):
                    yield f"{path}:{member[0]}", member[0], unpacked(_pieces(member[1]))
                else:
                    yield f"{path}:?", "?.json", _broken()
    elif name.endswith(".zip"):
        for member_name, opened in _zip(path, meter):
            yield f"{path}:{member_name}", member_name, unpacked(_pieces(opened))
    else:
        with path.open("rb") as raw:
            yield str(path), path.name, unpacked(_pieces(_Counted(raw, meter)))


def _tar(raw: IO[bytes], meter: Meter) -> Iterator[tuple[str, IO[bytes]] | Exception]:
    """Reads an archive from its beginning to its end, never back."""
    try:
        # As a stream: an archive of gigabytes is read once, whatever it is packed with.
        with tarfile.open(fileobj=cast(IO[bytes], _Counted(raw, meter)), mode="r|*") as tar:
            for member in tar:
                opened = tar.extractfile(member) if member.isfile() and _is_known(member.name) else None
                if opened is not None:
                    yield member.name, opened
    except _BROKEN as error:
        yield error


def _zip(path: Path, meter: Meter) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [one for one in archive.infolist() if not one.is_dir() and _is_known(one.filename)]
            for member in sorted(members, key=lambda one: (_rank(os.path.basename(one.filename)), one.filename)):
                meter.told(member.compress_size)
                with archive.open(member) as opened:
                    yield member.filename, opened
    except _BROKEN:
        raise Invalid("cli.load-broken", path=str(path)) from None


async def _pieces(opened: Any) -> Pieces:
    try:
        while piece := opened.read(PIECE):
            yield piece
    except _BROKEN:
        raise Malformed("cli.load-unreadable") from None


async def _broken() -> Pieces:
    raise Malformed("cli.load-unreadable")
    yield b""


class _Counted:
    """A file that tells how much of it is read."""

    def __init__(self, raw: IO[bytes], meter: Meter) -> None:
        self._raw = raw
        self._meter = meter

    def read(self, size: int = -1) -> bytes:
        data = self._raw.read(size)
        self._meter.told(len(data))
        return data

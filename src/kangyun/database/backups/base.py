"""Takes a base copy: the server sends itself as a tar (`pg_basebackup`), which is sealed as it comes.

Only the log that makes the copy consistent is in it; what came later is in the log (`archiving`). Nothing in clear is
written anywhere.
"""

import asyncio
import contextlib
import os
import re
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO

import asyncpg

from kangyun.base.errors import Unavailable
from kangyun.database.backups import sealing
from kangyun.database.backups.clients import client, reaching
from kangyun.database.backups.medium import Base, File, Medium, Reached, new_id, sync_folder

CLUSTER, FOLDER = "cluster", "folder"
_FACTS = """
SELECT clock_timestamp() AS now, current_setting('server_version') AS version,
    (SELECT system_identifier::text FROM pg_control_system()) AS system,
    (SELECT setting::int8 FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
    (SELECT sum(pg_database_size(oid))::int8 FROM pg_database) AS size,
    EXISTS (SELECT FROM pg_tablespace WHERE spcname NOT LIKE 'pg\\_%') AS tablespaces
"""
# Holds the log that the copy needs until this session ends, whoever else may or may not hold it.
_HOLD = "SELECT pg_create_physical_replication_slot($1, true, true)"
_START = re.compile(rb"start point: ([0-9A-F]+/[0-9A-F]+) on timeline (\d+)")
_STOP = re.compile(rb"end point: ([0-9A-F]+/[0-9A-F]+)")


@dataclass(frozen=True, slots=True)
class Source:
    """What is copied. own: the server is not the embedded one. folder, paths: the data folder, and what of it.
    reached: asks the record how far it has come."""

    url: str
    own: bool
    folder: Path
    paths: Callable[[], Iterable[Path]]
    reached: Callable[[asyncpg.Connection], Awaitable[Reached]]


async def take(source: Source, medium: Medium, tell: Callable[[int, int], None] = lambda done, size: None) -> Base:
    """Takes a copy and returns what it is. `tell` is told how many bytes have come, of about how many.

    Raises Unavailable; then nothing is left of it.
    """
    connection = await asyncpg.connect(source.url, timeout=30)
    try:
        facts = await connection.fetchrow(_FACTS)
        if facts["tablespaces"]:
            raise Unavailable("database.backups.tablespaces")
        id_ = new_id(facts["now"])
        await connection.execute(_HOLD, f"kangyun_copy_{os.getpid()}_{threading.get_ident()}")
        # What is asked before the copy is in it: a lower bound.
        reached = await source.reached(connection)
        told = (*await asyncio.to_thread(_copy, source, medium, id_, lambda done: tell(done, facts["size"])), reached)
        start, timeline, stop, files, reached = told
        made = Base(
            id=id_, began=facts["now"], ended=await connection.fetchval("SELECT clock_timestamp()"),
            server=facts["version"], system=facts["system"], timeline=timeline, start=start, stop=stop,
            segment_bytes=facts["segment_bytes"], cipher=medium.cipher, version=version("kangyun"),
            reached=reached, files=files,
        )  # fmt: skip
    finally:
        await connection.close()
    medium.tell(made)
    return made


def _copy(
    source: Source, medium: Medium, id_: str, tell: Callable[[int], None]
) -> tuple[str, int, str, tuple[File, ...]]:
    place = medium.base(id_)
    place.mkdir(mode=0o700, parents=True)
    url, environment = reaching(source.url)
    # As a tar on the standard output; `-X fetch` puts the log that makes it consistent at its end.
    command: list[str | Path] = [
        client("pg_basebackup", own=source.own),
        "-d",
        url,
        "-D",
        "-",
        "-F",
        "tar",
        "-X",
        "fetch",
        "-c",
        "fast",
    ]
    with tempfile.TemporaryFile() as said, contextlib.ExitStack() as undo:
        undo.callback(_remove, place)
        process = subprocess.Popen(
            [*command, "-v", "-w"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, env=environment,
        )  # fmt: skip
        undo.callback(process.wait)
        undo.callback(process.kill)
        assert process.stdout is not None
        cluster = _written(medium, id_, CLUSTER, _chunks(process.stdout, tell))
        status = process.wait()
        said.seek(0)
        text = said.read()
        start, stop = _START.search(text), _STOP.search(text)
        if status or start is None or stop is None:
            raise Unavailable("database.backups.copy-failed", status=status)
        folder = _written(medium, id_, FOLDER, _tar(source.folder, source.paths()))
        sync_folder(place)
        undo.pop_all()
        process.stdout.close()
        return start[1].decode(), int(start[2]), stop[1].decode(), (cluster, folder)


def _remove(place: Path) -> None:
    for path in place.iterdir():
        path.unlink()
    place.rmdir()


def _written(medium: Medium, id_: str, name: str, chunks: Iterable[bytes]) -> File:
    with (medium.base(id_) / name).open("xb") as sink:
        return File(name, *sealing.write(sink, f"{id_}/{name}", medium.keys, chunks))


def _chunks(source: IO[bytes], tell: Callable[[int], None] = lambda done: None) -> Iterator[bytes]:
    done = 0
    while chunk := source.read(sealing.CHUNK):
        yield chunk
        done += len(chunk)
        tell(done)


def _tar(folder: Path, paths: Iterable[Path]) -> Iterator[bytes]:
    """Yields a tar of files of a folder."""
    reading, writing = os.pipe()
    failed: list[Exception] = []

    def pack() -> None:
        try:
            with os.fdopen(writing, "wb") as sink, tarfile.open(fileobj=sink, mode="w|") as tar:
                for path in paths:
                    tar.add(path, path.relative_to(folder).as_posix(), recursive=False)
        except (OSError, tarfile.TarError) as error:
            failed.append(error)

    packing = threading.Thread(target=pack)
    packing.start()
    with os.fdopen(reading, "rb") as source:
        yield from _chunks(source)
    packing.join()
    if failed:
        raise Unavailable("database.backups.copy-failed", status=type(failed[0]).__name__)

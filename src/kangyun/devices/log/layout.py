"""Where the files of the log stand: `identity`, then a folder a shard and a lane, `00002/live/0000000017.log`."""

import logging
import os
from pathlib import Path

from kangyun.base.errors import Unavailable
from kangyun.devices.log.frames import FRAME, SEGMENT, header_at
from kangyun.devices.model import Lane

logger = logging.getLogger(__name__)

SUFFIX = ".log"
IDENTITY_BYTES = 16


def shard_folder(folder: Path, shard: int) -> Path:
    """Returns the folder of a shard."""
    return folder / f"{shard:05}"


def lane_folder(folder: Path, shard: int, lane: Lane) -> Path:
    """Returns the folder of a shard's lane."""
    return shard_folder(folder, shard) / lane.name.lower()


def segment_file(folder: Path, segment: int) -> Path:
    """Returns the file of a segment in its lane's folder."""
    return folder / f"{segment:010}{SUFFIX}"


def segments(folder: Path) -> list[int]:
    """Returns the segments of a lane's folder, from the oldest."""
    try:
        return sorted(int(name[: -len(SUFFIX)]) for name in os.listdir(folder) if name.endswith(SUFFIX))
    except FileNotFoundError:
        return []


def newest_segment(folder: Path) -> int:
    """Returns the number of the newest segment, 0 where there is none."""
    found = segments(folder)
    return found[-1] if found else 0


def identity_of(folder: Path) -> bytes:
    """Returns what tells this log from one that was here before; it is made where there is none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "identity"
    if not path.exists():
        draft = folder / f"identity.{os.getpid()}"
        with draft.open("wb") as sink:
            sink.write(os.urandom(IDENTITY_BYTES))
            sink.flush()
            os.fsync(sink.fileno())
        try:
            os.link(draft, path)  # Of two who make it at once, one has made it.
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    identity = path.read_bytes()
    if len(identity) != IDENTITY_BYTES:
        raise Unavailable("devices.log-identity", file=str(path))
    return identity


def cut_torn(path: Path) -> None:
    """Cuts what a killed writer left half written at the end of its last segment: nothing of it was promised.

    Anything else that is wrong is left as it is, for the reader to tell.
    """
    data = path.read_bytes()
    offset = SEGMENT.size
    while (header := header_at(data, offset)) is not None and offset + FRAME.size + header.length <= len(data):
        offset += FRAME.size + header.length
    rest = len(data) - offset
    if rest <= 0 or follows(data, offset + 1) is not None:
        return
    # One write makes one frame or several, from the front: what a kill leaves is the beginning of one.
    logger.warning("log: %s: %s bytes at the end were not finished and are cut off", path.name, rest)
    os.truncate(path, offset)


def follows(data: bytes | memoryview, offset: int) -> int | None:
    """Returns where the next whole frame header stands, from an offset on; None where there is none."""
    whole = bytes(data[offset:])
    at = whole.find(b"KYLF")
    while at >= 0:
        if header_at(whole, at) is not None:
            return offset + at
        at = whole.find(b"KYLF", at + 1)
    return None

"""The folder that backups are kept in: its keys, its base copies, the log between and after them, what grew beside.

keys/ID.json            a key of this medium, sealed under one that comes from the root key
base/ID/manifest.json   what a copy is; written last: a folder without it is no backup
base/ID/cluster         the server's files as a tar, as `pg_basebackup` sends it
base/ID/folder          the rest of the data folder as a tar
wal/NAME                a segment of the log, or the history of a timeline; the newest one still grows
grown/PATH              a file of the data folder that only grows: roots of the trail, ledger
key-tables              the newest copy of the record's key tables
progress.json           how far the log has come

All but the JSON is sealed (`sealing`). JSON is in clear, holds numbers and instants only, and carries a tag under the
medium's key, so that it can be read without a key and not be changed.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import msgspec

from kangyun.base import clock
from kangyun.base.crypto import CipherName, Sealer, Unreadable, new_key
from kangyun.base.errors import Unavailable
from kangyun.database.backups.sealing import CHUNK, KEY_ID, DamagedFile, Growing, Keys, read, write


class File(msgspec.Struct, frozen=True):
    """A sealed file of a copy. plain, sealed: bytes. sm3: of the digests of its chunks."""

    name: str
    plain: int
    sealed: int
    sm3: str


class Reached(msgspec.Struct, frozen=True):
    """What the record had reached, at least: so much must not be used again after a restore to an older state."""

    epoch: int = 0
    position: int = 0
    seal: int = 0
    numbers: dict[str, int] = {}  # the last number of each sequence


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A base copy. It is consistent from `stop` on, so from `ended` on."""

    id: str
    began: datetime
    ended: datetime
    server: str  # version
    system: str  # the cluster's own number
    timeline: int
    start: str
    stop: str
    segment_bytes: int
    cipher: str
    version: str  # of the platform
    reached: Reached
    files: tuple[File, ...]
    tag: str = ""

    @property
    def size(self) -> int:
        return sum(one.sealed for one in self.files)


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log on the medium has come: everything that was committed up to `instant` is in it."""

    instant: datetime
    lsn: str
    timeline: int
    system: str
    reached: Reached
    tag: str = ""


class Wrapping(NamedTuple):
    """What seals the keys of a medium; comes from the root key. at: by the generation of that, for those from which
    the present one can be reckoned; raises Unavailable for an earlier one."""

    generation: int
    at: Callable[[int], Sealer]


class _Key(msgspec.Struct, frozen=True):
    began: datetime
    cipher: CipherName
    wrapped: str
    generation: int = 0


def furthest(told: Iterable[Reached]) -> Reached:
    """Returns the furthest of what several say, one by one."""
    all_ = [Reached(), *told]
    numbers: dict[str, int] = {}
    for one in all_:
        numbers |= {name: max(number, numbers.get(name, 0)) for name, number in one.numbers.items()}
    return Reached(max(o.epoch for o in all_), max(o.position for o in all_), max(o.seal for o in all_), numbers)


_Told = TypeVar("_Told", Base, Progress)


class Medium:
    """An opened medium."""

    def __init__(self, folder: Path, opened: dict[str, tuple[_Key, bytes]], cipher: CipherName, locked: int) -> None:
        """opened: the keys by their id, oldest first. locked: how many could not be opened."""
        self.folder, self.cipher, self.locked = folder, cipher, locked
        self.keys = Keys({bytes.fromhex(id_): Sealer(plain, key.cipher) for id_, (key, plain) in opened.items()})
        self._opened = opened

    @classmethod
    def open(cls, folder: Path, wrapping: Wrapping, cipher: CipherName, *, may_make: bool = False) -> Self:
        """Opens a medium, making it where it may and there is none. Raises Unavailable."""
        try:
            found, locked = _keys(folder, wrapping)
            if not found and may_make:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                _make_key(folder, wrapping, cipher)
                found, locked = _keys(folder, wrapping)
        except OSError as error:
            raise Unavailable("database.backups.no-medium", folder=str(folder), reason=type(error).__name__) from None
        if not found:
            raise Unavailable("database.backups.other-key" if locked else "database.backups.empty", folder=str(folder))
        return cls(folder, found, cipher, locked)

    def wrap_anew(self, wrapping: Wrapping) -> int:
        """Seals the keys under the present root key, where that has gone on or was exchanged. Returns how many."""
        for id_, (key, plain) in self._opened.items():
            wrapped = wrapping.at(wrapping.generation).seal(plain, _label(id_)).hex()
            key = msgspec.structs.replace(key, wrapped=wrapped, generation=wrapping.generation)
            write_whole(self.folder / "keys" / f"{id_}.json", msgspec.json.encode(key))
        return len(self._opened)

    @property
    def wal(self) -> Path:
        return self.folder / "wal"

    def known(self) -> Reached:
        """Returns how far the record is known to have come at any time. Raises DamagedFile."""
        progress = self.progress()
        return furthest([*(base.reached for base in self.bases()), *([progress.reached] if progress else [])])

    def base(self, id_: str) -> Path:
        """Returns the folder of a copy."""
        return self.folder / "base" / id_

    def bases(self) -> list[Base]:
        """Returns the copies that are whole, oldest first. Raises DamagedFile for one that was changed."""
        found = [self._told(path, Base) for path in sorted((self.folder / "base").glob("*/manifest.json"))]
        return sorted(found, key=lambda base: base.ended)

    def progress(self) -> Progress | None:
        """Returns how far the log has come, None where none was archived. Raises DamagedFile."""
        path = self.folder / "progress.json"
        return self._told(path, Progress) if path.exists() else None

    def tell(self, told: Base | Progress) -> None:
        """Writes what a copy is, or how far the log has come."""
        path = self.base(told.id) / "manifest.json" if isinstance(told, Base) else self.folder / "progress.json"
        tag = self.keys.newest + self.keys.sealer.seal(b"", _canonical(told))
        write_whole(path, msgspec.json.format(msgspec.json.encode(msgspec.structs.replace(told, tag=tag.hex()))))

    def segments(self) -> list[str]:
        """Returns the names in the log, in order: segments, and histories of timelines."""
        return sorted(path.name for path in self.wal.iterdir()) if self.wal.exists() else []

    def segment(self, name: str) -> Growing:
        """Returns a file of the log, to append to."""
        return Growing(self.wal / name, f"wal/{name}", self.keys)

    def keep(self, name: str, path: Path) -> None:
        """Seals a file that is kept in its newest form only, in the place of the one before."""
        draft = self.folder / f".{name}.{os.getpid()}"
        with path.open("rb") as source, draft.open("wb") as sink:
            write(sink, name, self.keys, iter(lambda: source.read(CHUNK), b""))
        draft.replace(self.folder / name)
        sync_folder(self.folder)

    def kept(self, name: str, path: Path) -> bool:
        """Unseals such a file, and says whether there is one. Raises DamagedFile."""
        if not (self.folder / name).exists():
            return False
        with path.open("wb") as sink:
            for chunk in read(self.folder / name, name, self.keys):
                sink.write(chunk)
        return True

    def grown(self, path: str) -> Growing:
        """Returns a file of the data folder that only grows, to append to."""
        return Growing(self.folder / "grown" / path, f"grown/{path}", self.keys)

    def all_grown(self) -> list[str]:
        """Returns the paths of the files that only grow."""
        top = self.folder / "grown"
        return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file())

    def forget(self, keep: int) -> list[str]:
        """Removes all copies but the newest `keep`, and the log before the oldest that stays. Returns their ids."""
        whole = self.bases()
        for base in whole[:-keep]:
            (self.base(base.id) / "manifest.json").unlink()  # First: what follows may be broken off.
            shutil.rmtree(self.base(base.id))
        stays = whole[-keep:]
        if stays:
            oldest = min(segment_name(base.timeline, base.start, base.segment_bytes)[8:] for base in stays)
            for name in self.segments():
                if len(name) == 24 and name[8:] < oldest:
                    (self.wal / name).unlink()
            known = {base.id for base in stays}
            for left in (self.folder / "base").iterdir():
                # A copy that was broken off; one that is being made is younger than the newest whole one.
                if left.name not in known and left.name < stays[-1].id:
                    shutil.rmtree(left)
        return [base.id for base in whole[:-keep]]

    def _told(self, path: Path, kind: type[_Told]) -> _Told:
        try:
            told = msgspec.json.decode(path.read_bytes(), type=kind)
            tag = bytes.fromhex(told.tag)
            self.keys.of(tag[:KEY_ID], path).open(tag[KEY_ID:], _canonical(told))
        except (msgspec.DecodeError, ValueError, Unreadable):
            raise DamagedFile("database.backups.damaged", file=str(path.relative_to(self.folder))) from None
        return told


def new_id(now: datetime) -> str:
    """Returns the id of a copy that begins now."""
    return now.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def lsn(text: str) -> int:
    """Returns a position of the log as a number."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def lsn_text(position: int) -> str:
    """Returns a position of the log as the server writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def segment_name(timeline: int, position: str | int, segment_bytes: int) -> str:
    """Returns the name of the segment that a position of the log is in."""
    number = (lsn(position) if isinstance(position, str) else position) // segment_bytes
    each = (1 << 32) // segment_bytes
    return f"{timeline:08X}{number // each:08X}{number % each:08X}"


def segment_begin(name: str, segment_bytes: int) -> int:
    """Returns the position of the log at which a segment begins."""
    return int(name[8:16], 16) * (1 << 32) + int(name[16:24], 16) * segment_bytes


def write_whole(path: Path, text: bytes) -> None:
    """Writes a file whole or not at all; it is on disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as sink:
        sink.write(text)
        sink.flush()
        os.fsync(sink.fileno())
    draft.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Returns when the names in a folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _canonical(told: Base | Progress) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(told, tag=""), order="sorted")


def _label(id_: str) -> bytes:
    return f"backup key {id_}".encode()


def _keys(folder: Path, wrapping: Wrapping) -> tuple[dict[str, tuple[_Key, bytes]], int]:
    """Returns the keys that can be opened, oldest first, and how many cannot."""
    found: list[tuple[datetime, str, _Key, bytes]] = []
    locked = 0
    for path in (folder / "keys").glob("*.json"):
        try:
            key = msgspec.json.decode(path.read_bytes(), type=_Key)
            plain = wrapping.at(key.generation).open(bytes.fromhex(key.wrapped), _label(path.stem))
            found.append((key.began, path.stem, key, plain))
        except (Unreadable, Unavailable):
            locked += 1
        except (msgspec.DecodeError, ValueError):
            raise DamagedFile("database.backups.damaged", file=path.name) from None
    return {id_: (key, plain) for _, id_, key, plain in sorted(found, key=lambda one: one[:2])}, locked


def _make_key(folder: Path, wrapping: Wrapping, cipher: CipherName) -> None:
    id_ = os.urandom(KEY_ID).hex()
    wrapped = wrapping.at(wrapping.generation).seal(new_key(), _label(id_)).hex()
    key = _Key(clock.now(), cipher, wrapped, wrapping.generation)
    write_whole(folder / "keys" / f"{id_}.json", msgspec.json.encode(key))

"""The root key: 32 bytes in a file outside the database, which wrap the epoch keys.

It has generations. Each time an epoch key is renewed the root key goes one generation on, by a one-way function, and
the file is written anew: who has the file of today and a backup of the database from before opens no key of that
backup, so what was erased since is erased there as well. Forward it can always be reckoned: a copy of the file that
was put away, or parts of it that several persons keep, open the data of today.

In a device (`DeviceRoot`) it stays as it is.

Source: facts/store.md 5.5; the idea of a key that only goes forward: RFC 8446, 7.2 (key update).
"""

import contextlib
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from kangyun.base.crypto import CipherName, Provider, Sealer, derived_key
from kangyun.base.crypto.opening import open_device
from kangyun.base.errors import Unavailable
from kangyun.base.settings import Settings

logger = logging.getLogger(__name__)

ROOT_BYTES = 32
MOST_GENERATIONS = 10_000
CHECK_BYTES = 4


@dataclass(frozen=True, slots=True)
class Root:
    """A root key at a generation, and the file that it is of."""

    file: Path
    key: bytes
    generation: int = 0

    def at(self, generation: int) -> Self:
        """Returns the key at this generation or a later one. Raises Unavailable for an earlier one: it is destroyed."""
        if not self.generation <= generation <= MOST_GENERATIONS:
            raise Unavailable("store.root-key-ahead", file=str(self.file), found=self.generation, needed=generation)
        key = self.key
        for _ in range(generation - self.generation):
            key = derived_key(key, "next generation of the root key", ROOT_BYTES)
        return type(self)(self.file, key, generation)

    def wrapping(self, cipher: CipherName) -> Sealer:
        """Returns what wraps epoch keys."""
        return Sealer(derived_key(self.key, f"epochs-{cipher}"), cipher)

    @property
    def check_value(self) -> str:
        """What tells this key at this generation from others, without saying anything of it."""
        return derived_key(self.key, "check value of the root key", CHECK_BYTES).hex()


@dataclass(frozen=True, slots=True)
class DeviceRoot:
    """A root key in a device, which does not let it out.

    It is one key for all generations: what it wrapped before a renewal it can always unwrap, so that an erasure reaches
    backups only when the device forgets the key.
    """

    provider: Provider
    file: Path
    generation: int = 0
    check_value: str = "device"

    def at(self, generation: int) -> Self:
        """Returns the key at any generation."""
        return replace(self, generation=generation)

    def wrapping(self, cipher: CipherName) -> "_InDevice":
        """Returns what wraps epoch keys."""
        return _InDevice(self.provider)


@dataclass(frozen=True, slots=True)
class _InDevice:
    provider: Provider

    def seal(self, plain: bytes, associated: bytes) -> bytes:
        return self.provider.wrap(plain, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        return self.provider.unwrap(sealed, associated)


AnyRoot = Root | DeviceRoot


def root_key(file: Path, *, may_make: bool) -> Root:
    """Reads the root key, making its file (mode 0600) for a new installation. Raises Unavailable without one."""
    if may_make and not file.exists():
        make_root(file)
    for _ in range(2):  # One that is just written anew may be read while it is wiped: the next look sees the new one.
        with contextlib.suppress(OSError, ValueError):
            key, _, generation = file.read_text("ascii").strip().partition(" ")
            root = Root(file, bytes.fromhex(key), int(generation or 0))
            if len(root.key) == ROOT_BYTES and any(root.key) and 0 <= root.generation <= MOST_GENERATIONS:
                return root
    raise Unavailable("base.wrong-key", file=str(file))


def root_of(settings: Settings, file: Path, *, may_make: bool) -> AnyRoot:
    """Returns the root key of an installation: in the device that the settings name, else in the file."""
    device = open_device(settings)
    return DeviceRoot(device, file) if device else root_key(file, may_make=may_make)


def make_root(file: Path, root: Root | None = None) -> Root:
    """Makes the file, whole or not at all, also when two start at once or the power fails; never over another one.

    root: what it is to hold; a new key by default. Returns what the file holds afterwards.
    """
    draft = _draft(file, root or Root(file, os.urandom(ROOT_BYTES)))
    with contextlib.suppress(FileExistsError):
        os.link(draft, file)
    draft.unlink()
    _sync(file.parent)
    return root_key(file, may_make=False)


def put_root(root: Root) -> bool:
    """Puts a root key in its file, in the place of what stands there, which is wiped as far as a file system wipes.

    Returns whether the file now holds it: where it may not be written, the log says so, and nothing else changes.
    """
    try:
        with contextlib.ExitStack() as stack:
            before = None
            if root.file.exists():
                before = stack.enter_context(root.file.open("r+b"))
            os.replace(_draft(root.file, root), root.file)
            _sync(root.file.parent)
            if before is not None:
                before.write(b"0" * os.fstat(before.fileno()).st_size)
                before.flush()
                os.fsync(before.fileno())
    except OSError as error:
        logger.warning("root key: the file cannot be written anew (%s)", type(error).__name__)
        return False
    return True


def bring_forward(root: AnyRoot) -> bool:
    """Brings the file of a root key to this generation, where it stands at an earlier one, and ends a change of the
    root key that stopped. Returns whether the file is as it should be."""
    if isinstance(root, DeviceRoot):
        return True
    with contextlib.suppress(Unavailable):
        following = next_root(root.file)
        if following is not None and _leads_to(following, root):
            change_root_file(root.file)
        there = root_key(root.file, may_make=False)
        if there.generation >= root.generation:
            return True
        if _leads_to(there, root):
            return put_root(root)
    return False


def _leads_to(earlier: Root, root: Root) -> bool:
    return earlier.generation <= root.generation and earlier.at(root.generation).key == root.key


def next_root(file: Path) -> Root | None:
    """Returns the root key that is to take this one's place, where a change of it is under way."""
    following = _next(file)
    return root_key(following, may_make=False) if following.exists() else None


def make_next_root(file: Path) -> Root:
    """Makes the root key that is to take this one's place, or finds the one of a change that stopped."""
    return root_key(_next(file), may_make=True)


def change_root_file(file: Path) -> Path:
    """Puts the next root key in its place; the one before stays beside it. Returns where that is.

    Only once the database is wrapped by the next one. Raises Unavailable where the folder cannot be written.
    """
    before = root_key(file, may_make=False)
    aside = file.with_name(f"{file.name}.before-{before.check_value}")
    try:
        os.replace(file, aside)
        os.replace(_next(file), file)
        _sync(file.parent)
    except OSError:
        raise Unavailable("store.root-key-not-written", file=str(file)) from None
    return aside


def _next(file: Path) -> Path:
    return file.with_name(f"{file.name}.next")


def _draft(file: Path, root: Root) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as sink:
        sink.write(root.key.hex() + (f" {root.generation}" if root.generation else "") + "\n")
        sink.flush()
        os.fsync(sink.fileno())
    return draft


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The keys of the record: one data key a Patient registration, one an institution for everything about none or several.

Data keys are wrapped by the key of an epoch, that by the root key. Here the root key is a file; a hardware module is
another issue. The index key is wrapped by the root key once and for all: changing it means making the whole index
again.

Epoch 0 holds the index key; data keys are wrapped by the newest epoch.
"""

import contextlib
import os
from collections import OrderedDict
from pathlib import Path

import asyncpg

from kangyun.base.crypto import CipherName, Sealer, Unreadable, derived_key, new_key
from kangyun.base.errors import Unavailable
from kangyun.store.tokens import Hasher

INDEX_EPOCH = 0
MOST_KEYS_IN_MEMORY = 50_000
Row = tuple[int, int | None, int, int, bytes]


class KeyRing:
    """Opens and makes data keys. Holds the keys last used; the rest stay wrapped in the database."""

    def __init__(self, cipher: CipherName, index_key: bytes, epochs: dict[int, Sealer]) -> None:
        self.cipher = cipher
        self.index_key = index_key
        self.hasher = Hasher(index_key)
        self._epochs = epochs
        self._newest = max(epochs)
        self._sealers: OrderedDict[int, Sealer] = OrderedDict()
        self._of_patient: OrderedDict[int, int] = OrderedDict()
        self._of_institution: dict[int, int] = {}

    def sealer(self, key: int) -> Sealer | None:
        """Returns the key's sealer where it is in memory."""
        found = self._sealers.get(key)
        if found is not None:
            self._sealers.move_to_end(key)
        return found

    def key_for(self, patient: int | None, institution: int) -> int | None:
        """Returns the id of the key for what is about `patient`, where it is in memory."""
        key = self._of_institution.get(institution) if patient is None else self._of_patient.get(patient)
        return key if key in self._sealers else None

    def opened(self, row: Row) -> Sealer:
        """Opens a row of data_key, without taking it in."""
        key, patient, institution, epoch, wrapped = row
        return Sealer(self._epochs[epoch].open(wrapped, _label(key, patient, institution)), self.cipher)

    def remember(self, row: Row) -> Sealer:
        """Takes in a row of data_key that is in the database. Raises Unreadable when it is not wrapped by our key."""
        key, patient, institution = row[:3]
        sealer = self.opened(row)
        self._sealers[key] = sealer
        if patient is None:
            self._of_institution[institution] = key
        else:
            self._of_patient[patient] = key
            if len(self._of_patient) > MOST_KEYS_IN_MEMORY:
                self._of_patient.popitem(last=False)
        if len(self._sealers) > MOST_KEYS_IN_MEMORY:
            self._sealers.popitem(last=False)
        return sealer

    def new_row(self, key: int, patient: int | None, institution: int) -> Row:
        """Makes a data key and returns its row, not yet remembered: the commit may fail."""
        wrapped = self._epochs[self._newest].seal(new_key(), _label(key, patient, institution))
        return key, patient, institution, self._newest, wrapped


def _label(key: int, patient: int | None, institution: int) -> bytes:
    return f"{key}/{patient}/{institution}".encode()


def root_key(file: Path, *, may_make: bool) -> bytes:
    """Reads the root key, making its file (mode 0600) for a new installation. Raises Unavailable without one."""
    if may_make and not file.exists():
        _make_root_key(file)
    try:
        key = bytes.fromhex(file.read_text("ascii").strip())
    except (OSError, ValueError):
        raise Unavailable("base.wrong-key", file=str(file)) from None
    if len(key) != 32:
        raise Unavailable("base.wrong-key", file=str(file))
    return key


def _make_root_key(file: Path) -> None:
    """Makes the file whole or not at all, also when two processes start at once or the power fails."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as sink:
        sink.write(os.urandom(32).hex() + "\n")
        sink.flush()
        os.fsync(sink.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, file)
    draft.unlink()
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def open_key_ring(connection: asyncpg.Connection, root: bytes, cipher: CipherName, file: Path) -> KeyRing:
    """Opens the key ring of a database, making its first keys where it has none.

    Raises Unavailable when the root key is not the one that this database was made with.
    """
    wrapping = Sealer(derived_key(root, f"epochs-{cipher}"), cipher)
    async with connection.transaction():
        await connection.execute("LOCK TABLE key_epoch IN SHARE ROW EXCLUSIVE MODE")
        rows = await connection.fetch("SELECT id, wrapped FROM key_epoch ORDER BY id")
        if not rows:
            fresh = [(epoch, wrapping.seal(new_key(), str(epoch).encode())) for epoch in (INDEX_EPOCH, 1)]
            await connection.executemany("INSERT INTO key_epoch (id, wrapped) VALUES ($1, $2)", fresh)
            rows = await connection.fetch("SELECT id, wrapped FROM key_epoch ORDER BY id")
    try:
        opened = {row["id"]: wrapping.open(row["wrapped"], str(row["id"]).encode()) for row in rows}
    except Unreadable:
        raise Unavailable("base.wrong-key", file=str(file)) from None
    index_key = opened.pop(INDEX_EPOCH)
    return KeyRing(cipher, index_key, {epoch: Sealer(key, cipher) for epoch, key in opened.items()})

"""The keys of the record: one data key a Patient registration, one an institution for everything about none or several.

Data keys are wrapped by the key of an epoch, that by the root key (`store.root`), in a file or in a device. The newest
epoch's key wraps; while data keys are brought under a new one (`store.rotation`), the one before still opens. The index
key is wrapped by the root key: changing it means making the whole index again. Epoch 0 holds it.

A process holds what it opened. What others renew or destroy it learns by `store.watch`, and at once where it meets a
key of an epoch that it does not know.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from kangyun.base.crypto import CipherName, Sealer, Unreadable, derived_key, new_key
from kangyun.base.errors import Unavailable
from kangyun.store.root import AnyRoot, DeviceRoot, next_root, root_key
from kangyun.store.statements import statement
from kangyun.store.tokens import Hasher

INDEX_EPOCH = 0
MOST_KEYS_IN_MEMORY = 50_000
LOOKS = 3
BLOCK = 64  # numbers of keys that a process takes at once
Row = tuple[int, int | None, int, int, bytes]


class KeyRing:
    """Opens and makes data keys. Holds the keys last used; the rest stay wrapped in the database."""

    def __init__(self, cipher: CipherName, root: AnyRoot, epochs: dict[int, bytes]) -> None:
        self.cipher = cipher
        self.root = root
        self.index_key = epochs[INDEX_EPOCH]
        self.hasher = Hasher(self.index_key)
        self._epochs: dict[int, Sealer] = {}
        self._newest = 0
        self._take_epochs(epochs)
        self._sealers: OrderedDict[int, Sealer] = OrderedDict()
        self._of_patient: OrderedDict[int, int] = OrderedDict()
        self._of_institution: dict[int, int] = {}
        self._patients: dict[int, int] = {}
        self._destroyed: set[int] = set()
        self._numbers: list[int] = []

    @property
    def platform_key(self) -> bytes:
        """What software takes for the keys of the platform itself, its signing key first: the root key goes forward."""
        return derived_key(self.index_key, "platform keys", 32)

    @property
    def newest_epoch(self) -> int:
        """The epoch whose key wraps."""
        return self._newest

    def sealer(self, key: int) -> Sealer | None:
        """Returns the key's sealer where it is in memory."""
        found = self._sealers.get(key)
        if found is not None:
            self._sealers.move_to_end(key)
        return found

    def patient_of(self, key: int) -> int | None:
        """Returns whom a key in memory is of, None for an institution's."""
        return self._patients.get(key)

    def is_destroyed(self, key: int) -> bool:
        """Whether the key was asked for and turned out to be destroyed: what it sealed is unreadable for ever."""
        return key in self._destroyed

    def key_for(self, patient: int | None, institution: int) -> int | None:
        """Returns the id of the key for what is about `patient`, where it is in memory."""
        key = self._of_institution.get(institution) if patient is None else self._of_patient.get(patient)
        return key if key in self._sealers else None

    async def bring(self, connection: asyncpg.Connection, keys: Iterable[int]) -> None:
        """Brings keys into memory. Raises Unreadable for one that is gone though nobody destroyed it."""
        missing = {key for key in keys if key not in self._sealers and key not in self._destroyed}
        if not missing:
            return
        found = await self._take_in(connection, "data_keys", list(missing))
        lost = missing - {row["id"] for row in found}
        if lost:
            destroyed = {row[0] for row in await connection.fetch(statement("destroyed_keys"), list(lost))}
            if lost - destroyed:
                raise Unreadable
            self._destroyed |= lost

    async def bring_for(
        self, connection: asyncpg.Connection, patients: Sequence[int], institution: int
    ) -> set[int | None]:
        """Brings into memory the keys for these patients, and the institution's. Returns for whom there are any."""
        return {row["patient"] for row in await self._take_in(connection, "data_keys_for", patients, institution)}

    def take(self, rows: Iterable[Row]) -> None:
        """Takes in rows of data_key that were read with what they seal; of a new epoch `bring` does."""
        for row in rows:
            if row[0] not in self._sealers and row[3] in self._epochs:
                self.remember(row)

    async def _take_in(self, connection: asyncpg.Connection, name: str, *arguments: Any) -> list[Any]:
        for _ in range(LOOKS):
            rows: list[Any] = await connection.fetch(statement(name), *arguments)
            if all(row["epoch"] in self._epochs for row in rows):
                for row in rows:
                    self.remember(tuple(row))
                return rows
            # Renewed since we looked; and what was read before the epoch ended is read again.
            await self.reload(connection)
        raise Unavailable("store.key-of-no-epoch")

    def opened(self, row: Row) -> Sealer:
        """Opens a row of data_key, without taking it in."""
        return Sealer(self.plain(row), self.cipher)

    def plain(self, row: Row) -> bytes:
        """Returns the key itself. Raises Unreadable when it is not wrapped by our key."""
        key, patient, institution, epoch, wrapped = row
        return self._epochs[epoch].open(wrapped, _label(key, patient, institution))

    def rewrapped(self, row: Row) -> Row:
        """Returns the same key wrapped by the newest epoch's."""
        key, patient, institution = row[:3]
        wrapped = self._epochs[self._newest].seal(self.plain(row), _label(key, patient, institution))
        return key, patient, institution, self._newest, wrapped

    def remember(self, row: Row) -> Sealer:
        """Takes in a row of data_key that is in the database. Raises Unreadable when it is not wrapped by our key."""
        key, patient, institution = row[:3]
        sealer = self.opened(row)
        if key in self._destroyed:  # Meanwhile: what was under way when it happened may still end.
            return sealer
        self._sealers[key] = sealer
        if patient is not None:
            self._patients[key] = patient
        if patient is None:
            self._of_institution[institution] = key
        else:
            self._of_patient[patient] = key
            if len(self._of_patient) > MOST_KEYS_IN_MEMORY:
                self._of_patient.popitem(last=False)
        if len(self._sealers) > MOST_KEYS_IN_MEMORY:
            self._patients.pop(self._sealers.popitem(last=False)[0], None)
        return sealer

    async def numbers(self, connection: asyncpg.Connection, count: int) -> list[int]:
        """Returns numbers for new keys. What is not used of a block is lost with the process."""
        while count > len(self._numbers):
            self._numbers += [row[0] for row in await connection.fetch(_NUMBERS, max(count, BLOCK))]
        taken, self._numbers = self._numbers[:count], self._numbers[count:]
        return taken

    def new_row(self, key: int, patient: int | None, institution: int) -> Row:
        """Makes a data key and returns its row, not yet remembered: the commit may fail."""
        wrapped = self._epochs[self._newest].seal(new_key(), _label(key, patient, institution))
        return key, patient, institution, self._newest, wrapped

    def forget(self, keys: Iterable[int]) -> None:
        """Lets go of keys that were destroyed."""
        gone = set(keys)
        for key in gone:
            self._sealers.pop(key, None)
        self._destroyed |= gone
        for patient in [patient for patient, key in self._of_patient.items() if key in gone]:
            del self._of_patient[patient]

    async def reload(self, connection: asyncpg.Connection) -> None:
        """Reads the epochs as they stand, and lets go of those that are over. Raises Unavailable, as opening does."""
        rows = await connection.fetch(_EPOCHS)
        try:
            self.root, epochs = opened_epochs(self.root, self.cipher, rows)
        except Unavailable:
            if isinstance(self.root, DeviceRoot):
                raise
            # Somebody put another root key in its place: the file has it.
            self.root, epochs = opened_epochs(root_key(self.root.file, may_make=False), self.cipher, rows)
        self._take_epochs(epochs)

    def _take_epochs(self, epochs: dict[int, bytes]) -> None:
        held = {epoch: Sealer(key, self.cipher) for epoch, key in epochs.items() if epoch != INDEX_EPOCH}
        self._epochs, self._newest = held, max(held)


def _label(key: int, patient: int | None, institution: int) -> bytes:
    return f"{key}/{patient}/{institution}".encode()


_NUMBERS = "SELECT nextval('data_key_id')::int4 FROM generate_series(1, $1)"
_EPOCHS = "SELECT id, wrapped, generation FROM key_epoch ORDER BY id"


def opened_epochs(root: AnyRoot, cipher: CipherName, rows: Sequence[Any]) -> tuple[AnyRoot, dict[int, bytes]]:
    """Opens rows of key_epoch. Returns the root key at the generation that they are of, and their keys.

    Raises Unavailable when the root key is not theirs.
    """
    root = root.at(max(row["generation"] for row in rows))
    wrapping = root.wrapping(cipher)
    try:
        return root, {row["id"]: wrapping.open(row["wrapped"], wrapped_as(row["id"])) for row in rows}
    except Unreadable:
        raise Unavailable("store.other-root-key", file=str(root.file), found=root.check_value) from None


def wrapped_as(epoch: int) -> bytes:
    """Returns what is authenticated with the wrapped key of an epoch."""
    return str(epoch).encode()


async def open_key_ring(connection: asyncpg.Connection, root: AnyRoot, cipher: CipherName) -> KeyRing:
    """Opens the key ring of a database, making its first keys where it has none.

    root: the way to the root key, which may be in a device.
    Raises Unavailable when the root key is not the one that this database was made with.
    """
    following = next_root(root.file)
    if following is not None and await needs(connection, following):
        # A change of the root key that stopped before its end; `bring_forward` ends it.
        root = replace(following, file=root.file)
    async with connection.transaction():
        rows = await connection.fetch(_EPOCHS)
        if not rows:
            await connection.execute("LOCK TABLE key_epoch IN SHARE ROW EXCLUSIVE MODE")
            rows = await connection.fetch(_EPOCHS)
        if not rows:
            wrapping = root.wrapping(cipher)
            fresh = [
                (epoch, wrapping.seal(new_key(), wrapped_as(epoch)), root.generation) for epoch in (INDEX_EPOCH, 1)
            ]
            await connection.executemany("INSERT INTO key_epoch (id, wrapped, generation) VALUES ($1, $2, $3)", fresh)
            rows = await connection.fetch(_EPOCHS)
        needed = await connection.fetchrow("SELECT check_value, generation FROM root_key")
        if needed is not None and root.generation <= needed["generation"]:
            found = root.at(needed["generation"]).check_value
            if found != needed["check_value"]:
                needed_value = needed["check_value"]
                raise Unavailable("store.wrong-root-key", file=str(root.file), found=found, needed=needed_value)
        root, epochs = opened_epochs(root, cipher, rows)
        if needed is None:
            await connection.execute(_FIRST_CHECK, root.check_value, root.generation)
    return KeyRing(cipher, root, epochs)


async def needs(connection: asyncpg.Connection, root: AnyRoot) -> bool:
    """Whether this is the root key that the database needs."""
    row = await connection.fetchrow("SELECT check_value, generation FROM root_key")
    return (
        row is not None
        and root.generation <= row["generation"]
        and root.at(row["generation"]).check_value == row["check_value"]
    )


_FIRST_CHECK = "INSERT INTO root_key (check_value, generation) VALUES ($1, $2) ON CONFLICT DO NOTHING"

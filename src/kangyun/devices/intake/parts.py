"""What the intake asks of its neighbours, and nothing more than that."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import asyncpg
import numpy as np
from numpy.typing import NDArray

from kangyun.devices.alarms.strays import Cry
from kangyun.devices.model import Event, Message, Refusal, Wave
from kangyun.devices.register.model import Known
from kangyun.devices.register.wearers import Use
from kangyun.devices.series.batch import Batch, Inserted
from kangyun.devices.signals.model import Group, Warning


class Devices(Protocol):
    """`register.Devices`."""

    async def known(self, devices: Iterable[int]) -> dict[int, Known]:
        """Returns those of these devices that there are."""


class Wearers(Protocol):
    """`register.Wearers`."""

    async def of(self, devices: Sequence[int], keys: Sequence[str], at: Sequence[int]) -> NDArray[np.int64]:
        """Returns the holders of a group of readings, 0 where that is not certain."""

    async def uses(self, devices: Iterable[int]) -> dict[int, tuple[Use, ...]]:
        """Returns all users that these devices have had."""


class Samples(Protocol):
    """`series.Samples`."""

    async def series_of(
        self, devices: Sequence[int], metrics: Sequence[int], holders: Sequence[int | None]
    ) -> NDArray[np.int64]:
        """Returns the numbers of series."""

    async def insert(self, connection: asyncpg.Connection, batch: Batch) -> Inserted:
        """Inserts within the transaction; says what is new."""


class Waves(Protocol):
    """`series.Waves`."""

    async def insert(self, connection: asyncpg.Connection, waves: Sequence[tuple[int, Wave]]) -> list[bool]:
        """Stores waves (series, wave) within the transaction. Returns which are new."""


class Judging(Protocol):
    """`signals.Judging`."""

    async def take(
        self, connection: asyncpg.Connection, group: Group, events: list[tuple[int, Event]] | None = None
    ) -> list[Warning]:
        """Judges a group within the transaction that stores it."""

    def forget(self, holders: list[int]) -> None:
        """Drops what is remembered of persons."""


class Strays(Protocol):
    """`alarms.strays.Strays`."""

    async def tell(self, connection: asyncpg.Connection, cries: Sequence[Cry]) -> object:
        """Has the desk told of devices that cry for help and are nobody's, within the transaction."""


class Alarms(Protocol):
    """`alarms.Alarms`."""

    async def raise_(self, connection: asyncpg.Connection, warnings: Iterable[Warning]) -> object:
        """Raises alarms within the transaction, as its last act."""


class Read(Protocol):
    """`formats.read`, with the context that it needs."""

    def __call__(self, format_: str, payload: bytes, received: int, zone: int) -> tuple[Message, tuple[Refusal, ...]]:
        """Returns what a payload says and what of it was refused."""

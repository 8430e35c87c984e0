"""How the intake has a group judged: the promise that `devices.intake` relies on."""

from typing import Protocol

import asyncpg

from kangyun.devices.model import Event
from kangyun.devices.signals.model import Group, Warning


class Judging(Protocol):
    """Judges the new samples of persons. One per process; it remembers a bounded number of samples of a person."""

    async def take(
        self, connection: asyncpg.Connection, group: Group, events: list[tuple[int, Event]] | None = None
    ) -> list[Warning]:
        """Judges a group within the transaction that stores it, and keeps in that transaction what must be remembered.

        events: (holder, what the device said). Call it after the samples were inserted, once a group. When the
        transaction is not committed, call `forget` with the group's holders before anything else is judged.
        """

    def judge(self, group: Group) -> list[Warning]:
        """Judges a group without a database: of persons that were loaded, no matter in what order its samples stand."""

    async def reload(self, connection: asyncpg.Connection, holders: list[int]) -> None:
        """Reads anew what is remembered of persons: limits, rhythm, newest samples, what was warned of."""

    def forget(self, holders: list[int]) -> None:
        """Drops what is remembered of persons; they are loaded again when their next sample comes."""

"""What a process keeps in mind of devices, by their numbers, until it is told that something of them has changed."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from kangyun.devices.register.model import Changed

MOST_KEPT = 200_000  # devices
Known = TypeVar("Known")


class Mind(Generic[Known]):
    """Reads what it does not know. read: of devices by their numbers, ascending; what it leaves out is not there."""

    def __init__(self, read: Callable[[list[int]], Awaitable[dict[int, Known]]]) -> None:
        self._read = read
        self._kept: dict[int, Known] = {}
        self._forgotten = 0

    async def of(self, devices: Iterable[int]) -> dict[int, Known]:
        """Returns what is known of these devices."""
        asked = set(devices)
        found = {device: self._kept[device] for device in asked if device in self._kept}
        missing = sorted(asked - found.keys())
        if not missing:
            return found
        forgotten = self._forgotten
        fresh = await self._read(missing)
        # What was read may be older than what was to be forgotten meanwhile: then it is not kept.
        if forgotten == self._forgotten:
            if len(self._kept) + len(fresh) > MOST_KEPT:
                self._kept.clear()
            self._kept.update(fresh)
        return found | fresh

    def forget(self, changed: Changed) -> None:
        """Forgets what is kept of these devices."""
        self._forgotten += 1
        if changed is None:
            self._kept.clear()
            return
        for device in changed:
            self._kept.pop(device, None)

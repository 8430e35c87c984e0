"""The watermark of what staff is shown and takes away, with the institution called by its name.

Names of institutions are asked of the record once in a while and not for each answer.
"""

import time

from kangyun.access.actor import Actor
from kangyun.access.identities.model import PLATFORM
from kangyun.access.platform import Platform
from kangyun.access.watermark import watermark
from kangyun.base import clock
from kangyun.base.texts import say

FRESH = 600.0  # seconds that an institution's name is taken for the same
MOST = 1000  # names that are kept


class Marks:
    """Makes watermarks. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._names: dict[str, tuple[float, str]] = {}

    async def of(self, actor: Actor) -> str:
        """Returns the text that stands across what this actor is shown now."""
        name = await self._name(actor.institution) if actor.institution else ""
        name = say("web.platform", "zh") if name == PLATFORM else name
        return watermark(actor, name, clock.now(), self._platform.gate.store.zone)

    async def _name(self, institution: str) -> str:
        kept = self._names.get(institution)
        if kept is None or time.monotonic() > kept[0]:
            if len(self._names) >= MOST:
                self._names.clear()
            kept = time.monotonic() + FRESH, await self._platform.name_of(institution)
            self._names[institution] = kept
        return kept[1]

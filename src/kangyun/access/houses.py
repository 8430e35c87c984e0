"""Which institutions stand above one: `Organization.partOf`, as the record has it.

A resident who closes his record to a hospital closes it to its branches. Who acts for a house is called by it, and by
`below:` what stands above it (`access.policy.sights`); a denial names a house both ways (`access.consent.meaning`), a
permission by its own name only.
"""

from collections.abc import Iterable

import asyncpg

from kangyun.store.reader import Reader
from kangyun.store.references import local_target

MOST_LEVELS = 8
BELOW = "below:"
"""Before the reference of an Organization: whoever acts for one that stands below it."""


async def above(connection: asyncpg.Connection, reader: Reader, house: str) -> tuple[str, ...]:
    """Returns the Organizations above one, the next first."""
    found: list[str] = []
    while len(found) < MOST_LEVELS:
        higher = (await led_to(connection, reader, {house}, "partOf")).get(house)
        if higher is None or higher in (house, *found):
            break
        found.append(higher)
        house = higher
    return tuple(found)


async def led_to(connection: asyncpg.Connection, reader: Reader, texts: Iterable[str], element: str) -> dict[str, str]:
    """Returns where an element of what is referred to leads."""
    names = {target: text for text in texts if (target := local_target(text)) is not None}
    located = await reader.locate(connection, names) if names else {}
    return {
        names[name]: str(stored.resource[element]["reference"])
        for name, current in located.items()
        if (stored := current.stored) is not None and not stored.deleted
        if "reference" in stored.resource.get(element, {})
    }

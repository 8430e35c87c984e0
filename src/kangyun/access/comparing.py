"""What a write would come to, without writing: whether there is such a resource, and whether it would change.

For who must know before a year is taken in again. It tells no more than that.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from kangyun.access.record import Operation, Record
from kangyun.store.run import same

Effect: TypeAlias = Literal["created", "updated", "unchanged"]


async def effects(record: Record, operations: Sequence[Operation]) -> list[Effect]:
    """Returns what each update would come to. What a transaction adds by itself to whom content belongs is not seen."""
    names = [(one.type, one.id) for one in operations if one.id is not None]
    found = await record.store.finder.locate(names, record.sight) if names else {}
    told: list[Effect] = []
    for one in operations:
        current = found.get((one.type, one.id or ""))
        stored = current.stored if current is not None else None
        if one.resource is None or stored is None or stored.deleted:
            told.append("created")
            continue
        wanted = one.onto(stored.resource, one.resource) if one.onto is not None else one.resource
        told.append("unchanged" if same(stored.resource, wanted) else "updated")
    return told

"""What a write would come to, without writing: whether there is such a resource, and whether it would change.

For who must know before a year is taken in again. It tells no more than that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal, TypeAlias

from kangyun.access.record import Operation, Record
from kangyun.fhir.json import canonical
from kangyun.store.run import same

Effect: TypeAlias = Literal["created", "updated", "unchanged"]
Name: TypeAlias = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Compares writes that would follow each other: what one of them creates, the next one finds. For one run."""

    record: Record
    _before: dict[Name, bytes] = field(default_factory=dict)

    async def effects(self, operations: Sequence[Operation]) -> list[Effect]:
        """Returns what each update would come to. What a transaction adds by itself to whom content belongs is not
        seen."""
        names = [(one.type, one.id) for one in operations if one.id is not None]
        found = await self.record.store.finder.locate(names, self.record.sight) if names else {}
        told: list[Effect] = []
        for one in operations:
            current = found.get((one.type, one.id or ""))
            stored = current.stored if current is not None else None
            standing = None if stored is None or stored.deleted else stored.resource
            wanted = one.resource
            if wanted is not None and one.onto is not None and standing is not None:
                wanted = one.onto(standing, wanted)
            digest = blake2b(b"" if wanted is None else canonical(wanted), digest_size=16).digest()
            before = self._before.get((one.type, one.id))
            if before is not None:
                told.append("unchanged" if before == digest else "updated")
            elif wanted is None or standing is None:
                told.append("created")
            else:
                told.append("unchanged" if same(standing, wanted) else "updated")
            if one.id is not None:
                self._before[one.type, one.id] = digest
        return told

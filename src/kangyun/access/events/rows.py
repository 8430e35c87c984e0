"""Rows of the audit trail as they are read for people, and the names of what they are about."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg

from kangyun.base.crypto import Sealer, derived_key
from kangyun.fhir import Resource
from kangyun.fhir.json import decode
from kangyun.store.keys import KeyRing
from kangyun.store.model import Stored
from kangyun.store.store import Store
from kangyun.store.visible import EVERYTHING, Sight, seen

MOST_NAMED = 100  # resources of a row
COLUMNS = """
a.id, a.instant, i.reference AS institution, a.outcome, a.action, a.actor, a.purpose, a.shape, a.source, a.request,
a.patients, a.role, a.way, a.client, a.about, a.origin, a.detail, c.res AS written
"""
# One by one: a join that is planned while there are few commits would read all of them for good.
JOINED = """
LEFT JOIN institution AS i ON i.id = a.institution
LEFT JOIN LATERAL (SELECT o.res FROM commit AS o WHERE o.id = a.commit OFFSET 0) AS c ON TRUE
"""
_NAMED = "a.about || (SELECT o.res FROM commit AS o WHERE o.id = a.commit)"
_TOLD = f"""
coalesce((
    SELECT bool_or({{visible:r}}) FROM resource AS r WHERE r.res = ANY ({_NAMED}) AND r.patient = ANY (OWN)
), TRUE)
"""
NOT_REFUSED_TO_THEM = "NOT (a.outcome >= 400 AND coalesce(a.role = ANY ('{resident,guardian}'), FALSE))"
"""The condition that a row is none of what residents and guardians were refused, for `seen` to fill. They would learn
by it whether there is what they tried."""
_STANDING = (
    "SELECT r.res, v.version, v.instant, v.key, v.dictionary, v.action, v.type, v.body FROM resource AS r "
    "JOIN version AS v ON v.res = r.res AND v.version = r.version "
)


class Seen(NamedTuple):
    """A row. institution: its reference, None for nobody's. written: what its commit wrote, None without one."""

    id: int
    instant: datetime
    institution: str | None
    outcome: int
    action: str
    actor: str
    purpose: str
    shape: str
    source: str
    request: str
    patients: Sequence[int]
    role: str | None
    way: str | None
    client: str | None
    about: int | None
    origin: str | None
    detail: bytes | None
    written: Sequence[int] | None

    @property
    def names_something(self) -> bool:
        """Whether it says which resources it is about: a search or an export says its patients only."""
        return self.about is not None or bool(self.written)

    @property
    def resources(self) -> list[int]:
        """The resources that are named: what it was about, the patients, what was written."""
        about = [] if self.about is None else [self.about]
        return list(dict.fromkeys([*about, *self.patients[:MOST_NAMED], *(self.written or ())[:MOST_NAMED]]))


def told(own: str) -> str:
    """Returns the condition that a row tells a resident or guardian of nothing that he does not see.

    For `seen` to fill. own: an expression for his Patients. A row that names resources of theirs is there for him where
    he sees one of them.
    What residents and guardians were refused is not.
    """
    return f"{shown(own)} AND {NOT_REFUSED_TO_THEM}"


def shown(own: str) -> str:
    """Returns the condition that a row names nothing of theirs that he does not see, as in `told`."""
    return _TOLD.replace("OWN", own)


async def standing(
    connection: asyncpg.Connection, store: Store, res: Iterable[int], sight: Sight = EVERYTHING
) -> dict[int, Stored]:
    """Returns resources by their internal numbers. To auditors, whoever may see them: the names only are shown.

    What was removed, or whose key was destroyed, is left out.
    """
    found = await connection.fetch(
        *seen(f"{_STANDING} WHERE r.res = ANY ($1::int8[]) AND {{visible:r}}", sight, [*res])
    )
    await store.reader.bring_keys(connection, [row["key"] for row in found])
    return {
        row["res"]: store.reader.stored(row, row["res"])
        for row in found
        if store.keys.sealer(row["key"]) is not None
    }  # fmt: skip


async def names(connection: asyncpg.Connection, store: Store, rows: Iterable[Seen], sight: Sight) -> dict[int, str]:
    """Returns references of what rows are about, by internal number; of what was removed or is not seen, none."""
    wanted = {res for row in rows for res in row.resources}
    return {res: f"{one.type}/{one.id}" for res, one in (await standing(connection, store, wanted, sight)).items()}


def sealed_detail(keys: KeyRing, detail: bytes, client: str, request: str) -> bytes:
    """Seals the AuditEvent that somebody sent, bound to who sent it in which request."""
    return _sealer(keys).seal(detail, f"{client} {request}".encode())


def opened_detail(keys: KeyRing, row: Seen) -> Resource:
    """Returns the AuditEvent that was sent. Raises Unreadable where the row is not the one that it came with."""
    return decode(_sealer(keys).open(row.detail or b"", f"{row.client or ''} {row.request}".encode()))


def _sealer(keys: KeyRing) -> Sealer:
    return Sealer(derived_key(keys.index_key, "audit events"), keys.cipher)

"""Who may see the audit trail: the audit administrator and administrators all of it, a resident or guardian the rows
about their own Patients. Nobody else, and nobody may change it."""

import re
from collections.abc import Sequence

import asyncpg

from kangyun.access.actor import Actor
from kangyun.base.errors import Forbidden
from kangyun.identity.standing import SQL
from kangyun.store.store import Store

AUDITOR = "audit-administrator"
SENDERS = frozenset({"application", "device"})
_SCOPE = re.compile(r"(?:patient|user|system)/(?:AuditEvent|\*)\.(read|write|\*|c?r?u?d?s?)(?:\?.*)?")
_FIRST_FORM = {"read": "rs", "write": "cud", "*": "cruds"}


def sees_all(actor: Actor) -> bool:
    """Whether all rows are shown to an actor."""
    return actor.administrator or actor.role == AUDITOR


def knows_all_types(actor: Actor) -> bool:
    """Whether an actor may be told over what a search about him went: all of his own is his to see.

    A guardian is shown less of a ward than there is, an application what it has a scope for; each search that met the
    ward would tell them of the type of what it met.
    """
    return sees_all(actor) or (actor.role == "resident" and actor.scopes is None)


def auditors_only(actor: Actor) -> None:
    """Raises Forbidden for everybody but the audit administrator: not for other administrators either."""
    if actor.role != AUDITOR:
        raise Forbidden("access.events.auditors-only")


def refuse_scopes(scopes: Sequence[str] | None, wanted: str) -> None:
    """Raises Forbidden where an application was not given AuditEvents for `wanted`, a letter of c, r, s."""
    if scopes is None:
        return
    given = (match[1] for match in map(_SCOPE.fullmatch, scopes) if match)
    if not any(wanted in _FIRST_FORM.get(letters, letters) for letters in given):
        raise Forbidden("access.events.not-in-scope")


async def own_patients(connection: asyncpg.Connection, store: Store, actor: Actor) -> frozenset[int] | None:
    """Returns the internal numbers of the Patients whose rows are shown, None for all. Raises Forbidden for others.

    Where all of one's own are, the other registrations of the same residents are among them, as in what one sees:
    but of who has proven some only.
    """
    if sees_all(actor):
        return None
    ids = (actor.patient,) if actor.patient else actor.patients
    if not set(ids) <= set(actor.patients) or not ids:
        raise Forbidden("access.events.not-yours")
    found = await store.reader.locate(connection, [("Patient", id_) for id_ in ids])
    own = [one.res for one in found.values()]
    linked = [] if actor.patient or actor.alone else await connection.fetch(SQL["of_same"], own)
    return frozenset([*own, *(row["patient"] for row in linked)])

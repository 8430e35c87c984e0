"""What the registers hold of a resident who is erased: the identity with its name, its sign-ins, who acts for him.

It is deleted with his record, and again after a restore: the ledger names identities and bindings by their numbers, and
what was made later under such a number is somebody else's and stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.identities.revocations import revoke


@dataclass(frozen=True, slots=True)
class Registered:
    """Identities and bindings, by number, and the instant by the database's clock at which they were such."""

    identities: tuple[int, ...]
    bindings: tuple[int, ...]
    at: datetime


async def registered(connection: asyncpg.Connection, patients: Sequence[str]) -> Registered:
    """Returns what the registers hold of whom these ids of Patients stand for."""
    row = await connection.fetchrow(_REGISTERED, [f"Patient/{id_}" for id_ in patients], list(patients))
    return Registered(tuple(row["identities"]), tuple(row["bindings"]), row["at"])


async def end_proxies(connection: asyncpg.Connection, patients: Sequence[str]) -> None:
    """Deletes who acted for these ids of Patients; they do so no more within a second."""
    await connection.execute(_ASKS, list(patients))
    rows = await connection.fetch(_PROXIES, list(patients))
    await revoke(connection, *sorted({f"identity:{row['identity']}" for row in rows}))


async def remove(connection: asyncpg.Connection, held: Registered) -> None:
    """Deletes what is held, as part of the erasure; whoever is signed in is so no more within a second."""
    identities = [row["id"] for row in await connection.fetch(_STANDING, list(held.identities), held.at)]
    for statement in _REMOVE:
        await connection.execute(statement, identities)
    await connection.execute(_BINDINGS, list(held.bindings), held.at)
    await revoke(connection, *(f"identity:{number}" for number in identities))


_REGISTERED = """
SELECT clock_timestamp() AS at,
    ARRAY(SELECT i.id FROM identity AS i WHERE i.kind = 'resident' AND (i.reference = ANY ($1::text[]) OR EXISTS (
        SELECT FROM identity_proxy AS p
        WHERE p.identity = i.id AND p.patient = ANY ($2::text[]) AND p.relation = 'ONESELF'
    )) ORDER BY i.id) AS identities,
    ARRAY(SELECT b.id FROM resident_binding AS b WHERE b.patients && $2::text[] ORDER BY b.id) AS bindings
"""
_STANDING = "SELECT id FROM identity WHERE id = ANY ($1::int8[]) AND kind = 'resident' AND admitted <= $2 FOR UPDATE"
_PROXIES = "DELETE FROM identity_proxy WHERE patient = ANY ($1::text[]) RETURNING identity"
_ASKS = "DELETE FROM family_ask WHERE patients && $1::text[]"
_BINDINGS = "DELETE FROM resident_binding WHERE id = ANY ($1::int8[]) AND bound <= $2"
# What refers to others first.
_REMOVE = (
    """DELETE FROM oidc_grant WHERE identity = ANY ($1::int8[])
        OR session IN (SELECT id FROM session WHERE identity = ANY ($1::int8[]))""",
    *(
        f"DELETE FROM {table} WHERE identity = ANY ($1::int8[])"
        for table in (
            *("oidc_launch", "look_ticket", "look_session", "session", "factor", "factor_challenge", "factor_permit"),
            *("factor_failure", "identity_event", "identity_password", "identity_proxy", "identity_role", "family_ask"),
        )
    ),
    "DELETE FROM identity WHERE id = ANY ($1::int8[])",
)

"""Who is told of a resident's alarms as his family: a right of its own, beside seeing and acting for him."""

from collections.abc import Sequence
from typing import NamedTuple

import asyncpg


class Hearer(NamedTuple):
    """Who is told. relation: what he is to the resident, of v3-RoleCode (CHILD: the resident's child)."""

    reference: str
    relation: str


async def hearers(connection: asyncpg.Connection, patients: Sequence[str]) -> list[Hearer]:
    """Returns who is told of alarms of these Patients (ids) now, in the order in which the right was given."""
    return [Hearer(row["reference"], row["relation"]) for row in await connection.fetch(_HEARERS, list(patients))]


_HEARERS = """
SELECT i.reference, min(p.relation) AS relation FROM identity_proxy AS p JOIN identity AS i ON i.id = p.identity
WHERE p.patient = ANY ($1::text[]) AND p.hears AND p.relation <> 'ONESELF' AND p.taken IS NULL
    AND p.starts <= clock_timestamp() AND (p.ends IS NULL OR p.ends > clock_timestamp()) AND i.status = 'admitted'
GROUP BY i.reference ORDER BY min(p.id)
"""

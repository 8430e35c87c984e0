"""Who may do what for whom in a family: read from the register of identities, and changed there."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import asyncpg

from kangyun.access.circle import birth_of
from kangyun.access.family.rights import RIGHTS, Right, end_of, proxy
from kangyun.access.gate import Gate
from kangyun.access.identities.passwords import Hashing
from kangyun.access.identities.register import Identities
from kangyun.access.identities.vault import Vault
from kangyun.base import clock
from kangyun.fhir import Resource


@dataclass(frozen=True, slots=True)
class Tie:
    """What one person may do for one resident. id: of the tie, else of its row.

    identity, reference, name: of who may. relation: what he is to the resident. patients: ids of registrations.
    """

    id: str
    identity: int
    reference: str
    name: str
    relation: str
    patients: tuple[str, ...]
    rights: tuple[Right, ...]
    since: datetime
    until: datetime | None


def identities_of(gate: Gate) -> Identities:
    """Returns the register of identities of an installation."""
    store, settings = gate.store, gate.settings
    vault = Vault(store.keys.index_key, store.keys.cipher)
    length, days = settings.password_length, settings.password_days
    return Identities(store.pool, vault, Hashing(), length, days, settings.demo, gate.ledger)


async def of_residents(connection: asyncpg.Connection, gate: Gate, patients: Sequence[str]) -> list[Tie]:
    """Returns who may do something for whom these registrations are."""
    return _ties(gate, await connection.fetch(_OF_RESIDENTS, list(patients)))


async def of_member(connection: asyncpg.Connection, gate: Gate, identity: int) -> list[Tie]:
    """Returns for whom somebody may do something."""
    return _ties(gate, await connection.fetch(_OF_MEMBER, identity))


async def names_of(
    connection: asyncpg.Connection, gate: Gate, patients: Sequence[str], references: Iterable[str]
) -> dict[str, str]:
    """Returns the names of those of these references who have, had or asked for something of these registrations."""
    rows = await connection.fetch(_NAMES, list(patients), sorted(set(references)))
    vault = identities_of(gate).vault
    return {row["reference"]: vault.open_personal(row["personal"], row["reference"]).name for row in rows}


async def give(
    gate: Gate, identity: int, relation: str, rights: Collection[Right], people: Sequence[Resource], by: str, why: str,
    tie: str = "",
) -> str:  # fmt: skip
    """Gives rights over registrations, in place of what was given before; returns the tie.

    people: the Patients. by: who gives; why: how it was proven. Raises NotFound.
    """
    register, name = identities_of(gate), tie or f"tie-{uuid4().hex}"
    for one in people:
        birth = birth_of(one) if one.get("birthDate") else None
        ends = end_of(relation, birth, gate.store.zone)
        if ends is not None and ends <= clock.now():  # Of age already: nobody's child before the law.
            ends = None
        await register.give_proxy(identity, proxy(one["id"], relation, rights, gate.labels, name, ends), by, why)
    return name


async def end(gate: Gate, tie: Tie, by: str, why: str) -> None:
    """Ends a tie: within a second nothing is done by it any more. Raises NotFound."""
    register = identities_of(gate)
    for patient in tie.patients:
        await register.take_proxy(tie.identity, patient, by, why)


def _ties(gate: Gate, rows: Sequence[asyncpg.Record]) -> list[Tie]:
    found: dict[str, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["tie"] or str(row["id"]), []).append(row)
    register = identities_of(gate)
    return [_tie(register, id_, rows) for id_, rows in found.items()]


def _tie(register: Identities, id_: str, rows: Sequence[asyncpg.Record]) -> Tie:
    first = rows[0]
    name = register.vault.open_personal(first["personal"], first["reference"]).name
    held = dict(zip(RIGHTS, (first["sees"], first["acts"], first["hears"]), strict=True))
    return Tie(
        id_, first["identity"], first["reference"], name, first["relation"], tuple(row["patient"] for row in rows),
        tuple(one for one in RIGHTS if held[one]), min(row["starts"] for row in rows), first["ends"],
    )  # fmt: skip


_TIES = """
SELECT p.id, p.tie, p.identity, i.reference, i.personal, p.relation, p.patient, p.sees, p.acts, p.hears, p.starts,
    p.ends
FROM identity_proxy AS p JOIN identity AS i ON i.id = p.identity
WHERE p.relation <> 'ONESELF' AND p.taken IS NULL AND (p.ends IS NULL OR p.ends > clock_timestamp())
    AND i.status <> 'left'
"""
_NAMES = """
SELECT DISTINCT ON (i.reference) i.reference, i.personal FROM identity AS i
WHERE i.reference = ANY ($2::text[]) AND i.kind IN ('resident', 'guardian') AND (
    EXISTS (SELECT FROM identity_proxy AS p WHERE p.identity = i.id AND p.patient = ANY ($1::text[]))
    OR EXISTS (SELECT FROM family_ask AS a WHERE a.identity = i.id AND a.patients && $1::text[])
)
ORDER BY i.reference, i.id DESC
"""
_OF_RESIDENTS = f"{_TIES} AND p.patient = ANY ($1::text[]) ORDER BY p.id"
_OF_MEMBER = f"{_TIES} AND p.identity = $1 ORDER BY p.id"

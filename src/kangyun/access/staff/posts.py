"""Who of an institution's staff is meant by a sign-in name or a reference, and who is there now, for others' lists."""

from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from kangyun.access.gate import Gate
from kangyun.access.identities.vault import Vault, folded


@dataclass(frozen=True, slots=True)
class Staff:
    """Finds staff of one institution who hold one of some roles now."""

    vault: Vault
    institution: str
    roles: Collection[str]

    @classmethod
    def of(cls, gate: Gate, institution: str, roles: Collection[str]) -> "Staff":
        """Opens the look-up."""
        keys = gate.store.keys
        return cls(Vault(keys.index_key, keys.cipher), institution, roles)

    async def named(self, connection: asyncpg.Connection, name: str) -> str | None:
        """Returns the reference of who has that name or reference; None for nobody, and for who is of elsewhere."""
        if not name or "\0" in name:
            return None
        digest = self.vault.digest("handle", folded(name))
        found: str | None = await connection.fetchval(_NAMED, name, digest, self.institution, list(self.roles))
        return found


async def active(
    connection: asyncpg.Connection, references: Collection[str], institution: str, roles: Collection[str]
) -> set[str]:
    """Returns who of some references is let in now and holds one of some roles at an institution."""
    rows = await connection.fetch(_ACTIVE, list(references), institution, list(roles))
    return {row["reference"] for row in rows}


async def holders(connection: asyncpg.Connection, institution: str, role: str) -> tuple[str, ...]:
    """Returns everybody who is let in now and holds a role at an institution, in order of their references."""
    rows = await connection.fetch(_ACTIVE, None, institution, [role])
    return tuple(sorted(row["reference"] for row in rows))


async def let_in(connection: asyncpg.Connection, reference: str) -> bool:
    """Whether somebody is let in now, wherever he works."""
    found: bool = await connection.fetchval(_LET_IN, reference)
    return found


_NAMED = """
SELECT i.reference FROM identity AS i JOIN identity_role AS r ON r.identity = i.id
WHERE (i.reference = $1 OR i.handle = $2) AND i.status = 'admitted' AND r.institution = $3 AND r.role = ANY ($4::text[])
    AND r.taken IS NULL AND r.starts <= clock_timestamp() AND (r.ends IS NULL OR r.ends > clock_timestamp()) LIMIT 1
"""
_ACTIVE = """
SELECT DISTINCT i.reference FROM identity AS i JOIN identity_role AS r ON r.identity = i.id
WHERE ($1::text[] IS NULL OR i.reference = ANY ($1)) AND i.status = 'admitted' AND r.institution = $2
    AND r.role = ANY ($3::text[]) AND r.taken IS NULL AND r.starts <= clock_timestamp()
    AND (r.ends IS NULL OR r.ends > clock_timestamp())
"""
_LET_IN = "SELECT EXISTS (SELECT FROM identity WHERE reference = $1 AND status = 'admitted')"

"""Who of an institution's staff is meant by a sign-in name or a reference, for lists that others keep of them."""

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


_NAMED = """
SELECT i.reference FROM identity AS i JOIN identity_role AS r ON r.identity = i.id
WHERE (i.reference = $1 OR i.handle = $2) AND i.status = 'admitted' AND r.institution = $3 AND r.role = ANY ($4::text[])
    AND r.taken IS NULL AND r.starts <= clock_timestamp() AND (r.ends IS NULL OR r.ends > clock_timestamp()) LIMIT 1
"""

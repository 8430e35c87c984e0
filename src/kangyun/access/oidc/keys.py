"""The keys that tokens are signed with: made, rotated, published (JWKS). The private halves are sealed.

A key signs for SIGNS days; the next one is published PUBLISHED days before it signs, so that nobody meets a key that
he has not seen; and one is verified with until the last thing that it signed is over. They are software keys: SM2 and
hardware keys of `base.crypto` do not sign JSON Web Tokens, which have no registered algorithm for SM2.

Source: RFC 7517, RFC 7518; a key's id is its thumbprint (RFC 7638).
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from joserfc.jwk import ECKey, RSAKey

from kangyun.access.identities.vault import Vault
from kangyun.base import clock
from kangyun.base.errors import Unavailable
from kangyun.database.pool import Pool

Algorithm = Literal["ES256", "RS256"]
SIGNS, PUBLISHED, LASTING = timedelta(days=30), timedelta(days=1), timedelta(days=2)
RSA_BITS = 2048
LOOK = 60.0  # seconds after which the keys are read again
LOOK_FOR_UNKNOWN = 1.0  # the same, for a key that is not known


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key and when it is good for what."""

    kid: str
    algorithm: Algorithm
    key: ECKey | RSAKey
    signs_from: datetime
    signs_until: datetime

    def public(self) -> dict[str, Any]:
        """Returns the public half as a JWK."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "alg": self.algorithm, "use": "sig"}


class Keys:
    """The provider's keys. One for a process."""

    def __init__(self, pool: Pool, vault: Vault) -> None:
        self._pool = pool
        self._vault = vault
        self._keys: dict[str, SigningKey] = {}
        self._read = -LOOK

    async def signing(self, algorithm: Algorithm) -> SigningKey:
        """Returns the key to sign with, made where there is none. Raises Unavailable."""
        await self._look(LOOK)
        now = clock.now()
        found = self._of(algorithm, now)
        if found is None or (self._of(algorithm, now + PUBLISHED) is None):
            await self._make(algorithm)
            found = self._of(algorithm, clock.now())
        if found is None:
            raise Unavailable
        return found

    async def verifying(self, kid: str, algorithm: Algorithm) -> ECKey | RSAKey | None:
        """Returns the key of that id that signs by that algorithm."""
        if kid not in self._keys:
            await self._look(LOOK_FOR_UNKNOWN)
        found = self._keys.get(kid)
        return found.key if found is not None and found.algorithm == algorithm else None

    async def public(self) -> list[dict[str, Any]]:
        """Returns the public halves of all keys that may be met, as JWKs."""
        for algorithm in ("ES256", "RS256"):
            await self.signing(algorithm)
        return [key.public() for key in self._keys.values()]

    def _of(self, algorithm: Algorithm, moment: datetime) -> SigningKey | None:
        those = (key for key in self._keys.values() if key.algorithm == algorithm)
        good = [key for key in those if key.signs_from <= moment < key.signs_until]
        return max(good, key=lambda key: key.signs_from, default=None)

    async def _look(self, age: float) -> None:
        if time.monotonic() - self._read < age:
            return
        async with self._pool.connection() as connection:
            rows = await connection.fetch(_READ)
        self._keys = {row["kid"]: self._opened(dict(row)) for row in rows}
        self._read = time.monotonic()

    def _opened(self, row: dict[str, Any]) -> SigningKey:
        jwk = msgspec.json.decode(self._vault.open(row["sealed"], f"oidc-key/{row['kid']}"))
        kind = ECKey if row["algorithm"] == "ES256" else RSAKey
        return SigningKey(row["kid"], row["algorithm"], kind.import_key(jwk), row["signs_from"], row["signs_until"])

    async def _make(self, algorithm: Algorithm) -> None:
        """Makes the first key and the next one where they are missing; one process does it, the others wait."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("LOCK TABLE oidc_key IN SHARE ROW EXCLUSIVE MODE")
            until = await connection.fetchval(_LAST, algorithm)
            now = clock.now()
            start = until if until is not None and until > now else now
            while start < now + PUBLISHED:
                key = (
                    ECKey.generate_key("P-256", private=True)
                    if algorithm == "ES256"
                    else RSAKey.generate_key(RSA_BITS, private=True)
                )
                kid = key.thumbprint()
                jwk = msgspec.json.encode(key.as_dict(private=True))
                sealed = self._vault.seal(jwk, f"oidc-key/{kid}")
                end = start + SIGNS
                await connection.execute(_MADE, kid, algorithm, sealed, start, end, end + LASTING)
                start = end
            await connection.execute("DELETE FROM oidc_key WHERE verifies_until < clock_timestamp()")
        self._read = -LOOK
        await self._look(LOOK)


_READ = "SELECT kid, algorithm, sealed, signs_from, signs_until FROM oidc_key WHERE verifies_until > clock_timestamp()"
_LAST = "SELECT max(signs_until) FROM oidc_key WHERE algorithm = $1"
_MADE = """
INSERT INTO oidc_key (kid, algorithm, sealed, signs_from, signs_until, verifies_until) VALUES ($1, $2, $3, $4, $5, $6)
"""

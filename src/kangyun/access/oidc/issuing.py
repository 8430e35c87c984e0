"""The tokens that the provider issues: access tokens and id tokens.

An access token is a JWT (RFC 9068) by ES256 that names a session or a grant; whether that still stands is asked of the
database (`access.signin`). An id token is by RS256, which every client understands (OpenID Connect Core 15.1).
"""

import time
from dataclasses import dataclass
from typing import Any

from joserfc import jwt

from kangyun.access.identities.model import Identity
from kangyun.access.identities.sessions import Session
from kangyun.access.identities.vault import drawn
from kangyun.access.oidc import tokens
from kangyun.access.oidc.grants import Grant
from kangyun.access.oidc.keys import Algorithm, Keys
from kangyun.access.oidc.scopes import FHIR_USER
from kangyun.access.oidc.tokens import NotValid

ACCESS = ("at+jwt", "application/at+jwt")
LONGEST = 24 * 3600  # seconds; a key verifies for longer than that after it signed last
ID_LASTS = 600  # seconds


@dataclass(frozen=True, slots=True)
class Issuing:
    """Makes and reads tokens. One for a process. `issuer`: of the provider; `base`: of the FHIR API, the audience."""

    issuer: str
    base: str
    keys: Keys
    token_seconds: int

    async def of_session(self, session: Session, ward: str = "") -> tuple[str, int]:
        """Returns a token of our own pages, and for how many seconds it is good. ward: to act for that Patient."""
        seconds = min(LONGEST, max(1, int(session.expires.timestamp() - time.time())))
        claims = {"sub": str(session.identity), "sid": session.id} | ({"ward": ward} if ward else {})
        return await self._access(claims, seconds), seconds

    async def of_grant(self, grant: Grant, scopes: tuple[str, ...]) -> tuple[str, int]:
        """Returns a token of an application, with these scopes."""
        seconds = min(self.token_seconds, max(1, int(grant.expires.timestamp() - time.time())))
        subject = grant.client if grant.identity is None else str(grant.identity)
        claims = {"sub": subject, "gid": grant.id, "client_id": grant.client, "scope": " ".join(scopes)}
        return await self._access(claims, seconds), seconds

    async def id_token(self, grant: Grant, identity: Identity, scopes: tuple[str, ...]) -> str:
        """Returns the id token of what a person gave an application."""
        claims: dict[str, Any] = {"sub": str(identity.id), "aud": grant.client}
        if grant.nonce:
            claims["nonce"] = grant.nonce
        if grant.signed_in is not None:
            claims["auth_time"] = int(grant.signed_in.timestamp())
        claims |= self.of_person(identity, scopes)
        return await self._signed("RS256", "JWT", claims, ID_LASTS)

    def of_person(self, identity: Identity, scopes: tuple[str, ...]) -> dict[str, Any]:
        """Returns the claims about a person that these scopes give."""
        claims = {}
        if FHIR_USER in scopes or "profile" in scopes:
            claims["fhirUser"] = f"{self.base}/{identity.reference}"
        if "profile" in scopes:
            claims["name"] = identity.name
        return claims

    async def read(self, token: str) -> tokens.Claims:
        """Returns the claims of an access token of ours. Raises NotValid."""
        kid, algorithm = tokens.header_of(token)
        if algorithm != "ES256":
            raise NotValid
        key = await self.keys.verifying(kid, "ES256")
        claims = tokens.verified(token, key, ["ES256"], types=ACCESS)
        tokens.check(claims, issuer=self.issuer, audience=[self.base])
        return claims

    async def _access(self, claims: dict[str, Any], seconds: int) -> str:
        return await self._signed("ES256", "at+jwt", claims | {"aud": self.base, "jti": drawn(12)}, seconds)

    async def _signed(self, algorithm: Algorithm, type_: str, claims: dict[str, Any], seconds: int) -> str:
        key = await self.keys.signing(algorithm)
        now = int(time.time())
        claims = {"iss": self.issuer, **claims, "iat": now, "exp": now + seconds}
        header = {"alg": algorithm, "kid": key.kid, "typ": type_}
        return jwt.encode(header, claims, key.key, algorithms=[algorithm])

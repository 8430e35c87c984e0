"""Who an application is that calls an endpoint: by a signed assertion where it has keys, else by its name and PKCE.

An assertion is used once. A secret that both sides know (client_secret) is not offered: it would be one more thing
to be kept by both, and SMART prefers keys.

Source: RFC 7523; http://hl7.org/fhir/smart-app-launch/STU2/client-confidential-asymmetric.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
from joserfc.jwk import ECKey, RSAKey

from kangyun.access.applications.register import Application, Applications
from kangyun.access.identities.vault import Vault
from kangyun.access.oidc import tokens
from kangyun.access.oidc.errors import WrongClient
from kangyun.access.oidc.remote_keys import RemoteKeys, keys_of
from kangyun.base.errors import PlatformError, SignInNeeded, Throttled, Unavailable
from kangyun.database.pool import Pool

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384")
LONGEST = 300  # seconds that an assertion may be good for
SKEW = 10


@dataclass(frozen=True, slots=True)
class Clients:
    """Recognises applications. One for a process. `audience`: what an assertion may be meant for."""

    pool: Pool
    vault: Vault
    applications: Applications
    remote: RemoteKeys
    audience: Sequence[str]

    async def recognised(self, form: Mapping[str, str]) -> Application:
        """Returns the application that sent a form, usable now. Raises WrongClient, Throttled, Unavailable."""
        assertion = form.get("client_assertion", "")
        if assertion:
            if form.get("client_assertion_type") != ASSERTION:
                raise WrongClient
            return await self._asserted(assertion, form.get("client_id", ""))
        found = await self._usable(form.get("client_id", ""))
        if not found.is_public:
            raise WrongClient
        return found

    async def _usable(self, client: str) -> Application:
        found = await self.applications.get(client)
        if found is None or not found.is_usable:
            raise WrongClient("access.applications.not-usable" if found else "access.oidc.wrong-client")
        return found

    async def _asserted(self, assertion: str, client_id: str) -> Application:
        try:
            client = tokens.unverified(assertion).get("iss")
            if not isinstance(client, str) or (client_id and client_id != client):
                raise WrongClient
            found = await self._usable(client)
            kid, _ = tokens.header_of(assertion)
            claims = tokens.verified(assertion, await self._key(found, kid), ALGORITHMS)
            expires = tokens.check(claims, issuer=client, audience=self.audience)
        except SignInNeeded:
            raise WrongClient from None
        jti = claims.get("jti")
        latest = datetime.now(UTC) + timedelta(seconds=LONGEST + SKEW)
        if claims.get("sub") != client or not isinstance(jti, str) or not jti or expires > latest.timestamp():
            raise WrongClient
        await self._use_up(f"{client} {jti}", datetime.fromtimestamp(expires, UTC))
        return found

    async def _key(self, application: Application, kid: str) -> ECKey | RSAKey | None:
        if application.jwks:
            return keys_of(msgspec.json.decode(application.jwks)).get(kid)
        if not application.jwks_uri:
            return None
        try:
            return await self.remote.key(application.jwks_uri, kid)
        except (Unavailable, Throttled):
            raise
        except PlatformError:  # Where it registered an address that may not be called.
            raise WrongClient("access.oidc.remote") from None

    async def _use_up(self, jti: str, expires: datetime) -> None:
        async with self.pool.connection() as connection:
            await connection.execute("DELETE FROM oidc_jti WHERE expires < clock_timestamp() - interval '1 minute'")
            fresh = await connection.fetchval(_USE_UP, self.vault.digest("jti", jti), expires)
        if fresh is None:
            raise WrongClient("access.oidc.replayed")


_USE_UP = "INSERT INTO oidc_jti (digest, expires) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"

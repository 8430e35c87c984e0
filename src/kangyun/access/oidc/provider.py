"""The OpenID provider: what its endpoints decide, without HTTP and without pages.

Source: RFC 6749, RFC 7009 (revocation), RFC 7662 (introspection), RFC 7636 (PKCE), OpenID Connect Core and Discovery,
http://hl7.org/fhir/smart-app-launch/STU2/
"""

from collections.abc import Mapping, Sequence
from typing import Any

from kangyun.access.applications.register import Application, Applications
from kangyun.access.applications.throttle import Throttle
from kangyun.access.identities.entrance import Entrance
from kangyun.access.identities.model import Identity
from kangyun.access.identities.sessions import Session
from kangyun.access.identities.vault import Vault
from kangyun.access.oidc import scopes as scope
from kangyun.access.oidc.asking import Asking, read_asking
from kangyun.access.oidc.clients import ALGORITHMS, Clients
from kangyun.access.oidc.errors import Refused
from kangyun.access.oidc.grants import Grant, Grants
from kangyun.access.oidc.issuing import Issuing
from kangyun.access.oidc.remote_keys import RemoteKeys
from kangyun.access.oidc.tokens import Claims, NotValid
from kangyun.database.pool import Pool

TYPES = ("authorization_code", "refresh_token", "client_credentials")
ENDPOINTS = {
    "authorization_endpoint": "/oauth/authorize",
    "token_endpoint": "/oauth/token",
    "revocation_endpoint": "/oauth/revoke",
    "introspection_endpoint": "/oauth/introspect",
    "jwks_uri": "/oauth/jwks",
}
OWN_ENDPOINTS = {"userinfo_endpoint": "/oauth/userinfo", "end_session_endpoint": "/oauth/end-session"}
CAPABILITIES = (
    "launch-ehr", "launch-standalone", "authorize-post", "client-public", "client-confidential-asymmetric",
    "sso-openid-connect", "context-ehr-patient", "context-ehr-encounter", "context-standalone-patient",
    "permission-offline", "permission-online", "permission-patient", "permission-user", "permission-v1",
    "permission-v2",
)  # fmt: skip
SUPPORTED_SCOPES = (
    *("openid", "profile", "fhirUser", "launch", "launch/patient", "launch/encounter"),
    *("offline_access", "online_access", "patient/*.cruds", "user/*.cruds", "system/*.cruds", "system/feeds"),
)


class Provider:
    """The provider of a process."""

    def __init__(
        self, pool: Pool, vault: Vault, issuing: Issuing, applications: Applications, entrance: Entrance,
        throttle: Throttle, remote: RemoteKeys,
    ) -> None:  # fmt: skip
        self.issuing = issuing
        self.applications = applications
        self.entrance = entrance
        self.throttle = throttle
        self.remote = remote
        self.grants = Grants(pool, vault)
        issuer = issuing.issuer
        self.clients = Clients(pool, vault, applications, remote, (issuer + ENDPOINTS["token_endpoint"], issuer))

    @property
    def issuer(self) -> str:
        return self.issuing.issuer

    def metadata(self) -> dict[str, Any]:
        """Returns what `/.well-known/openid-configuration` says."""
        endpoints = ENDPOINTS | OWN_ENDPOINTS
        return {
            "issuer": self.issuer,
            **{name: self.issuer + path for name, path in endpoints.items()},
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": list(TYPES),
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": list(SUPPORTED_SCOPES),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "none"],
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser", "name"],
            "authorization_response_iss_parameter_supported": True,
            "request_parameter_supported": False,
            "ui_locales_supported": ["zh", "en"],
        }

    def smart_configuration(self) -> dict[str, Any]:
        """Returns what `[base]/.well-known/smart-configuration` says."""
        told = self.metadata()
        taken_over = (
            "issuer", *ENDPOINTS, "grant_types_supported", "code_challenge_methods_supported", "scopes_supported",
            "response_types_supported", "token_endpoint_auth_methods_supported",
            "token_endpoint_auth_signing_alg_values_supported",
        )  # fmt: skip
        return {
            **{name: told[name] for name in taken_over},
            "management_endpoint": f"{self.issuer}/account",
            "capabilities": list(CAPABILITIES),
        }

    async def asking(self, pairs: Sequence[tuple[str, str]]) -> Asking:
        """Reads an authorization request. Raises Refused, SentBack."""
        return await read_asking(pairs, self.applications, (self.issuing.base, self.issuing.base + "/"))

    async def is_settled(self, asking: Asking, session: Session) -> bool:
        """Whether a person gave this application as much before, and nothing is to be chosen."""
        if asking.wants_patient or "consent" in asking.prompt or scope.OFFLINE in asking.scopes:
            return False
        before = await self.grants.given_before(session.identity, asking.application.client)
        return any(scope.within(asking.scopes, one) for one in before)

    async def launch_of(self, asking: Asking, session: Session, *, use: bool = False) -> tuple[str, str]:
        """Returns patient and encounter that a request was launched with. Raises Refused where it was not."""
        if not asking.launch:
            return "", ""
        client = asking.application.client
        found = await self.grants.launch(asking.launch, client, session.identity, use=use)
        if found is None:
            raise Refused("invalid_request", "access.oidc.no-launch")
        return found

    async def give(self, asking: Asking, session: Session, chosen: Sequence[str], patient: str) -> str:
        """Returns the address to go back to, with a code for what the person has chosen of what was asked.

        patient: the id that was chosen; of a launch, the launch's. Raises Refused.
        """
        launched, encounter = await self.launch_of(asking, session, use=True)
        patient = launched or patient
        given = scope.narrow(chosen, asking.scopes)
        if not patient:  # Without one they would open nothing.
            given = tuple(one for one in given if one != scope.LAUNCH_PATIENT and not one.startswith("patient/"))
        if not encounter:
            given = tuple(one for one in given if one != scope.LAUNCH_ENCOUNTER)
        if not given:
            return asking.back(self.issuer, error="access_denied")
        code = await self.grants.give(asking, session, given, patient, encounter)
        return asking.back(self.issuer, code=code)

    async def token(self, form: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """Answers the token endpoint, and says whose the token is. Raises Refused, OverLimit."""
        type_ = form.get("grant_type", "")
        if type_ not in TYPES:
            raise Refused("unsupported_grant_type", "access.oidc.unsupported-grant")
        client = await self.clients.recognised(form)
        bucket = self.throttle.bucket(client)
        if bucket.is_due:
            await self.throttle.tell(bucket)
        # What a client without a key is called, everybody knows: it counts what a code or refresh token has proven.
        # Over the limit these are not used up.
        bucket.check()
        if not client.is_public:
            bucket.count()
        if type_ == "client_credentials":
            return await self._for_itself(client, form)
        if type_ == "authorization_code":
            grant = await self.grants.exchange(
                client.client, form.get("code", ""), form.get("redirect_uri", ""), form.get("code_verifier", "")
            )
            if client.is_public:
                bucket.count()
            return await self._answer(client, grant, grant.scopes, first=True)
        token, asked = form.get("refresh_token", ""), form.get("scope")
        standing = await self.grants.find(client.client, token)
        if standing is not None:
            _less(standing, asked)  # What asks for too much uses no token up.
        grant = await self.grants.refresh(client.client, token)
        if client.is_public:
            bucket.count()
        return await self._answer(client, grant, _less(grant, asked), first=False)

    async def _for_itself(self, client: Application, form: Mapping[str, str]) -> tuple[dict[str, Any], str]:
        """Gives an application that has keys what it may have for itself: `system/` scopes only."""
        if client.is_public:
            raise Refused("unauthorized_client")
        asked = _read(form.get("scope", ""))
        given = tuple(one for one in scope.narrow(asked, client.scopes) if one.startswith("system/"))
        if not given:
            raise Refused("invalid_scope")
        grant = await self.grants.give_itself(client.client, client.owner, given, self.issuing.token_seconds)
        token, seconds = await self.issuing.of_grant(grant, given)
        return _answered(token, seconds, given), client.reference

    async def _answer(
        self, client: Application, grant: Grant, asked: tuple[str, ...], *, first: bool
    ) -> tuple[dict[str, Any], str]:
        identity = await self._person(grant)
        # The register may allow less than when it was given.
        given = scope.narrow(asked, client.scopes)
        if not given:
            raise Refused("invalid_scope")
        token, seconds = await self.issuing.of_grant(grant, given)
        answer = _answered(token, seconds, given)
        if grant.patient:
            answer["patient"] = grant.patient
        if grant.encounter:
            answer["encounter"] = grant.encounter
        if scope.OFFLINE in grant.scopes or scope.ONLINE in grant.scopes:
            answer["refresh_token"] = await self.grants.refresh_token(grant)
        if scope.OPENID in given and (first or grant.session):
            answer["id_token"] = await self.issuing.id_token(grant, identity, given)
        return answer, identity.reference

    async def _person(self, grant: Grant) -> Identity:
        """Returns who gave it. Raises Refused where that person, or the session, is not there any more."""
        found = await self.entrance.identities.get(grant.identity) if grant.identity is not None else None
        held = found is not None and any(
            (post.role, post.institution) == (grant.role, grant.institution) for post in found.posts
        )
        lasts = grant.session is None or any(
            one.id == grant.session for one in await self.entrance.sessions.of(grant.identity or 0)
        )
        if found is None or not held or not lasts or not self.entrance.identities.admits(found):
            await self.grants.end(grant.id)
            raise Refused("invalid_grant", "access.oidc.wrong-refresh")
        return found

    async def revoke(self, form: Mapping[str, str]) -> str:
        """Takes back what a token was given by, if it is the client's own; nothing is said of any other.

        Returns the client.
        """
        client = await self.clients.recognised(form)
        grant = await self._grant_of(form.get("token", ""), client.client)
        if grant:
            await self.grants.end(grant)
        return client.client

    async def introspect(self, form: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
        """Says to a client of a token of its own whether it is good. Raises WrongClient, also for a public client."""
        client = await self.clients.recognised(form)
        if client.is_public:
            raise Refused("unauthorized_client")
        token = form.get("token", "")
        found = await self.grants.find(client.client, token)
        if found is not None:
            said = {"active": True, "client_id": found.client, "scope": " ".join(found.scopes), **_context(found)}
            return client.client, said
        claims = await self._claims(token)
        if claims is None or claims.get("client_id") != client.client:
            return client.client, {"active": False}
        told = ("client_id", "scope", "sub", "aud", "iss", "exp", "iat", "jti")
        said = {"active": True, "token_type": "Bearer", **{name: claims[name] for name in told if name in claims}}
        return client.client, said

    async def userinfo(self, claims: Claims) -> dict[str, Any]:
        """Returns the claims about the person of an access token that was found good. Raises NotValid."""
        granted = tuple(str(claims.get("scope", "")).split())
        subject = str(claims.get("sub", ""))
        if scope.OPENID not in granted or not subject.isdecimal():
            raise NotValid
        identity = await self.entrance.identities.get(int(subject[:18]))
        if identity is None:
            raise NotValid
        return {"sub": subject} | self.issuing.of_person(identity, granted)

    async def _grant_of(self, token: str, client: str) -> str:
        found = await self.grants.find(client, token)
        if found is not None:
            return found.id
        claims = await self._claims(token)
        return str(claims.get("gid", "")) if claims and claims.get("client_id") == client else ""

    async def _claims(self, token: str) -> Claims | None:
        try:
            return await self.issuing.read(token)
        except NotValid:
            return None


def _answered(token: str, seconds: int, given: tuple[str, ...]) -> dict[str, Any]:
    return {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": " ".join(given)}


def _read(text: str) -> tuple[str, ...]:
    try:
        return scope.read(text)
    except scope.WrongScope:
        raise Refused("invalid_scope", "access.oidc.wrong-scope") from None


def _less(grant: Grant, asked: str | None) -> tuple[str, ...]:
    """Returns the scopes that a refresh asks for: never more than was given. Raises Refused."""
    if not asked:
        return grant.scopes
    wanted = _read(asked)
    if not scope.within(wanted, grant.scopes):
        raise Refused("invalid_scope")
    return wanted


def _context(grant: Grant) -> dict[str, Any]:
    told: dict[str, Any] = {"exp": int(grant.expires.timestamp())}
    if grant.patient:
        told["patient"] = grant.patient
    return told

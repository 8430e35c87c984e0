"""The register of applications: whose, what for, what it may be given, until when, and whether it was reviewed.

An application is an identity (`access.identities`), whose status it has: suspended there, it is suspended. What it is
given, it is given only while it is admitted, reviewed and not expired.

Source: http://hl7.org/fhir/smart-app-launch/STU2/client-confidential-asymmetric.html (registering keys)
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

import asyncpg
import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from kangyun.access.identities.model import Status
from kangyun.access.identities.register import Identities
from kangyun.access.identities.revocations import revoke
from kangyun.access.oidc.scopes import read
from kangyun.access.outbound.guard import Guard
from kangyun.access.policy import PURPOSES
from kangyun.base import clock
from kangyun.base.errors import Invalid, NotFound
from kangyun.database.pool import Pool

Review = Literal["asked", "passed", "failed"]
_CLIENT = re.compile(r"[A-Za-z0-9\-._~]{1,64}")
_PRIVATE = re.compile(r"[a-z][a-z0-9+\-]*(\.[a-z0-9+\-]+)+")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class Application:
    """An application. `owner` is an institution; `scopes` the most that it is given; rate and quota 0: no limit."""

    client: str
    name: str
    owner: str
    purpose: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    expires: datetime
    launch_url: str = ""
    jwks: str = ""
    jwks_uri: str = ""
    rate: float = 0.0
    quota: int = 0
    review: Review = "asked"
    reviewed_by: str = ""
    status: Status = "admitted"
    identity: int = 0

    @property
    def reference(self) -> str:
        return f"Device/{self.client}"

    @property
    def is_public(self) -> bool:
        """Whether it has no key to prove itself by: it runs where everybody can look into it."""
        return not self.jwks and not self.jwks_uri

    @property
    def only_has_tickets(self) -> bool:
        """Whether it asks for no access of its own: it sends doctors to the look, by tickets that it signs for."""
        return not (self.scopes or self.redirect_uris or self.launch_url or self.jwks or self.jwks_uri)

    @property
    def is_usable(self) -> bool:
        return self.status == "admitted" and self.review == "passed" and self.expires > clock.now()


@dataclass(frozen=True, slots=True)
class Applications:
    """Reads and changes the register. One for a process."""

    pool: Pool
    identities: Identities

    async def add(self, given: Application, by: str, evidence: str) -> Application:
        """Registers an application, to be reviewed. `given.client` empty: one is drawn.

        Raises Invalid, naming the member, for what does not fit; Conflict where the client is there already.
        """
        client = given.client or secrets.token_hex(8)  # No sign that a command line takes for an option.
        scopes = read(" ".join(given.scopes))
        _check(given, client)
        identity = await self.identities.admit(
            "application", f"Device/{client}", given.owner, given.name, roles=["application"], vouched_by=by,
            evidence=evidence,
        )  # fmt: skip
        async with self.pool.connection() as connection:
            await connection.execute(
                _ADD, client, identity, given.purpose, list(given.redirect_uris), given.launch_url, given.jwks,
                given.jwks_uri, list(scopes), given.rate, given.quota, given.expires,
            )  # fmt: skip
        found = await self.get(client)
        assert found is not None
        return found

    async def get(self, client: str) -> Application | None:
        """Returns an application, in whatever state."""
        if not _CLIENT.fullmatch(client):
            return None
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(f"{_ROWS} WHERE a.client = $1", client)
        return self.read(row) if row else None

    async def list(self) -> list[Application]:
        """Returns all applications, by their clients."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(f"{_ROWS} ORDER BY a.client")
        return [self.read(row) for row in rows]

    async def review(self, client: str, verdict: Review, by: str) -> None:
        """Says what came of the security review. Raises NotFound."""
        async with self.pool.connection() as connection, connection.transaction():
            identity = await connection.fetchval(_REVIEW, client, verdict, by)
            if identity is None:
                raise NotFound("access.applications.none")
            await revoke(connection, f"client:{client}")
            await self.identities.note(connection, identity, f"review-{verdict}", by, client)
            reviewed = await connection.fetchval("SELECT clock_timestamp()")
            await self.identities.tell(connection, identity, f"review-{verdict}", reviewed, client=client)

    async def suspend(self, client: str, by: str, why: str) -> None:
        """Lets an application do nothing more until `resume`. Raises NotFound."""
        await self.identities.suspend(await self._identity(client), by, why)

    async def resume(self, client: str, by: str, why: str) -> None:
        """Lets a suspended application in again. Raises NotFound."""
        await self.identities.resume(await self._identity(client), by, why)

    async def _identity(self, client: str) -> int:
        found = await self.get(client)
        if found is None:
            raise NotFound("access.applications.none")
        return found.identity

    def read(self, row: asyncpg.Record) -> Application:
        """Returns the application of a row of ROWS."""
        personal = self.identities.vault.open_personal(row["personal"], row["reference"])
        return Application(
            client=row["client"], name=personal.name, owner=row["institution"], purpose=row["purpose"],
            redirect_uris=tuple(row["redirect_uris"]), scopes=tuple(row["scopes"]), expires=row["expires"],
            launch_url=row["launch_url"], jwks=row["jwks"], jwks_uri=row["jwks_uri"], rate=row["rate"],
            quota=row["quota"], review=row["review"], reviewed_by=row["reviewed_by"], status=row["status"],
            identity=row["identity"],
        )  # fmt: skip


def _check(given: Application, client: str) -> None:
    """Raises Invalid for the first member that does not fit."""
    faults = {
        "client": not _CLIENT.fullmatch(client),
        "name": not given.name,
        "owner": not given.owner.startswith("Organization/"),
        "purpose": given.purpose not in PURPOSES,
        "redirect_uris": not all(is_redirect(uri) for uri in given.redirect_uris),
        "launch_url": bool(given.launch_url) and not is_redirect(given.launch_url),
        "jwks": bool(given.jwks) and not _are_public_keys(given.jwks),
        "scopes": not given.scopes and not given.only_has_tickets,
        "rate": given.rate < 0 or given.quota < 0,
        "expires": given.expires <= clock.now(),
    }
    for name, wrong in faults.items():
        if wrong:
            raise Invalid("access.applications.wrong", member=name)
    if given.jwks and given.jwks_uri:
        raise Invalid("access.applications.wrong", member="jwks_uri")
    if given.jwks_uri:
        Guard(frozenset(), "").check(given.jwks_uri)
    if not given.redirect_uris and given.is_public and not given.only_has_tickets:
        raise Invalid("access.applications.wrong", member="redirect_uris")


def is_redirect(uri: str) -> bool:
    """Whether a browser may be sent there: https, http to the user's own machine, or an app's own scheme."""
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    if "#" in uri or "@" in parts.netloc or not uri.isascii() or any(sign <= " " for sign in uri):
        return False
    if parts.scheme in ("https", "http"):
        return bool(host) and (parts.scheme == "https" or host in LOOPBACK)
    return bool(_PRIVATE.fullmatch(parts.scheme))


def _are_public_keys(text: str) -> bool:
    try:
        given: Any = msgspec.json.decode(text)
        if not given["keys"] or any(PRIVATE_MEMBERS & set(key) for key in given["keys"]):
            return False
        KeySet.import_key_set(given)
        return True
    except (JoseError, msgspec.DecodeError, ValueError, TypeError, KeyError):
        return False


def redirect_of(uris: Sequence[str], asked: str) -> str | None:
    """Returns the registered address that was asked for: the same to the letter, or the only one if none was named."""
    if not asked:
        return uris[0] if len(uris) == 1 else None
    return asked if asked in uris else None


COLUMNS = """
a.client, a.identity, a.purpose, a.redirect_uris, a.launch_url, a.jwks, a.jwks_uri, a.scopes, a.rate, a.quota,
a.expires, a.review, a.reviewed_by, i.reference, i.institution, i.personal, i.status
"""
_ROWS = f"SELECT {COLUMNS} FROM application AS a JOIN identity AS i ON i.id = a.identity"
_ADD = """
INSERT INTO application (client, identity, purpose, redirect_uris, launch_url, jwks, jwks_uri, scopes, rate, quota,
    expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
_REVIEW = """
UPDATE application SET review = $2, reviewed_by = $3, reviewed = clock_timestamp() WHERE client = $1 RETURNING identity
"""

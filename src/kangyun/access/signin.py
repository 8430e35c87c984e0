"""Sign-in: turns credentials into actors, and keeps together what that takes.

Who asks again within a minute is known already: a look into a dictionary. Half a second at most goes by between two
looks for what was revoked (`identities.revocations`), which the requests themselves make; so no process acts on what
ended longer ago, and one that cannot look, because the database does not answer, lets nobody in.
"""

import asyncio
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from kangyun.access.acting_for import acting_for, seconds
from kangyun.access.actor import Actor
from kangyun.access.addresses import read_addresses
from kangyun.access.applications.register import COLUMNS as APPLICATION
from kangyun.access.applications.register import Application, Applications
from kangyun.access.applications.throttle import Bucket, Throttle
from kangyun.access.identities.entrance import Entrance, NoFactors, SecondFactor
from kangyun.access.identities.lockout import Lockout
from kangyun.access.identities.model import OF_RESIDENTS, ROLES, Identity, is_staff
from kangyun.access.identities.passwords import Hashing
from kangyun.access.identities.register import Identities
from kangyun.access.identities.revocations import Watch
from kangyun.access.identities.sessions import Session, Sessions, lasts
from kangyun.access.identities.vault import Vault
from kangyun.access.ledger import Ledger
from kangyun.access.oidc import tokens
from kangyun.access.oidc.issuing import Issuing
from kangyun.access.oidc.keys import Keys
from kangyun.access.oidc.outside import Claimed, Outside, read_mapping
from kangyun.access.oidc.provider import Provider
from kangyun.access.oidc.remote_keys import RemoteKeys
from kangyun.access.oidc.scopes import WrongScope, narrow, of_data, read, within
from kangyun.access.oidc.tokens import NotValid
from kangyun.access.outbound import Guard
from kangyun.base.errors import SignInNeeded
from kangyun.base.settings import Settings
from kangyun.database.pool import Pool
from kangyun.store.keys import KeyRing

ADMINISTRATOR = Actor("Device/administrator", "管理员", "Organization/platform", "SYSADMIN", administrator=True)
LOOK = 0.5  # seconds between two looks for revocations
KNOWN_FOR = 60.0  # seconds after which a token is asked for anew; a session counts as used each time
MOST_KNOWN = 50_000
PERSONS = ("staff", "resident", "guardian")  # kinds of identities
RESIDENT, GUARDIAN = "resident", "guardian"
NOT_REGISTERED = ("resident", "guardian")  # roles that an outside provider's word is enough for


@dataclass(frozen=True, slots=True)
class _Known:
    """Who a token is of, until when that needs no asking, and what revokes it."""

    actor: Actor
    until: float  # seconds since 1970
    subjects: frozenset[str]
    bucket: Bucket | None = None


_ADMINISTRATOR = _Known(ADMINISTRATOR, float("inf"), frozenset())


class SignIn:
    """Turns credentials into actors. One for a process."""

    def __init__(
        self, pool: Pool, admin_token: str, entrance: Entrance, provider: Provider, outside: Outside | None
    ) -> None:
        self._pool = pool
        self._admin_token = admin_token.encode()
        self._outside = outside
        self.entrance = entrance
        self.provider = provider
        self.identities = entrance.identities
        self.sessions = entrance.sessions
        self.applications = provider.applications
        self._known: dict[str, _Known] = {}
        self._watch = Watch()
        self._looked = -LOOK
        self._looking = asyncio.Lock()
        self._revoked = 0  # how often something was: what was read before that may be old

    @classmethod
    def of(
        cls, pool: Pool, keys: KeyRing, settings: Settings, base: str, factors: SecondFactor | None = None,
        ledger: Ledger | None = None,
    ) -> "SignIn":  # fmt: skip
        """Puts the parts together. Raises Invalid for an outside provider that is not rightly described."""
        vault = Vault(keys.index_key, keys.cipher)
        length, days = settings.password_length, settings.password_days
        identities = Identities(pool, vault, Hashing(), length, days, settings.demo, ledger)
        sessions = Sessions(
            pool, vault, settings.session_hours, settings.idle_minutes, settings.sessions_each, settings.resident_days
        )
        entrance = Entrance(
            identities, sessions, Lockout(pool, vault, read_addresses(settings.data)), factors or NoFactors()
        )
        remote = RemoteKeys(Guard.of(settings.sign_in_hosts, "KANGYUN_SIGN_IN_HOSTS"))
        issuer = base.removesuffix("/fhir")
        issuing = Issuing(issuer, base, Keys(pool, vault), int(settings.token_minutes * 60))
        applications = Applications(pool, identities)
        provider = Provider(pool, vault, issuing, applications, entrance, Throttle(pool), remote)
        outside = None
        if settings.oidc_issuer:
            mapping = read_mapping(
                Path(settings.oidc_mapping) if settings.oidc_mapping else settings.data / "oidc.toml"
            )
            outside = Outside(settings.oidc_issuer, settings.oidc_client, mapping, remote)
        return cls(pool, settings.admin_token, entrance, provider, outside)

    def close(self) -> None:
        """Makes no more calls to others."""
        self.provider.remote.close()

    async def sign_in(self, user: str, password: str, role: str = "", *, source: str = "", request: str = "") -> str:
        """Returns a bearer token. Raises SignInNeeded for a wrong user or password, Forbidden where more is needed."""
        session = await self.entrance.straight(user, password, role, source, request)
        return (await self.provider.issuing.of_session(session))[0]

    async def admit_without_password(
        self, identity: Identity, proof: str, role: str = "", *, source: str = "", request: str = ""
    ) -> str:
        """Returns a bearer token for somebody who was proven by something else. Raises as `begin_without_password`."""
        session, _ = await self.begin_without_password(identity, proof, role, source=source, request=request)
        return (await self.provider.issuing.of_session(session))[0]

    async def begin_without_password(
        self, identity: Identity, proof: str, role: str = "", *, source: str = "", request: str = ""
    ) -> tuple[Session, str]:
        """Begins the session of somebody who was proven by something else, which `proof` names; with its cookie.

        Raises SignInNeeded for who may not sign in, Forbidden where a role must be chosen or a second factor passed.
        """
        step = self.entrance.recognised(self.entrance.first(), identity, proof)
        return await self.entrance.straight_on(step, role, source, request)

    async def actor(self, token: str) -> Actor:
        """Returns who a bearer token is of.

        Raises SignInNeeded for one that is not, or no longer, valid; OverLimit where its application asked too much;
        Unavailable where that cannot be found out.
        """
        found = await self._standing(token)
        if found.bucket is not None:
            if found.bucket.is_due:
                await self.provider.throttle.tell(found.bucket)
            found.bucket.take()
        return found.actor

    async def hold(self, token: str) -> None:
        """Raises SignInNeeded where a token is no longer valid, Unavailable as `actor`; nothing is asked by it."""
        await self._standing(token)

    async def _standing(self, token: str) -> _Known:
        if self._admin_token and hmac.compare_digest(token.encode("utf-8", "replace"), self._admin_token):
            return _ADMINISTRATOR
        if time.monotonic() - self._looked > LOOK:
            await self._look()
        found = self._known.get(token)
        return await self._read(token) if found is None or found.until < time.time() else found

    async def end_all(self, identity: int, source: str, request: str) -> None:
        """Signs somebody out everywhere, by their number in the register, and ends what they gave to applications."""
        found = await self.identities.get(identity)
        if found is not None:
            await self.sessions.end(found, None, source, request)

    async def is_good(self, token: str) -> bool:
        """Whether a token stands, asked of the database."""
        try:
            await self._found(token)
        except SignInNeeded:
            return False
        return True

    async def as_of_now(self, kept: Actor) -> Actor | None:
        """Returns somebody who signed in once as he would be now, None where he may no longer act in that way.

        For what is done in his name without a session. An application acts for a person while it has a grant of his.
        Who is in no register of ours (the administrator's token, an outside provider's residents) stays as he was.
        """
        actor = kept
        if kept.client:
            application = await self.applications.get(kept.client)
            if application is None or not application.is_usable:
                return None
            scopes = narrow(kept.scopes or (), application.scopes)
            actor = replace(kept, scopes=of_data(scopes), purpose=application.purpose)
        async with self._pool.connection() as connection:
            # For a family member he acts by his own session, in which his role is another.
            held = RESIDENT if kept.ward and kept.reference.startswith("Patient/") else kept.role
            row = await connection.fetchrow(_AS_OF_NOW, kept.reference, held, kept.institution)
            if row is None:
                return None if is_staff(kept.role) else actor
            if row["identity"] is None:
                return None
            if row["kind"] not in PERSONS:
                return actor
            if kept.client:
                about = (row["identity"], kept.client, kept.role, kept.institution, kept.patient)
                given = [tuple(one["scopes"]) for one in await connection.fetch(_GIVEN, *about)]
                if not any(within(kept.scopes or (), scopes) for scopes in given):
                    return None
            whom = await acting_for(connection, row["identity"], kept.role, kept.reference, kept.ward)
        return replace(actor, patients=whom.patients, hidden=whom.hidden, alone=whom.alone, acts=whom.acts)

    async def person(self, token: str) -> tuple[Identity, Actor]:
        """Returns who is signed in here himself, by a token of our own pages. Raises SignInNeeded."""
        actor = await self.actor(token)
        found = await self.identities.find(actor.reference) if actor.session and not actor.client else None
        if found is None:
            raise SignInNeeded
        return found, actor

    async def _look(self) -> None:
        """Forgets whoever was revoked since the last look. Raises Unavailable."""
        async with self._looking:
            if time.monotonic() - self._looked <= LOOK:
                return
            began = time.monotonic()
            async with self._pool.connection() as connection:
                gone = await self._watch.look(connection)
            if gone:
                self._revoked += 1
                self._known = {token: known for token, known in self._known.items() if not known.subjects & gone}
            self._looked = began

    async def _read(self, token: str) -> _Known:
        revoked = self._revoked
        found = await self._found(token)
        if revoked == self._revoked:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[token] = found
        return found

    async def _found(self, token: str) -> _Known:
        if self._outside is not None and tokens.unverified(token).get("iss") == self._outside.issuer:
            return await self._of_outside(await self._outside.read(token))
        claims = await self.provider.issuing.read(token)
        until = min(float(claims["exp"]), time.time() + KNOWN_FOR)
        try:
            async with self._pool.connection() as connection:
                if isinstance(claims.get("gid"), str):
                    return await self._of_grant(connection, claims, until)
                session, ward = str(claims.get("sid", "")), claims.get("ward")
                if isinstance(ward, str):
                    return await self._of_family(connection, session, until, ward)
                return await self._of_session(connection, session, until)
        except asyncpg.DataError:
            raise NotValid from None

    async def _of_outside(self, claimed: Claimed) -> _Known:
        """Returns who comes by an outside provider, as the register knows him. Raises NotValid.

        The provider says who somebody is; whether he is let in, with which role, and for whom, the register does. Who
        is not in it acts for nobody but residents and their guardians.
        """
        said, until = claimed.actor, min(claimed.expires, time.time() + KNOWN_FOR)
        if not claimed.factor and await self.entrance.factors.needed(said.role):
            raise NotValid("access.oidc.outside-factor")
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_AS_OF_NOW, said.reference, said.role, said.institution)
            if row is None and said.role in NOT_REGISTERED:
                return _Known(said, until, frozenset())
            if row is None or row["identity"] is None:
                raise NotValid("access.oidc.outside-not-registered")
            acting = await connection.fetchrow(_ACTING, row["identity"], said.role, said.institution)
            if acting is None:
                raise NotValid("access.oidc.outside-not-registered")
            found = await self._of_person(connection, acting, until, "")
        return replace(found, actor=replace(found.actor, present=said.present))

    async def _of_session(self, connection: asyncpg.Connection, id_: str, until: float) -> _Known:
        """Returns who acts in a session, which counts as used. Raises NotValid where it is over."""
        row = await connection.fetchrow(_SESSION, id_, *self.sessions.idle_seconds())
        if row is None:
            raise NotValid
        return await self._of_person(connection, row, min(until, seconds(row["expires"])), id_)

    async def _of_family(self, connection: asyncpg.Connection, id_: str, until: float, ward: str) -> _Known:
        """Returns who acts in a session for a family member. Raises NotValid where the session or the right is over."""
        row = await connection.fetchrow(_SESSION, id_, *self.sessions.idle_seconds())
        if row is None or row["role"] not in OF_RESIDENTS:
            raise NotValid
        as_family = {**row, "role": GUARDIAN}
        found = await self._of_person(connection, as_family, min(until, seconds(row["expires"])), id_, ward)
        if not found.actor.patients:
            raise NotValid
        return found

    async def _of_person(
        self, connection: asyncpg.Connection, row: Mapping[str, Any], until: float, session: str, ward: str = ""
    ) -> _Known:
        if row["demonstration"] and not self.identities.demonstration:
            raise NotValid
        role: str = row["role"]
        whom = await acting_for(connection, row["identity"], role, row["reference"], ward)
        personal = self.identities.vault.open_personal(row["personal"], row["reference"])
        actor = Actor(
            row["reference"], personal.name, row["institution"], ROLES[role][1],
            # Who runs an installation sees nobody's record by that; a demonstration has nobody's.
            administrator=role == "system-administrator" and row["demonstration"], role=role, patients=whom.patients,
            session=session, hidden=whom.hidden, alone=whom.alone, ward=ward, acts=whom.acts,
        )  # fmt: skip
        subjects = {f"identity:{row['identity']}"} | ({f"session:{session}"} if session else set())
        return _Known(actor, min(until, whom.until, seconds(row["ends"])), frozenset(subjects))

    async def _of_grant(self, connection: asyncpg.Connection, claims: tokens.Claims, until: float) -> _Known:
        """Returns who acts by what was granted. Raises NotValid where it was taken back or its ground has gone."""
        row = await connection.fetchrow(_GRANT, claims["gid"])
        if row is None or row["client"] != claims.get("client_id"):
            raise NotValid
        application = self.applications.read(row)
        if not application.is_usable:
            raise NotValid("access.applications.not-usable")
        until = min(until, seconds(row["grant_expires"]), seconds(row["expires"]))
        person: _Known | None = None
        if row["session"] is not None:
            person = await self._of_session(connection, row["session"], until)
        elif row["person"] is not None:
            acting = await connection.fetchrow(_ACTING, row["person"], row["role"], row["grant_institution"])
            if acting is None:
                raise NotValid
            person = await self._of_person(connection, acting, until, "")
        try:
            scopes = narrow(read(str(claims.get("scope", ""))), application.scopes)
        except WrongScope:
            raise NotValid from None
        return self._known_by(application, person, of_data(scopes), row, until)

    def _known_by(
        self,
        application: Application,
        person: _Known | None,
        scopes: tuple[str, ...],
        row: asyncpg.Record,
        until: float,
    ) -> _Known:
        who = person.actor if person else None
        actor = Actor(
            who.reference if who else application.reference, who.name if who else application.name,
            who.institution if who else application.owner, application.purpose,
            # What concerns the installation is done on its own pages.
            administrator=False, role=who.role if who else "application", patients=who.patients if who else (),
            scopes=scopes, patient=row["patient"], client=application.client, session=who.session if who else "",
            hidden=who.hidden if who else 0, alone=who.alone if who else False,
            acts=who.acts if who else True,
        )  # fmt: skip
        subjects = frozenset(
            {f"grant:{row['grant']}", f"client:{application.client}", f"identity:{application.identity}"}
        )
        bucket = self.provider.throttle.bucket(application) if application.rate or application.quota else None
        return _Known(
            actor,
            min(until, person.until) if person else until,
            subjects | (person.subjects if person else set()),
            bucket,
        )


_HELD = """
JOIN identity_role AS r ON r.identity = i.id AND r.taken IS NULL AND r.starts <= clock_timestamp()
    AND (r.ends IS NULL OR r.ends > clock_timestamp())
"""
_SESSION = f"""
WITH used AS (
    UPDATE session SET seen = clock_timestamp()
    WHERE id = $1 AND {lasts("session")}
    AND seen < clock_timestamp() - interval '30 seconds'
)
SELECT s.identity, s.role, s.institution, s.expires, i.reference, i.personal, i.demonstration, r.ends
FROM session AS s JOIN identity AS i ON i.id = s.identity AND i.status = 'admitted'
{_HELD} AND r.role = s.role AND r.institution = s.institution
WHERE s.id = $1 AND {lasts("s")}
"""
_ACTING = f"""
SELECT i.id AS identity, r.role, r.institution, i.reference, i.personal, i.demonstration, r.ends
FROM identity AS i {_HELD} AND r.role = $2 AND r.institution = $3
WHERE i.id = $1 AND i.status = 'admitted'
"""
# One row for whom the register knows; its identity is null where he may not act in that role.
_AS_OF_NOW = f"""
SELECT i.kind, CASE WHEN i.status = 'admitted'
    AND ($2 = '' OR EXISTS (SELECT FROM (SELECT i.id) AS i {_HELD} AND r.role = $2 AND r.institution = $3))
    THEN i.id END AS identity
FROM identity AS i WHERE i.reference = $1 ORDER BY i.id DESC LIMIT 1
"""
_GIVEN = """
SELECT g.scopes FROM oidc_grant AS g LEFT JOIN session AS s ON s.id = g.session
WHERE g.identity = $1 AND g.client = $2 AND g.role = $3 AND g.institution = $4 AND g.patient = $5
AND g.revoked IS NULL AND g.expires > clock_timestamp() AND s.ended IS NULL
"""
_GRANT = f"""
SELECT {APPLICATION}, g.id AS grant, g.session, g.identity AS person, g.role, g.institution AS grant_institution,
    g.patient, g.expires AS grant_expires
FROM oidc_grant AS g JOIN application AS a USING (client) JOIN identity AS i ON i.id = a.identity
WHERE g.id = $1 AND g.revoked IS NULL AND g.expires > clock_timestamp()
"""

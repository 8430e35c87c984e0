"""The register of digital identities: admission, roles, proxies, passwords, suspension, exit. Each is audited.

What is done here takes effect in every process within a second (`revocations`). What is taken from somebody, and what
is given back, stands in the ledger outside the database before it is committed (`replaying`).
"""

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.audit import Auditor, Row
from kangyun.access.identities.model import OF_APPS, OFFICERS, RESERVED, ROLES, Identity, Kind, Post, Proxy, Status
from kangyun.access.identities.passwords import KEPT, Hashing, check_strength
from kangyun.access.identities.revocations import revoke
from kangyun.access.identities.vault import Personal, Vault, folded
from kangyun.access.ledger import Kind as Entry
from kangyun.access.ledger import Ledger
from kangyun.access.trail.register_events import digest
from kangyun.base import clock
from kangyun.base.errors import Conflict, Invalid, NotFound, RuleBroken
from kangyun.database.pool import Pool

PURPOSE, NO_INSTITUTION = "SYSADMIN", 0
KIND: Entry = "revocation"
LONGEST_HANDLE = 100  # characters


@dataclass(frozen=True, slots=True)
class Identities:
    """Reads and changes the register. One for a process.

    demonstration: the demo's identities may sign in. ledger: where revocations are written; None: nowhere.
    """

    pool: Pool
    vault: Vault
    hashing: Hashing
    password_length: int
    password_days: int
    demonstration: bool = False
    ledger: Ledger | None = None

    async def admit(
        self, kind: Kind, reference: str, institution: str, name: str, *, roles: Iterable[str], vouched_by: str,
        evidence: str, licence: str | None = None, department: str | None = None, handle: str | None = None,
        proxies: Sequence[Proxy] = (), demonstration: bool = False,
    ) -> int:  # fmt: skip
        """Lets somebody in and returns the number of the identity.

        reference:  what stands for it in the record. handle: the name that is signed in with, by default the reference.
        vouched_by: who vouches for it. evidence: what was seen, in words.
        Raises Invalid for a role that its kind does not have, and for a device or application that is called as the
        platform itself; RuleBroken for two officers in one, Conflict where the reference or the handle is taken.
        """
        handle = folded(handle or reference)
        wrong = (not name, "/" not in reference, not institution, not vouched_by, not evidence, not handle)
        if any(wrong) or len(handle) > LONGEST_HANDLE:
            raise Invalid("access.identities.not-admitted")
        called = folded(reference).partition("/")[2] if kind in ("device", "application") else ""
        if not demonstration and (called in RESERVED or called.startswith(OF_APPS)):
            raise Invalid("access.identities.reserved")
        wanted = tuple(dict.fromkeys(roles))
        _check_roles(kind, wanted)
        personal = Personal(name, handle, licence or "", department or "", evidence)
        async with self.pool.connection() as connection:
            try:
                async with connection.transaction():
                    id_: int = await connection.fetchval(
                        _ADMIT, kind, self.vault.digest("handle", handle), reference, institution,
                        self.vault.seal_personal(personal, reference), vouched_by, demonstration,
                    )  # fmt: skip
                    for role in wanted:
                        await connection.execute(_GIVE, id_, role, institution, None, vouched_by)
                    for proxy in proxies:
                        await self._add_proxy(connection, id_, proxy, vouched_by)
                    await self.note(connection, id_, "admit", vouched_by, evidence)
            except asyncpg.UniqueViolationError as error:
                raise _taken(error) from None
        return id_

    async def suspend(self, identity: int, by: str, why: str) -> None:
        """Lets somebody do nothing more until `resume`. Raises NotFound."""
        await self._become(identity, "suspended", ("admitted",), "suspend", by, why)

    async def resume(self, identity: int, by: str, why: str) -> None:
        """Lets somebody who was suspended in again. Raises NotFound."""
        await self._become(identity, "admitted", ("suspended",), "resume", by, why)

    async def suspend_all(self, institution: str, by: str, why: str) -> None:
        """Suspends staff, devices and applications of an institution, and takes the roles others' staff hold there."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_ADMITTED_OF, institution)
            roles = await connection.fetch(_ROLES_AT, institution)
        for row in rows:
            with contextlib.suppress(NotFound):  # Left in this moment.
                await self.suspend(row["id"], by, why)
        for row in roles:
            with contextlib.suppress(NotFound):
                await self.take_role(row["identity"], row["role"], institution, by, why)

    async def resume_all(self, institution: str, by: str, why: str) -> None:
        """Lets those of an institution in again whom the same one (`by`) suspended; others stay as they are."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_SUSPENDED_OF, institution, by)
        for row in rows:
            with contextlib.suppress(NotFound):
                await self.resume(row["id"], by, why)

    async def leave(self, identity: int, by: str, why: str) -> None:
        """Ends an identity: its roles, sessions and grants end with it.

        Raises NotFound, and RuleBroken for the last one in an office: nobody else would be there to do its work.
        """
        await self._become(identity, "left", ("admitted", "suspended"), "leave", by, why)

    async def give_role(
        self, identity: int, role: str, institution: str, by: str, *, until: datetime | None = None
    ) -> None:
        """Gives a role at an institution. Raises Invalid, RuleBroken, Conflict where it is held already, NotFound."""
        async with self.pool.connection() as connection:
            try:
                async with connection.transaction():
                    kind = await connection.fetchval(_KIND, identity)
                    if kind is None:
                        raise NotFound("access.identities.none")
                    _check_roles(kind, (role,))
                    await connection.execute(_GIVE, identity, role, institution, until, by)
                    await self.note(connection, identity, "give-role", by, f"{role} {institution}")
            except asyncpg.UniqueViolationError as error:
                raise _taken(error) from None

    async def take_role(self, identity: int, role: str, institution: str, by: str, why: str) -> None:
        """Takes a role; who acts in it is signed out. Raises NotFound where it is not held."""
        async with self.pool.connection() as connection, connection.transaction():
            row = await connection.fetchrow(_TAKE, identity, role, institution, by)
            if row is None:
                raise NotFound("access.identities.no-role")
            await connection.execute(_END_ROLE, identity, role, institution)
            await revoke(connection, f"identity:{identity}")
            await self.note(connection, identity, "take-role", by, f"{role} {institution}: {why}")
            await self.tell(connection, identity, "take-role", row["taken"], role=role, institution=institution)

    async def give_proxy(self, identity: int, proxy: Proxy, by: str, why: str) -> None:
        """Lets somebody act for a Patient, in place of what was said of that Patient before. Raises NotFound."""
        async with self.pool.connection() as connection, connection.transaction():
            await self._existing(connection, identity)
            taken = await connection.fetchrow(_TAKE_PROXY, identity, proxy.patient, by)
            await self._add_proxy(connection, identity, proxy, by)
            await revoke(connection, f"identity:{identity}")
            await self.note(connection, identity, "give-proxy", by, f"{proxy.relation} Patient/{proxy.patient}: {why}")
            if taken is not None:  # What is said now may be less than what was.
                row = taken["id"]
                await self.tell(connection, identity, "take-proxy", taken["taken"], patient=proxy.patient, row=row)

    async def take_proxy(self, identity: int, patient: str, by: str, why: str) -> None:
        """Lets somebody no longer act for a Patient. Raises NotFound."""
        async with self.pool.connection() as connection, connection.transaction():
            taken = await connection.fetchrow(_TAKE_PROXY, identity, patient, by)
            if taken is None:
                raise NotFound("access.identities.no-proxy")
            await revoke(connection, f"identity:{identity}")
            await self.note(connection, identity, "take-proxy", by, f"Patient/{patient}: {why}")
            await self.tell(connection, identity, "take-proxy", taken["taken"], patient=patient, row=taken["id"])

    async def find(self, name: str) -> Identity | None:
        """Returns who has that reference or handle and has not left."""
        if "\0" in name:  # No text of the database has one.
            return None
        return await self._one(_FIND, name, self.vault.digest("handle", folded(name)))

    async def get(self, identity: int) -> Identity | None:
        """Returns an identity by its number."""
        return await self._one(_GET, identity)

    async def set_password(self, identity: int, password: str, *, initial: bool = False, by: str = "") -> None:
        """Sets a password. `initial`: to be changed at the next sign-in. `by`: who does it, where it is another.

        Raises RuleBroken for one that is too weak or was there before, NotFound, Throttled.
        """
        found = await self.get(identity)
        if found is None or found.status == "left":
            raise NotFound("access.identities.none")
        check_strength(password, found.handle, self.password_length)
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_PASSWORD, identity)
        known = [one for one in (row["hash"], *row["former"]) if one][:KEPT] if row else []
        for one in known:
            if await self.hashing.matches(password, self.vault.open(one, f"password/{identity}")):
                raise RuleBroken("access.identities.password-again", kept=KEPT)
        sealed = self.vault.seal(await self.hashing.hashed(password), f"password/{identity}")
        async with self.pool.connection() as connection, connection.transaction():
            changed = await connection.fetchval(_SET_PASSWORD, identity, sealed, known[:KEPT], initial)
            await self.note(connection, identity, "set-password", by or found.reference, "")
            if row is not None:
                await self.tell(connection, identity, "set-password", changed)

    async def proven(self, name: str, password: str) -> tuple[Identity | None, bool]:
        """Returns whose password this is, None where it is nobody's, and whether it is to be changed now.

        It takes as long for a name that there is not. Raises Throttled.
        """
        # By the handle only, which wrong tries are counted by.
        found = await self._one(_FIND_HANDLE, self.vault.digest("handle", folded(name)))
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_PASSWORD, found.id if found else 0)
        # An empty one is what a restore has left of a password that was changed since (`revoked_again`).
        hash_ = self.vault.open(row["hash"], f"password/{found.id}") if row and row["hash"] and found else None
        right = await self.hashing.matches(password, hash_)
        if found is None or row is None or not right or not self.admits(found):
            return None, False
        days = (clock.now() - row["changed"]).days
        return found, row["initial"] or (0 < self.password_days <= days)

    async def has_password(self, identity: int) -> bool:
        """Whether somebody can sign in with a password at all."""
        async with self.pool.connection() as connection:
            return await connection.fetchrow(_PASSWORD, identity) is not None

    async def password_set(self, identity: int) -> str:
        """Returns when somebody's password was set, as an instant; "none" where there is none."""
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_PASSWORD, identity)
        return "none" if row is None else row["changed"].isoformat()

    def admits(self, identity: Identity) -> bool:
        """Whether an identity may sign in here."""
        return identity.status == "admitted" and (self.demonstration or not identity.demonstration)

    async def proxies(self, identity: int) -> list[Proxy]:
        """Returns for whom somebody may act now."""
        async with self.pool.connection() as connection:
            rows = await connection.fetch(_PROXIES, identity)
        return [Proxy(**dict(row)) for row in rows]

    async def _one(self, query: str, *given: object) -> Identity | None:
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(query, *given)
            if row is None:
                return None
            posts = await connection.fetch(_POSTS, row["id"])
        return self.read(row, [Post(**dict(post)) for post in posts])

    def read(self, row: asyncpg.Record, posts: Sequence[Post]) -> Identity:
        """Returns the identity of a row."""
        personal = self.vault.open_personal(row["personal"], row["reference"])
        return Identity(
            row["id"], row["kind"], row["reference"], row["institution"], personal.name,
            tuple(dict.fromkeys(post.role for post in posts)), row["status"], tuple(posts),
            personal.handle, personal.licence, personal.department, row["demonstration"],
        )  # fmt: skip

    async def _become(
        self, identity: int, status: Status, before: tuple[Status, ...], what: str, by: str, why: str
    ) -> None:
        async with self.pool.connection() as connection, connection.transaction():
            if status == "left":
                await self._leave_no_office_empty(connection, identity)
            if await connection.fetchval(_BECOME, identity, status, list(before)) is None:
                raise NotFound("access.identities.none")
            if status != "admitted":
                await connection.execute(_END_SESSIONS, identity, what)
                await connection.execute(_END_GRANTS, identity)
                await revoke(connection, f"identity:{identity}")
            if status == "left":
                await connection.execute(_TAKE_ALL, identity, by)
            await self.note(connection, identity, what, by, why)
            await self.tell(connection, identity, what, await connection.fetchval(_NOW))

    async def _leave_no_office_empty(self, connection: asyncpg.Connection, identity: int) -> None:
        """Raises RuleBroken where nobody else who may sign in holds an office that somebody holds."""
        await connection.execute(_ONE_AT_A_TIME)
        last = await connection.fetchval(_LAST_IN_OFFICE, identity, list(OFFICERS))
        if last is not None:
            raise RuleBroken("access.identities.last-officer", role=last)

    async def tell(
        self, connection: asyncpg.Connection, identity: int, what: str, at: datetime, **detail: str | int
    ) -> None:
        """Tells the ledger what was done about an identity, as the last of the transaction that does it.

        at: by the database's clock, which tells what stood then from what came later. Raises Unavailable.
        """
        if self.ledger is not None:
            subject = await connection.fetchval(_REFERENCE, identity)
            told = {"what": what, "at": at.isoformat(), **detail}
            await asyncio.to_thread(self.ledger.append, KIND, subject, told)

    async def _add_proxy(self, connection: asyncpg.Connection, identity: int, proxy: Proxy, by: str) -> None:
        if not proxy.patient or not proxy.relation:
            raise Invalid("access.identities.wrong-proxy")
        await connection.execute(
            _PROXY, identity, proxy.patient, proxy.relation, proxy.mask, proxy.starts, proxy.ends, by, proxy.hears,
            proxy.sees, proxy.acts, proxy.tie,
        )  # fmt: skip

    async def _existing(self, connection: asyncpg.Connection, identity: int) -> None:
        if await connection.fetchval(_KIND, identity) is None:
            raise NotFound("access.identities.none")

    async def note(self, connection: asyncpg.Connection, identity: int, what: str, by: str, detail: str) -> None:
        """Leaves the event and its audit row, which names it: they are part of the transaction."""
        sealed = self.vault.seal(detail.encode(), f"event/{identity}")
        event = await connection.fetchval(_EVENT, identity, what, by, sealed)
        shape = f"/identity/{identity}/{event}/{digest(identity, what, by, sealed)}"
        row = (*(clock.now(), NO_INSTITUTION, 200, f"identity-{what}", by, PURPOSE), shape, "", "")
        await Auditor.write_within(connection, Row(*row, []))


def _check_roles(kind: str, roles: Sequence[str]) -> None:
    for role in roles:
        if role not in ROLES or kind not in ROLES[role][0]:
            raise Invalid("access.identities.unknown-role", role=role[:40], kind=kind)
    if len(set(roles) & set(OFFICERS)) > 1:
        raise RuleBroken("access.identities.two-officers")


def _taken(error: asyncpg.UniqueViolationError) -> Exception:
    """Returns which rule of the tables was broken."""
    if error.constraint_name == "identity_role_officer":
        return RuleBroken("access.identities.two-officers")
    text = {
        "identity_reference": "access.identities.reference-taken",
        "identity_handle": "access.identities.handle-taken",
        "identity_role_once": "access.identities.role-held",
    }.get(error.constraint_name or "", "access.identities.taken")
    return Conflict(text)


_ADMIT = """
INSERT INTO identity (kind, handle, reference, institution, personal, vouched_by, demonstration)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id
"""
_GIVE = "INSERT INTO identity_role (identity, role, institution, ends, given_by) VALUES ($1, $2, $3, $4, $5)"
_TAKE = """
UPDATE identity_role SET taken = clock_timestamp(), taken_by = $4
WHERE identity = $1 AND role = $2 AND institution = $3 AND taken IS NULL RETURNING id, taken
"""
_TAKE_ALL = "UPDATE identity_role SET taken = clock_timestamp(), taken_by = $2 WHERE identity = $1 AND taken IS NULL"
_KIND = "SELECT kind FROM identity WHERE id = $1 AND status <> 'left'"
# Of the last two in an office who leave at once, the second finds himself the last.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(1801547622)"
_LAST_IN_OFFICE = """
SELECT mine.role FROM identity_role AS mine JOIN identity AS i ON i.id = mine.identity
WHERE mine.identity = $1 AND mine.role = ANY ($2::text[]) AND mine.taken IS NULL AND NOT i.demonstration
    AND (mine.ends IS NULL OR mine.ends > clock_timestamp())
    AND NOT EXISTS (
        SELECT FROM identity_role AS r JOIN identity AS o ON o.id = r.identity
        WHERE r.role = mine.role AND r.identity <> $1 AND r.taken IS NULL AND r.starts <= clock_timestamp()
            AND (r.ends IS NULL OR r.ends > clock_timestamp()) AND o.status = 'admitted' AND NOT o.demonstration
    )
"""
_ADMITTED_OF = """
SELECT id FROM identity
WHERE institution = $1 AND status = 'admitted' AND kind IN ('staff', 'device', 'application') ORDER BY id
"""
_ROLES_AT = """
SELECT r.identity, r.role FROM identity_role AS r JOIN identity AS i ON i.id = r.identity
WHERE r.institution = $1 AND r.taken IS NULL AND i.institution <> $1 AND i.status <> 'left' ORDER BY r.id
"""
_SUSPENDED_OF = """
SELECT i.id FROM identity AS i
WHERE i.institution = $1 AND i.status = 'suspended' AND $2 = (
    SELECT e.by FROM identity_event AS e WHERE e.identity = i.id AND e.what = 'suspend' ORDER BY e.id DESC LIMIT 1
) ORDER BY i.id
"""
_NOW = "SELECT clock_timestamp()"
_REFERENCE = "SELECT reference FROM identity WHERE id = $1"
_BECOME = "UPDATE identity SET status = $2 WHERE id = $1 AND status = ANY ($3::text[]) RETURNING id"
_END_SESSIONS = "UPDATE session SET ended = clock_timestamp(), why = $2 WHERE identity = $1 AND ended IS NULL"
_END_GRANTS = "UPDATE oidc_grant SET revoked = clock_timestamp() WHERE identity = $1 AND revoked IS NULL"
_END_ROLE = """
WITH ended AS (
    UPDATE session SET ended = clock_timestamp(), why = 'take-role'
    WHERE identity = $1 AND role = $2 AND institution = $3 AND ended IS NULL
)
UPDATE oidc_grant SET revoked = clock_timestamp()
WHERE identity = $1 AND role = $2 AND institution = $3 AND revoked IS NULL
"""
_PROXY = """
INSERT INTO identity_proxy (identity, patient, relation, mask, starts, ends, vouched_by, hears, sees, acts, tie)
VALUES ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()), $6, $7, $8, $9, $10, $11)
"""
_TAKE_PROXY = """
UPDATE identity_proxy SET taken = clock_timestamp(), taken_by = $3
WHERE identity = $1 AND patient = $2 AND taken IS NULL RETURNING id, taken
"""
_PROXIES = """
SELECT patient, relation, mask, starts, ends, hears, sees, acts, tie FROM identity_proxy
WHERE identity = $1 AND taken IS NULL AND starts <= clock_timestamp() AND (ends IS NULL OR ends > clock_timestamp())
ORDER BY id
"""
_ROW = "SELECT id, kind, reference, institution, personal, status, demonstration FROM identity"
_FIND = f"{_ROW} WHERE (reference = $1 OR handle = $2) AND status <> 'left' ORDER BY reference <> $1 LIMIT 1"
_FIND_HANDLE = f"{_ROW} WHERE handle = $1 AND status <> 'left'"
_GET = f"{_ROW} WHERE id = $1"
_POSTS = """
SELECT role, institution, starts, ends FROM identity_role
WHERE identity = $1 AND taken IS NULL AND starts <= clock_timestamp() AND (ends IS NULL OR ends > clock_timestamp())
ORDER BY id
"""
_PASSWORD = "SELECT hash, former, changed, initial FROM identity_password WHERE identity = $1"
_SET_PASSWORD = """
INSERT INTO identity_password (identity, hash, former, initial) VALUES ($1, $2, $3, $4)
ON CONFLICT (identity) DO UPDATE SET
    hash = excluded.hash, former = excluded.former, initial = excluded.initial, changed = clock_timestamp()
RETURNING changed
"""
_EVENT = "INSERT INTO identity_event (identity, what, by, detail) VALUES ($1, $2, $3, $4) RETURNING id"

"""Tickets: drawn by a hospital's server, good once, for a minute, for one of its staff and one resident.

A call is signed by HMAC-SM3 under a key that only the server and we have, over what is sent, when, and a number that is
used once; or it comes over a connection whose client certificate a gateway of ours has seen and that is bound to the
application (`access.client_identity`). The application's owner is the institution; it draws for its own staff only.

Source: HMAC with SM3 by GB/T 15852.2-2012 and GB/T 32905-2016; the form of the call is ours (docs/zh/诊间调阅.md).
"""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
import msgspec

from kangyun.access.applications.register import Application
from kangyun.access.client_identity import holder_of
from kangyun.access.identities.model import Identity
from kangyun.access.identities.register import Identities
from kangyun.access.identities.vault import Vault, drawn
from kangyun.access.policy import Policy
from kangyun.access.signin import SignIn
from kangyun.base.crypto import hmac_sm3, same
from kangyun.base.crypto.certificates import Certificate
from kangyun.base.errors import Forbidden, Invalid, NotFound, SignInNeeded
from kangyun.database.pool import Pool
from kangyun.store.store import Store

LASTS = 60  # seconds that a ticket is good for
WINDOW = 60  # seconds that a call's time may be off
NONCE_KEPT = 3 * WINDOW
PATH = "/look/tickets"
PURPOSE = "TREAT"
GROUND = "encounter"
"""Whoever may have this ground may be given a ticket."""
CLIENT, TIME, NONCE, SIGNATURE = "x-kangyun-client", "x-kangyun-time", "x-kangyun-nonce", "x-kangyun-signature"
_NONCE = re.compile(r"[A-Za-z0-9_\-]{16,64}")
_TIME = re.compile(r"[0-9]{1,12}")
_STAFF = re.compile(r"[^\s@/\x00-\x1f]{1,64}")


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a ticket is asked for. staff: the number within the institution. patient: system|number."""

    institution: str
    staff: str
    patient: str
    encounter: str = ""
    role: str = ""


class NotSigned(SignInNeeded):
    """The call is not signed by an application that may draw tickets."""

    default_text = "access.look.not-signed"


class WrongTicket(SignInNeeded):
    """The ticket is wrong, was used, or is over: which of them is not said."""

    default_text = "access.look.wrong-ticket"


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that was shown: for whom, by which application, about whom."""

    client: str
    identity: int
    role: str
    institution: str
    patient: str
    encounter: str


class _Kept(msgspec.Struct, frozen=True):
    patient: str
    encounter: str


def signed(client: str, moment: str, nonce: str, body: bytes) -> bytes:
    """Returns what a call's signature is over."""
    return f"POST\n{PATH}\n{client}\n{moment}\n{nonce}\n".encode() + body


def read_asked(body: bytes) -> Asked:
    """Reads what is asked for. Raises Invalid, which quotes none of it."""
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("access.look.wrong-body") from None
    for name, wrong in {
        "institution": not asked.institution.startswith("Organization/") or len(asked.institution) > 80,
        "staff": not _STAFF.fullmatch(asked.staff),
        "patient": "|" not in asked.patient or len(asked.patient) > 200,
        "encounter": len(asked.encounter) > 100,
        "role": len(asked.role) > 40,
    }.items():
        if wrong:
            raise Invalid("access.look.wrong-member", at=name, member=name)
    return asked


@dataclass(frozen=True, slots=True)
class Tickets:
    """Draws tickets and takes them. One for a process."""

    store: Store
    sign_in: SignIn
    policy: Policy

    @property
    def _pool(self) -> Pool:
        return self.store.pool

    @property
    def _identities(self) -> Identities:
        return self.sign_in.identities

    @property
    def _vault(self) -> Vault:
        return self.sign_in.identities.vault

    # --- keys

    async def make_key(self, client: str, by: str) -> str:
        """Draws a key for an application, in place of one it had, and returns it: 64 hexadecimal digits.

        Raises NotFound, Invalid where the application is not for treatment.
        """
        application = await self.sign_in.applications.get(client)
        if application is None:
            raise NotFound("access.applications.none")
        if application.purpose != PURPOSE:
            raise Invalid("access.look.not-for-treatment")
        key = secrets.token_bytes(32)
        async with self._pool.connection() as connection, connection.transaction():
            sealed = self._vault.seal(key, f"look-key/{client}")
            made = await connection.fetchval(_SET_KEY, client, sealed, by)
            await self._identities.note(connection, application.identity, "look-key", by, client)
            await self._identities.tell(connection, application.identity, "look-key", made, client=client)
        return key.hex()

    # --- who calls

    async def caller(self, headers: Mapping[str, str], body: bytes, certificate: Certificate | None) -> Application:
        """Returns the application that has made a call. Raises NotSigned, OverLimit, Unavailable."""
        if headers.get(SIGNATURE):
            client = await self._signer(headers, body)
        elif certificate is not None:
            holder = await holder_of(self.store, certificate)
            client = holder.reference.removeprefix("Device/")
        else:
            raise NotSigned
        application = await self.sign_in.applications.get(client)
        if application is None or not application.is_usable or application.purpose != PURPOSE:
            raise NotSigned
        throttle = self.sign_in.provider.throttle
        bucket = throttle.bucket(application)
        if bucket.is_due:
            await throttle.tell(bucket)
        bucket.take()
        return application

    async def _signer(self, headers: Mapping[str, str], body: bytes) -> str:
        client, moment, nonce = (headers.get(name, "") for name in (CLIENT, TIME, NONCE))
        if not (_TIME.fullmatch(moment) and _NONCE.fullmatch(nonce) and 0 < len(client) <= 64 and client.isascii()):
            raise NotSigned
        try:
            given = bytes.fromhex(headers[SIGNATURE])
        except ValueError:
            raise NotSigned from None
        async with self._pool.connection() as connection:
            sealed = await connection.fetchval("SELECT sealed FROM look_key WHERE client = $1", client)
        # Without a key as much is reckoned as with one.
        key = self._vault.open(sealed, f"look-key/{client}") if sealed is not None else secrets.token_bytes(32)
        if not same(hmac_sm3(key, signed(client, moment, nonce, body)), given):
            raise NotSigned
        if abs(int(moment) - time.time()) > WINDOW:
            raise NotSigned("access.look.other-time", seconds=WINDOW)
        async with self._pool.connection() as connection:
            await connection.execute("DELETE FROM look_nonce WHERE expires < clock_timestamp()")
            digest = self._vault.digest("look-nonce", f"{client}\n{nonce}")
            try:
                await connection.execute(_NOTE_NONCE, digest, NONCE_KEPT)
            except asyncpg.UniqueViolationError:
                raise NotSigned("access.look.replayed") from None
        return client

    # --- tickets

    async def draw(self, application: Application, asked: Asked) -> str:
        """Returns a ticket. Raises Forbidden for staff that is not the institution's, or not in such a role."""
        if asked.institution != application.owner:
            raise Forbidden("access.look.other-institution")
        identity, role = await self._staff(asked)
        ticket = drawn()
        digest = self._vault.digest("look-ticket", ticket)
        kept = msgspec.json.encode(_Kept(asked.patient, asked.encounter))
        sealed = self._vault.seal(kept, f"look-ticket/{digest.hex()}")
        async with self._pool.connection() as connection:
            await connection.execute("DELETE FROM look_ticket WHERE expires < clock_timestamp() - interval '1 hour'")
            await connection.execute(
                _DRAW, digest, application.client, identity.id, role, asked.institution, sealed, LASTS
            )  # fmt: skip
        return ticket

    async def take(self, ticket: str) -> Ticket:
        """Uses a ticket up. Raises WrongTicket."""
        if not 0 < len(ticket) <= 100:
            raise WrongTicket
        digest = self._vault.digest("look-ticket", ticket)
        async with self._pool.connection() as connection:
            row = await connection.fetchrow(_TAKE, digest)
        if row is None:
            raise WrongTicket
        kept = msgspec.json.decode(self._vault.open(row["sealed"], f"look-ticket/{digest.hex()}"), type=_Kept)
        return Ticket(
            row["client"], row["identity"], row["role"], row["institution"], kept.patient, kept.encounter
        )  # fmt: skip

    async def _staff(self, asked: Asked) -> tuple[Identity, str]:
        """Returns who has a number at an institution, and the role to act in. Raises Forbidden."""
        ground = self.policy.grounds.get(GROUND)
        name = f"{asked.staff}@{asked.institution.partition('/')[2]}"
        found = await self._identities.find(name)
        if ground is None or found is None or found.kind != "staff" or not self._identities.admits(found):
            raise Forbidden("access.look.staff")
        held = [post.role for post in found.posts if post.institution == asked.institution]
        may = [role for role in held if role in ground.roles and asked.role in ("", role)]
        if not may:
            raise Forbidden("access.look.staff")
        return found, "doctor" if "doctor" in may else may[0]


_SET_KEY = """
INSERT INTO look_key (client, sealed, made_by) VALUES ($1, $2, $3)
ON CONFLICT (client) DO UPDATE SET sealed = excluded.sealed, made_by = excluded.made_by, made = clock_timestamp()
RETURNING made
"""
_NOTE_NONCE = """
INSERT INTO look_nonce (digest, expires) VALUES ($1, clock_timestamp() + make_interval(secs => $2::float8))
"""
_DRAW = """
INSERT INTO look_ticket (digest, client, identity, role, institution, sealed, expires)
VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + make_interval(secs => $7::float8))
"""
_TAKE = """
UPDATE look_ticket SET used = clock_timestamp()
WHERE digest = $1 AND used IS NULL AND expires > clock_timestamp()
RETURNING client, identity, role, institution, sealed
"""

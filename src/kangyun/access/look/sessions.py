"""What a ticket opens: a session of one person, about one resident, for a page and no other address.

It is no sign-in: no token comes of it. It is listed, and ended, among the person's sessions. It holds while the person
is admitted, in that role at that institution, and the application may be used: that is asked of the database each time.
"""

from dataclasses import dataclass

from kangyun.access.actor import Actor
from kangyun.access.identities.model import ROLES
from kangyun.access.identities.vault import drawn
from kangyun.access.look.tickets import Ticket, WrongTicket
from kangyun.access.signin import SignIn
from kangyun.base.errors import SignInNeeded
from kangyun.database.pool import Pool

IDLE_MINUTES = 15
HOURS = 4
SCOPES = ("patient/*.rs",)
LONGEST = 100  # characters of a cookie


class SessionOver(SignInNeeded):
    """The session is over, or was never there: the page is opened anew from the hospital's system."""

    default_text = "access.look.session-over"


@dataclass(frozen=True, slots=True)
class Session:
    """A session. actor: who looks, not yet confined to a resident; patient: the identifier that the ticket named."""

    id: str
    actor: Actor
    patient: str


@dataclass(frozen=True, slots=True)
class Sessions:
    """Begins sessions and finds them. One for a process."""

    pool: Pool
    sign_in: SignIn

    async def begin(self, ticket: Ticket, source: str) -> tuple[Session, str]:
        """Begins a session and returns it with its cookie. Raises WrongTicket for who was shut out meanwhile."""
        vault = self.sign_in.identities.vault
        id_, cookie = drawn(12), drawn()
        sealed = vault.seal(ticket.patient.encode(), f"look-session/{id_}")
        async with self.pool.connection() as connection:
            await connection.execute("DELETE FROM look_session WHERE expires < clock_timestamp()")
            await connection.execute(
                _BEGIN, id_, vault.digest("look-cookie", cookie), ticket.client, ticket.identity, ticket.role,
                ticket.institution, sealed, source, HOURS * 3600,
            )  # fmt: skip
        try:
            return await self.find(id_, cookie), cookie
        except SessionOver:
            raise WrongTicket from None

    async def find(self, id_: str, cookie: str) -> Session:
        """Returns a session, which counts as used now. Raises SessionOver."""
        vault = self.sign_in.identities.vault
        if not (0 < len(id_) <= LONGEST and 0 < len(cookie) <= LONGEST and id_.isascii()) or "\0" in id_:
            raise SessionOver
        async with self.pool.connection() as connection:
            row = await connection.fetchrow(_FIND, id_, vault.digest("look-cookie", cookie), IDLE_MINUTES * 60)
        if row is None or (row["demonstration"] and not self.sign_in.identities.demonstration):
            raise SessionOver
        personal = vault.open_personal(row["personal"], row["reference"])
        role: str = row["role"]
        actor = Actor(
            row["reference"], personal.name, row["institution"], ROLES[role][1], role=role, client=row["client"],
            session=id_,
        )  # fmt: skip
        return Session(id_, actor, vault.open(row["sealed"], f"look-session/{id_}").decode())

    def mark(self, session: Session, cookie: str) -> str:
        """Returns what the page's forms send back: another site cannot know it."""
        return self.sign_in.identities.vault.digest("look-mark", f"{session.id}\n{cookie}").hex()


_BEGIN = """
INSERT INTO look_session (id, cookie, client, identity, role, institution, sealed, source, expires)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9::float8))
"""
_FIND = """
UPDATE look_session AS s SET seen = clock_timestamp()
FROM identity AS i, identity_role AS r, application AS a, identity AS o
WHERE s.id = $1 AND s.cookie = $2 AND s.expires > clock_timestamp()
AND s.seen > clock_timestamp() - make_interval(secs => $3::float8)
AND i.id = s.identity AND i.status = 'admitted'
AND r.identity = i.id AND r.role = s.role AND r.institution = s.institution AND r.taken IS NULL
AND r.starts <= clock_timestamp() AND (r.ends IS NULL OR r.ends > clock_timestamp())
AND a.client = s.client AND a.review = 'passed' AND a.expires > clock_timestamp()
AND o.id = a.identity AND o.status = 'admitted'
RETURNING s.role, s.institution, s.client, s.sealed, i.reference, i.personal, i.demonstration
"""

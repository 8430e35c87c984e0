"""For which Patients somebody acts: a resident for his own registrations, a guardian for wards. Read for each sign-in.

A resident who came in by a telephone has proven the registrations in which it stands, and no others of what the index
says is his: whoever registers a stranger's number with a telephone of his own gets what he wrote, and no more. Where a
desk has seen the card, the others follow when its days are over (`access.residents`).

A guardian sees no more of a ward than the ward himself would: where a telephone is bound to the registration that his
proxy names, the others follow for him when they do for the ward. Where none is, whoever admitted him has vouched for
whose it is, as of a resident who was let in by them.
"""

import time
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.identities.model import OF_RESIDENTS

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class For:
    """Ids of Patients; the labels that are hidden; whether only these were proven (`Actor.alone`).

    acts: he may do something for them, too.
    until: when it changes next, seconds since the epoch.
    """

    patients: tuple[str, ...] = ()
    hidden: int = 0
    alone: bool = False
    acts: bool = True
    until: float = FOREVER


async def acting_for(connection: asyncpg.Connection, identity: int, role: str, reference: str, ward: str = "") -> For:
    """Returns for whom an identity acts in a role. ward: for this Patient only, and those of the same tie.

    A sight has one mask for all of them: what one proxy leaves out is hidden of all; so it is with acting. Whom
    somebody only hears the alarms of he neither sees nor acts for.
    """
    if role not in OF_RESIDENTS:
        return For()
    rows = await connection.fetch(_PROXIES, identity)
    mine = [row for row in rows if (row["relation"] == "ONESELF") == (role == "resident")]
    if ward:
        ties = {row["tie"] for row in mine if row["patient"] == ward} - {None}
        mine = [row for row in mine if row["patient"] == ward or row["tie"] in ties]
    mine = [row for row in mine if row["sees"] or row["acts"]]
    now = time.time()
    changes = [at for row in mine for at in (seconds(row["starts"]), seconds(row["ends"])) if at > now]
    valid = [row for row in mine if seconds(row["starts"], 0) <= now < seconds(row["ends"])]
    good, hidden, alone = [row["patient"] for row in valid], 0, False
    for row in valid:
        hidden |= ~row["mask"]
    if role == "resident":
        if reference.startswith("Patient/"):
            good.insert(0, reference.partition("/")[2])
        alone = bool(await connection.fetchval(_ALONE, good))
    elif good:
        # A sight is alone for all of them: of several wards the least proven counts.
        alone = bool(await connection.fetchval(_ALONE_OF_ONE, good))
    acts = all(row["acts"] for row in valid)
    return For(tuple(dict.fromkeys(good)), hidden, alone, acts, min(changes, default=FOREVER))


def seconds(instant: datetime | None, otherwise: float = FOREVER) -> float:
    """Returns an instant as seconds since the epoch; `otherwise` where there is none."""
    return instant.timestamp() if instant else otherwise


_PROXIES = """
SELECT patient, relation, mask, starts, ends, sees, acts, tie FROM identity_proxy
WHERE identity = $1 AND taken IS NULL AND (ends IS NULL OR ends > clock_timestamp()) ORDER BY id
"""
# Who is bound by nothing was vouched for in person, by who admits people.
_ALONE = """
SELECT NOT bool_or(coalesce(whole <= clock_timestamp(), false)) FROM resident_binding
WHERE ended IS NULL AND patients && $1::text[]
"""
_ALONE_OF_ONE = """
SELECT EXISTS (SELECT FROM unnest($1::text[]) AS w(patient) WHERE (
    SELECT NOT bool_or(coalesce(b.whole <= clock_timestamp(), false)) FROM resident_binding AS b
    WHERE b.ended IS NULL AND b.patients @> ARRAY[w.patient]
))
"""

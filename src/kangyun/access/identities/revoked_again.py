"""Carrying out again, on a restored database, what was revoked since the backup, and what was given back.

An entry of the ledger names an identity by its reference, and the instant by the database's clock: what was admitted or
given later stays, whatever it is called. Entries come in order, so who was suspended and let in again is in. What was
given since the backup (a role, an admission) is lost with it and is given anew. So is what took the place of something
that was revoked: a password, a key, a factor of the backup that was replaced since opens nothing, and neither does what
replaced it; a new one is set, drawn, enrolled.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import asyncpg

from kangyun.access.ledger import Entry

_THE_ONE = "(SELECT id FROM identity WHERE reference = $1 AND admitted <= $2 AND status <> 'left')"
_SUSPEND = "UPDATE identity SET status = 'suspended' WHERE reference = $1 AND admitted <= $2 AND status = 'admitted'"
_RESUME = "UPDATE identity SET status = 'admitted' WHERE reference = $1 AND admitted <= $2 AND status = 'suspended'"
_LEAVE = """
WITH gone AS (
    UPDATE identity SET status = 'left' WHERE reference = $1 AND admitted <= $2 AND status <> 'left' RETURNING id
)
UPDATE identity_role SET taken = $2, taken_by = 'restore' WHERE taken IS NULL AND identity IN (SELECT id FROM gone)
"""
_LEFT = "SELECT EXISTS (SELECT FROM identity WHERE reference = $1 AND admitted <= $2 AND status <> 'left')"
_TAKE_ROLE = f"""
UPDATE identity_role SET taken = $2, taken_by = 'restore'
WHERE identity = {_THE_ONE} AND role = $3 AND institution = $4 AND taken IS NULL AND starts <= $2
"""
# A proxy may begin later than it was given.
_TAKE_PROXY = f"""
UPDATE identity_proxy SET taken = $2, taken_by = 'restore'
WHERE identity = {_THE_ONE} AND patient = $3 AND taken IS NULL AND (starts <= $2 OR id = $4)
"""
_REVIEW = f"""
UPDATE application SET review = $4, reviewed = $2, reviewed_by = 'restore'
WHERE client = $3 AND identity = {_THE_ONE} AND review <> $4 AND (reviewed IS NULL OR reviewed <= $2)
"""
# Without a password, and it counts among the former ones: it is not chosen again.
_PASSWORD = f"""
UPDATE identity_password SET hash = '', former = ARRAY[hash] || former
WHERE identity = {_THE_ONE} AND changed < $2 AND hash <> ''
"""
_FACTORS = f"""
DELETE FROM factor WHERE identity = {_THE_ONE} AND enrolled < $2 AND $3 IN ('', kind)
"""
_LOOK_KEY = f"""
DELETE FROM look_key AS k USING application AS a
WHERE k.client = $3 AND k.made < $2 AND a.client = k.client AND a.identity = {_THE_ONE}
"""
_UNBIND = """
UPDATE resident_binding SET ended = $2, ended_by = 'restore'
WHERE 'binding/' || id = $1 AND bound <= $2 AND ended IS NULL
"""
# What it had opened ends with it; that nobody has reviewed it is true again.
_EMERGENCY = """
WITH broken AS (
    UPDATE broken_glass SET ends = $2 WHERE 'broken-glass/' || id = $1 AND began <= $2 AND ends > $2
    RETURNING patient, actor, institution, began
), closed AS (
    UPDATE opened AS o SET ends = $2 FROM broken AS b
    WHERE o.person = b.patient AND o.actor = b.actor AND o.institution = b.institution AND o.began >= b.began
        AND o.ends > $2
)
DELETE FROM disclosure WHERE source = $1 AND low <= $2
"""
# By party: since when, and when it was over. What was said anew later begins later.
_RELATION = """
UPDATE disclosure AS d SET high = e.until
FROM unnest($3::int8[], $4::timestamptz[], $5::timestamptz[]) AS e(party, low, until)
WHERE d.source = $1 AND d.party = e.party AND d.low <= greatest($2, e.low) AND d.high > e.until
"""
_SUBSCRIPTION = """
DELETE FROM subscription WHERE 'Subscription/' || id = $1 AND version <= $3 AND $2::timestamptz IS NOT NULL
"""
# The mark was made by who has the key; a row of other fields than it was made of is believed by nobody.
_CERTIFICATE = """
UPDATE person_certificate SET ended = $2, mark = decode($4, 'hex')
WHERE fingerprint = decode($3, 'hex') AND reference = $1 AND since <= $2 AND ended IS NULL
"""
# By what was done: the statement, and which members of the detail it takes behind reference and instant.
_AGAIN: dict[str, tuple[str, Callable[[dict[str, Any]], tuple[Any, ...]]]] = {
    "suspend": (_SUSPEND, lambda detail: ()),
    "resume": (_RESUME, lambda detail: ()),
    "leave": (_LEAVE, lambda detail: ()),
    "take-role": (_TAKE_ROLE, lambda detail: (detail["role"], detail["institution"])),
    "take-proxy": (_TAKE_PROXY, lambda detail: (detail["patient"], detail["row"])),
    "set-password": (_PASSWORD, lambda detail: ()),
    "remove-factors": (_FACTORS, lambda detail: (detail["kind"],)),
    "look-key": (_LOOK_KEY, lambda detail: (detail["client"],)),
    "end-emergency": (_EMERGENCY, lambda detail: ()),
    "end-relation": (_RELATION, lambda detail: _ended(detail["ended"])),
    "end-subscription": (_SUBSCRIPTION, lambda detail: (detail["version"],)),
    "end-certificate": (_CERTIFICATE, lambda detail: (detail["fingerprint"], detail["mark"])),
    "unbind": (_UNBIND, lambda detail: ()),
    "review-passed": (_REVIEW, lambda detail: (detail["client"], "passed")),
    "review-failed": (_REVIEW, lambda detail: (detail["client"], "failed")),
    "review-asked": (_REVIEW, lambda detail: (detail["client"], "asked")),
}


def _ended(each: list[tuple[int, str, str]]) -> tuple[list[Any], ...]:
    """Returns parties, and since and until when."""
    return (
        [party for party, _, _ in each],
        [datetime.fromisoformat(low) for _, low, _ in each],
        [datetime.fromisoformat(until) for _, _, until in each],
    )


async def replay(connection: asyncpg.Connection, entry: Entry) -> bool:
    """Carries out an entry of the ledger again; returns whether anything was left to do.

    Raises KeyError for an entry that says nothing that is known here: the restore must not go on.
    """
    statement, members = _AGAIN[entry.detail["what"]]
    at = datetime.fromisoformat(entry.detail["at"])
    async with connection.transaction():
        stands = entry.detail["what"] == "leave" and await connection.fetchval(_LEFT, entry.subject, at)
        done = await connection.execute(statement, entry.subject, at, *members(entry.detail))
    return bool(stands) or not done.endswith(" 0")

"""The register of staff as a list: who, with which posts and second factors, and when last signed in.

Names stand sealed in the register, so whoever is looked for by name is found among those that were opened: at most
`MOST_OPENED` for one question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from kangyun.access.identities.model import Identity, Post
from kangyun.access.identities.register import Identities

MOST_OPENED = 20_000
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom to list. words: part of a name or of what is signed in with. after: the number of the last one shown."""

    words: str = ""
    role: str | None = None
    institution: str | None = None
    status: str | None = None
    after: int = 0
    count: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody of the list. factors: kinds of second factors that were proven. seen: at the last sign-in."""

    identity: Identity
    factors: tuple[str, ...]
    seen: datetime | None
    has_password: bool


async def listed(identities: Identities, asked: Asked) -> tuple[list[Listed], bool]:
    """Returns staff by their numbers, and whether there are more of them."""
    found: list[Identity] = []
    after, opened, words = asked.after, 0, asked.words.casefold()
    async with identities.pool.connection() as connection:
        while opened < MOST_OPENED and len(found) <= asked.count:
            rows = await connection.fetch(_STAFF, after, asked.status, asked.role, asked.institution, _AT_ONCE)
            posts = await _posts(connection, [row["id"] for row in rows])
            read = [identities.read(row, posts.get(row["id"], [])) for row in rows]
            found += [one for one in read if not words or words in f"{one.name}\n{one.handle}".casefold()]
            if len(rows) < _AT_ONCE:
                break
            after, opened = rows[-1]["id"], opened + len(rows)
        shown = found[: asked.count]
        more = {row["identity"]: row for row in await connection.fetch(_MORE, [one.id for one in shown])}
    return [
        Listed(one, tuple(more[one.id]["factors"]), more[one.id]["seen"], more[one.id]["password"]) for one in shown
    ], len(found) > asked.count


async def _posts(connection: asyncpg.Connection, identities: Sequence[int]) -> dict[int, list[Post]]:
    posts: dict[int, list[Post]] = {}
    for row in await connection.fetch(_POSTS, identities):
        posts.setdefault(row["identity"], []).append(Post(row["role"], row["institution"], row["starts"], row["ends"]))
    return posts


_STAFF = """
SELECT i.id, i.kind, i.reference, i.institution, i.personal, i.status, i.demonstration FROM identity AS i
WHERE i.kind = 'staff' AND i.id > $1 AND ($2::text IS NULL OR i.status = $2)
    AND ($3::text IS NULL OR EXISTS (
        SELECT FROM identity_role AS r WHERE r.identity = i.id AND r.role = $3 AND r.taken IS NULL
            AND (r.ends IS NULL OR r.ends > clock_timestamp())
    ))
    AND ($4::text IS NULL OR i.institution = $4 OR EXISTS (
        SELECT FROM identity_role AS r WHERE r.identity = i.id AND r.institution = $4 AND r.taken IS NULL
            AND (r.ends IS NULL OR r.ends > clock_timestamp())
    ))
ORDER BY i.id LIMIT $5
"""
_POSTS = """
SELECT identity, role, institution, starts, ends FROM identity_role
WHERE identity = ANY ($1::int8[]) AND taken IS NULL AND (ends IS NULL OR ends > clock_timestamp()) ORDER BY id
"""
_MORE = """
SELECT i.id AS identity,
    ARRAY(SELECT DISTINCT f.kind FROM factor AS f WHERE f.identity = i.id AND f.active ORDER BY f.kind) AS factors,
    (SELECT max(s.began) FROM session AS s WHERE s.identity = i.id AND s.ended IS NULL) AS seen,
    EXISTS (SELECT FROM identity_password AS p WHERE p.identity = i.id) AS password
FROM identity AS i WHERE i.id = ANY ($1::int8[])
"""

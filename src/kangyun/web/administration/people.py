"""The register of staff: listed, suspended, let in again, ended."""

from collections.abc import Awaitable, Callable
from typing import Any

from kangyun.access.events.people import Called, called
from kangyun.access.identities.listing import Asked, Listed
from kangyun.access.identities.listing import listed as in_register
from kangyun.access.identities.model import PLATFORM, Post
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound
from kangyun.base.texts import say
from kangyun.web.administration.reading import number, reason, told
from kangyun.web.exchange import HttpRequest

MOST = 200
STATES = ("admitted", "suspended", "left")


async def listed(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns a page of staff."""
    status = request.option("status")
    if status is not None and status not in STATES:
        raise Invalid("web.no-such-state", at="status", states=", ".join(STATES))
    asked = Asked(
        (request.option("words") or "").strip()[:100], request.option("role"), request.option("institution"), status,
        number(request.option("after"), "after"), min(number(request.option("_count"), "_count") or 50, MOST),
    )  # fmt: skip
    found, more = await in_register(platform.identities, asked)
    houses = {one.identity.institution for one in found}
    houses |= {post.institution for one in found for post in one.identity.posts}
    async with platform.pool.connection() as connection:
        names = await called(connection, platform.gate.store, houses)
    names.names.setdefault(PLATFORM, say("web.platform", request.language))
    people = [_shown(one, names) for one in found]
    return told(people=people, next=found[-1].identity.id if more else None)


def _shown(one: Listed, names: Called) -> dict[str, Any]:
    who = one.identity
    return told(
        id=who.id, name=who.name, handle=who.handle, reference=who.reference, status=who.status,
        institution=names.name(who.institution), department=who.department,
        posts=[_post(post, names) for post in who.posts], factors=one.factors, hasPassword=one.has_password,
        seen=clock.instant(one.seen) if one.seen else None, demonstration=who.demonstration,
    )  # fmt: skip


def _post(post: Post, names: Called) -> dict[str, Any]:
    ends = clock.instant(post.ends) if post.ends else None
    return told(role=post.role, institution=names.name(post.institution), ends=ends)


async def suspend(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Lets somebody do nothing more until `resume`."""
    return await _done(platform.identities.suspend, platform, request, record)


async def resume(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Lets somebody who was suspended in again."""
    return await _done(platform.identities.resume, platform, request, record)


async def leave(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Ends an identity."""
    return await _done(platform.identities.leave, platform, request, record)


async def _done(
    do: Callable[[int, str, str], Awaitable[None]], platform: Platform, request: HttpRequest, record: Record
) -> dict[str, Any]:
    """Does something to somebody else of the staff. Raises Forbidden for oneself, NotFound."""
    why, id_ = await reason(request), number(request.segments[2], "id")
    found = await platform.identities.get(id_)
    if found is None or found.kind != "staff":
        raise NotFound
    if found.reference == record.actor.reference:
        raise Forbidden("web.not-yourself")
    await do(id_, record.actor.reference, why)
    return {"id": id_}

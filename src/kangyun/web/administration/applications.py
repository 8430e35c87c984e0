"""The register of applications: registered by the system administrator, reviewed and stopped by the security one."""

from datetime import timedelta
from typing import Any

import msgspec

from kangyun.access.applications.register import Application
from kangyun.access.events.people import called
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.web.administration.reading import read, reason, told
from kangyun.web.exchange import HttpRequest

LONGEST_DAYS = 3 * 366


class _New(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    owner: str
    evidence: str
    purpose: str = "TREAT"
    scopes: str = ""
    redirects: str = ""
    launch: str = ""
    jwks: str = ""
    jwks_uri: str = msgspec.field(name="jwksUri", default="")
    rate: float = 0.0
    quota: int = 0
    days: int = 365


class _Verdict(msgspec.Struct, forbid_unknown_fields=True):
    passed: bool


async def listed(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Returns all applications."""
    found = await platform.sign_in.applications.list()
    named = {one.owner for one in found} | {one.reviewed_by for one in found if one.reviewed_by}
    async with platform.pool.connection() as connection:
        names = await called(connection, platform.gate.store, named)
    return {
        "applications": [
            told(
                client=one.client, name=one.name, owner=names.name(one.owner), purpose=one.purpose,
                scopes=one.scopes, redirects=one.redirect_uris, launch=one.launch_url or None, public=one.is_public,
                rate=one.rate, quota=one.quota, review=one.review, status=one.status, usable=one.is_usable,
                reviewedBy=names.name(one.reviewed_by) if one.reviewed_by else None,
                expires=clock.instant(one.expires),
            )
            for one in found
        ]
    }  # fmt: skip


async def add(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Registers an application, which is then to be reviewed. Raises Invalid, naming the member."""
    new = await read(request, _New)
    wanted = Application(
        client="", name=new.name.strip(), owner=new.owner, purpose=new.purpose, jwks=new.jwks.strip(),
        redirect_uris=tuple(new.redirects.split()), scopes=tuple(new.scopes.split()), launch_url=new.launch.strip(),
        jwks_uri=new.jwks_uri.strip(), rate=new.rate, quota=new.quota,
        expires=clock.now() + timedelta(days=max(0, min(new.days, LONGEST_DAYS))),
    )  # fmt: skip
    made = await platform.sign_in.applications.add(wanted, record.actor.reference, new.evidence.strip())
    return {"client": made.client}


async def review(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Says what came of a review. Raises NotFound."""
    verdict, client = await read(request, _Verdict), request.segments[2]
    await platform.sign_in.applications.review(client, "passed" if verdict.passed else "failed", record.actor.reference)
    return {"client": client}


async def suspend(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Lets an application do nothing more until `resume`. Raises NotFound."""
    client = request.segments[2]
    await platform.sign_in.applications.suspend(client, record.actor.reference, await reason(request))
    return {"client": client}


async def resume(platform: Platform, request: HttpRequest, record: Record) -> dict[str, Any]:
    """Lets a suspended application in again. Raises NotFound."""
    client = request.segments[2]
    await platform.sign_in.applications.resume(client, record.actor.reference, await reason(request))
    return {"client": client}

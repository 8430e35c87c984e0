"""Second factors over HTTP, for who is signed in. JSON in, JSON out.

    GET  /fhir/$factors               what I have, and what my role takes
    POST /fhir/$factors/$enrol        {"kind", "permit"?, "phone"? | "key"?, "vendor"?}      -> {"challenge", …}
    POST /fhir/$factors/$confirm      {"kind", "challenge", "code" | "credential" | "signature"}
    POST /fhir/$factors/$permit       a security administrator's {"reference"}               -> {"permit"}
    POST /fhir/$factors/$remove       a security administrator's {"reference", "kind"?}      -> {"removed"}

Nobody removes their own: whoever has taken over a session would begin with that. Whose factors are
removed is signed out everywhere.
"""

from typing import Any

import msgspec

from kangyun.access.actor import Actor, Circumstances
from kangyun.access.factors import KINDS, Challenge, Kind
from kangyun.access.factors.model import text_of
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.access.register import Known
from kangyun.base import clock
from kangyun.base.errors import Forbidden, Invalid, NotFound, NotSupported
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.shape import shape

NAME = "$factors"
OFFICERS = frozenset({"security-administrator"})
LARGEST = 64_000  # bytes
NO_STORE = {"cache-control": "no-store"}


class FactorDesk:
    """Answers what is asked of second factors. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._people = platform.people
        self._sign_in = platform.sign_in

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return request.segments[:1] == [NAME]

    async def answer(self, request: HttpRequest, record: Record, request_id: str) -> Answer:
        """Answers a request. Raises NotFound for an address that is none of these after all."""
        about = Circumstances(shape(request), request.source, request_id)
        if request.segments == [NAME]:
            if request.method not in ("GET", "HEAD"):
                raise NotAllowed(request.method, "GET")
            return _told(await self._list(record.actor))
        step = _STEPS.get(request.segments[1]) if len(request.segments) == 2 else None
        if step is None:
            raise NotFound("web.no-such-route")
        if request.method != "POST":
            raise NotAllowed(request.method, "POST")
        record.in_person()
        told = await step(self, record.actor, _read(await request.body()), about)
        await record.leave_row(f"factor-{request.segments[1][1:]}", 200, [])
        return _told(told)

    async def _list(self, actor: Actor) -> dict[str, Any]:
        known = await self._known(actor.reference)
        held = await self._people.factors.held(known.id)
        return {
            "needed": await self._people.factors.needed(actor.role),
            "held": [
                {
                    "kind": one.kind, "enrolled": clock.instant(one.enrolled),
                    "used": clock.instant(one.used) if one.used else None,
                }
                for one in held
            ],
        }  # fmt: skip

    async def _enrol(self, actor: Actor, given: dict[str, Any], about: Circumstances) -> dict[str, Any]:
        known = await self._known(actor.reference)
        permit = text_of(given, "permit", 40) if given.get("permit") else ""
        challenge = await self._people.factors.enrol(
            known.id, _kind(given), given, role=actor.role, permit=permit, account=known.name, about=about
        )
        return _asked(challenge)

    async def _confirm(self, actor: Actor, given: dict[str, Any], about: Circumstances) -> dict[str, Any]:
        known = await self._known(actor.reference)
        await self._people.factors.confirm(known.id, _kind(given), given, about)
        return {"confirmed": True}

    async def _permit(self, actor: Actor, given: dict[str, Any], about: Circumstances) -> dict[str, Any]:
        known = await self._other(actor, given)
        return {"permit": await self._people.factors.permit(known.id, actor.reference, about)}

    async def _remove(self, actor: Actor, given: dict[str, Any], about: Circumstances) -> dict[str, Any]:
        known = await self._other(actor, given)
        kind = _kind(given) if given.get("kind") else None
        removed = await self._people.factors.remove(known.id, kind, actor.reference, about)
        # Whoever has found what was lost may have come in by it.
        await self._sign_in.end_all(known.id, about.source, about.request)
        return {"removed": removed}

    async def _other(self, actor: Actor, given: dict[str, Any]) -> Known:
        """Returns whom an officer means. Raises Forbidden for who is none, and for themselves."""
        if actor.role not in OFFICERS:
            raise Forbidden("access.factors.officers-only")
        reference = text_of(given, "reference", 200)
        if reference == actor.reference:
            raise Forbidden("access.factors.own")
        return await self._known(reference)

    async def _known(self, reference: str) -> Known:
        register = self._people.register
        if register is None:
            raise NotSupported("access.staff.no-register")
        known = await register.find(reference)
        if known is None:
            raise NotFound("access.factors.no-identity")
        return known


_STEPS = {
    "$enrol": FactorDesk._enrol, "$confirm": FactorDesk._confirm,
    "$permit": FactorDesk._permit, "$remove": FactorDesk._remove,
}  # fmt: skip


def _asked(challenge: Challenge) -> dict[str, Any]:
    return {
        "challenge": challenge.id, "kind": challenge.kind, "expires": clock.instant(challenge.expires),
        "ask": dict(challenge.ask),
    }  # fmt: skip


def _kind(given: dict[str, Any]) -> Kind:
    for kind in KINDS:
        if given.get("kind") == kind:
            return kind
    raise Invalid("access.factors.no-kind", at="kind", kinds=", ".join(KINDS))


def _read(body: bytes) -> dict[str, Any]:
    try:
        if len(body) <= LARGEST:
            return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError):
        pass
    raise Invalid("web.json-object")


def _told(what: dict[str, Any]) -> Answer:
    return Answer(200, msgspec.json.encode(what), dict(NO_STORE), resource=False, media_type="application/json")

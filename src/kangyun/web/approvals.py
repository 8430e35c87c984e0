"""Requests that take two persons, over HTTP: listed, looked at, confirmed, refused.

    GET  /fhir/$approvals[?state=open]          what I asked, and what I may decide
    GET  /fhir/$approvals/7
    POST /fhir/$approvals/7/$confirm            a Parameters with `reason`, or nothing
    POST /fhir/$approvals/7/$refuse             a Parameters with `reason`

What needs a confirmation says so itself, with the number of the request: `$export`.
"""

from collections.abc import Sequence

from kangyun.access.approvals import Approval
from kangyun.access.events.people import Called, called
from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base import clock
from kangyun.base.errors import Invalid, NotFound
from kangyun.fhir import Resource
from kangyun.fhir.json import encode
from kangyun.fhir.terminology.operations.parameters import Inputs
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed, decoded

NAME = "$approvals"
CONFIRM, REFUSE = "$confirm", "$refuse"
STATES = ("open", "confirmed", "refused", "used")
_DIGITS = 18


class ApprovalDesk:
    """Answers what is asked of requests. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._approvals = platform.people.approvals

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return request.segments[:1] == [NAME]

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers a request. Raises NotFound for an address that is none of these after all.

        Raises Forbidden for an application that acts for a person; one that acts for itself sees what it asked.
        """
        if record.actor.role != "application":
            record.in_person()
        match request.segments:
            case [_]:
                return await self._list(request, record)
            case [_, number]:
                _only(request, "GET", "HEAD")
                found = await self._approvals.look(numbered(number), record.actor)
                await record.leave_row("approval-read", 200, [])
                return Answer(200, encode(_parameters(found, await self._called([found]))))
            case [_, number, verb] if verb in (CONFIRM, REFUSE):
                _only(request, "POST")
                return await self._decide(request, record, numbered(number), verb)
        raise NotFound("web.no-such-route")

    async def _list(self, request: HttpRequest, record: Record) -> Answer:
        _only(request, "GET", "HEAD")
        state = request.option("state")
        if state is not None and state not in STATES:
            raise Invalid("web.no-such-state", at="state", states=", ".join(STATES))
        found = await self._approvals.listed(record.actor, state)
        await record.leave_row("approval-list", 200, [])
        people = await self._called(found)
        listed = [{"name": "approval", "part": _parts(one, people)} for one in found]
        return Answer(200, encode({"resourceType": "Parameters", "parameter": listed}))

    async def _decide(self, request: HttpRequest, record: Record, number: int, verb: str) -> Answer:
        record.in_person()
        body = await request.body()
        sent = decoded(body, request.content_type) if body else {"resourceType": "Parameters"}
        reason = Inputs.of(sent, frozenset({"reason"})).text("reason") or ""
        if verb == CONFIRM:
            done = await self._approvals.confirm(number, record.actor, reason)
        else:
            done = await self._approvals.refuse(number, record.actor, reason)
        await record.leave_row(f"approval-{verb[1:]}", 200, [])
        return Answer(200, encode(_parameters(done, await self._called([done]))))

    async def _called(self, found: Sequence[Approval]) -> Called:
        named = {text for one in found for text in (one.asker, one.institution, one.decider) if text}
        async with self._platform.pool.connection() as connection:
            return await called(connection, self._platform.gate.store, named)


def numbered(text: str) -> int:
    """Returns the number of a request from an address. Raises NotFound for what is none."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise NotFound
    return int(text)


def _only(request: HttpRequest, *methods: str) -> None:
    if request.method not in methods:
        raise NotAllowed(request.method, *methods)


def _parameters(approval: Approval, people: Called) -> Resource:
    return {"resourceType": "Parameters", "parameter": _parts(approval, people)}


def _parts(approval: Approval, people: Called) -> list[Resource]:
    """Returns what an officer must know to decide: who, what, how many, why."""
    parts: list[Resource] = [
        {"name": "id", "valueInteger": approval.id},
        {"name": "kind", "valueCode": approval.kind},
        {"name": "state", "valueCode": approval.state},
        {"name": "asker", "valueString": approval.asker},
        {"name": "institution", "valueString": approval.institution},
        {"name": "askerName", "valueString": people.name(approval.asker)},
        {"name": "institutionName", "valueString": people.name(approval.institution)},
        {"name": "reason", "valueString": approval.reason},
        {"name": "detail", "valueString": encode(dict(approval.detail)).decode()},
        {"name": "made", "valueInstant": clock.instant(approval.made)},
        {"name": "ends", "valueInstant": clock.instant(approval.ends)},
    ]
    if approval.persons is not None:
        parts.append({"name": "persons", "valueInteger": approval.persons})
    if approval.decider is not None and approval.decided is not None:
        parts.append({"name": "decider", "valueString": approval.decider})
        parts.append({"name": "deciderName", "valueString": people.name(approval.decider)})
        parts.append({"name": "decided", "valueInstant": clock.instant(approval.decided)})
    if approval.remark:
        parts.append({"name": "remark", "valueString": approval.remark})
    if approval.used is not None:
        parts.append({"name": "used", "valueInstant": clock.instant(approval.used)})
    return parts

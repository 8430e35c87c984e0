"""What the three administrators look at and do, over HTTP: JSON in, JSON out. For the console's screens.

    GET  /fhir/$administration/people[?words=&role=&institution=&status=&after=]
    POST /fhir/$administration/people/7/suspend | resume | leave        {"why"}
    GET  /fhir/$administration/applications         POST registers one, to be reviewed
    POST /fhir/$administration/applications/c/review {"passed"} | suspend {"why"} | resume {"why"}
    GET  /fhir/$administration/registers/institutions[?template=true]   a workbook; also departments, maps
    POST /fhir/$administration/registers/institutions[?dryRun=true]     a workbook
    GET  /fhir/$administration/policy
    GET  /fhir/$administration/jobs                 POST /fhir/$administration/jobs/{id}/cancel
    GET  /fhir/$administration/storage | health | settings
    GET  /fhir/$administration/trail                POST /fhir/$administration/trail/verify

Each is the office of one or two of the three, as `OFFICES` says, and is done in person. What the system administrator
lets in (a list of staff, an application), the security administrator reviews and stops; the trail is the audit
administrator's alone.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from kangyun.access.platform import Platform
from kangyun.access.record import Record
from kangyun.base.errors import Forbidden, NotFound
from kangyun.web.administration import applications, people, registers, ruling, running, trail
from kangyun.web.exchange import Answer, HttpRequest, NotAllowed
from kangyun.web.staff import NO_STORE

NAME = "$administration"
SYSTEM, SECURITY, AUDIT = "system-administrator", "security-administrator", "audit-administrator"
Told = Answer | dict[str, Any]
Handler = Callable[[Platform, HttpRequest, Record], Awaitable[Told]]

# Address ("*" stands for a name) and method: who may, what is done, what the audit trail calls it.
OFFICES: dict[tuple[str, ...], dict[str, tuple[frozenset[str], Handler, str]]] = {
    ("people",): {"GET": (frozenset({SYSTEM, SECURITY, AUDIT}), people.listed, "people-list")},
    ("people", "*", "suspend"): {"POST": (frozenset({SECURITY}), people.suspend, "people-suspend")},
    ("people", "*", "resume"): {"POST": (frozenset({SECURITY}), people.resume, "people-resume")},
    ("people", "*", "leave"): {"POST": (frozenset({SYSTEM}), people.leave, "people-leave")},
    ("applications",): {
        "GET": (frozenset({SYSTEM, SECURITY}), applications.listed, "applications-list"),
        "POST": (frozenset({SYSTEM}), applications.add, "applications-add"),
    },
    ("applications", "*", "review"): {"POST": (frozenset({SECURITY}), applications.review, "applications-review")},
    ("applications", "*", "suspend"): {"POST": (frozenset({SECURITY}), applications.suspend, "applications-suspend")},
    ("applications", "*", "resume"): {"POST": (frozenset({SECURITY}), applications.resume, "applications-resume")},
    ("registers", "*"): {
        "GET": (frozenset({SYSTEM}), registers.give, "registers-list"),
        "POST": (frozenset({SYSTEM}), registers.take, "registers-import"),
    },
    ("policy",): {"GET": (frozenset({SYSTEM, SECURITY, AUDIT}), ruling.policy, "policy-read")},
    ("settings",): {"GET": (frozenset({SYSTEM, SECURITY}), ruling.settings, "settings-read")},
    ("jobs",): {"GET": (frozenset({SYSTEM}), running.jobs, "jobs-list")},
    ("jobs", "*", "cancel"): {"POST": (frozenset({SYSTEM}), running.cancel, "jobs-cancel")},
    ("storage",): {"GET": (frozenset({SYSTEM}), running.storage, "storage-read")},
    ("health",): {"GET": (frozenset({SYSTEM, SECURITY}), running.health, "health-read")},
    ("trail",): {"GET": (frozenset({AUDIT}), trail.standing, "trail-read")},
    ("trail", "verify"): {"POST": (frozenset({AUDIT}), trail.verified, "trail-verify")},
}  # fmt: skip


class AdministrationDesk:
    """Answers the administrators. One for a process."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    @staticmethod
    def takes(request: HttpRequest) -> bool:
        """Whether an address is one of these."""
        return request.segments[:1] == [NAME]

    async def answer(self, request: HttpRequest, record: Record) -> Answer:
        """Answers a request. Raises NotFound, NotAllowed, Forbidden, and what is wrong with it."""
        record.in_person()
        methods = next((made for place, made in OFFICES.items() if _fits(place, request.segments[1:])), None)
        if methods is None:
            raise NotFound("web.no-such-route")
        if request.method not in methods:
            raise NotAllowed(request.method, *methods)
        roles, handle, action = methods[request.method]
        if record.actor.role not in roles:
            raise Forbidden("web.not-your-office")
        told = await handle(self._platform, request, record)
        if not record.outcome:
            await record.leave_row(action, 200, [])
        if isinstance(told, Answer):
            return told
        return Answer(200, msgspec.json.encode(told), dict(NO_STORE), resource=False, media_type="application/json")


def _fits(place: tuple[str, ...], segments: list[str]) -> bool:
    return len(place) == len(segments) and all(one in ("*", other) for one, other in zip(place, segments, strict=True))

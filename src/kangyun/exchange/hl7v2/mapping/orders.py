"""ORC and OBR: what is ordered, as ServiceRequests; RXO and RXE go to `drugs`. ORM, OMG, OML, OMP, RDE. Pure.

An order is known by the placer's number (ORC-2), else by the filler's (ORC-3). A cancel is an order that is `revoked`;
it is not taken out of the record, for it was there.
"""

from collections.abc import Iterator

from kangyun.exchange.hl7v2.mapping import datatypes, drugs, numbering, patients, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Message, Segment
from kangyun.fhir import Resource

GROUP = ("ORC", "OBR")


Group = tuple[Segment | None, Segment, list[Segment]]


def groups(message: Message) -> Iterator[Group]:
    """Yields each OBR with the ORC before it, and the segments behind it until the next."""
    common: Segment | None = None
    request: Segment | None = None
    rest: list[Segment] = []
    for segment in message.segments:
        if segment.name in GROUP and request is not None:
            yield common, request, rest
            request, common = None, None
        if segment.name == "ORC":
            common = segment
        elif segment.name == "OBR":
            request, rest = segment, []
        elif request is not None:
            rest.append(segment)
    if request is not None:
        yield common, request, rest


def groups_after(message: Message, *, specimen_first: bool) -> Iterator[Group]:
    """Yields each OBR with the ORC behind it, and the segments until the next.

    specimen_first: whether a specimen stands before the orders that are of it; it is then given to each of them.
    """
    common: Segment | None = None
    request: Segment | None = None
    rest: list[Segment] = []
    specimen: list[Segment] = []
    for segment in message.segments:
        is_specimen = specimen_first and segment.name == "SPM"
        if segment.name == "OBR" or is_specimen:
            if request is not None:
                yield common, request, rest
            common, request = None, None
        if is_specimen:
            specimen = [segment]
        elif segment.name == "OBR":
            request, rest = segment, [*specimen]
        elif segment.name == "ORC" and request is not None:
            common = segment
        elif request is not None:
            rest.append(segment)
    if request is not None:
        yield common, request, rest


def order(making: Making, does: str) -> None:
    """ORM^O01, OMG^O19, OML^O21, OMP^O09, RDE^O11."""
    who = visits.subject(making, introduced=True)
    stay = visits.visit_of(making, who)
    found = False
    for common, request, rest in groups(making.message):
        found = True
        _order(making, common, request, rest, who, stay)
    found = drugs.orders(making, who, stay) or found
    if not found:
        cancelled = [one for one in making.message.all("ORC") if making.code("order_control", one.text(1)) == "revoked"]
        if not cancelled:
            raise making.refuse("segment-missing", making.message.header, segment="OBR")
        for common in cancelled:
            _order(making, common, common, [], who, stay)


def _order(
    making: Making, common: Segment | None, request: Segment, rest: list[Segment], who: str, stay: str | None
) -> None:
    placer, filler = numbering.numbers(common, request)
    resource: Resource = {
        "resourceType": "ServiceRequest", "identifier": numbering.identifiers(making, placer, filler),
        "status": numbering.status(making, common), "intent": "order", "subject": {"reference": who},
    }  # fmt: skip
    if stay:
        resource["encounter"] = {"reference": stay}
    if request.name == "OBR":
        _asked(making, request, resource)
    if common is not None:
        if authored := datatypes.time(making, common, 9):
            resource["authoredOn"] = authored
        if by := datatypes.person(making, common, 12):
            resource["requester"] = by
        # To 2.4 the time and the priority may stand in ORC instead of OBR.
        if "occurrenceDateTime" not in resource and (wanted := datatypes.time(making, common, 7, 4)):
            resource["occurrenceDateTime"] = wanted
        if "priority" not in resource and (priority := making.code("priority", common.text(7, 6))):
            resource["priority"] = priority
    if notes := [{"text": said} for one in rest if one.name == "NTE" and (said := one.first(3).whole())]:
        resource["note"] = notes
    segments = [one for one in (common, request, *rest) if one is not None]
    gone = patients.moved(making, "order", segments, resource)
    making.store(numbering.order_id(making, placer, filler, request), resource, request, deleted=gone, alone="2")


def _asked(making: Making, request: Segment, into: Resource) -> None:
    if code := datatypes.concept(making, request, 4, "order-item"):
        into["code"] = code
    if section := request.text(24):
        into["category"] = [datatypes.hl7("v2-0074", section)]
    priority = request.text(27, 6) or request.text(5)
    if said := making.code("priority", priority):
        into["priority"] = said
    if wanted := datatypes.time(making, request, 27, 4) or datatypes.time(making, request, 6):
        into["occurrenceDateTime"] = wanted
    if by := datatypes.person(making, request, 16):
        into["requester"] = by
    reasons = [datatypes.concept(making, request, 31, "diagnosis")] if request.raw(31) else []
    if request.text(13):
        reasons.append({"text": request.text(13)})
    if kept := [one for one in reasons if one]:
        into["reasonCode"] = kept

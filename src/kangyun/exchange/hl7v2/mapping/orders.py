"""ORC and OBR: what is ordered, as ServiceRequests. ORM, OMG, OML. Pure.

An order is known by the placer's number (ORC-2), else by the filler's (ORC-3). A cancel is an order that is `revoked`;
it is not taken out of the record, for it was there. Orders of drugs (RXO) are not read.
"""

from collections.abc import Iterator

from kangyun.exchange.hl7v2.mapping import datatypes, patients, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Message, Segment
from kangyun.fhir import Resource

GROUP = ("ORC", "OBR")


def groups(message: Message) -> Iterator[tuple[Segment | None, Segment, list[Segment]]]:
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


def order(making: Making, does: str) -> None:
    """ORM^O01, OMG^O19, OML^O21."""
    who = visits.subject(making, introduced=True)
    stay = visits.visit_of(making, who)
    found = False
    for common, request, rest in groups(making.message):
        found = True
        _order(making, common, request, rest, who, stay)
    if not found:
        cancelled = [one for one in making.message.all("ORC") if making.code("order_control", one.text(1)) == "revoked"]
        if not cancelled:
            raise making.refuse("segment-missing", making.message.header, segment="OBR")
        for common in cancelled:
            _order(making, common, common, [], who, stay)


def numbers(common: Segment | None, request: Segment) -> tuple[str, str]:
    """Returns the placer's and the filler's number of an order."""
    placer, filler = request.text(2), request.text(3)
    return (common.text(2) or placer, common.text(3) or filler) if common is not None else (placer, filler)


def order_id(making: Making, placer: str, filler: str, segment: Segment) -> str:
    """Returns the id of the order. Raises Whole where it has no number."""
    if not (placer or filler):
        raise making.refuse("no-order", segment, "2")
    return making.id("order", "placer", placer) if placer else making.id("order", "filler", filler)


def identifiers(making: Making, placer: str, filler: str) -> list[Resource]:
    """Returns both numbers as Identifiers."""
    return [
        {"type": datatypes.hl7("v2-0203", type_)} | datatypes.own_number(making, kind, number)
        for type_, kind, number in (("PLAC", "placer-order", placer), ("FILL", "filler-order", filler))
        if number
    ]


def _order(
    making: Making, common: Segment | None, request: Segment, rest: list[Segment], who: str, stay: str | None
) -> None:
    placer, filler = numbers(common, request)
    resource: Resource = {
        "resourceType": "ServiceRequest", "identifier": identifiers(making, placer, filler),
        "status": _status(making, common), "intent": "order", "subject": {"reference": who},
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
    patients.moved(making, "order", segments, resource)
    making.store(order_id(making, placer, filler, request), resource, request)


def _status(making: Making, common: Segment | None) -> str:
    if common is None:
        return "active"
    control = making.code("order_control", common.text(1)) or "unknown"
    return making.code("order_status", common.text(5)) or control if control in ("active", "unknown") else control


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

"""SCH with AIS, AIG, AIL, AIP: Appointments. SIU. Pure."""

from datetime import datetime, timedelta

from kangyun.exchange.hl7v2.mapping import datatypes, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource

_MINUTES = {"": 1, "M": 1, "MIN": 1, "MINUTES": 1, "分钟": 1, "H": 60, "HR": 60, "HOURS": 60, "小时": 60}
_LONGEST = 7 * 24 * 60


def appointment(making: Making, does: str) -> None:
    """S12 to S17, S26. does: the status."""
    who = visits.subject(making, introduced=True)
    segment = making.message.first("SCH")
    if segment is None:
        raise making.refuse("segment-missing", making.message.header, segment="SCH")
    filler, placer = segment.text(2), segment.text(1)
    if not (filler or placer):
        raise making.refuse("no-order", segment, "2")
    start, end = _times(making, segment)
    if does == "revoke" and not start:
        # FHIR wants times of whatever is not cancelled (app-3), and who deletes an appointment seldom says them.
        does = "cancelled"
    status = "entered-in-error" if does == "revoke" else does
    resource: Resource = {
        "resourceType": "Appointment", "status": status,
        "identifier": [datatypes.own_number(making, "appointment", filler or placer)],
    }  # fmt: skip
    if does == "cancelled" and (why := datatypes.concept(making, segment, 6, "cancellation")):
        resource["cancelationReason"] = why
    if kind := datatypes.concept(making, segment, 8, "appointment-type"):
        resource["appointmentType"] = kind
    if why := datatypes.concept(making, segment, 7, "appointment-reason"):
        resource["reasonCode"] = [why]
    _services(making, resource)
    if start:
        resource |= {"start": start, "end": end}
    elif does != "cancelled":
        raise making.refuse("no-time", segment, "11")
    resource["participant"] = [{"actor": {"reference": who}, "status": "accepted"}, *_participants(making)]
    id_ = making.id("appointment", filler) if filler else making.id("appointment", "placer", placer)
    # FHIR has a reason of what is cancelled only (app-4); one that is booked again, or missed, has none.
    gone = () if status == "cancelled" else ("cancelationReason",)
    making.store(id_, resource, segment, acts="revoke" if does == "revoke" else "store", deleted=gone)


def _services(making: Making, into: Resource) -> None:
    found = [datatypes.concept(making, one, 3, "service") for one in making.message.all("AIS")]
    if kept := [one for one in found if one]:
        into["serviceType"] = kept


def _participants(making: Making) -> list[Resource]:
    found: list[Resource] = []
    for segment in making.message.segments:
        actor: Resource | None = None
        if segment.name == "AIP":
            actor = datatypes.person(making, segment, 3)
        elif segment.name == "AIL" and (said := datatypes.place(segment.first(3))):
            actor = {"type": "Location", "display": said}
        if actor is not None:
            found.append({"actor": actor, "status": "accepted"})
    return found


def _times(making: Making, segment: Segment) -> tuple[str, str]:
    """Returns when it begins and ends, or neither: by SCH-11, else by the first service and its duration."""
    start, end = datatypes.time(making, segment, 11, 4), datatypes.time(making, segment, 11, 5)
    minutes, unit = segment.text(9), segment.text(10) or segment.text(10, 2)
    service = making.message.first("AIS")
    if service is not None:
        start = start or datatypes.time(making, service, 4)
        if not minutes:
            minutes, unit = service.text(7), service.text(8)
    factor = _MINUTES.get(unit.upper())
    if start and not end and factor and minutes.isascii() and minutes.isdecimal() and "T" in start:
        length = min(int(minutes[:6]) * factor, _LONGEST)
        end = (datetime.fromisoformat(start) + timedelta(minutes=length)).isoformat()
    return (start, end) if "T" in start and "T" in end else ("", "")

"""By what an order is known, and how it stands: of ServiceRequests and MedicationRequests alike. Pure."""

from kangyun.exchange.hl7v2.mapping import datatypes
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource


def numbers(common: Segment | None, request: Segment) -> tuple[str, str]:
    """Returns the placer's and the filler's number of an order."""
    placer, filler = request.text(2), request.text(3)
    return (common.text(2) or placer, common.text(3) or filler) if common is not None else (placer, filler)


def order_id(making: Making, placer: str, filler: str, segment: Segment, kind: str = "order") -> str:
    """Returns the id of the order. Raises Whole where it has no number."""
    if not (placer or filler):
        raise making.refuse("no-order", segment, "2")
    return making.id(kind, "placer", placer) if placer else making.id(kind, "filler", filler)


def identifiers(making: Making, placer: str, filler: str) -> list[Resource]:
    """Returns both numbers as Identifiers."""
    return [
        {"type": datatypes.hl7("v2-0203", type_)} | datatypes.own_number(making, kind, number)
        for type_, kind, number in (("PLAC", "placer-order", placer), ("FILL", "filler-order", filler))
        if number
    ]


def status(making: Making, common: Segment | None) -> str:
    """Returns the status of an order by ORC-1 and ORC-5, as a ServiceRequest has it."""
    if common is None:
        return "active"
    control = making.code("order_control", common.text(1)) or "unknown"
    return making.code("order_status", common.text(5)) or control if control in ("active", "unknown") else control

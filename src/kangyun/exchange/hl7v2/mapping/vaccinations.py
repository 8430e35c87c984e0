"""RXA with RXR: Immunizations. VXU V04. Pure."""

from collections.abc import Iterator

from kangyun.exchange.hl7v2.mapping import datatypes, values, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource


def vaccination(making: Making, does: str) -> None:
    """VXU^V04."""
    who = visits.subject(making, introduced=True)
    stay = visits.visit_of(making, who)
    found = False
    for common, given, route in _groups(making):
        found = True
        _immunization(making, common, given, route, who, stay)
    if not found:
        raise making.refuse("segment-missing", making.message.header, segment="RXA")


def _groups(making: Making) -> Iterator[tuple[Segment | None, Segment, Segment | None]]:
    common: Segment | None = None
    segments = making.message.segments
    for place, segment in enumerate(segments):
        if segment.name == "ORC":
            common = segment
        elif segment.name == "RXA":
            after = segments[place + 1] if place + 1 < len(segments) else None
            yield common, segment, after if after is not None and after.name == "RXR" else None
            common = None


def _immunization(
    making: Making, common: Segment | None, given: Segment, route: Segment | None, who: str, stay: str | None
) -> None:
    vaccine, at = datatypes.concept(making, given, 5, "vaccine"), datatypes.time(making, given, 3)
    if vaccine is None:
        raise making.refuse("no-code", given, "5")
    if not at:
        raise making.refuse("no-time", given, "3")
    wrong = given.text(21) == "D"
    number = (common.text(3) or common.text(2)) if common is not None else ""
    status = "entered-in-error" if wrong else making.code("vaccination", given.text(20)) or "completed"
    resource: Resource = {
        "resourceType": "Immunization", "status": status, "vaccineCode": vaccine, "patient": {"reference": who},
        "occurrenceDateTime": at, "primarySource": given.text(9) in ("00", ""),
    }  # fmt: skip
    if number:
        resource["identifier"] = [datatypes.own_number(making, "vaccination", number)]
    if stay:
        resource["encounter"] = {"reference": stay}
    _details(making, given, route, resource)
    key = ("number", number) if number else (who, at, given.text(5) or vaccine["text"])
    making.store(making.id("vaccination", *key), resource, given, acts="revoke" if wrong else "store", alone="5")


def _details(making: Making, given: Segment, route: Segment | None, into: Resource) -> None:
    dose, _ = values.read(making.feed, given.text(6), values.unit(making, given, 7))
    if dose and "valueQuantity" in dose and "comparator" not in dose["valueQuantity"] and given.text(6) != "999":
        into["doseQuantity"] = dose["valueQuantity"]
    if by := datatypes.person(making, given, 10):
        into["performer"] = [{"function": datatypes.hl7("v2-0443", "AP"), "actor": by}]
    if lot := given.text(15):
        into["lotNumber"] = lot
    if expires := datatypes.day(making, given, 16):
        into["expirationDate"] = expires
    if maker := given.text(17, 2) or given.text(17):
        into["manufacturer"] = {"type": "Organization", "display": maker}
    if why := datatypes.concept(making, given, 18, "refusal"):
        into["statusReason"] = why
    if route is not None:
        for field, element, list_ in ((1, "route", "route"), (2, "site", "body-site")):
            if said := datatypes.concept(making, route, field, list_):
                into[element] = said

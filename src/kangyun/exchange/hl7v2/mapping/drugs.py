"""RXO and RXE: which drug is ordered, as MedicationRequests. ORM, OMP, RDE. Pure.

RXO is what was asked for, RXE what the pharmacy has made of it; both of one order are one MedicationRequest, in which
RXE goes before. A cancelled order stays, as `cancelled`. Dose and amount are kept where they are numbers; how often is
kept as it is written (`tid`, 每日三次), with the text of the prescriber.

Source: HL7 v2.5.1 chapter 4, 4.14.
"""

from collections.abc import Iterator
from typing import NamedTuple

from kangyun.exchange.hl7v2.mapping import datatypes, numbering, patients
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Message, Segment
from kangyun.fhir import Resource

DRUGS = ("RXO", "RXE")


class _Fields(NamedTuple):
    """Which field says what: the drug, the least and most of a dose, words, the amount, how often it is given out."""

    code: int
    least: int
    most: int
    unit: int
    words: tuple[int, ...]
    amount: int
    amount_unit: int
    again: int


_FIELDS = {"RXO": _Fields(1, 2, 3, 4, (6, 7), 11, 12, 13), "RXE": _Fields(2, 3, 4, 5, (7,), 10, 11, 12)}
_STATUS = {"active": "active", "on-hold": "on-hold", "revoked": "cancelled", "completed": "completed"}


def orders(making: Making, who: str, stay: str | None) -> bool:
    """Adds the MedicationRequests of a message. Returns whether there are any."""
    found = False
    for common, segments in _groups(making.message):
        found = True
        _order(making, common, segments, who, stay)
    return found


def _groups(message: Message) -> Iterator[tuple[Segment, list[Segment]]]:
    """Yields each ORC that has drugs behind it, with all that stands behind it until the next ORC."""
    common: Segment | None = None
    rest: list[Segment] = []
    for segment in message.segments:
        if segment.name == "ORC":
            if common is not None and any(one.name in DRUGS for one in rest):
                yield common, rest
            common, rest = segment, []
        else:
            rest.append(segment)
    if common is not None and any(one.name in DRUGS for one in rest):
        yield common, rest


def _order(making: Making, common: Segment, rest: list[Segment], who: str, stay: str | None) -> None:
    drug = next((one for one in rest if one.name == "RXE"), None) or next(one for one in rest if one.name == "RXO")
    fields = _FIELDS[drug.name]
    code = datatypes.concept(making, drug, fields.code, "drug")
    if code is None:
        raise making.refuse("no-code", drug, str(fields.code))
    placer, filler = common.text(2), common.text(3)
    resource: Resource = {
        "resourceType": "MedicationRequest", "identifier": numbering.identifiers(making, placer, filler),
        "status": _STATUS.get(numbering.status(making, common), "unknown"), "intent": "order",
        "medicationCodeableConcept": code, "subject": {"reference": who},
    }  # fmt: skip
    if stay:
        resource["encounter"] = {"reference": stay}
    if authored := datatypes.time(making, common, 9):
        resource["authoredOn"] = authored
    if by := datatypes.person(making, common, 12):
        resource["requester"] = by
    if priority := making.code("priority", common.text(7, 6)):
        resource["priority"] = priority
    if dosage := _dosage(making, common, drug, rest):
        resource["dosageInstruction"] = [dosage]
    if dispense := _dispense(making, drug):
        resource["dispenseRequest"] = dispense
    if notes := [{"text": said} for one in rest if one.name == "NTE" and (said := one.first(3).whole())]:
        resource["note"] = notes
    gone = patients.moved(making, "order", [common, *rest], resource)
    id_ = numbering.order_id(making, placer, filler, common, "drug-order")
    making.store(id_, resource, drug, deleted=gone, alone="1" if drug.name == "RXO" else "2")


def _dosage(making: Making, common: Segment, drug: Segment, rest: list[Segment]) -> Resource:
    fields = _FIELDS[drug.name]
    found: Resource = {}
    said = [drug.text(field, 2) or drug.text(field) for field in fields.words]
    if text := " ".join(filter(None, said)):
        found["text"] = text
    if timing := _timing(making, common, rest):
        found["timing"] = timing
    route = next((one for one in rest if one.name == "RXR"), None)
    if route is not None:
        for field, element, list_ in ((1, "route", "route"), (2, "site", "site"), (4, "method", "method")):
            if concept := datatypes.concept(making, route, field, list_):
                found[element] = concept
    least, most = (_quantity(making, drug, field, fields.unit) for field in (fields.least, fields.most))
    if least and most and least["value"] > most["value"]:
        # Which of the two is wrong nobody here knows.
        raise making.refuse("dose-upside-down", drug, str(fields.most), drug.text(fields.most))
    if least and most and most != least:
        found["doseAndRate"] = [{"doseRange": {"low": least, "high": most}}]
    elif least or most:
        found["doseAndRate"] = [{"doseQuantity": least or most}]
    return found


def _timing(making: Making, common: Segment, rest: list[Segment]) -> Resource:
    """Returns how often and how long, by TQ1, else by ORC-7."""
    found: Resource = {}
    named = next((one for one in rest if one.name == "TQ1"), None)
    segment, often, start, end = (named, (3, 1), (7, 1), (8, 1)) if named else (common, (7, 2), (7, 4), (7, 5))
    if text := segment.text(*often):
        found["code"] = {"text": text}
    begins, ends = (datatypes.time(making, segment, *place) for place in (start, end))
    if period := datatypes.period(making, begins, ends, segment, end[0]):
        found["repeat"] = {"boundsPeriod": period}
    return found


def _dispense(making: Making, drug: Segment) -> Resource:
    fields = _FIELDS[drug.name]
    found: Resource = {}
    if amount := _quantity(making, drug, fields.amount, fields.amount_unit):
        found["quantity"] = amount
    again = drug.text(fields.again)
    if again.isascii() and again.isdecimal() and len(again) < 4:
        found["numberOfRepeatsAllowed"] = int(again)
    return found


def _quantity(making: Making, segment: Segment, field: int, unit_field: int) -> Resource:
    # A dose that cannot be read refuses the message: what is left would be half a prescription.
    value = datatypes.amount(making, segment, field)
    if value is None:
        return {}
    unit = segment.text(unit_field, 2) or segment.text(unit_field)
    return {"value": value} | ({"unit": unit} if unit else {})

"""FT1: ChargeItems. DFT P03. Pure. A credit (CD) is a charge of a negative amount, whatever sign it came with."""

from decimal import Decimal

from kangyun.exchange.hl7v2.mapping import datatypes, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource

_CURRENCIES = frozenset({"CNY", "HKD", "MOP", "TWD", "USD", "EUR"})


def charge(making: Making, does: str) -> None:
    """DFT^P03."""
    who = visits.subject(making, introduced=True)
    stay = visits.visit_of(making, who)
    rows = list(making.message.all("FT1"))
    if not rows:
        raise making.refuse("segment-missing", making.message.header, segment="FT1")
    for segment in rows:
        _item(making, segment, who, stay)


def _item(making: Making, segment: Segment, who: str, stay: str | None) -> None:
    number = segment.text(2)
    code, at = datatypes.concept(making, segment, 7, "charge-item"), datatypes.time(making, segment, 4)
    if not number:
        raise making.refuse("no-charge", segment, "2")
    if code is None:
        raise making.refuse("no-code", segment, "7")
    if not at:
        raise making.refuse("no-time", segment, "4")
    credit = segment.text(6).upper() in ("CD", "CREDIT")
    resource: Resource = {
        "resourceType": "ChargeItem", "identifier": [datatypes.own_number(making, "charge", number)],
        "status": "billable", "code": code, "subject": {"reference": who}, "occurrenceDateTime": at,
    }  # fmt: skip
    if stay:
        resource["context"] = {"reference": stay}
    quantity, money = (_amount(making, segment, field, credit=credit) for field in (10, 11))
    if quantity is not None:
        resource["quantity"] = {"value": quantity}
    if money is not None:
        currency = segment.text(11, 1, 2) or "CNY"
        if currency not in _CURRENCIES:
            raise making.refuse("amount", segment, "11", currency)
        resource["priceOverride"] = {"value": money, "currency": currency}
    if department := segment.text(13, 2) or segment.text(13):
        resource["performingOrganization"] = {"type": "Organization", "display": department}
    if by := datatypes.person(making, segment, 21):
        resource["enterer"] = by
    if reason := datatypes.concept(making, segment, 19, "diagnosis"):
        resource["reason"] = [reason]
    # A credit may have the number of the charge that it takes back: both stand, and sums agree.
    key = (number, "credit") if credit else (number,)
    making.store(making.id("charge", *key), resource, segment, alone="2")


def _amount(making: Making, segment: Segment, field: int, *, credit: bool) -> Decimal | None:
    amount = datatypes.amount(making, segment, field)
    return -abs(amount) if credit and amount is not None else amount

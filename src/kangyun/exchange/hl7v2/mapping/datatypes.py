"""Data types of HL7 v2 as those of FHIR: times, codes, names, numbers, telephones, addresses, staff, places.

Naive times are +08:00, births and deaths are days. A code stays what it was: each of its codings stands beside the
others, and one of a list that nobody here knows is of the institution's own.

Source: HL7 v2.5.1 chapter 2.A.
"""

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from kangyun.base.numbers.fillers import is_filler
from kangyun.exchange.hl7v2.mapping.making import Feed, Making
from kangyun.exchange.hl7v2.mapping.updating import identifier_key
from kangyun.exchange.hl7v2.message import Marks, Repetition, Segment
from kangyun.fhir import Resource
from kangyun.fhir.china.systems import ORIGINAL, canonical

HL7 = "http://terminology.hl7.org/CodeSystem/"
LOCAL = "urn:kangyun:code-system:local:"
NUMBER = "urn:kangyun:identifier:"
REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
BEIJING = "+08:00"
LONGEST = 300
"""Characters of what is remembered from one message to the next: codes, units, staff, none of them long."""
_TIME = re.compile(
    r"(\d{4})(?:[-/.]?(\d{2})(?:[-/.]?(\d{2})(?:[ T]?(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.\d{1,6})?)?)?)?)?)?"
    r"(?:([+-](?:0\d|1[0-3])):?([0-5]\d))?"
)
_MOST = Decimal(10) ** 12
_OID = re.compile(r"[0-2](?:\.(?:0|[1-9]\d*))+")
_LIST = re.compile(r"[^a-z0-9]+")
_HAN = re.compile("[\u3400-\u9fff\U00020000-\U000323af]")


def nothing(text: str) -> bool:
    """Whether a text stands for nothing. A long one says something, and is not worth remembering."""
    return not text or (len(text) <= LONGEST and is_filler(text))


@lru_cache(16384)
def read_time(text: str) -> str | None:
    """Returns a dateTime of FHIR, to the precision that was written; None for what is no time."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, zone_hours, zone_minutes = found.groups()
    try:
        datetime(int(year), int(month or 1), int(day or 1), int(hour or 0), int(minute or 0), int(second or 0))  # noqa: DTZ001
    except ValueError:
        return None
    if hour is None:
        return "-".join(part for part in (year, month, day) if part)
    zone = f"{zone_hours}:{zone_minutes}" if zone_hours else BEIJING
    return f"{year}-{month}-{day}T{hour}:{minute or '00'}:{second or '00'}{zone}"


def time(making: Making, segment: Segment, field: int, component: int = 1) -> str:
    """Returns a time; empty where there is none. One that cannot be read refuses the message: it says when."""
    text = segment.text(field, component)
    if not text or text[:8] in making.conventions.no_dates or not text.strip("0"):
        return ""
    found = read_time(text) if len(text) <= LONGEST else None
    if found is None:
        raise making.refuse("time", segment, f"{field}.{component}", text)
    return found


def period(making: Making, start: str, end: str, segment: Segment, field: int) -> Resource:
    """Returns a Period. One that ends before it begins refuses the message. field: that of the end."""
    if start and end and _instant(end) < _instant(start):
        raise making.refuse("ends-before", segment, str(field), segment.text(field))
    return {name: said for name, said in (("start", start), ("end", end)) if said}


def _instant(said: str) -> datetime:
    """Returns the instant of a time, or the first of a day, month or year, for comparing."""
    return datetime.fromisoformat(said if "T" in said else f"{said}{'-01-01'[len(said) - 4 :]}T00:00:00{BEIJING}")


def instant(making: Making, segment: Segment, field: int) -> str:
    """Returns a time that has seconds and a zone; empty where less was written."""
    found = time(making, segment, field)
    return found if "T" in found else ""


def day(making: Making, segment: Segment, field: int) -> str:
    """Returns a day, or a month or year; one that cannot be read is left out and told."""
    text = segment.text(field)
    if not text or text[:8] in making.conventions.no_dates or not text.strip("0"):
        return ""
    found = read_time(text) if len(text) <= LONGEST else None
    if found is None:
        making.leave_out("day", segment, str(field), text)
        return ""
    return found[:10]


def amount(making: Making, segment: Segment, field: int) -> Decimal | None:
    """Returns an amount; None where there is none. One that cannot be read refuses the message: sums must agree."""
    text = segment.text(field)
    if not text:
        return None
    try:
        found = Decimal(text.replace(",", ""))
    except InvalidOperation:
        found = _MOST
    if not found.is_finite() or abs(found) >= _MOST or len(found.as_tuple().digits) > 20:
        raise making.refuse("amount", segment, str(field), text)
    return found


def concept(making: Making, segment: Segment, field: int, list_: str) -> Resource | None:
    """Returns a CodeableConcept of a CE or CWE with its repetitions, None where it says nothing. Do not change it."""
    raw = segment.raw(field)
    if not raw:
        return None
    made = _concept if len(raw) <= LONGEST else _concept.__wrapped__
    return made(making.feed, raw, segment.marks, list_)


@lru_cache(65536)
def _concept(feed: Feed, raw: str, marks: Marks, list_: str) -> Resource | None:
    """Codes repeat from message to message, so what they come to is remembered. Components 1 to 3, and 4 to 6."""
    found: list[Resource] = []
    text = ""
    for one in raw.split(marks.repetition):
        parts = Repetition(one, marks)
        for first in (1, 4):
            if code := parts.text(first):
                display = parts.text(first + 1)
                coding = system_of(feed, parts.text(first + 2), list_) | {"code": " ".join(code.split())}
                found.append(coding | ({"display": display} if display else {}))
        text = text or parts.text(9) or parts.text(2) or parts.text(5)
    if not found and not text:
        return None
    return ({"coding": found} if found else {}) | {"text": text or found[0]["code"]}


def system_of(feed: Feed, name: str, list_: str) -> Resource:
    """Returns a Coding with a system only; an alias that it came with is kept."""
    known = feed.conventions.systems.get(name.upper()) if name else None
    if known is not None:
        return {"system": known}
    if _OID.fullmatch(name):
        system = canonical(f"urn:oid:{name}")
        given = f"urn:oid:{name}"
        return {"system": system} | ({"extension": [{"url": ORIGINAL, "valueUri": given}]} if system != given else {})
    own = list_ if not name or name == "L" or name.startswith("99") else _LIST.sub("-", name.lower()).strip("-")
    return {"system": f"{LOCAL}{feed.owner}:{own or list_}"}


def hl7(name: str, code: str) -> Resource:
    """Returns a CodeableConcept of a code system of HL7."""
    return {"coding": [{"system": HL7 + name, "code": " ".join(code.split())}]}


def number(making: Making, parts: Repetition, kind: str) -> Resource | None:
    """Returns an Identifier of a CX; None where it has no number. kind: as the sender types it."""
    value = parts.text(1)
    return None if nothing(value) else _number(making, parts, kind) | {"value": value}


def number_key(making: Making, parts: Repetition, kind: str) -> str:
    """Returns what tells the kind of number of a CX from others, whatever its number."""
    return identifier_key(_number(making, parts, kind))


def _number(making: Making, parts: Repetition, kind: str) -> Resource:
    code, system = making.conventions.numbers.get(kind or "PI", ("", ""))
    found: Resource = {"type": hl7("v2-0203", code)} if code else {}
    authority = parts.text(4, 2)
    if not system:
        own = f"{NUMBER}local:{making.feed.owner}:{_LIST.sub('-', kind.lower()).strip('-') or 'other'}"
        system = f"urn:oid:{authority}" if _OID.fullmatch(authority) else own
        found["type"] = {"text": kind}
    found["system"] = system
    if system.startswith(NUMBER) and (assigner := parts.text(4)):
        found["assigner"] = {"display": assigner}
    return found


def own_number(making: Making, kind: str, value: str) -> Resource:
    """Returns an Identifier of something that the institution itself numbers: a visit, an order, a report."""
    return {"system": f"{NUMBER}{kind}:{making.feed.owner}", "value": value}


def human_name(parts: Repetition) -> Resource | None:
    """Returns a HumanName of an XPN; None where it says nothing. A Chinese name is mostly whole in component 1."""
    family, given, text = parts.text(1), parts.text(2), parts.whole() if parts.size == 1 else ""
    if nothing(family) and nothing(given):
        return None
    if not text:
        text = f"{family}{given}" if _HAN.search(family + given) else f"{given} {family}".strip()
    name: Resource = {"text": text}
    if family and given:
        name |= {"family": family, "given": [given]}
    kind = {"L": "official", "A": "nickname", "M": "maiden", "N": "nickname", "D": "usual"}.get(parts.text(7))
    form = {"I": "IDE", "A": "ABC", "P": "SYL"}.get(parts.text(8))
    if kind:
        name["use"] = kind
    return name | ({"extension": [{"url": REPRESENTATION, "valueCode": form}]} if form else {})


def contact_point(parts: Repetition) -> Resource | None:
    """Returns a ContactPoint of an XTN: the number in component 1, 12, or in parts 5 to 8."""
    if email := parts.text(4):
        return {"system": "email", "value": email}
    value = parts.text(1) or parts.text(12)
    if not value and parts.text(7):
        value = "-".join(part for part in (parts.text(5), parts.text(6), parts.text(7), parts.text(8)) if part)
    if nothing(value):
        return None
    use = {"PRN": "home", "ORN": "home", "WPN": "work", "VHN": "home"}.get(parts.text(2))
    if parts.text(3) == "CP":
        use = "mobile"
    return {"system": "phone", "value": value} | ({"use": use} if use else {})


def address(parts: Repetition) -> Resource | None:
    """Returns an Address of an XAD; None where it says nothing."""
    street, other, city, state = (parts.text(component) for component in range(1, 5))
    county, zip_ = parts.text(9), parts.text(5)
    text = "".join((state, city, county, street, other))
    if nothing(text):
        return None
    found: Resource = {"text": text}
    if street and (state or city or county):
        found["line"] = [street]
    for element, value in (("city", city), ("district", county), ("state", state), ("postalCode", zip_)):
        if value:
            found[element] = value
    use = {"H": "home", "B": "work", "O": "work", "C": "temp", "BA": "old"}.get(parts.text(7))
    return found | ({"use": use} if use else {})


def person(making: Making, segment: Segment, field: int) -> Resource | None:
    """Returns a Reference to the first member of staff of an XCN, None where there is none. Do not change it."""
    found = people(making, segment, field)
    return found[0] if found else None


def people(making: Making, segment: Segment, field: int) -> list[Resource]:
    """Returns References to all staff of an XCN: by number within the institution, and by name."""
    raw = segment.raw(field)
    if not raw:
        return []
    return (_people if len(raw) <= LONGEST else _people.__wrapped__)(making.feed.owner, raw, segment.marks)


@lru_cache(16384)
def _people(owner: str, raw: str, marks: Marks) -> list[Resource]:
    found: list[Resource] = []
    for one in raw.split(marks.repetition):
        parts = Repetition(one, marks)
        id_, family, given = parts.text(1), parts.text(2), parts.text(3)
        name = f"{family}{given}" if _HAN.search(family + given) else f"{given} {family}".strip()
        who: Resource = {"type": "Practitioner"}
        if id_:
            who["identifier"] = {"system": f"{NUMBER}staff:{owner}", "value": id_}
        if id_ or name:
            found.append(who | ({"display": name} if name else {}))
    return found


def place(parts: Repetition) -> str:
    """Returns the name of a place of a PL: building, floor, ward, room, bed."""
    said = [parts.text(component) for component in (7, 8, 1, 2, 3)]
    return " ".join(dict.fromkeys(part for part in said if part))

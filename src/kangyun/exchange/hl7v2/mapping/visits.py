"""PV1, PV2, DG1: the stay or the visit, and its diagnoses; and the trigger events of ADT. Pure.

An event says what is now, with one exception: a cancel takes back. A11 takes back the visit itself; A13 a discharge,
whose time and way are no more; A12 a transfer, whose message names the old bed as the present one.
"""

from kangyun.exchange.hl7v2.mapping import datatypes, patients
from kangyun.exchange.hl7v2.mapping.making import Making, Told
from kangyun.exchange.hl7v2.mapping.updating import UNKNOWN_CLASS
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource

ROLES = ((7, "ATND"), (8, "REF"), (9, "CON"), (17, "ADM"))
_BEGINNINGS = ("A01", "A04", "A05")
_ACT = datatypes.HL7 + "v3-ActCode"
_USES = {"A": ("AD", "encounter-diagnosis"), "W": ("CM", "encounter-diagnosis"), "F": ("DD", "encounter-diagnosis")}


def subject(making: Making, *, introduced: bool) -> str:
    """Adds the patient of the message and returns a reference. Raises Whole where there is no PID."""
    found = list(making.message.all("PID"))
    if not found:
        raise making.refuse("segment-missing", making.message.header, segment="PID")
    if len(found) > 1:
        raise making.refuse("several-patients", found[1])
    return patients.patient(making, found[0], introduced=introduced)


def person(making: Making, does: str) -> None:
    """A28, A31: a person and what belongs to them."""
    who = subject(making, introduced=False)
    patients.near(making, who)
    patients.coverages(making, who)
    patients.allergies(making, who)


def visit(making: Making, does: str) -> None:
    """A01 to A08, A11 to A13. does: the status that the event brings; empty: the message says it by PV1-45."""
    who = subject(making, introduced=False)
    segment = making.message.first("PV1")
    if segment is None:
        raise making.refuse("segment-missing", making.message.header, segment="PV1")
    # Without a visit (N): an update of a person, by those who have no A31.
    stay = None if segment.text(2) == "N" and not _key(making) else encounter(making, segment, who, does)
    patients.near(making, who)
    patients.coverages(making, who)
    patients.allergies(making, who)
    diagnoses(making, who, stay)


def _key(making: Making) -> str:
    """Returns the number of the visit; empty where the message has none."""
    for spot in making.conventions.visit_key:
        segment = making.message.first(spot.segment)
        if segment is not None and (found := segment.text(spot.field, spot.component, spot.subcomponent)):
            return found
    return ""


def visit_of(making: Making, who: str) -> str | None:
    """Adds the visit that a message names beside what it is about, and returns a reference; None for none."""
    segment = making.message.first("PV1")
    if segment is None or not _key(making):
        return None
    return encounter(making, segment, who, "", introduced=True)


def encounter(making: Making, segment: Segment, who: str, does: str, *, introduced: bool = False) -> str:
    """Adds the Encounter of a PV1 and returns a reference. Raises Whole where it has no number."""
    number = _key(making)
    if not number:
        raise making.refuse("no-visit", segment, "19")
    class_ = making.code("class", segment.text(2))
    resource: Resource = {
        "resourceType": "Encounter", "identifier": [datatypes.own_number(making, "visit", number)],
        "status": "unknown", "class": {"system": _ACT, "code": class_} if class_ else dict(UNKNOWN_CLASS),
        "subject": {"reference": who}, "serviceProvider": {"reference": making.feed.institution},
    }  # fmt: skip
    _times(making, segment, does, resource)
    _places(segment, resource)
    _staff(making, segment, resource)
    if service := datatypes.concept(making, segment, 10, "department"):
        resource["serviceType"] = service
    ways: Resource = {}
    for field, element, list_ in ((14, "admitSource", "admission-route"), (36, "dischargeDisposition", "discharge")):
        if said := datatypes.concept(making, segment, field, list_):
            ways[element] = said
    reason = making.message.first("PV2")
    if reason is not None and (said := datatypes.concept(making, reason, 3, "admission-reason")):
        resource["reasonCode"] = [said]
    gone = [
        path
        for field, path in ((45, "period.end"), (36, "hospitalization.dischargeDisposition"))
        if segment.deleted(field)
    ]
    if does == "undischarge":
        ways.pop("dischargeDisposition", None)
        gone = ["period.end", "hospitalization.dischargeDisposition"]
    if ways:
        resource["hospitalization"] = ways
    gone += patients.moved(making, "visit", [segment], resource)
    gone += [f"participant.{role}" for field, role in ROLES if segment.deleted(field)]
    if making.message.kind[1] in _BEGINNINGS:
        gone.append("status")
    return making.store(
        making.id("visit", number), resource, segment, acts="revoke" if does == "revoke" else "store", deleted=gone,
        introduced=introduced,
    )  # fmt: skip


def _times(making: Making, segment: Segment, does: str, into: Resource) -> None:
    start, end = datatypes.time(making, segment, 44), datatypes.time(making, segment, 45)
    event = making.message.first("EVN")
    happened = (datatypes.time(making, event, 6) or datatypes.time(making, event, 2)) if event is not None else ""
    if does == "undischarge":
        does, end = "in-progress", ""
    elif does == "finished":
        end = end or happened
    elif does == "in-progress" and making.message.kind[1] in ("A01", "A04"):
        start = start or happened
    status = {"revoke": "entered-in-error"}.get(does, does)
    into["status"] = status or ("finished" if end else "in-progress" if start else "unknown")
    if period := datatypes.period(making, start, end, segment, 45):
        into["period"] = period


def _places(segment: Segment, into: Resource) -> None:
    now, before = datatypes.place(segment.first(3)), datatypes.place(segment.first(6))
    found = [{"location": {"display": before}, "status": "completed"}] if before and before != now else []
    if now:
        found.append(
            {"location": {"display": now}, "status": "completed" if into["status"] == "finished" else "active"}
        )
    if found:
        into["location"] = found


def _staff(making: Making, segment: Segment, into: Resource) -> None:
    found = [
        {"type": [datatypes.hl7("v3-ParticipationType", role)], "individual": who}
        for field, role in ROLES
        for who in datatypes.people(making, segment, field)
    ]
    if found:
        into["participant"] = found


def diagnoses(making: Making, who: str, stay: str | None) -> None:
    """Adds the Conditions of DG1, and names them in the Encounter by their rank and use.

    One that is not sent any more stays: no field says whether a message has all of them, many senders send what is new
    only, and what is missing by mistake must not be taken back. DG1-21 = D takes back.
    """
    named: list[Resource] = []
    for segment in making.message.all("DG1"):
        code = datatypes.concept(making, segment, 3, "diagnosis")
        if code is None and segment.text(4):
            code = {"text": segment.text(4)}
        if code is None:
            continue
        use, category = _USES.get(segment.text(6).upper(), ("", "encounter-diagnosis"))
        key = segment.text(20) or segment.text(3) or code["text"]
        wrong = segment.text(21) == "D"
        resource: Resource = {"resourceType": "Condition", "code": code, "subject": {"reference": who}}
        state = ("condition-ver-status", "entered-in-error" if wrong else "provisional" if use == "AD" else "confirmed")
        resource["verificationStatus"] = datatypes.hl7(*state)
        if not wrong:
            resource["clinicalStatus"] = datatypes.hl7("condition-clinical", "active")
        resource["category"] = [datatypes.hl7("condition-category", category)]
        if stay:
            resource["encounter"] = {"reference": stay}
        if since := datatypes.time(making, segment, 5):
            resource["recordedDate"] = since
        if recorder := datatypes.person(making, segment, 16):
            resource["recorder"] = recorder
        reference = making.store(
            making.id("diagnosis", stay or who, segment.text(6), key),
            resource,
            segment,
            acts="revoke" if wrong else "store",
        )
        if not wrong:
            named.append({"condition": {"reference": reference}} | _rank(segment, use))
    if stay and named:
        making.resource(stay)["diagnosis"] = named


def _rank(segment: Segment, use: str) -> Resource:
    rank = segment.text(15)
    found: Resource = {"use": datatypes.hl7("diagnosis-role", use)} if use else {}
    if rank.isascii() and rank.isdecimal() and 0 < int(rank[:4]) < 1000:
        found["rank"] = int(rank[:4])
    return found


def pair(making: Making, does: str) -> None:
    """A24, A37: what is said of the registrations of two PIDs."""
    both = list(making.message.all("PID"))
    if len(both) != 2:
        raise making.refuse("two-patients", making.message.header)
    first, second = (patients.patient(making, one, introduced=True) for one in both)
    _tell(making, does, first, second, both[1])


def merge(making: Making, does: str) -> None:
    """A34, A40: each MRG names the registration that is given up, the PID before it the one that survives."""
    surviving: str | None = None
    for segment in making.message.segments:
        if segment.name == "PID":
            surviving = patients.patient(making, segment)
        elif segment.name == "MRG":
            if surviving is None:
                raise making.refuse("segment-missing", segment, segment="PID")
            _tell(making, does, patients.given_up(making, segment), surviving, segment)
    if not making.told:
        raise making.refuse("segment-missing", making.message.header, segment="MRG")


def _tell(making: Making, does: str, first: str, second: str, segment: Segment) -> None:
    if first == second:
        raise making.refuse("same-patient", segment)
    event = {"link": "link", "part": "part"}.get(does, "merge")
    making.told.append(Told(event, first, second, making.control_id))  # type: ignore[arg-type]

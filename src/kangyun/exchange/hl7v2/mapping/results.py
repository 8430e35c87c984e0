"""ORU, OUL: DiagnosticReports, their Observations, Specimens and enclosed documents. Pure.

A report is known by the filler's number and its kind (OBR-3, OBR-4): one number may hold several panels. A result is
known by its report, its code (OBX-3), its sub-id (OBX-4), and how many of the same came before it.
"""

from collections import Counter

from kangyun.exchange.hl7v2.mapping import datatypes, documents, numbering, orders, patients, values, visits
from kangyun.exchange.hl7v2.mapping.making import Making
from kangyun.exchange.hl7v2.message import Segment
from kangyun.fhir import Resource


def report(making: Making, does: str) -> None:
    """ORU^R01, OUL^R21 to R24. does: what comes first, where that is not ORC."""
    who = visits.subject(making, introduced=True)
    stay = visits.visit_of(making, who)
    names = [segment.name for segment in making.message.segments]
    # A result of the specimen itself may stand before OBR; whose it is nobody else says.
    if "OBX" in names and "OBR" in names and names.index("OBX") < names.index("OBR"):
        raise making.refuse("wrong-order", making.message.segments[names.index("OBX")])
    found = False
    behind = orders.groups_after(making.message, specimen_first=does == "specimens")
    for common, request, rest in behind if does else orders.groups(making.message):
        found = True
        _report(making, common, request, rest, who, stay)
    if not found:
        raise making.refuse("segment-missing", making.message.header, segment="OBR")


def _report(
    making: Making, common: Segment | None, request: Segment, rest: list[Segment], who: str, stay: str | None
) -> None:
    placer, filler = numbering.numbers(common, request)
    if not (placer or filler):
        raise making.refuse("no-order", request, "3")
    key = (filler or f"placer {placer}", request.text(4))
    code = datatypes.concept(making, request, 4, "report-item")
    if code is None:
        raise making.refuse("no-code", request, "4")
    about: Resource = {"subject": {"reference": who}}
    if stay:
        about["encounter"] = {"reference": stay}
    taken = datatypes.time(making, request, 7)
    if taken:
        about["effectiveDateTime"] = taken
    resource: Resource = {
        "resourceType": "DiagnosticReport", "identifier": numbering.identifiers(making, placer, filler),
        "status": making.code("result_status", request.text(25)) or "unknown", "code": code,
    } | about  # fmt: skip
    _header(making, request, resource, placer)
    specimen = _specimen(making, request, rest, key, who)
    if specimen:
        resource["specimen"] = [{"reference": specimen}]
    issued = datatypes.instant(making, request, 22)
    shared = (
        about | ({"issued": issued} if issued else {}) | ({"specimen": {"reference": specimen}} if specimen else {})
    )
    if category := making.code("section", request.text(24)):
        shared["category"] = [datatypes.hl7("observation-category", category)]
    results, forms, gone = _results(making, rest, key, resource["status"], shared)
    if results:
        resource["result"] = [{"reference": one} for one in results]
    if forms:
        resource["presentedForm"] = forms
    before = [one.name for one in rest].index("OBX") if any(one.name == "OBX" for one in rest) else len(rest)
    if said := "\n".join(one.first(3).whole() for one in rest[:before] if one.name == "NTE").strip():
        resource["conclusion"] = said
    gone |= patients.moved(making, "report", [request, *rest], resource)
    making.store(making.id("report", *key), resource, request, deleted=gone, alone="3")


def _header(making: Making, request: Segment, into: Resource, placer: str) -> None:
    if section := request.text(24):
        into["category"] = [datatypes.hl7("v2-0074", section)]
    if issued := datatypes.instant(making, request, 22):
        into["issued"] = issued
    if placer:
        order = f"ServiceRequest/{numbering.order_id(making, placer, '', request)}"
        number = datatypes.own_number(making, "placer-order", placer)
        into["basedOn"] = [{"reference": order, "identifier": number}]
    readers = [_reader(making, parts.text(1, 1), parts.text(1, 2)) for parts in request.repetitions(32)]
    if kept := [one for one in readers if one]:
        into["resultsInterpreter"] = kept


def _reader(making: Making, id_: str, name: str) -> Resource | None:
    """Returns a Reference by an NDL, whose first component is a CNN of sub-components."""
    found: Resource = {"type": "Practitioner"}
    if id_:
        found["identifier"] = datatypes.own_number(making, "staff", id_)
    return found | ({"display": name} if name else {}) if id_ or name else None


def _specimen(making: Making, request: Segment, rest: list[Segment], key: tuple[str, str], who: str) -> str | None:
    segment = next((one for one in rest if one.name == "SPM"), None)
    if segment is not None:
        number, kind = segment.text(2) or segment.text(2, 2), datatypes.concept(making, segment, 4, "specimen")
        taken, received = datatypes.time(making, segment, 17), datatypes.time(making, segment, 18)
    else:
        name = request.text(15, 1, 2) or request.text(15, 1, 1)
        number, kind = "", {"text": name} if name else None
        taken, received = "", datatypes.time(making, request, 14)
        segment = request
    if not number and kind is None:
        return None
    resource: Resource = {"resourceType": "Specimen", "subject": {"reference": who}}
    if number:
        resource["identifier"] = [datatypes.own_number(making, "specimen", number)]
    if kind:
        resource["type"] = kind
    if received:
        resource["receivedTime"] = received
    if taken:
        resource["collection"] = {"collectedDateTime": taken}
    return making.store(making.id("specimen", number) if number else making.id("specimen", *key), resource, segment)


def _results(
    making: Making, rest: list[Segment], key: tuple[str, str], status: str, shared: Resource
) -> tuple[list[str], list[Resource], set[str]]:
    """Adds the Observations of the OBX of a report. Returns references to them, documents that stand among them, and
    which results are no more the report's.

    status: the report's. shared: elements of all of them.
    """
    results: list[str] = []
    forms: list[Resource] = []
    gone: set[str] = set()
    seen: Counter[tuple[str, str]] = Counter()
    last: Resource | None = None
    for segment in rest:
        if segment.name == "NTE" and last is not None and (said := segment.first(3).whole()):
            last.setdefault("note", []).append({"text": said})
        if segment.name != "OBX":
            continue
        if segment.text(2).upper() in ("ED", "RP"):
            if form := documents.attachment(making, segment, "report-form", *key, str(len(forms))):
                forms.append(form)
            continue
        named = (segment.text(3) or segment.text(3, 2), segment.text(4))
        seen[named] += 1
        last = _observation(making, segment, status, shared)
        wrong = last["status"] == "entered-in-error"
        again = (str(seen[named]),) if seen[named] > 1 else ()
        id_ = making.id("result", *key, *named, *again)
        none = ("value",) if segment.deleted(5) else ()
        reference = making.store(id_, last, segment, acts="revoke" if wrong else "store", deleted=none)
        if wrong:
            gone.add(f"result.{reference}")
        else:
            results.append(reference)
    return results, forms, gone


def _observation(making: Making, segment: Segment, status: str, shared: Resource) -> Resource:
    code = datatypes.concept(making, segment, 3, "result-item")
    if code is None:
        raise making.refuse("no-code", segment, "3")
    said = segment.text(11)
    status = making.code("observation_status", said) if said else "preliminary" if status == "partial" else status
    resource: Resource = {"resourceType": "Observation", "status": status or "unknown", "code": code} | shared
    if at := datatypes.time(making, segment, 14):
        resource["effectiveDateTime"] = at
    if by := datatypes.person(making, segment, 16):
        resource["performer"] = [by]
    resource |= values.value(making, segment)
    if ranges := values.reference_range(making, segment):
        resource["referenceRange"] = ranges
    if method := datatypes.concept(making, segment, 17, "method"):
        resource["method"] = method
    return resource

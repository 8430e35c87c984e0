"""Parts of the page, each read when it is opened: all visits, tests as trends, documents, family, consents."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import tzinfo
from typing import Any

from kangyun.access.look.lines import concept, local
from kangyun.access.record import Record
from kangyun.access.view import lists
from kangyun.access.view.gathering import Gathered, Houses, gather
from kangyun.access.view.model import Band, Entry, Lines, Test, Tests, Timeline, Visit
from kangyun.fhir import Resource
from kangyun.fhir.ranges import flags_of

_CATEGORIES = ("laboratory", "vital-signs")
_COMMON = frozenset({"http://loinc.org", "urn:kangyun:code-system:laboratory-regional"})
"""Systems whose codes mean the same in each hospital, and one test each."""
_Coded = tuple[str, str]
"""System and code."""
_DOCUMENTS = ("DocumentReference", "Composition", "DiagnosticReport")
_FAMILY = ("RelatedPerson", "FamilyMemberHistory")


async def timeline(record: Record, id_: str) -> Timeline:
    """Returns all visits. Raises NotFound, Gone, Forbidden."""
    found = await gather(record, id_, ("Encounter", "Condition"), "view-timeline")
    named, houses, zone = lists.diagnoses(found.of("Condition")), found.houses, record.store.zone
    visits = [_visit(lists.visit(one, named, houses, zone)) for one in lists.happened(found.of("Encounter"))]
    await record.leave_row("view-timeline", 200, found.numbers)
    return Timeline(visits, houses.names)


def _visit(one: Entry) -> Visit:
    return Visit(one.when, one.until, one.states[0], one.house, one.detail, one.what, one.ref.partition("/")[2])


async def tests(record: Record, id_: str) -> Tests:
    """Returns what was measured, by test and unit. Raises as `timeline`."""
    found = await gather(record, id_, ("Observation", "Encounter"), "view-tests")
    await record.leave_row("view-tests", 200, found.numbers)
    sorted_out = _Sorting()
    for one, house in found.of("Observation"):
        if one.get("status") in ("entered-in-error", "cancelled"):
            continue
        kind = _category(one)
        place = found.houses.place(house)
        when = _when(one, record.store.zone)
        for part in (one, *one.get("component", ())):
            sorted_out.add(part, kind, when, place)
    return Tests(sorted_out.tests, found.houses.names, found.more)


class _Sorting:
    """Sorts values into tests. A code of a hospital's own names a test there and nowhere else: 101 is potassium in one
    and glucose in the next. Tests of several are one where they have a code of a common system."""

    def __init__(self) -> None:
        self._by: dict[tuple[_Coded, str], Test] = {}
        self._same: dict[_Coded, _Coded] = {}
        self._called: dict[str, _Coded] = {}

    @property
    def tests(self) -> list[Test]:
        return list(self._by.values())

    def add(self, part: Mapping[str, Any], kind: str, when: str, place: int) -> None:
        """Adds a value to its test. Each unit is a test of its own: values in different units are not compared."""
        quantity = part.get("valueQuantity")
        if isinstance(quantity, Mapping) and quantity.get("value") is not None:
            test = self._test(part, kind, str(quantity.get("unit") or quantity.get("code") or ""))
            point = (when, float(quantity["value"]), place, next(iter(flags_of(part)), ""))
            bound = str(quantity.get("comparator") or "")
            test.points.append((*point, bound) if bound else point)
            _band(test, part, place)
            return
        said = concept(part.get("valueCodeableConcept")) or str(part.get("valueString", part.get("valueInteger", "")))
        if said:
            self._test(part, kind, "").said.append((when, said, place))

    def _test(self, part: Mapping[str, Any], kind: str, unit: str) -> Test:
        what = concept(part.get("code"))
        codings = part.get("code", {}).get("coding", ())
        coded = [(str(one.get("system", "")), str(one["code"])) for one in codings if one.get("code")] or [("", what)]
        common = [one for one in coded if one[0] in _COMMON] or coded[:1]
        same = next((self._same[one] for one in common if one in self._same), common[0])
        self._same |= {one: same for one in common if one not in self._same}
        if (same, unit) not in self._by:
            is_first = self._called.setdefault(same[1], same) == same
            code = same[1] if is_first else "|".join(same)
            self._by[same, unit] = Test(code, what, kind, unit, [], [], [])
        return self._by[same, unit]


def _band(test: Test, part: Mapping[str, Any], place: int) -> None:
    """Notes what an institution calls normal. The newest come first, so that the first of each is what it says now."""
    if any(one.house == place for one in test.bands):
        return
    for one in part.get("referenceRange", ()):
        low, high = one.get("low", {}).get("value"), one.get("high", {}).get("value")
        if low is not None or high is not None or one.get("text"):
            bounds = [None if value is None else float(value) for value in (low, high)]
            test.bands.append(Band(place, bounds[0], bounds[1], str(one.get("text", ""))))
            return


def _category(one: Resource) -> str:
    codes = {str(coding.get("code")) for said in one.get("category", ()) for coding in said.get("coding", ())}
    return next((name for name in _CATEGORIES if name in codes), "other")


def _when(one: Resource, zone: tzinfo) -> str:
    period = one.get("effectivePeriod", {}).get("start", "")
    return local(str(one.get("effectiveDateTime") or one.get("effectiveInstant") or period or ""), zone)


async def documents(record: Record, id_: str) -> Lines:
    """Returns documents and reports. Raises as `timeline`."""
    return await _lines(
        record, id_, (*_DOCUMENTS, "Encounter"), "view-documents",
        lambda found: sorted(
            lists.entries(found.of(*_DOCUMENTS), found.houses, record.store.zone), key=lambda one: one.when,
            reverse=True,
        ),
    )  # fmt: skip


async def family(record: Record, id_: str) -> Lines:
    """Returns whom the record knows of the family: kinship, name, telephone, illnesses. Raises as `timeline`."""
    return await _lines(
        record,
        id_,
        _FAMILY,
        "view-family",
        lambda found: [_kin(one, found.houses, house) for one, house in found.of(*_FAMILY)],
    )


def _kin(one: Resource, houses: Houses, house: str) -> Entry:
    relation = one.get("relationship", {})
    said = concept(relation[0] if isinstance(relation, list) and relation else relation)
    name = one.get("name", "")
    text = name if isinstance(name, str) else next((str(each.get("text", "")) for each in name), "")
    phones = [str(each["value"]) for each in one.get("telecom", ()) if each.get("value")]
    ill = [concept(each.get("code")) for each in one.get("condition", ())]
    detail = "、".join(filter(None, (*phones, *ill)))
    return Entry(" ".join(filter(None, (said, text))), detail, house=houses.place(house), ref=_ref(one))


async def consents(record: Record, id_: str) -> Lines:
    """Returns what the resident has permitted and denied. Raises as `timeline`."""
    zone = record.store.zone
    return await _lines(
        record, id_, ("Consent",), "view-consents",
        lambda found: [_consent(one, found.houses, house, zone) for one, house in found.of("Consent")],
    )  # fmt: skip


def _consent(one: Resource, houses: Houses, house: str, zone: tzinfo) -> Entry:
    provision = one.get("provision", {})
    period = provision.get("period", {})
    whom = "、".join(
        filter(None, (each.get("reference", {}).get("display", "") for each in provision.get("actor", ())))
    )
    states = [str(one.get("status", "")), str(provision.get("type", "permit"))]
    return Entry(
        concept((one.get("category") or [{}])[0]) or concept(one.get("scope")), whom, states,
        local(str(one.get("dateTime", "")), zone), since=local(str(period.get("start", "")), zone),
        until=local(str(period.get("end", "")), zone), house=houses.place(house), ref=_ref(one),
    )  # fmt: skip


def _ref(one: Resource) -> str:
    return f"{one['resourceType']}/{one['id']}"


async def _lines(
    record: Record, id_: str, types: tuple[str, ...], action: str, made: Callable[[Gathered], list[Entry]]
) -> Lines:  # fmt: skip
    found = await gather(record, id_, types, action)
    await record.leave_row(action, 200, found.numbers)
    return Lines(made(found), found.houses.names, found.more)


PARTS: Mapping[str, Callable[[Record, str], Awaitable[Timeline | Tests | Lines]]] = {
    "timeline": timeline, "tests": tests, "documents": documents, "family": family, "consents": consents,
}  # fmt: skip
